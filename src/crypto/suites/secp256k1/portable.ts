import { secp256k1 } from '@noble/curves/secp256k1.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { isBytesOf, requireBytes } from '../../bytes.ts'
import { suiteOf } from '../../suite.ts'
import { generateSecretKey, requireSecretKey } from '../ecdsa.ts'
import { secp256k1Facts } from './facts.ts'

/** Every option is explicit: none of the library's defaults is part of this format. */
const OF_MESSAGES = { prehash: true, lowS: true, format: 'compact' } as const
const OF_DIGESTS = { prehash: false, lowS: true, format: 'recovered' } as const

/**
 * ECDSA over secp256k1 with SHA-256 of the message (SEC 1; FIPS 186-5). Secret key: 32 bytes, big-endian; public key: the
 * compressed point, 33 bytes; signature: r ‖ s, big-endian, 64 bytes.
 *
 * Signing is deterministic (RFC 6979) and emits the low S; verification requires it, so that a signature has no second form.
 */
export const portableSecp256k1 = suiteOf(secp256k1Facts, {
  path: 'portable',
  provider: '@noble/curves',

  generate: random => generateSecretKey(secp256k1, random),

  publicKey(secretKey) {
    requireSecretKey(secp256k1, 'Secp256k1', secretKey)
    return secp256k1.getPublicKey(secretKey, true)
  },

  isPublicKey: publicKey => isBytesOf(publicKey, 33) && secp256k1.utils.isValidPublicKey(publicKey, true),

  signer(own) {
    requireSecretKey(secp256k1, 'Secp256k1', own)
    return {
      sign: message => secp256k1.sign(message, own, { ...OF_MESSAGES, extraEntropy: false }),
      signDigest(digest) {
        const signature = secp256k1.sign(digest, own, { ...OF_DIGESTS, extraEntropy: false })
        return concatBytes(signature.subarray(1), signature.subarray(0, 1))
      },
    }
  },

  verify(publicKey, message, signature) {
    requireBytes(message, 'The message')
    if (!isBytesOf(publicKey, 33) || !isBytesOf(signature, 64)) return false
    return secp256k1.verify(signature, message, publicKey, OF_MESSAGES)
  },

  verifyDigest(publicKey, digest, signature) {
    if (!isBytesOf(publicKey, 33) || !isBytesOf(digest, 32) || !isBytesOf(signature, 65)) return false
    // The library puts the recovery id first, and compares it with the point that it verifies by.
    return secp256k1.verify(concatBytes(signature.subarray(64), signature.subarray(0, 64)), digest, publicKey, OF_DIGESTS)
  },
})
