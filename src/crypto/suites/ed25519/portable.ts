import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { requireBytes, sameBytes } from '../../bytes.ts'
import { draw } from '../../random.ts'
import { suiteOf } from '../../suite.ts'
import { decodePublicKey, isSoundClaim, requireSecretKey } from './encoding.ts'
import { ed25519Facts } from './facts.ts'

const { Point } = ed25519

/**
 * Ed25519 (RFC 8032). Secret key: the 32-byte seed; public key: 32 bytes; signature: R ‖ S, 64 bytes.
 *
 * Verification is dalek's `verify_strict`: A and R canonical and not of small order, A decodes, S < L, and
 * encode([S]B − [k]A) equals R bytewise, without the cofactor. `isPublicKey` holds for exactly the keys that this rule
 * admits. It is built from points, never from the library's own `verify`, whose rule is another one (ZIP-215).
 */
export const portableEd25519 = suiteOf(ed25519Facts, {
  path: 'portable',
  provider: '@noble/curves',

  generate: random => draw(random, 32),

  publicKey(secretKey) {
    requireSecretKey(secretKey)
    return ed25519.getPublicKey(secretKey)
  },

  isPublicKey: publicKey => decodePublicKey(publicKey) !== undefined,

  signer(own) {
    requireSecretKey(own)
    return { sign: message => ed25519.sign(message, own) }
  },

  verify(publicKey, message, signature) {
    requireBytes(message, 'The message')
    const a = isSoundClaim(publicKey, signature) ? decodePublicKey(publicKey) : undefined
    if (a === undefined) return false
    const r = signature.subarray(0, 32)
    const s = bytesToNumberLE(signature.subarray(32))
    const k = Point.Fn.create(bytesToNumberLE(sha512(concatBytes(r, publicKey, message))))
    const sum = Point.BASE.multiplyUnsafe(s).add(a.negate().multiplyUnsafe(k))
    return sameBytes(sum.toBytes(), r)
  },
})
