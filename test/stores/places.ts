import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'vitest'
import { lmdbStore } from '../../src/lmdb.ts'
import type { StorePlace } from './compliance.ts'

/** A `describe` that needs the package lmdb. Where it is absent it is one skipped test that says so, and under CI=true a failure. */
export async function describeLmdb(name: string, tests: () => void): Promise<void> {
  const absence = await import('lmdb').then(() => undefined, (error: unknown) => String(error))
  if (absence === undefined || process.env['CI'] === 'true') describe(name, tests)
  else test.skip(`${name}: the optional package lmdb does not load here (${absence})`)
}

/** A folder for one store, which is not there yet. */
export async function newFolder(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const parent = await mkdtemp(join(tmpdir(), 'lmdb-test-'))
  return { path: join(parent, 'store'), remove: () => rm(parent, { recursive: true, force: true }) }
}

export async function lmdbPlace(): Promise<StorePlace> {
  const { path, remove } = await newFolder()
  return { open: () => lmdbStore({ path }), remove }
}

/** All files in a folder, by their names: so that two states of it can be compared. Not while a store is open there: its lock would be lost. */
export async function filesIn(path: string): Promise<ReadonlyMap<string, string>> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name)).toSorted()
  return new Map(await Promise.all(files.map(async file => [file.slice(path.length), (await readFile(file)).toString('base64')] as const)))
}

export async function copyOf(path: string, to: string): Promise<string> {
  await cp(path, to, { recursive: true })
  return to
}
