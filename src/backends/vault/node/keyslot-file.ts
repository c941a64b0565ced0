import { open, rename, rm } from 'node:fs/promises'
import { platform } from 'node:os'
import { dirname, resolve } from 'node:path'
import { Fault } from '../../../core/errors.ts'
import { InTurn } from '../in-turn.ts'
import { KEYSLOT_FILE_LIMIT } from '../keyslot-format.ts'
import type { KeyslotFile } from '../keyslot-file.ts'

/**
 * A keyslot file on disk, which its owner alone can read. It is replaced by renaming, so that there is always the old one or the new one: while it is written, the
 * new one lies beside it as `<path>.new`, which is never read, and overwritten when it was left behind.
 */
export function fileKeyslots(path: string): KeyslotFile {
  const file = resolve(path)
  const turns = new InTurn()
  return Object.freeze({
    read: () => turns.run(() => failing(`read ${file}`, () => readAtMost(file, KEYSLOT_FILE_LIMIT + 1))),
    replace(bytes: Uint8Array) {
      const own = Uint8Array.from(bytes)
      return turns.run(() => failing(`replace ${file}`, () => replace(file, own)))
    },
  })
}

/** No more than this is read of what may be any file: whoever reads it refuses what is as long. */
async function readAtMost(file: string, limit: number): Promise<Uint8Array | undefined> {
  const handle = await open(file, 'r').catch(absent)
  if (handle === undefined) return undefined
  try {
    const bytes = new Uint8Array(limit)
    let length = 0
    for (let read = 1; read > 0 && length < limit; length += read) {
      // oxlint-disable-next-line no-await-in-loop -- a file is read in its order
      ({ bytesRead: read } = await handle.read(bytes, length, limit - length, length))
    }
    return bytes.slice(0, length)
  } finally {
    await handle.close()
  }
}

async function replace(file: string, bytes: Uint8Array): Promise<void> {
  const next = `${file}.new`
  // Removed and made anew: what was left there may be another's to read, or a link to elsewhere.
  await rm(next, { force: true })
  await writeNew(next, bytes)
  await rename(next, file)
  await flushFolder(file)
}

/** Writes a file that its owner alone can read, and that is not there yet, to the disk itself; or leaves none. */
export async function writeNew(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600)
  try {
    await handle.writeFile(bytes)
    await handle.sync()
  } catch (error) {
    await rm(file, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

/** What a folder lists outlasts a crash of the machine once the folder itself is flushed. Windows has no such call, and flushes by itself. */
export async function flushFolder(file: string): Promise<void> {
  if (platform() === 'win32') return
  const folder = await open(dirname(file), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
  throw error
}

async function failing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    throw new Fault('store-failed', `Could not ${what}: see the cause`, { cause })
  }
}
