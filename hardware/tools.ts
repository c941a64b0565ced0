import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { getHidapiVersion } from 'node-hid'

/** Something that this needs is not on this machine. The message says what, and how to get it. */
export class Missing extends Error {}

/** Programs, by the Debian package that has them. */
const PACKAGES: { readonly [program: string]: string } = {
  'qemu-system-x86_64': 'qemu-system-x86',
  busybox: 'busybox-static',
  cpio: 'cpio',
  depmod: 'kmod',
  modprobe: 'kmod',
  xz: 'xz-utils',
  'fido2-token': 'fido2-tools',
  'fido2-cred': 'fido2-tools',
  'fido2-assert': 'fido2-tools',
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
}

/** Without root, PATH may lack the folders where these are. */
const PATH = [process.env['PATH'] ?? '', '/usr/sbin', '/sbin'].join(delimiter)

/** Rejects with {@link Missing} unless every program is there, and node-hid can be loaded. */
export async function assertTools(): Promise<void> {
  try {
    getHidapiVersion()
  } catch (error) {
    throw new Missing('node-hid can\'t be loaded. On Debian: apt-get install --no-install-recommends libusb-1.0-0', { cause: error })
  }
  const wanted = await Promise.all(Object.entries(PACKAGES).map(async ([program, of]) => await find(program) === undefined ? { program, of } : undefined))
  const missing = wanted.filter(each => each !== undefined)
  if (missing.length === 0) return
  const packages = Array.from(new Set(missing.map(each => each.of))).join(' ')
  throw new Missing(`This needs ${missing.map(each => each.program).join(', ')}. On Debian: apt-get install --no-install-recommends ${packages}`)
}

export async function find(program: string): Promise<string | undefined> {
  const places = PATH.split(delimiter).filter(folder => folder !== '').map(folder => join(folder, program))
  const found = await Promise.all(places.map(place => access(place, constants.X_OK).then(() => place, () => undefined)))
  return found.find(place => place !== undefined)
}

/** Answers what `program` prints. Rejects with what it complains of when it fails. */
export async function run(program: string, args: readonly string[], folder?: string): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { env: { ...process.env, PATH, LC_ALL: 'C' }, cwd: folder, maxBuffer: 1 << 24 })
  return stdout
}
