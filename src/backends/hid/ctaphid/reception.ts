import { sameBytes } from '../../../crypto/bytes.ts'
import type { KeepAlive } from './exchange.ts'
import { CHANNEL_BUSY, COMMAND, INVALID_CHANNEL, LONGEST_MESSAGE } from './reports.ts'
import type { Packet } from './reports.ts'

/** How a transaction ends, by what the device says. */
export type Answer =
  | { readonly kind: 'response'; readonly data: Uint8Array }
  /** `isUntouched`: nothing was heard before it, so the device did nothing. */
  | { readonly kind: 'error'; readonly code: number; readonly isUntouched: boolean }
  | { readonly kind: 'broken'; readonly why: string }

/** Reads the packets of one channel. Answers how it ends; or `progress`, when the device has shown that it goes on; or nothing, for what means nothing here. */
export interface Reception {
  take(packet: Packet): Answer | 'progress' | undefined
}

const KEEP_ALIVES: { readonly [status: number]: KeepAlive } = { 1: 'processing', 2: 'touch' }

/** Waits for the response to a command. */
export class ResponseReception implements Reception {
  readonly #command: number
  readonly #onKeepAlive: ((status: KeepAlive) => void) | undefined
  #hasHeard = false
  #response: Uint8Array | undefined
  #filled = 0
  #sequence = 0

  constructor(command: number, onKeepAlive: ((status: KeepAlive) => void) | undefined) {
    this.#command = command
    this.#onKeepAlive = onKeepAlive
  }

  take(packet: Packet): Answer | 'progress' | undefined {
    if (packet.kind === 'next') {
      // What is left of an older message.
      if (this.#response === undefined) return undefined
      if (packet.sequence !== this.#sequence++) return broken('a part of its response is missing, or comes twice')
      return this.#fill(this.#response, packet.data)
    }
    const { command, length, data } = packet
    if (command === COMMAND.error) return this.#error(length, data)
    this.#hasHeard = true
    if (this.#response !== undefined) return broken('it began anew within its response')
    if (command === COMMAND.keepAlive) return this.#keepAlive(length, data)
    if (command !== this.#command) return broken(`it answered to command ${command} instead of ${this.#command}`)
    if (length > LONGEST_MESSAGE) return broken(`its response would have ${length} bytes, and ${LONGEST_MESSAGE} are allowed`)
    this.#response = new Uint8Array(length)
    return this.#fill(this.#response, data)
  }

  #error(length: number, data: Uint8Array): Answer {
    const [code] = data
    if (length !== 1 || code === undefined) return broken('its error has no code')
    return { kind: 'error', code, isUntouched: !this.#hasHeard }
  }

  #keepAlive(length: number, data: Uint8Array): Answer | 'progress' {
    const [code] = data
    if (length !== 1 || code === undefined) return broken('its keep-alive has no status')
    const status = KEEP_ALIVES[code]
    if (status !== undefined) this.#onKeepAlive?.(status)
    return 'progress'
  }

  #fill(response: Uint8Array, data: Uint8Array): Answer | 'progress' {
    const part = data.subarray(0, response.length - this.#filled)
    response.set(part, this.#filled)
    this.#filled += part.length
    return this.#filled < response.length ? 'progress' : { kind: 'response', data: response }
  }
}

/** In bytes, as is the response: nonce, channel, version of the protocol, three of the device's version, capabilities (CTAP 2.1, section 11.2.9.1.3). */
export const NONCE_LENGTH = 8
export const INIT_LENGTH = 17

/**
 * Waits for the response to INIT with this nonce. Whatever else is on the channel is another program's, or left from an older transaction. A later protocol's
 * response may be longer.
 */
export class InitReception implements Reception {
  readonly #nonce: Uint8Array

  constructor(nonce: Uint8Array) {
    this.#nonce = nonce
  }

  take(packet: Packet): Answer | undefined {
    if (packet.kind === 'next') return undefined
    const { command, length, data } = packet
    const [code] = data
    if (command === COMMAND.error && (code === CHANNEL_BUSY || code === INVALID_CHANNEL)) return { kind: 'error', code, isUntouched: true }
    if (command !== COMMAND.init || length < INIT_LENGTH || !sameBytes(data.subarray(0, NONCE_LENGTH), this.#nonce)) return undefined
    return { kind: 'response', data: data.slice(0, INIT_LENGTH) }
  }
}

function broken(why: string): Answer {
  return { kind: 'broken', why }
}
