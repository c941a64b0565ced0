import { join } from 'node:path'
import { Fault } from '../../core/errors.ts'

/** An empty file, in the folder of a store. */
export const LOCK_FILE = 'store.lock'

export interface Lock {
  release(): void
}

const BUSY = 5
const CANNOT_OPEN = 14
const READ_ONLY = 8

/**
 * Makes this opener the one that may use the folder. Throws `store-locked`, `store-read-only`, `store-failed`; `not-available` where Node.js has no `node:sqlite`.
 *
 * It is an SQLite database that holds nothing, locked as for a write that never comes. That is the operating system's own lock, on each platform the way SQLite
 * knows: taken at once or not at all, gone with its process however that ends, and kept from a second opener in the same process.
 */
export async function lockFolder(folder: string): Promise<Lock> {
  const { DatabaseSync } = await loadSqlite()
  try {
    const database = new DatabaseSync(join(folder, LOCK_FILE))
    try {
      // Without a journal beside it, which a crash would leave there.
      database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    } catch (error) {
      database.close()
      throw error
    }
    return { release: () => database.close() }
  } catch (error) {
    throw refusal(folder, error)
  }
}

function refusal(folder: string, error: unknown): Fault {
  const code = error instanceof Error && 'errcode' in error ? error.errcode : undefined
  if (code === BUSY) return new Fault('store-locked', `The store in ${folder} is open already, in another process or in this one: close it there`, { cause: error })
  if (code === CANNOT_OPEN || code === READ_ONLY) {
    return new Fault('store-read-only', `The store in ${folder} can't be written to: give the process the right to`, { cause: error })
  }
  return new Fault('store-failed', `The store in ${folder} can't be locked: see cause`, { cause: error })
}

async function loadSqlite(): Promise<typeof import('node:sqlite')> {
  try {
    return await import('node:sqlite')
  } catch (error) {
    throw new Fault('not-available', 'The LMDB store needs node:sqlite, which Node.js has from 22.13 on', { cause: error })
  }
}
