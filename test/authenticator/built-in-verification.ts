import { Refusal } from './status.ts'

const RETRIES = 5

/** A fingerprint reader, or the like: who is there is the owner, or is not (CTAP 2.1, section 6.5.3.1). */
export class BuiltInVerification {
  retries = RETRIES
  readonly #verify: () => boolean

  constructor(verify: () => boolean) {
    this.#verify = verify
  }

  /** Throws UV_INVALID, or UV_BLOCKED after too many of them, until the PIN is entered. */
  perform(): void {
    if (this.retries === 0) throw new Refusal('UV_BLOCKED')
    this.retries--
    if (!this.#verify()) throw new Refusal(this.retries === 0 ? 'UV_BLOCKED' : 'UV_INVALID')
    this.unblock()
  }

  unblock(): void {
    this.retries = RETRIES
  }
}
