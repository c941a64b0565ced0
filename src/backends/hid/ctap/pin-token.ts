import { Fault } from '../../../core/errors.ts'
import type { PinProtocol } from './pin-protocol.ts'

/** What a token is for, as a bit (CTAP 2.1, section 6.5.5.7). */
export const PERMISSIONS = { makeCredential: 0x01, getAssertion: 0x02, credentialManagement: 0x04, bioEnrollment: 0x08, largeBlobWrite: 0x10, authenticatorConfiguration: 0x20 } as const

export type Permission = keyof typeof PERMISSIONS

/** A PIN/UV auth token: a secret of one authenticator, for some of its commands, until it is unplugged at most. */
export class PinUvToken {
  readonly #protocol: PinProtocol
  readonly #secret: Uint8Array
  #isErased = false

  /** Takes `secret` over. */
  constructor(protocol: PinProtocol, secret: Uint8Array) {
    this.#protocol = protocol
    this.#secret = secret
  }

  /** The protocol by which it authenticates. */
  get protocol(): number {
    return this.#protocol.number
  }

  /** What goes with a command. Throws `invalid-argument` after {@link erase}. */
  authenticate(message: Uint8Array): Uint8Array {
    if (this.#isErased) throw new Fault('invalid-argument', 'This PIN token was erased: ask for a new one')
    return this.#protocol.authenticate(this.#secret, message)
  }

  erase(): void {
    this.#isErased = true
    this.#secret.fill(0)
  }
}
