/**
 * Where things outlast the process: an ordered map from keys to values. Whoever writes more than one thing at a time writes a batch, which is there
 * whole or not at all. One process uses a store at a time.
 *
 * Once a write or a read fails for a reason of the store's own, what is stored is not known any more: every later call rejects as the first one
 * did, until it is opened anew. Every call on a store that was closed rejects with `store-closed`.
 */
export interface Store {
  readonly capabilities: StoreCapabilities
  /** The value of that key. Rejects with `invalid-argument` for what is no key, `store-failed`. */
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** The rows of that range, in order of their keys, as they are when each is read. Throws what `get` rejects with. */
  range(range: KeyRange): AsyncIterable<Row>
  /**
   * Makes all of these changes, or none. What calls made earlier changed is changed first, and both `get` and `range` see it from the call on. Resolves when
   * a crash, also of the machine, can't undo it: what a crash leaves is every batch that had resolved, and of the others those up to one of them, in
   * the order of their calls. Of several changes of one key, the last counts. The arrays are the store's until it resolves. Rejects with
   * `invalid-argument` for what is no change, which changes nothing; with `store-failed`.
   */
  write(changes: readonly Change[]): Promise<void>
  /** Rewrites what is stored, so that nothing is left of what was changed or removed. Resolves as `write` does. Only where it is among the capabilities. */
  compact?(): Promise<void>
  /** Ends its use, after all that was written. Harmless when repeated. */
  close(): Promise<void>
}

export interface StoreCapabilities {
  /** Whether what is stored is there when it is opened again. If not, it ends with the process. */
  readonly persistent: boolean
  /** Whether it has `compact`. */
  readonly compacts: boolean
}

/** In the order of their bytes. A key has 1 to 1,024 of them (see `key.ts`). */
export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Without a value the row is removed; removing none does nothing. */
export interface Change {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** From the first key on, up to the second one and without it. */
export interface KeyRange {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

export const KEY_LIMIT = 1024
