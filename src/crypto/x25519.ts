import { x25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { Fault } from '../core/errors.ts'
import { isBytesOf } from './bytes.ts'
import { draw } from './random.ts'
import type { RandomBytes } from './suite.ts'

const P = 2n ** 255n - 19n

/** The u coordinates below p of the points of small order, on the curve and on its twist. */
const SMALL_ORDER_U: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  325606250916557431795983626356110631294008115727848805560023387167927233504n,
  39382357235489614581723060781553021112529911719440698176882885853963445705823n,
])

/**
 * Makes an X25519 secret key: 32 bytes as drawn (RFC 7748, section 5, clamps them where they are used). Throws `invalid-argument` when
 * `random` does not give 32 bytes.
 */
export function generateEncryptionSecret(random: RandomBytes): Uint8Array {
  return draw(random, 32)
}

/** The X25519 public key (RFC 7748), 32 bytes. Throws `invalid-argument` for a secret key that is not 32 bytes. */
export function encryptionPublicKey(secretKey: Uint8Array): Uint8Array {
  if (!isBytesOf(secretKey, 32)) throw new Fault('invalid-argument', 'An X25519 secret key is 32 bytes')
  return x25519.getPublicKey(secretKey)
}

/**
 * Whether these bytes are an X25519 public key that a name may hold: 32 bytes, u < p (RFC 7748, section 5, would reduce it,
 * and give one key several names), and not of small order, where every sender would agree on the same secret.
 */
export function isEncryptionPublicKey(publicKey: Uint8Array): boolean {
  if (!isBytesOf(publicKey, 32)) return false
  const u = bytesToNumberLE(publicKey)
  return u < P && !SMALL_ORDER_U.has(u)
}
