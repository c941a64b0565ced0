import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../../../core/errors.ts'
import { isBytesOf } from '../../../crypto/bytes.ts'
import { secretCopy } from '../../../crypto/secret-bytes.ts'
import type { ClientPin } from './client-pin.ts'
import type { AuthenticatorInfo } from './info.ts'
import type { KeyAgreement } from './key-agreement.ts'

/** In bytes: of a salt, and of the secret for it. */
const LENGTH = 32

/** Asks for a credential's secrets (the extension hmac-secret; CTAP 2.1, section 12.5). */
export class HmacSecret {
  readonly #agreement: KeyAgreement
  readonly #salts: Uint8Array

  private constructor(agreement: KeyAgreement, salts: Uint8Array) {
    this.#agreement = agreement
    this.#salts = salts
  }

  /** Throws `not-available` where the device has none. */
  static async ask(pin: ClientPin, { extensions }: AuthenticatorInfo, salts: readonly Uint8Array[]): Promise<HmacSecret> {
    if (!extensions.includes('hmac-secret')) throw new Fault('not-available', 'The device gives no secrets, which decryption needs (hmac-secret)')
    if (salts.length < 1 || salts.length > 2 || !salts.every(salt => isBytesOf(salt, LENGTH))) throw new Fault('invalid-argument', `Salts are one or two of ${LENGTH} bytes`)
    return new HmacSecret(await pin.agreement(), concatBytes(...salts))
  }

  /** What goes with the command. Devices of CTAP 2.0 know no field for the protocol, which is 1 there. */
  get input(): ReadonlyMap<number, unknown> {
    const { protocol, key } = this.#agreement
    const encrypted = this.#agreement.encrypt(this.#salts)
    return new Map<number, unknown>([[1, key], [2, encrypted], [3, this.#agreement.authenticate(encrypted)], ...protocol.number === 1 ? [] : [[4, protocol.number] as const]])
  }

  /** The secrets, which the caller erases; `undefined` of a credential that was made without. */
  read(output: unknown): readonly Uint8Array[] | undefined {
    if (output === undefined) return undefined
    if (!(output instanceof Uint8Array)) throw new Fault('backend-failed', 'The device sent a secret that is none')
    const both = this.#agreement.decrypt(output, [this.#salts.length])
    const secrets = [both.subarray(0, LENGTH), both.subarray(LENGTH)].filter(({ length }) => length > 0).map(secret => secretCopy(secret))
    both.fill(0)
    return secrets
  }

  erase(): void {
    this.#agreement.erase()
    this.#salts.fill(0)
  }
}
