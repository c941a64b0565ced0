export interface LmdbStoreOptions {
  /** The folder that the store is in, which nothing else uses. Made if it is absent, but for the folder it is in. */
  readonly path: string
  /** Open a damaged store too, so that the rest can be read: the value of a damaged row is empty, and can be written anew or removed. Until then, `compact` rejects with `store-damaged`. */
  readonly acceptDamage?: boolean
}
