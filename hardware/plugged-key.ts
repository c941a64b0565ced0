import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Kind } from '../test/authenticator/kinds.ts'

/** Milliseconds: what the kernel and the process of the devices have for anything. The processor is emulated, and its host may be busy. */
const PATIENCE = 60_000

/** A software authenticator that is plugged into this kernel, or was. All of them are in a process of their own, apart from what drives them. */
export class PluggedKey {
  static #count = 0
  static #process: ChildProcess | undefined
  /** Of the device file that it had last. */
  path = ''
  readonly #serial = `key-${PluggedKey.#count++}`
  readonly #kind: Kind

  private constructor(kind: Kind) {
    this.#kind = kind
  }

  static async new(kind: Kind = {}): Promise<PluggedKey> {
    const key = new PluggedKey(kind)
    await key.plug()
    return key
  }

  /** Resolves when the kernel has a device file for it. It knows what it knew before. */
  async plug(): Promise<void> {
    // Each that is plugged in keeps a thread waiting for the kernel.
    PluggedKey.#process ??= fork(join(import.meta.dirname, 'uhid.ts'), { env: { ...process.env, UV_THREADPOOL_SIZE: '32' } })
    PluggedKey.#process.send({ plug: this.#serial, json: JSON.stringify(this.#kind) })
    this.path = await until(`${this.#serial} is there`, () => deviceFile(this.#serial))
  }

  /** Whatever waits for an answer of it gets none. */
  async unplug(): Promise<void> {
    PluggedKey.#process?.send({ unplug: this.#serial })
    await until(`${this.#serial} is gone`, async () => await deviceFile(this.#serial) === undefined || undefined)
  }
}

async function deviceFile(serial: string): Promise<string | undefined> {
  const devices = await readdir('/sys/class/hidraw').catch(() => [])
  for (const device of devices) {
    const about = await readFile(`/sys/class/hidraw/${device}/device/uevent`, 'utf8').catch(() => '')
    if (about.split('\n').includes(`HID_UNIQ=${serial}`)) return `/dev/${device}`
  }
  return undefined
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  for (const start = performance.now(); performance.now() - start < PATIENCE; await wait(20)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error(`Not within ${PATIENCE / 1000} seconds: ${what}`)
}
