import type { HidConnection, HidDevice, HidDevices } from './hid.ts'

/** The devices that take no PIN any more, until they are unplugged. Each stays open meanwhile: a list of devices does not tell one that was out for a moment. */
export class Lockouts {
  readonly #devices: HidDevices
  readonly #locked = new Map<string, HidConnection | undefined>()

  constructor(devices: HidDevices) {
    this.#devices = devices
  }

  has({ path }: HidDevice): boolean {
    return this.#locked.has(path)
  }

  async add(device: HidDevice): Promise<void> {
    const { path } = device
    if (this.#locked.has(path)) return
    this.#locked.set(path, undefined)
    try {
      const connection = await this.#devices.open(device)
      if (!this.#locked.has(path)) return await connection.close()
      this.#locked.set(path, connection)
      connection.listen({ report() {}, gone: () => this.#remove(path) })
    } catch {
      // It can't be listened to: it is looked for in the list.
    }
  }

  /** Forgets those that are not there. */
  keep(present: readonly HidDevice[]): void {
    for (const path of this.#locked.keys()) if (!present.some(device => device.path === path)) this.#remove(path)
  }

  close(): void {
    this.keep([])
  }

  #remove(path: string): void {
    const connection = this.#locked.get(path)
    this.#locked.delete(path)
    void connection?.close().catch(() => {})
  }
}
