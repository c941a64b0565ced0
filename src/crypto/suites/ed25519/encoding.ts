import { ed25519 } from '@noble/curves/ed25519.js'
import { numberToBytesLE } from '@noble/curves/utils.js'
import { Fault } from '../../../core/errors.ts'
import { isBytesOf, sameBytes } from '../../bytes.ts'

const { Point } = ed25519

/** The prime of the field, and the order of the base point: little-endian, as all numbers here. */
const P = numberToBytesLE(Point.Fp.ORDER, 32)
const L = numberToBytesLE(Point.Fn.ORDER, 32)

/**
 * The y coordinates of the eight points of small order (0, ±1, and two of order 8), sign bit cleared. With the rule y < p
 * they cover all 14 encodings that decoders accept for these points: the other encodings have y ≥ p, or one of these y.
 */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  0n,
  1n,
  Point.Fp.ORDER - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n,
].map(y => numberToBytesLE(y, 32))

/** Of two numbers of 32 bytes. In bytes, since this precedes every verification: numbers would take longer than the rest of it. */
function isBelow(number: Uint8Array, bound: Uint8Array): boolean {
  for (let i = 31; i >= 0; i--) {
    const difference = (number[i] ?? 0) - (bound[i] ?? 0)
    if (difference !== 0) return difference < 0
  }
  return false
}

/** Whether these 32 bytes encode a y that is canonical (RFC 8032, section 5.1.3) and of no point of small order. */
function isSoundEncoding(bytes: Uint8Array): boolean {
  const y = Uint8Array.from(bytes)
  y[31] = (y[31] ?? 0) & 0x7f
  return isBelow(y, P) && !SMALL_ORDER_Y.some(small => sameBytes(small, y))
}

/**
 * What the rule of verification asks before any arithmetic: both lengths, A and R sound, S < L. That A decodes, and the equation, are
 * left.
 */
export function isSoundClaim(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return isBytesOf(publicKey, 32) && isBytesOf(signature, 64)
    && isSoundEncoding(publicKey) && isSoundEncoding(signature.subarray(0, 32)) && isBelow(signature.subarray(32), L)
}

/** The point of a public key that the rule admits. */
export function decodePublicKey(publicKey: Uint8Array): InstanceType<typeof Point> | undefined {
  if (!isBytesOf(publicKey, 32) || !isSoundEncoding(publicKey)) return undefined
  try {
    return Point.fromBytes(publicKey)
  } catch {
    return undefined
  }
}

/** Throws `invalid-argument` for a secret key that is none. */
export function requireSecretKey(secretKey: Uint8Array): void {
  if (!isBytesOf(secretKey, 32)) throw new Fault('invalid-argument', 'An Ed25519 secret key is a seed of 32 bytes')
}
