import { createHmac } from 'node:crypto'
import type { Fields } from './cbor.ts'
import type { ClientPin } from './client-pin.ts'
import type { Credential } from './credential.ts'
import type { PinProtocol } from './pin-protocol.ts'
import { Refusal } from './status.ts'

/** One request of the extension hmac-secret (CTAP 2.1, section 12.5): its salts, and the secret that encrypts what becomes of them. */
export class HmacSecretRequest {
  readonly #protocol: PinProtocol
  readonly #secret: Uint8Array
  readonly #salts: readonly Uint8Array[]

  constructor(fields: Fields, clientPin: ClientPin) {
    this.#protocol = clientPin.protocol(fields.maybeInteger(4) ?? 1)
    const [platformKey, salts, signature] = [fields.map(1), fields.bytes(2), fields.bytes(3)]
    this.#secret = this.#protocol.decapsulate(platformKey)
    if (!this.#protocol.isAuthentic(this.#secret, salts, signature)) throw new Refusal('PIN_AUTH_INVALID')
    const plain = this.#protocol.decrypt(this.#secret, salts)
    if (plain.length !== 32 && plain.length !== 64) throw new Refusal('INVALID_PARAMETER')
    this.#salts = plain.length === 32 ? [plain] : [plain.subarray(0, 32), plain.subarray(32)]
  }

  answer(credential: Credential, userVerified: boolean): Uint8Array {
    const key = credential.credRandom(userVerified)
    return this.#protocol.encrypt(this.#secret, Buffer.concat(this.#salts.map(salt => createHmac('sha256', key).update(salt).digest())))
  }
}
