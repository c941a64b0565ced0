import { secp256k1 } from '@noble/curves/secp256k1.js'
import { Fault } from '../../core/errors.ts'
import { isBytesOf, requireBytes } from '../bytes.ts'
import { draw } from '../random.ts'
import type { SignatureSuite } from '../suite.ts'

/** Uniform bytes that a secret key is reduced from: 16 more than its own length keep the bias below 2⁻¹²⁸ (FIPS 186-5, A.2.1). */
const SEED_LENGTH = 48

/** Every option is explicit: none of the library's defaults is part of this format. */
const ENCODING = { prehash: true, lowS: true, format: 'compact' } as const

/** Throws `invalid-argument` for a secret key that is none. */
function requireSecretKey(secretKey: Uint8Array): void {
  if (!isBytesOf(secretKey, 32) || !secp256k1.utils.isValidSecretKey(secretKey)) {
    throw new Fault('invalid-argument', 'A Secp256k1 secret key is 32 bytes, big-endian, above 0 and below the order of the curve')
  }
}

/**
 * ECDSA over secp256k1 with SHA-256 of the message (SEC 1; FIPS 186-5). Secret key: 32 bytes, big-endian; public key: the
 * compressed point, 33 bytes; signature: r ‖ s, big-endian, 64 bytes.
 *
 * Signing is deterministic (RFC 6979) and emits the low S; verification requires it, so that a signature has no second form.
 */
export const secp256k1Suite: SignatureSuite = {
  params: 'Secp256k1',
  multicodec: Uint8Array.of(0xe7, 0x01),
  secretKeyLength: 32,
  publicKeyLength: 33,
  signatureLength: 64,

  generate(random) {
    const seed = draw(random, SEED_LENGTH)
    const secretKey = secp256k1.utils.randomSecretKey(seed)
    seed.fill(0)
    return secretKey
  },

  publicKey(secretKey) {
    requireSecretKey(secretKey)
    return secp256k1.getPublicKey(secretKey, true)
  },

  isPublicKey: publicKey => isBytesOf(publicKey, 33) && secp256k1.utils.isValidPublicKey(publicKey, true),

  sign(secretKey, message) {
    requireSecretKey(secretKey)
    requireBytes(message, 'The message')
    return secp256k1.sign(message, secretKey, { ...ENCODING, extraEntropy: false })
  },

  verify(publicKey, message, signature) {
    requireBytes(message, 'The message')
    if (!isBytesOf(publicKey, 33) || !isBytesOf(signature, 64)) return false
    return secp256k1.verify(signature, message, publicKey, ENCODING)
  },
}
