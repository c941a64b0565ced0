import { p256 } from '@noble/curves/nist.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { z } from 'zod'
import { Fault } from '../../../core/errors.ts'
import type { RandomBytes } from '../../../crypto/suite.ts'
import { generateSecretKey } from '../../../crypto/suites/ecdsa.ts'
import type { PinProtocol } from './pin-protocol.ts'
import { bytes, numbered } from './reading.ts'

/** EC2, ECDH-ES+HKDF-256 (which is not what it is used for) and P-256: what COSE keys must say here (CTAP 2.1, section 6.5.6). */
const [EC2, ECDH_ES_HKDF_256, P256] = [2, -25, 1]
const UNCOMPRESSED = Uint8Array.of(4)

/** An authenticator's public key for key agreement, as an uncompressed point, which is not yet known to be one. */
export const agreementKey = numbered(z.strictObject({
  '1': z.literal(EC2), '3': z.literal(ECDH_ES_HKDF_256), '-1': z.literal(P256), '-2': bytes(32), '-3': bytes(32),
}).transform(key => concatBytes(UNCOMPRESSED, key['-2'], key['-3'])))

/** What one exchange of secrets with an authenticator is kept under. */
export class KeyAgreement {
  readonly protocol: PinProtocol
  /** Our public key, as a COSE key. */
  readonly key: ReadonlyMap<number, unknown>
  readonly #secret: Uint8Array
  readonly #random: RandomBytes

  /** By a new key pair, with the authenticator's key. Throws `backend-failed` for a key that is no point of the curve. */
  constructor(protocol: PinProtocol, peer: Uint8Array, random: RandomBytes) {
    const secretKey = generateSecretKey(p256, random)
    try {
      const point = p256.getPublicKey(secretKey, false)
      this.key = new Map<number, unknown>([[1, EC2], [3, ECDH_ES_HKDF_256], [-1, P256], [-2, point.slice(1, 33)], [-3, point.slice(33)]])
      this.#secret = deriveSecret(protocol, secretKey, peer)
    } finally {
      secretKey.fill(0)
    }
    this.protocol = protocol
    this.#random = random
  }

  encrypt(plaintext: Uint8Array): Uint8Array {
    return this.protocol.encrypt(this.#secret, plaintext, this.#random)
  }

  /** A secret, which the caller erases. Throws `backend-failed` for what has another length than one of these. */
  decrypt(ciphertext: Uint8Array, lengths: readonly number[]): Uint8Array {
    const plaintext = this.protocol.decrypt(this.#secret, ciphertext)
    if (plaintext !== undefined && lengths.includes(plaintext.length)) return plaintext
    plaintext?.fill(0)
    throw new Fault('backend-failed', 'The device sent a secret of a wrong length')
  }

  authenticate(message: Uint8Array): Uint8Array {
    return this.protocol.authenticate(this.#secret, message)
  }

  erase(): void {
    this.#secret.fill(0)
  }
}

function deriveSecret(protocol: PinProtocol, secretKey: Uint8Array, peer: Uint8Array): Uint8Array {
  let shared: Uint8Array
  try {
    shared = p256.getSharedSecret(secretKey, peer)
  } catch (cause) {
    throw new Fault('backend-failed', 'The device sent a key for key agreement that is none', { cause })
  }
  // Its x, after a byte that tells of y.
  const secret = protocol.derive(shared.subarray(1))
  shared.fill(0)
  return secret
}
