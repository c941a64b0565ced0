import { createCipheriv, createDecipheriv, createECDH, createHash, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { ECDH } from 'node:crypto'
import type { CborMap, Fields } from './cbor.ts'
import { Refusal } from './status.ts'

export type PinProtocolVersion = 1 | 2

/** The authenticator's side of a PIN/UV auth protocol (CTAP 2.1, sections 6.5.6 and 6.5.7): its key agreement key and its token. */
export class PinProtocol {
  readonly version: PinProtocolVersion
  /** The bytes of the current token. Whether it may be used is not known here. */
  token: Uint8Array
  readonly #tokenLength: number
  #keyAgreement: ECDH

  constructor(version: PinProtocolVersion, tokenLength: 16 | 32) {
    this.version = version
    this.#tokenLength = tokenLength
    this.token = randomBytes(tokenLength)
    this.#keyAgreement = newKeyAgreement()
  }

  regenerate(): void {
    this.#keyAgreement = newKeyAgreement()
  }

  resetToken(): void {
    this.token = randomBytes(this.#tokenLength)
  }

  /** The public key, as COSE. */
  publicKey(): CborMap {
    const point = this.#keyAgreement.getPublicKey()
    return new Map<number, unknown>([[1, 2], [3, -25], [-1, 1], [-2, point.subarray(1, 33)], [-3, point.subarray(33)]])
  }

  /** The secret that is shared with the platform whose COSE key `peer` is. */
  decapsulate(peer: Fields): Uint8Array {
    const [x, y] = [peer.bytes(-2), peer.bytes(-3)]
    if (peer.integer(1) !== 2 || peer.integer(3) !== -25 || peer.integer(-1) !== 1 || x.length !== 32 || y.length !== 32) throw new Refusal('INVALID_PARAMETER')
    try {
      return this.#derived(this.#keyAgreement.computeSecret(Uint8Array.of(4, ...x, ...y)))
    } catch {
      throw new Refusal('INVALID_PARAMETER') // Not a point of the curve.
    }
  }

  encrypt(secret: Uint8Array, plaintext: Uint8Array): Uint8Array {
    const iv = this.version === 1 ? new Uint8Array(16) : randomBytes(16)
    const cipher = createCipheriv('aes-256-cbc', this.#cipherKey(secret), iv).setAutoPadding(false)
    return Buffer.concat([...this.version === 1 ? [] : [iv], cipher.update(plaintext), cipher.final()])
  }

  decrypt(secret: Uint8Array, ciphertext: Uint8Array): Uint8Array {
    const start = this.version === 1 ? 0 : 16
    if (ciphertext.length <= start || ciphertext.length % 16 !== 0) throw new Refusal('INVALID_PARAMETER')
    const iv = this.version === 1 ? new Uint8Array(16) : ciphertext.subarray(0, 16)
    const decipher = createDecipheriv('aes-256-cbc', this.#cipherKey(secret), iv).setAutoPadding(false)
    return Buffer.concat([decipher.update(ciphertext.subarray(start)), decipher.final()])
  }

  /** `key` is a shared secret, or a token. */
  isAuthentic(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
    const mac = createHmac('sha256', key.subarray(0, 32)).update(message).digest()
    const expected = this.version === 1 ? mac.subarray(0, 16) : mac
    return signature.length === expected.length && timingSafeEqual(signature, expected)
  }

  #derived(z: Uint8Array): Uint8Array {
    if (this.version === 1) return createHash('sha256').update(z).digest()
    const derived = ['CTAP2 HMAC key', 'CTAP2 AES key'].map(info => new Uint8Array(hkdfSync('sha256', z, new Uint8Array(32), info, 32)))
    return Buffer.concat(derived)
  }

  #cipherKey(secret: Uint8Array): Uint8Array {
    return this.version === 1 ? secret : secret.subarray(32)
  }
}

function newKeyAgreement(): ECDH {
  const keys = createECDH('prime256v1')
  keys.generateKeys()
  return keys
}
