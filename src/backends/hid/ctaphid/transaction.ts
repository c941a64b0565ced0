import type { Clock } from './exchange.ts'
import type { Answer, Reception } from './reception.ts'
import { COMMAND, readPacket, REPORT_LENGTH, reportsOf } from './reports.ts'
import { after } from './waiting.ts'

/** In milliseconds. A device that works says so every 100 (CTAP 2.1, section 11.2.9.2.1): after so long without a word it does not work. */
const SILENCE = 5_000
/** In milliseconds: within so long a device answers to CANCEL. */
const GRACE = 1_000

export type Outcome = Answer | { readonly kind: 'silent' } | { readonly kind: 'abandoned' }

export interface Message {
  readonly channel: number
  readonly command: number
  readonly payload: Uint8Array
}

/** One message to a device, and what it says to that. */
export class Transaction {
  readonly #message: Message
  readonly #reception: Reception
  readonly #clock: Clock
  readonly #write: (report: Uint8Array) => Promise<void>
  readonly #outcome = Promise.withResolvers<Outcome>()
  #callOff: (() => void) | undefined
  #isSent = false
  #isCancelled = false
  #isOver = false

  constructor(message: Message, reception: Reception, { clock, write }: { readonly clock: Clock; readonly write: (report: Uint8Array) => Promise<void> }) {
    this.#message = message
    this.#reception = reception
    this.#clock = clock
    this.#write = write
  }

  /** Rejects with what a write rejected with, or {@link fail} was told. */
  run(): Promise<Outcome> {
    this.#expect()
    this.#send().catch((error: unknown) => this.fail(error))
    return this.#outcome.promise
  }

  /** Reads a report. Those of other channels are somebody else's. */
  hear(report: Uint8Array): void {
    if (this.#isOver) return
    if (report.length !== REPORT_LENGTH) {
      this.#end({ kind: 'broken', why: `it sent a report of ${report.length} bytes instead of ${REPORT_LENGTH}` })
      return
    }
    const packet = readPacket(report)
    if (packet.channel !== this.#message.channel) return
    try {
      const answer = this.#reception.take(packet)
      if (answer === 'progress') this.#expect()
      else if (answer !== undefined) this.#end(answer)
    } catch (error) {
      this.fail(error)
    }
  }

  /** Asks the device to stop. It ends with what the device then says, or as `abandoned`. */
  cancel(): void {
    if (this.#isOver || this.#isCancelled) return
    this.#isCancelled = true
    if (this.#message.command !== COMMAND.cbor) {
      this.#end({ kind: 'abandoned' })
      return
    }
    this.#wait(GRACE, 'abandoned')
    // What is being written may be the last of it: else the device is told when that is done.
    if (this.#isSent) this.#sendCancel().catch((error: unknown) => this.fail(error))
  }

  /** Ends it, whatever the device does. */
  fail(error: unknown): void {
    this.#isOver = true
    this.#callOff?.()
    this.#outcome.reject(error)
  }

  async #send(): Promise<void> {
    const { channel, command, payload } = this.#message
    for (const report of reportsOf(channel, command, payload)) {
      if (this.#isOver) return
      // The device forgets what it does not get whole.
      if (this.#isCancelled) return this.#end({ kind: 'abandoned' })
      // oxlint-disable-next-line no-await-in-loop -- a connection takes one report at a time.
      await this.#write(report)
      this.#expect()
    }
    this.#isSent = true
    if (this.#isCancelled) await this.#sendCancel()
  }

  async #sendCancel(): Promise<void> {
    for (const report of reportsOf(this.#message.channel, COMMAND.cancel, new Uint8Array())) {
      // oxlint-disable-next-line no-await-in-loop -- there is one.
      if (!this.#isOver) await this.#write(report)
    }
  }

  #expect(): void {
    if (!this.#isCancelled && !this.#isOver) this.#wait(SILENCE, 'silent')
  }

  #wait(milliseconds: number, kind: 'silent' | 'abandoned'): void {
    this.#callOff?.()
    this.#callOff = after(this.#clock, milliseconds, () => this.#end({ kind }))
  }

  #end(outcome: Outcome): void {
    this.#isOver = true
    this.#callOff?.()
    this.#outcome.resolve(outcome)
  }
}
