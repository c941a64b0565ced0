import { access, constants } from 'node:fs/promises'
import type { HIDAsync } from 'node-hid'
import { Fault } from '../../../core/errors.ts'
import type { HidConnection, HidDevice, HidDevices, HidListener } from '../hid.ts'

/** FIDO's (CTAP 2.1, section 11.2.8.1). */
const USAGE_PAGE = 0xf1d0
/** Devices that number no reports still have this in front of each that is written. */
const REPORT_ID = 0
const REPORT_LENGTH = 64

type Library = Pick<typeof import('node-hid'), 'devicesAsync' | 'HIDAsync'>
type Raw = Pick<HIDAsync, 'write' | 'close' | 'on' | 'off'>

/** The devices of this machine, through npm's `node-hid`. `load` brings the library, which finds out what it lacks only when it is called; `reach` rejects for a file that this process has no right to. */
export class NodeHid implements HidDevices {
  readonly #load: () => Promise<Library>
  readonly #reach: (path: string) => Promise<void>

  constructor(load: () => Promise<Library> = loadNodeHid, reach: (path: string) => Promise<void> = path => access(path, constants.R_OK | constants.W_OK)) {
    this.#load = load
    this.#reach = reach
  }

  async list(): Promise<readonly HidDevice[]> {
    const library = await this.#library()
    const found = await library.devicesAsync().catch(cause => { throw unlisted(cause) })
    return found.flatMap(({ path, usagePage, vendorId, productId, product, manufacturer, serialNumber }) => path === undefined || usagePage !== USAGE_PAGE ? [] : [{
      path, vendorId, productId, ...product && { product }, ...manufacturer && { manufacturer }, ...serialNumber && { serialNumber },
    }])
  }

  async open({ path }: HidDevice): Promise<HidConnection> {
    const library = await this.#library()
    try {
      return new NodeHidConnection(await library.HIDAsync.open(path))
    } catch (cause) {
      throw await this.#whyNot(path, cause)
    }
  }

  async #library(): Promise<Library> {
    try {
      return await this.#load()
    } catch (cause) {
      if (isMissing(cause)) throw unavailable('The package node-hid is not installed: npm install node-hid', cause)
      throw unlisted(cause)
    }
  }

  /** The library only says that it could not. */
  async #whyNot(path: string, cause: unknown): Promise<Fault> {
    const present = await this.list()
    if (!present.some(device => device.path === path)) return new Fault('device-gone', `The device ${path} is there no more: plug it in again`, { cause })
    const denial = await this.#reach(path).catch(errorCode)
    if (denial === 'EACCES' || denial === 'EPERM') {
      return unavailable(`This process has no right to open ${path}. On Linux, write ${UDEV} into /etc/udev/rules.d/70-fido.rules, run "udevadm control --reload", and plug the device in again`, cause)
    }
    return unavailable(`The device ${path} can't be opened. If another program holds it, such as a browser, ssh-agent or pcscd, end that: on Linux "fuser ${path}" tells which`, cause)
  }
}

/** Whoever sits at the machine may use what systemd found to be a security key. */
const UDEV = 'KERNEL=="hidraw*", SUBSYSTEM=="hidraw", ENV{ID_FIDO_TOKEN}=="1", MODE="0660", TAG+="uaccess"'

class NodeHidConnection implements HidConnection {
  readonly #raw: Raw
  readonly #kept: Uint8Array[] = []
  #listener: HidListener | undefined
  #failure: { readonly error: unknown } | undefined
  #closing: Promise<void> | undefined

  constructor(raw: Raw) {
    this.#raw = raw
    raw.on('data', this.#heard)
    raw.on('error', this.#failed)
  }

  async write(report: Uint8Array): Promise<void> {
    if (this.#closing !== undefined || this.#failure !== undefined) throw gone(this.#failure?.error)
    const prefixed = new Uint8Array(1 + report.length)
    prefixed[0] = REPORT_ID
    prefixed.set(report, 1)
    try {
      await this.#raw.write(Array.from(prefixed))
    } catch (cause) {
      throw gone(cause)
    }
  }

  listen(listener: HidListener): void {
    this.#listener = listener
    for (const report of this.#kept.splice(0)) listener.report(report)
    if (this.#failure !== undefined) listener.gone(this.#failure.error)
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close()
  }

  async #close(): Promise<void> {
    this.#raw.off('data', this.#heard)
    try {
      await this.#raw.close()
    } catch {
      // It is gone: then there is nothing to close.
    }
  }

  readonly #heard = (data: Uint8Array): void => {
    const report = Uint8Array.from(data)
    if (this.#closing !== undefined) return
    if (this.#listener !== undefined) this.#listener.report(report)
    else if (this.#kept.length < MOST_KEPT) this.#kept.push(report)
  }

  readonly #failed = (error: unknown): void => {
    if (this.#closing !== undefined || this.#failure !== undefined) return
    this.#failure = { error: gone(error) }
    this.#listener?.gone(this.#failure.error)
  }
}

/** Reports of two of the longest messages: more than any device sends before it is asked. */
const MOST_KEPT = 2 * Math.ceil(7_609 / (REPORT_LENGTH - 5))

async function loadNodeHid(): Promise<Library> {
  const { default: library } = await import('node-hid')
  return library
}

function isMissing(cause: unknown): boolean {
  return errorCode(cause) === 'ERR_MODULE_NOT_FOUND'
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** Its native part is loaded by the first call. */
function unlisted(cause: unknown): Fault {
  const text = cause instanceof Error ? cause.message : ''
  if (errorCode(cause) !== 'ERR_DLOPEN_FAILED' && !/shared object|native build/i.test(text)) return unavailable('The devices of this machine can\'t be listed: see the cause', cause)
  return unavailable('The package node-hid does not load: it needs libusb and libudev. On Debian and Ubuntu: apt-get install libusb-1.0-0 libudev1', cause)
}

function unavailable(text: string, cause: unknown): Fault {
  return new Fault('device-unavailable', text, { cause })
}

function gone(cause: unknown): Fault {
  return new Fault('device-gone', 'The device is there no more: plug it in again', { cause })
}
