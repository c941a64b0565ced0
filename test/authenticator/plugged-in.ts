import { Fault } from '../../src/core/errors.ts'
import type { HidConnection, HidDevice, HidDevices, HidListener } from '../../src/backends/hid/hid.ts'
import type { SoftwareAuthenticator } from './authenticator.ts'
import { CtapHidDevice } from './ctaphid-device.ts'
import { realTimers } from './timers.ts'
import type { Timers } from './timers.ts'

/** Software authenticators as HID devices, in memory. What a device sends reaches every connection to it, as with hidraw. */
export class PluggedIn implements HidDevices {
  readonly #timers: Timers
  readonly #devices = new Map<string, Plugged>()
  #count = 0

  constructor(timers: Timers = realTimers) {
    this.#timers = timers
  }

  /** Answers the path. Plugging in is a power cycle. */
  plug(authenticator: SoftwareAuthenticator, about: Partial<Omit<HidDevice, 'path'>> = {}): string {
    const path = `/dev/software${this.#count++}`
    const device = { vendorId: 0xf055, productId: 0x0001, product: 'Software authenticator', manufacturer: 'Tests', ...about, path }
    this.#devices.set(path, new Plugged(device, authenticator, this.#timers))
    return path
  }

  unplug(path: string): void {
    this.#devices.get(path)?.unplug()
    this.#devices.delete(path)
  }

  async list(): Promise<readonly HidDevice[]> {
    return Array.from(this.#devices.values(), ({ about }) => about)
  }

  async open({ path }: HidDevice): Promise<HidConnection> {
    const device = this.#devices.get(path)
    if (device === undefined) throw gone(path)
    return device.connect()
  }
}

class Plugged {
  readonly about: HidDevice
  readonly #device: CtapHidDevice
  readonly #connections = new Set<MemoryConnection>()

  constructor(about: HidDevice, authenticator: SoftwareAuthenticator, timers: Timers) {
    this.about = about
    this.#device = new CtapHidDevice(authenticator, report => {
      for (const connection of this.#connections) connection.heard(report.slice())
    }, timers)
    this.#device.powerCycle()
  }

  connect(): HidConnection {
    const connection = new MemoryConnection(report => this.#device.receive(report), () => this.#connections.delete(connection), this.about.path)
    this.#connections.add(connection)
    return connection
  }

  unplug(): void {
    this.#device.powerCycle()
    for (const connection of this.#connections) connection.lost()
    this.#connections.clear()
  }
}

class MemoryConnection implements HidConnection {
  readonly #write: (report: Uint8Array) => void
  readonly #closed: () => void
  readonly #path: string
  #listener: HidListener | undefined
  #kept: ((listener: HidListener) => void)[] = []
  #state: 'open' | 'gone' | 'closed' = 'open'

  constructor(write: (report: Uint8Array) => void, closed: () => void, path: string) {
    this.#write = write
    this.#closed = closed
    this.#path = path
  }

  async write(report: Uint8Array): Promise<void> {
    const copy = report.slice()
    // As with a real device, what it answers comes after the write began.
    await Promise.resolve()
    if (this.#state !== 'open') throw gone(this.#path)
    this.#write(copy)
  }

  listen(listener: HidListener): void {
    this.#listener = listener
    const kept = this.#kept
    this.#kept = []
    for (const tell of kept) this.#tell(tell)
  }

  async close(): Promise<void> {
    this.#state = 'closed'
    this.#closed()
  }

  heard(report: Uint8Array): void {
    this.#tell(listener => listener.report(report))
  }

  lost(): void {
    if (this.#state !== 'open') return
    this.#state = 'gone'
    this.#tell(listener => listener.gone(gone(this.#path)))
  }

  /** In order, and never within a call of the listener's own. */
  #tell(tell: (listener: HidListener) => void): void {
    const listener = this.#listener
    if (listener === undefined) this.#kept.push(tell)
    else queueMicrotask(() => void (this.#state === 'closed' || tell(listener)))
  }
}

function gone(path: string): Fault {
  return new Fault('device-gone', `The device ${path} was unplugged`)
}
