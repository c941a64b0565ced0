import { createHash, timingSafeEqual } from 'node:crypto'
import { Refusal } from './status.ts'

const RETRIES = 8
/** So many wrong ones in a row need a power cycle before the next. */
const IN_A_ROW = 3
export const SHORTEST_PIN = 4

/** The PIN that is set, as its hash, and how often it may still be guessed (CTAP 2.1, section 6.5). */
export class Pin {
  #hash: Uint8Array | undefined
  #inARow = 0
  retries = RETRIES

  get isSet(): boolean {
    return this.#hash !== undefined
  }

  get needsPowerCycle(): boolean {
    return this.#inARow >= IN_A_ROW
  }

  /** `padded` is what the platform has encrypted: 64 bytes, padded with zeros. */
  set(padded: Uint8Array): void {
    if (padded.length !== 64) throw new Refusal('INVALID_PARAMETER')
    const end = padded.findLastIndex(byte => byte !== 0) + 1
    // The last byte is padding, so that the longest PIN has 63 bytes.
    if (end === 64) throw new Refusal('PIN_POLICY_VIOLATION')
    this.#store(padded.subarray(0, end))
  }

  /** By its owner, before it is sold. */
  preset(text: string): void {
    this.#store(new TextEncoder().encode(text.normalize('NFC')))
  }

  /** Before a PIN is looked at. */
  assertOpen(): void {
    if (!this.isSet) throw new Refusal('PIN_NOT_SET')
    if (this.retries === 0) throw new Refusal('PIN_BLOCKED')
    if (this.needsPowerCycle) throw new Refusal('PIN_AUTH_BLOCKED')
  }

  /** Counts the attempt before it is judged, as devices do that may lose power. `onWrong` comes before the refusal. */
  assertIs(hash: Uint8Array, onWrong: () => void): void {
    this.assertOpen()
    this.retries--
    this.#inARow++
    if (this.#hash !== undefined && hash.length === this.#hash.length && timingSafeEqual(hash, this.#hash)) {
      this.retries = RETRIES
      this.#inARow = 0
      return
    }
    onWrong()
    if (this.retries === 0) throw new Refusal('PIN_BLOCKED')
    throw new Refusal(this.needsPowerCycle ? 'PIN_AUTH_BLOCKED' : 'PIN_INVALID')
  }

  powerCycle(): void {
    this.#inARow = 0
  }

  #store(pin: Uint8Array): void {
    if (!isLongEnough(pin)) throw new Refusal('PIN_POLICY_VIOLATION')
    this.#hash = createHash('sha256').update(pin).digest().subarray(0, 16)
    this.retries = RETRIES
    this.#inARow = 0
  }
}

/** The shortest PIN is counted in code points. */
function isLongEnough(pin: Uint8Array): boolean {
  try {
    return [...new TextDecoder('utf-8', { fatal: true }).decode(pin)].length >= SHORTEST_PIN
  } catch {
    return false
  }
}
