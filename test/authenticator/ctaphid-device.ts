import type { SoftwareAuthenticator } from './authenticator.ts'
import { realTimers } from './timers.ts'
import type { Timers } from './timers.ts'

/** Bytes of a report, and of the longest message: an initialization packet and 128 continuation packets (CTAP 2.1, section 11.2.4). */
const [REPORT, LONGEST] = [64, 7609]
const BROADCAST = 0xffffffff
const COMMAND = { ping: 0x01, init: 0x06, wink: 0x08, cbor: 0x10, cancel: 0x11, keepAlive: 0x3b, error: 0x3f } as const
const ERROR = { command: 0x01, length: 0x03, sequence: 0x04, timeout: 0x05, busy: 0x06, channel: 0x0b } as const
const CAPABILITIES = 0x01 | 0x04 | 0x08 // WINK, CBOR, and no MSG.
const KEEP_ALIVE = { processing: 1, touch: 2 } as const
/** Milliseconds: between two packets of a message, and between two keep-alives. */
const [PATIENCE, BEAT] = [500, 100]
/** The oldest is forgotten when one more is asked for. */
const CHANNELS = 32

/** The one message that is on its way, or at work. */
interface Transaction {
  readonly channel: number
  readonly command: number
  readonly data: Uint8Array
  received: number
  sequence: number
  /** Ends what waits for it: the next packet, the next keep-alive. */
  cancelTimer: () => void
  /** Of what is at work. */
  abort: AbortController | undefined
}

/** CTAPHID (CTAP 2.1, section 11.2): an authenticator behind reports of 64 bytes. */
export class CtapHidDevice {
  readonly #authenticator: SoftwareAuthenticator
  readonly #send: (report: Uint8Array) => void
  readonly #timers: Timers
  #channels: readonly number[] = []
  #lastChannel = 0
  #transaction: Transaction | undefined
  /** How often it was asked to show itself. */
  winks = 0

  constructor(authenticator: SoftwareAuthenticator, send: (report: Uint8Array) => void, timers: Timers = realTimers) {
    this.#authenticator = authenticator
    this.#send = send
    this.#timers = timers
  }

  /** Ends whatever is at work: nothing is sent any more for it. Channels are forgotten, too. */
  powerCycle(): void {
    this.#drop()
    this.#channels = []
    this.#authenticator.powerCycle()
  }

  receive(report: Uint8Array): void {
    if (report.length !== REPORT) return
    const view = new DataView(report.buffer, report.byteOffset, report.length)
    const [channel, kind] = [view.getUint32(0), view.getUint8(4)]
    if (kind < 0x80) this.#continue(channel, kind, report.subarray(5))
    else this.#begin(channel, kind & 0x7f, view.getUint16(5), report.subarray(7))
  }

  #begin(channel: number, command: number, length: number, data: Uint8Array): void {
    if (command === COMMAND.init && (channel === BROADCAST || this.#channels.includes(channel))) return this.#init(channel, length, data)
    if (!this.#channels.includes(channel)) return this.#error(channel, ERROR.channel)
    const current = this.#transaction
    if (command === COMMAND.cancel) {
      if (current?.channel === channel) current.abort?.abort()
      return
    }
    if (current && (current.channel !== channel || current.abort)) return this.#error(channel, ERROR.busy)
    this.#drop()
    if (current) return this.#error(channel, ERROR.sequence)
    if (length > LONGEST) return this.#error(channel, ERROR.length)
    this.#transaction = { channel, command, data: new Uint8Array(length), received: 0, sequence: 0, cancelTimer: () => {}, abort: undefined }
    this.#take(this.#transaction, data)
  }

  #continue(channel: number, sequence: number, data: Uint8Array): void {
    const current = this.#transaction
    if (current === undefined || current.abort || current.channel !== channel) return // Stray ones are ignored.
    current.cancelTimer()
    if (sequence !== current.sequence) {
      this.#drop()
      return this.#error(channel, ERROR.sequence)
    }
    current.sequence++
    this.#take(current, data)
  }

  #take(current: Transaction, data: Uint8Array): void {
    const part = data.subarray(0, current.data.length - current.received)
    current.data.set(part, current.received)
    current.received += part.length
    if (current.received === current.data.length) return this.#perform(current)
    current.cancelTimer = this.#timers.after(PATIENCE, () => {
      this.#drop()
      this.#error(current.channel, ERROR.timeout)
    })
  }

  #perform(current: Transaction): void {
    const { channel, command, data } = current
    if (command === COMMAND.cbor && data.length > 0) return void this.#work(current)
    this.#drop()
    if (command === COMMAND.ping) return this.#message(channel, COMMAND.ping, data)
    if (command === COMMAND.wink && data.length === 0) {
      this.winks++
      return this.#message(channel, COMMAND.wink, new Uint8Array())
    }
    this.#error(channel, command === COMMAND.wink || command === COMMAND.cbor ? ERROR.length : ERROR.command)
  }

  async #work(current: Transaction): Promise<void> {
    const abort = new AbortController()
    current.abort = abort
    let status: keyof typeof KEEP_ALIVE = 'processing'
    const beat = (): void => {
      this.#message(current.channel, COMMAND.keepAlive, Uint8Array.of(KEEP_ALIVE[status]))
      current.cancelTimer = this.#timers.after(BEAT, beat)
    }
    current.cancelTimer = this.#timers.after(BEAT, beat)
    const keepAlive = (next: keyof typeof KEEP_ALIVE): void => {
      if (this.#transaction !== current || next === status) return
      status = next
      current.cancelTimer()
      beat()
    }
    try {
      const response = await this.#authenticator.handle(current.data, { keepAlive, signal: abort.signal })
      if (this.#transaction !== current) return
      this.#drop()
      this.#message(current.channel, COMMAND.cbor, response)
    } finally {
      current.cancelTimer()
    }
  }

  /** Allocates a channel, or ends what is under way on one. */
  #init(channel: number, length: number, data: Uint8Array): void {
    if (length !== 8) return this.#error(channel, ERROR.length)
    if (this.#transaction?.channel === channel) this.#drop()
    const answer = Buffer.alloc(17)
    answer.set(data.subarray(0, 8))
    answer.writeUInt32BE(channel === BROADCAST ? this.#allocate() : channel, 8)
    answer.set([2, 1, 0, 0, CAPABILITIES], 12) // CTAPHID's version, the device's, and what it can do.
    this.#message(channel, COMMAND.init, answer)
  }

  #allocate(): number {
    this.#lastChannel++
    this.#channels = [...this.#channels, this.#lastChannel].slice(-CHANNELS)
    return this.#lastChannel
  }

  #drop(): void {
    const current = this.#transaction
    this.#transaction = undefined
    current?.cancelTimer()
    current?.abort?.abort()
  }

  #error(channel: number, code: number): void {
    this.#message(channel, COMMAND.error, Uint8Array.of(code))
  }

  #message(channel: number, command: number, data: Uint8Array): void {
    this.#packet(channel, [0x80 | command, data.length >> 8, data.length & 0xff], data.subarray(0, REPORT - 7))
    for (let [start, sequence] = [REPORT - 7, 0]; start < data.length; start += REPORT - 5) this.#packet(channel, [sequence++], data.subarray(start, start + REPORT - 5))
  }

  #packet(channel: number, head: readonly number[], data: Uint8Array): void {
    const report = Buffer.alloc(REPORT)
    report.writeUInt32BE(channel)
    report.set(head, 4)
    report.set(data, 4 + head.length)
    this.#send(new Uint8Array(report))
  }
}
