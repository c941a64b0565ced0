import { randomBytes } from './crypto/random.ts'
import { migrations } from './stores/lmdb/migrations.ts'
import { openStore } from './stores/lmdb/opening.ts'
import type { LmdbStoreOptions } from './stores/lmdb/options.ts'
import type { Store } from './stores/store.ts'

// What `ipse/stores/lmdb` exports: for Node.js alone.

/**
 * Opens the store in a folder, or makes one where there is nothing. It was looked at before, by a child process, whole: so opening takes time in proportion to
 * what is stored. Rejects with `store-foreign`, `store-newer`, `store-damaged`, `store-locked`, `store-read-only`, none of which touch anything; with
 * `store-failed`, `invalid-argument`; with `not-available` without the package `lmdb`.
 */
export async function lmdbStore(options: LmdbStoreOptions): Promise<Store> {
  return openStore(options, { migrations, newId: () => randomBytes(16) })
}

export type { LmdbStoreOptions }
