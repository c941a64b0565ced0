import type { PinProtocol } from './pin-protocol.ts'
import { Refusal } from './status.ts'
import type { Timers } from './timers.ts'

export const PERMISSION = { makeCredential: 0x01, getAssertion: 0x02, credentialManagement: 0x04 } as const
export const EVERY_PERMISSION = 0x07

/** Milliseconds: a token that nobody uses, and one that is used (CTAP 2.1, section 6.5.2.1). */
const [UNUSED_LIFE, LIFE] = [30_000, 600_000]

/** A PIN/UV auth token while it is in use, and what it permits (CTAP 2.1, section 6.5.2). */
export class PinUvToken {
  permissions: number
  userVerified = true
  userPresent: boolean
  #relyingParty: string | undefined
  #isUsed = false
  readonly #protocol: PinProtocol
  readonly #timers: Timers
  readonly #issued: number

  constructor(protocol: PinProtocol, timers: Timers, allowed: { readonly permissions: number; readonly relyingParty: string | undefined; readonly userPresent: boolean }) {
    this.permissions = allowed.permissions
    this.userPresent = allowed.userPresent
    this.#relyingParty = allowed.relyingParty
    this.#protocol = protocol
    this.#timers = timers
    this.#issued = timers.now()
  }

  get relyingParty(): string | undefined {
    return this.#relyingParty
  }

  /** Throws PIN_AUTH_INVALID unless `signature` of `message` is by this token, and it permits `permission` for the relying party. */
  assertPermits(permission: number, protocol: PinProtocol, message: Uint8Array, signature: Uint8Array): void {
    const age = this.#timers.now() - this.#issued
    const isAlive = age <= (this.#isUsed ? LIFE : UNUSED_LIFE)
    if (!isAlive || protocol !== this.#protocol || !protocol.isAuthentic(protocol.token, message, signature)) throw new Refusal('PIN_AUTH_INVALID')
    if ((this.permissions & permission) === 0 || !this.userVerified) throw new Refusal('PIN_AUTH_INVALID')
    this.#isUsed = true
  }

  /** The first relying party that it is used for is the only one. */
  bind(relyingParty: string): void {
    if (this.#relyingParty !== undefined && this.#relyingParty !== relyingParty) throw new Refusal('PIN_AUTH_INVALID')
    this.#relyingParty = relyingParty
  }

  /** After the person has touched: another operation needs another token. */
  spend(): void {
    this.permissions = 0
    this.userPresent = false
    this.userVerified = false
  }
}
