import { Fault } from '../../../src/core/errors.ts'
import type { HidConnection, HidListener } from '../../../src/backends/hid/hid.ts'

export const [PING, INIT, WINK, CBOR, CANCEL, KEEPALIVE, ERROR] = [0x01, 0x06, 0x08, 0x10, 0x11, 0x3b, 0x3f]
export const BROADCAST = 0xffffffff

export interface Heard {
  readonly channel: number
  readonly command: number
  readonly data: Buffer
}

/** A device that does what a test says, with framing of its own: whole messages go to `onMessage`, but for INIT, which it answers. */
export class ScriptedDevice implements HidConnection {
  onMessage: (message: Heard) => void = () => {}
  /** Answers whether the test has answered to INIT itself. */
  onInit: (message: Heard) => boolean = () => false
  onWrite: (report: Uint8Array) => Promise<void> = () => Promise.resolve()
  capabilities = 0x05
  readonly heard: Heard[] = []
  readonly reports: Buffer[] = []
  isClosed = false
  #listener: HidListener | undefined
  #channels = 0x0a0b0c00
  #partial: { channel: number; command: number; length: number; data: Buffer; next: number } | undefined

  async write(report: Uint8Array): Promise<void> {
    this.reports.push(Buffer.from(report))
    await this.onWrite(report)
    if (this.isClosed) throw new Fault('device-gone', 'closed')
    this.#take(Buffer.from(report))
  }

  listen(listener: HidListener): void {
    this.#listener = listener
  }

  close(): Promise<void> {
    this.isClosed = true
    return Promise.resolve()
  }

  /** The channel given out last. */
  get channel(): number {
    return this.#channels
  }

  raw(bytes: Uint8Array): void {
    this.#listener?.report(Uint8Array.from(bytes))
  }

  unplug(error: unknown = new Error('unplugged')): void {
    this.#listener?.gone(error)
  }

  send(channel: number, command: number, data: Uint8Array): void {
    for (const report of framed(channel, command, data)) this.raw(report)
  }

  #take(report: Buffer): void {
    const channel = report.readUInt32BE(0)
    const kind = report[4] ?? 0
    if (kind >= 0x80) this.#partial = { channel, command: kind - 0x80, length: report.readUInt16BE(5), data: Buffer.from(report.subarray(7)), next: 0 }
    else if (this.#partial?.channel !== channel || this.#partial.next !== kind) throw new Error('A report out of order')
    else this.#partial = { ...this.#partial, data: Buffer.concat([this.#partial.data, report.subarray(5)]), next: kind + 1 }
    const { command, length, data } = this.#partial
    if (data.length < length) return
    this.#partial = undefined
    const message = { channel, command, data: data.subarray(0, length) }
    this.heard.push(message)
    if (command !== INIT) this.onMessage(message)
    else if (!this.onInit(message)) this.welcome(message)
  }

  welcome({ channel, data }: Heard, given = channel === BROADCAST ? ++this.#channels : channel): void {
    const response = Buffer.alloc(17)
    data.copy(response)
    response.writeUInt32BE(given, 8)
    response.set([2, 5, 4, 3, this.capabilities], 12)
    this.send(channel, INIT, response)
  }
}

export function framed(channel: number, command: number, data: Uint8Array, length = data.length): Buffer[] {
  const first = Buffer.alloc(64)
  first.writeUInt32BE(channel, 0)
  first.writeUInt8(0x80 | command, 4)
  first.writeUInt16BE(length, 5)
  first.set(data.subarray(0, 57), 7)
  const reports = [first]
  for (let at = 57; at < data.length; at += 59) {
    const next = Buffer.alloc(64)
    next.writeUInt32BE(channel, 0)
    next.writeUInt8(reports.length - 1, 4)
    next.set(data.subarray(at, at + 59), 5)
    reports.push(next)
  }
  return reports
}
