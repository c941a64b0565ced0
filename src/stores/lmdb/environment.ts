import { Fault } from '../../core/errors.ts'

/** LMDB's own names for its files, in the folder of a store. */
export const DATA_FILE = 'data.mdb'
export const READERS_FILE = 'lock.mdb'

/** A key of LMDB with its bytes; in a change, `undefined` removes it. */
export interface Item<V = Uint8Array> {
  readonly key: Uint8Array
  readonly bytes: V
}

/** One LMDB file that is open. Everything is read in the state that was committed last. */
export interface Environment {
  /** The bytes under that key, which are the caller's. */
  get(key: Uint8Array): Uint8Array | undefined
  /** The same, to be read at once: the next read overwrites it. */
  peek(key: Uint8Array): Uint8Array | undefined
  /** At most so many items from `from` on, up to `to` and without it, in order of their keys. They are the caller's. */
  page(from: Uint8Array, to: Uint8Array, limit: number): readonly Item[]
  /** All of these in one transaction, which is on the disk when this resolves. One at a time. */
  commit(items: Iterable<Item<Uint8Array | undefined>>): Promise<void>
  close(): Promise<void>
}

/**
 * Opens the LMDB file in that folder, or makes one. Throws `not-available` when the package is absent, and whatever LMDB throws.
 *
 * Transactions are LMDB's own, without lmdb-js's `overlappingSync`: the pages are written and synced, and then the one that makes them count, through a
 * descriptor that syncs each write; only then does a put resolve. What was put in one turn of the event loop is one transaction (`eventTurnBatching`).
 */
export async function openEnvironment(folder: string, { readOnly }: { readonly readOnly: boolean }): Promise<Environment> {
  const { open } = await loadLmdb()
  const db = open<Uint8Array, Uint8Array>({ path: folder, noSubdir: false, readOnly, overlappingSync: false, keyEncoding: 'binary', encoding: 'binary' })
  return {
    // lmdb-js may answer with memory of its own, as a Buffer.
    get(key) {
      const bytes = db.get(key)
      return bytes && new Uint8Array(bytes)
    },
    peek: key => db.getBinaryFast(key),
    page(from, to, limit) {
      const items: Item[] = []
      // lmdb-js has copied both, into Buffers: a copy more of each would be much of what reading a row costs.
      for (const { key, value } of db.getRange({ start: from, end: to, limit })) items.push({ key: viewOf(key), bytes: viewOf(value) })
      return items
    },
    async commit(items) {
      const committed = new Set<Promise<boolean>>()
      for (const { key, bytes } of items) committed.add(bytes === undefined ? db.remove(key) : db.put(key, bytes))
      try {
        await Promise.all(committed)
      } catch (error) {
        // lmdb-js has a promise of its own for the batch, which rejects too: unhandled, it would end the process.
        await db.committed.then(undefined, () => undefined)
        throw await causeOf(error)
      }
    },
    close: () => db.close(),
  }
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length)
}

async function loadLmdb(): Promise<typeof import('lmdb')> {
  try {
    return await import('lmdb')
  } catch (error) {
    throw new Fault('not-available', 'The LMDB store needs the optional package lmdb, which is absent or does not load here: npm install lmdb@3', { cause: error })
  }
}

/** lmdb-js rejects with an error whose `commitError` is a promise that rejects with what LMDB said. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error
  try {
    return await error.commitError
  } catch (cause) {
    return cause
  }
}
