import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../../core/errors.ts'
import { isBytesOf, requireBytes, sameBytes } from '../bytes.ts'
import { draw } from '../random.ts'
import type { SignatureSuite } from '../suite.ts'

const { Point } = ed25519
const P = Point.Fp.ORDER
const L = Point.Fn.ORDER

/**
 * The y coordinates of the eight points of small order (0, ±1, and two of order 8), sign bit cleared. With the rule y < p
 * they cover all 14 encodings that decoders accept for these points: the other encodings have y ≥ p, or one of these y.
 */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n,
])

/** Whether these 32 bytes encode a y that is canonical (RFC 8032, section 5.1.3) and of no point of small order. */
function isSoundEncoding(bytes: Uint8Array): boolean {
  const y = bytesToNumberLE(bytes) & ((1n << 255n) - 1n)
  return y < P && !SMALL_ORDER_Y.has(y)
}

function decode(publicKey: Uint8Array): InstanceType<typeof Point> | undefined {
  if (!isBytesOf(publicKey, 32) || !isSoundEncoding(publicKey)) return undefined
  try {
    return Point.fromBytes(publicKey)
  } catch {
    return undefined
  }
}

/** Throws `invalid-argument` for a secret key that is none. */
function requireSecretKey(secretKey: Uint8Array): void {
  if (!isBytesOf(secretKey, 32)) throw new Fault('invalid-argument', 'An Ed25519 secret key is a seed of 32 bytes')
}

/**
 * Ed25519 (RFC 8032). Secret key: the 32-byte seed; public key: 32 bytes; signature: R ‖ S, 64 bytes.
 *
 * Verification is dalek's `verify_strict`: A and R canonical and not of small order, A decodes, S < L, and
 * encode([S]B − [k]A) equals R bytewise, without the cofactor. `isPublicKey` holds for exactly the keys that this rule
 * admits. It is built from points, never from the library's own `verify`, whose rule is another one (ZIP-215).
 */
export const ed25519Suite: SignatureSuite = {
  params: 'Ed25519',
  multicodec: Uint8Array.of(0xed, 0x01),
  secretKeyLength: 32,
  publicKeyLength: 32,
  signatureLength: 64,

  generate: random => draw(random, 32),

  publicKey(secretKey) {
    requireSecretKey(secretKey)
    return ed25519.getPublicKey(secretKey)
  },

  isPublicKey: publicKey => decode(publicKey) !== undefined,

  sign(secretKey, message) {
    requireSecretKey(secretKey)
    requireBytes(message, 'The message')
    return ed25519.sign(message, secretKey)
  },

  verify(publicKey, message, signature) {
    requireBytes(message, 'The message')
    if (!isBytesOf(signature, 64)) return false
    const r = signature.subarray(0, 32)
    const s = bytesToNumberLE(signature.subarray(32))
    if (s >= L || !isSoundEncoding(r)) return false
    const a = decode(publicKey)
    if (a === undefined) return false
    const k = bytesToNumberLE(sha512(concatBytes(r, publicKey, message))) % L
    const sum = Point.BASE.multiplyUnsafe(s).add(a.negate().multiplyUnsafe(k))
    return sameBytes(sum.toBytes(), r)
  },
}
