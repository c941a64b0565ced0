import { access, constants, mkdir, readdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Fault } from '../../core/errors.ts'
import { DATA_FILE, openEnvironment, READERS_FILE } from './environment.ts'
import { HEADER_KEY, readHeader } from './format.ts'
import type { Header } from './format.ts'
import { inspect } from './inspection.ts'
import type { Inspected } from './inspection.ts'
import { LmdbStore } from './lmdb-store.ts'
import { LOCK_FILE, lockFolder } from './lock.ts'
import { migrated } from './migrations.ts'
import type { Migration } from './migrations.ts'
import type { LmdbStoreOptions } from './options.ts'
import { removeNext, replaceData, storedRows, syncFolder, writeNext } from './rewriting.ts'

const OURS: ReadonlySet<string> = new Set([DATA_FILE, READERS_FILE, LOCK_FILE])

/** What a format is made of: its version follows from the migrations that led to it. */
export interface Format {
  readonly migrations: readonly Migration[]
  /** Random bytes for the id of a new store. */
  readonly newId: () => Uint8Array
}

/** Opens a store, as {@link LmdbStoreOptions} say. What it refuses, it has not touched. */
export async function openStore(options: LmdbStoreOptions, format: Format): Promise<LmdbStore> {
  if (typeof options?.path !== 'string' || options.path === '') {
    throw new Fault('invalid-argument', 'The LMDB store takes { path }, the folder that it is in or shall be in')
  }
  const folder = resolve(options.path)
  try {
    return await openFolder(folder, options.acceptDamage === true, format)
  } catch (error) {
    throw error instanceof Fault ? error : refusal(folder, error)
  }
}

async function openFolder(folder: string, acceptDamage: boolean, format: Format): Promise<LmdbStore> {
  const names = await namesIn(folder)
  const isStore = names.includes(LOCK_FILE)
  const hasData = names.includes(DATA_FILE)
  if (!isStore && !hasData && names.length > 0) {
    throw new Fault('store-foreign', `There is no store in ${folder}, but ${names.length} other files: name another path`)
  }
  await Promise.all(['', ...names.filter(name => OURS.has(name))].map(name => access(join(folder, name), constants.W_OK)))
  const version = format.migrations.length + 1
  // Without a lock file nobody has used it since it came here: so it is looked at before a lock file is made.
  if (hasData && !isStore) await inspect(folder, { version, isStore, acceptDamage })
  const lock = await lockFolder(folder)
  try {
    // Whoever had the lock before may have made it, or changed it.
    const isThere = (await readdir(folder)).includes(DATA_FILE)
    const found = isThere ? await inspect(folder, { version, isStore: true, acceptDamage }) : await create(folder, version, format)
    await removeNext(folder)
    if (found.version < version) await migrate(folder, found, format)
    const environment = await openEnvironment(folder, { readOnly: false })
    const header = headerIn(environment.get(HEADER_KEY), folder)
    return new LmdbStore({ folder, environment, header, lock, isDamaged: found.isDamaged })
  } catch (error) {
    lock.release()
    throw error
  }
}

/** The names in a folder, which is made if it is absent. */
async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (error) {
    if (codeOf(error) === 'ENOTDIR') throw new Fault('store-foreign', `${folder} is a file and no folder: name another path`, { cause: error })
    if (codeOf(error) !== 'ENOENT') throw error
  }
  // Another opener may make it at the same time.
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error
  })
  await syncFolder(dirname(folder))
  return readdir(folder)
}

async function create(folder: string, version: number, { newId }: Format): Promise<Inspected> {
  await writeNext(folder, { version, id: newId() }, [])
  await replaceData(folder)
  return { version, isDamaged: false }
}

/** Writes a store of the newest version beside the old one, and puts it in its place. */
async function migrate(folder: string, { version, isDamaged }: Inspected, { migrations }: Format): Promise<void> {
  if (isDamaged) throw new Fault('store-damaged', `The store in ${folder} is damaged, and of an older version: read the rest with that version of the library`)
  const environment = await openEnvironment(folder, { readOnly: true })
  try {
    const { id } = headerIn(environment.get(HEADER_KEY), folder)
    await writeNext(folder, { version: migrations.length + 1, id }, migrated(storedRows(environment), version, migrations))
  } finally {
    await environment.close()
  }
  await replaceData(folder)
}

function headerIn(bytes: Uint8Array | undefined, folder: string): Header {
  const header = readHeader(bytes)
  if (header === undefined) throw new Fault('store-damaged', `The store in ${folder} has lost its header while it was opened`)
  return header
}

function refusal(folder: string, cause: unknown): Fault {
  const code = codeOf(cause)
  return code === 'EACCES' || code === 'EPERM' || code === 'EROFS'
    ? new Fault('store-read-only', `The store in ${folder} can't be written to: give the process the right to`, { cause })
    : new Fault('store-failed', `The store in ${folder} can't be opened: see cause`, { cause })
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
