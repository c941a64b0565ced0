import { Fault } from '../../../core/errors.ts'
import { draw } from '../../../crypto/random.ts'
import type { RandomBytes } from '../../../crypto/suite.ts'
import type { HidConnection } from '../hid.ts'
import type { Clock, Exchange } from './exchange.ts'
import { Lane } from './lane.ts'
import { INIT_LENGTH, InitReception, NONCE_LENGTH, ResponseReception } from './reception.ts'
import type { Reception } from './reception.ts'
import { HidRefusal } from './refusal.ts'
import { BROADCAST, COMMAND, LONGEST_MESSAGE } from './reports.ts'
import { Transaction } from './transaction.ts'
import type { Message, Outcome } from './transaction.ts'
import { pause } from './waiting.ts'

export type { Clock, Exchange, KeepAlive } from './exchange.ts'

/** What a device said that it can do (CTAP 2.1, section 11.2.9.1.3). */
export interface HidCapabilities {
  readonly wink: boolean
  readonly cbor: boolean
  readonly msg: boolean
}

export interface HidSources {
  readonly random: RandomBytes
  readonly clock: Clock
}

const WINK = 0x01
const CBOR = 0x04
const NO_MSG = 0x08
/** CTAP 2.1, section 8.2. */
const CTAP2_OK = 0x00

/** In milliseconds: how long to wait until a busy device is asked again. The last of them means `device-busy`. */
const BACKOFF = [50, 100, 200, 400, 800, 1_000, 1_000, 1_000, 1_000, 1_000]

/**
 * A FIDO device on a channel of its own (CTAPHID; CTAP 2.1, section 11.2). Requests are sent one at a time, in the order of asking. They reject with the reason of
 * their signal, with `device-gone`, `device-busy` when it serves another program for seconds, and with `backend-failed` for a device that says nothing or nonsense.
 */
export class CtapHid {
  readonly #connection: HidConnection
  readonly #sources: HidSources
  readonly #lane = new Lane()
  readonly #gone = new AbortController()
  #capabilities: HidCapabilities = { wink: false, cbor: false, msg: false }
  #channel = BROADCAST
  /** The device may still be at what was broken off here, and has to be told. */
  #isUnsettled = false
  #current: Transaction | undefined
  /** Of the last report. A connection takes one at a time, also after somebody stopped waiting. */
  #written = Promise.resolve()

  private constructor(connection: HidConnection, sources: HidSources) {
    this.#connection = connection
    this.#sources = sources
  }

  /** Allocates a channel. When that fails, the connection is closed. */
  static async open(connection: HidConnection, sources: HidSources, signal: AbortSignal): Promise<CtapHid> {
    const device = new CtapHid(connection, sources)
    connection.listen({
      report: bytes => device.#current?.hear(bytes),
      gone: cause => device.#vanish(new Fault('device-gone', 'The device is there no more: plug it in again', { cause })),
    })
    try {
      await device.#alone(signal, () => device.#allocate(signal))
      return device
    } catch (error) {
      await device.close()
      throw error
    }
  }

  get capabilities(): HidCapabilities {
    return this.#capabilities
  }

  /** Aborts when no request can be made any more: with a Fault `device-gone`, also after {@link close}. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** One command of CTAP2, as bytes, and its response. When the signal aborts meanwhile, the device is told, and given a second to answer: with a success, where it was too late. */
  async cbor(payload: Uint8Array, exchange: Exchange): Promise<Uint8Array> {
    if (!this.#capabilities.cbor) throw new Fault('not-available', 'The device speaks U2F alone: take one that speaks FIDO2')
    return this.#request(COMMAND.cbor, payload, exchange)
  }

  /** Answers the same bytes. */
  ping(data: Uint8Array, exchange: Exchange): Promise<Uint8Array> {
    return this.#request(COMMAND.ping, data, exchange)
  }

  /** Has the device show which one it is. */
  async wink(exchange: Exchange): Promise<void> {
    if (!this.#capabilities.wink) throw new Fault('not-available', 'The device has nothing to wink with')
    await this.#request(COMMAND.wink, new Uint8Array(), exchange)
  }

  /** Ends all requests with `device-gone`. Harmless when repeated. */
  close(): Promise<void> {
    this.#vanish(new Fault('device-gone', 'The device was closed here: open it again'))
    return this.#connection.close()
  }

  #vanish(fault: Fault): void {
    this.#gone.abort(fault)
    this.#current?.fail(this.#gone.signal.reason)
  }

  async #request(command: number, payload: Uint8Array, { signal, onKeepAlive }: Exchange): Promise<Uint8Array> {
    if (payload.length > LONGEST_MESSAGE) throw new Fault('not-available', `A message to a device has at most ${LONGEST_MESSAGE} bytes, and this one ${payload.length}`)
    return this.#alone(signal, async () => {
      if (this.#isUnsettled) await this.#resynchronise(signal)
      const attempt = () => this.#transact({ channel: this.#channel, command, payload }, new ResponseReception(command, onKeepAlive), signal)
      try {
        return await attempt()
      } catch (error) {
        if (!isStale(error)) throw error
        await this.#allocate(signal)
        return attempt()
      }
    })
  }

  /** Does `work` when it is its turn, and again while the device is busy. */
  #alone<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const either = AbortSignal.any([signal, this.#gone.signal])
    return this.#lane.run(either, async () => {
      /* oxlint-disable no-await-in-loop -- one attempt after the other */
      for (let attempt = 0; ; attempt++) {
        try {
          return await work()
        } catch (error) {
          if (!(error instanceof HidRefusal)) throw error
          const delay = BACKOFF[attempt]
          if (!error.isBusy || delay === undefined) throw error.fault
          await pause(this.#sources.clock, delay, either)
        }
      }
      /* oxlint-enable no-await-in-loop */
    })
  }

  /** Has the device drop what it may still be at, and everything on its way from it (CTAP 2.1, section 11.2.9.1.3). */
  async #resynchronise(signal: AbortSignal): Promise<void> {
    try {
      await this.#initialise(this.#channel, signal)
    } catch (error) {
      if (!isStale(error)) throw error
      await this.#allocate(signal)
    }
  }

  async #allocate(signal: AbortSignal): Promise<void> {
    const response = await this.#initialise(BROADCAST, signal)
    const channel = response.getUint32(NONCE_LENGTH)
    if (channel === 0 || channel === BROADCAST) throw new Fault('backend-failed', `The device gave out channel ${channel}, which is reserved: unplug it, and plug it in again`)
    const flags = response.getUint8(INIT_LENGTH - 1)
    this.#channel = channel
    this.#capabilities = { wink: (flags & WINK) !== 0, cbor: (flags & CBOR) !== 0, msg: (flags & NO_MSG) === 0 }
  }

  async #initialise(channel: number, signal: AbortSignal): Promise<DataView> {
    const nonce = draw(this.#sources.random, NONCE_LENGTH)
    const response = await this.#transact({ channel, command: COMMAND.init, payload: nonce }, new InitReception(nonce), signal)
    return new DataView(response.buffer, response.byteOffset, response.byteLength)
  }

  /** Throws HidRefusal for what the device answers as an error. */
  async #transact(message: Message, reception: Reception, signal: AbortSignal): Promise<Uint8Array> {
    this.#gone.signal.throwIfAborted()
    signal.throwIfAborted()
    const transaction = new Transaction(message, reception, { clock: this.#sources.clock, write: report => this.#write(report) })
    const cancel = () => transaction.cancel()
    signal.addEventListener('abort', cancel, { once: true })
    this.#current = transaction
    this.#isUnsettled = true
    try {
      const outcome = await transaction.run()
      this.#isUnsettled = !isSettled(outcome)
      if (!wasDone(outcome)) signal.throwIfAborted()
      return responseOf(outcome)
    } finally {
      this.#current = undefined
      signal.removeEventListener('abort', cancel)
    }
  }

  #write(report: Uint8Array): Promise<void> {
    const written = this.#written.then(() => this.#connection.write(report)).catch((cause: unknown) => {
      const fault = cause instanceof Fault ? cause : new Fault('backend-failed', 'The device can not be written to: unplug it, and plug it in again', { cause })
      if (fault.code === 'device-gone') this.#vanish(fault)
      throw fault
    })
    this.#written = written.catch(() => {})
    return written
  }
}

function isStale(error: unknown): boolean {
  return error instanceof HidRefusal && error.isStale
}

/** Whether the device did it after all. What it made is there then, and must not be lost on those who gave up too late. */
function wasDone(outcome: Outcome): boolean {
  return outcome.kind === 'response' && outcome.data[0] === CTAP2_OK
}

/** Whether nothing more can come of it. */
function isSettled(outcome: Outcome): boolean {
  return outcome.kind === 'response' || (outcome.kind === 'error' && outcome.isUntouched)
}

function responseOf(outcome: Outcome): Uint8Array {
  switch (outcome.kind) {
    case 'response': return outcome.data
    case 'error': throw new HidRefusal(outcome.code, outcome.isUntouched)
    case 'broken': throw new Fault('backend-failed', `The device broke the protocol: ${outcome.why}. Unplug it, and plug it in again`)
    case 'silent': throw new Fault('backend-failed', 'The device says nothing any more: unplug it, and plug it in again')
    case 'abandoned': throw new Fault('unanswered', 'The request was given up')
  }
}
