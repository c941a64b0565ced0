import { p256 } from '@noble/curves/nist.js'
import { isBytesOf, requireBytes } from '../../bytes.ts'
import { suiteOf } from '../../suite.ts'
import { generateSecretKey, requireSecretKey } from '../ecdsa.ts'
import { p256Facts } from './facts.ts'

/** Every option is explicit: none of the library's defaults is part of this format. */
const OF_MESSAGES = { prehash: true, format: 'compact' } as const

/**
 * ECDSA over P-256 with SHA-256 of the message (FIPS 186-5). Secret key: 32 bytes, big-endian; public key: the compressed point,
 * 33 bytes; signature: r ‖ s, big-endian, 64 bytes.
 *
 * Signing emits the low S, and verification takes any, since hardware signs with either. Signing is deterministic on this path alone
 * (RFC 6979).
 */
export const portableP256 = suiteOf(p256Facts, {
  path: 'portable',
  provider: '@noble/curves',

  generate: random => generateSecretKey(p256, random),

  publicKey(secretKey) {
    requireSecretKey(p256, 'P256', secretKey)
    return p256.getPublicKey(secretKey, true)
  },

  isPublicKey: publicKey => isBytesOf(publicKey, 33) && p256.utils.isValidPublicKey(publicKey, true),

  signer(own) {
    requireSecretKey(p256, 'P256', own)
    return { sign: message => p256.sign(message, own, { ...OF_MESSAGES, lowS: true, extraEntropy: false }) }
  },

  verify(publicKey, message, signature) {
    requireBytes(message, 'The message')
    if (!isBytesOf(publicKey, 33) || !isBytesOf(signature, 64)) return false
    return p256.verify(signature, message, publicKey, { ...OF_MESSAGES, lowS: false })
  },
})
