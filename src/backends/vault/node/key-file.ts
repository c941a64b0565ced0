import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { platform } from 'node:os'
import { resolve } from 'node:path'
import { Fault, IpseError } from '../../../core/errors.ts'
import { draw, randomBytes } from '../../../crypto/random.ts'
import { secretBytes } from '../../../crypto/secret-bytes.ts'
import { KEY_LENGTH } from '../keyslot-format.ts'
import type { Unlocker } from '../root-keys.ts'
import { flushFolder, writeNew } from './keyslot-file.ts'

/**
 * Opens the slots of a key file, which is 32 random bytes (see {@link newKeyFile}) and is read when it is needed. Its secret rejects with `not-available` when there is
 * none or it can't be read, and with `invalid-argument` when it is of another length, or others than its owner may use it (on POSIX).
 */
export function keyFile(path: string): Unlocker {
  const file = resolve(path)
  return Object.freeze({ kind: 'key-file', secret: () => read(file) })
}

/** Makes a key file that its owner alone can read, and answers what opens its slots. Rejects with `invalid-argument` when there is a file already, `store-failed`. */
export async function newKeyFile(path: string, random = randomBytes): Promise<Unlocker> {
  const file = resolve(path)
  const key = draw(random, KEY_LENGTH)
  try {
    await writeNew(file, key)
    await flushFolder(file)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') throw new Fault('invalid-argument', `There is a file ${file} already: name another`, { cause })
    throw new Fault('store-failed', `Could not write the key file ${file}: see the cause`, { cause })
  } finally {
    key.fill(0)
  }
  return keyFile(file)
}

async function read(file: string): Promise<Uint8Array> {
  let handle: FileHandle | undefined
  try {
    handle = await open(file, 'r')
    // Of what was opened, and not of what the path names by now.
    const { mode, size } = await handle.stat()
    if (platform() !== 'win32' && (mode & 0o077) !== 0) throw new Fault('invalid-argument', `Others than its owner can use the key file ${file}: run chmod 600 on it`)
    const key = secretBytes(KEY_LENGTH)
    const { bytesRead } = await handle.read(key, 0, KEY_LENGTH, 0)
    if (size === KEY_LENGTH && bytesRead === KEY_LENGTH) return key
    key.fill(0)
    throw new Fault('invalid-argument', `${file} is no key file: that is ${KEY_LENGTH} bytes, as newKeyFile makes it`)
  } catch (cause) {
    if (cause instanceof IpseError) throw cause
    throw new Fault('not-available', `Could not read the key file ${file}: see the cause`, { cause })
  } finally {
    await handle?.close()
  }
}
