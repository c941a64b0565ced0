import { bytesToNumberLE } from '@noble/curves/utils.js'
import { isBytesOf } from '../../bytes.ts'

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
 * Whether these bytes are an X25519 public key that a name may hold: 32 bytes, u < p (RFC 7748, section 5, would reduce it,
 * and give one key several names), and not of small order, where every sender would agree on the same secret.
 */
export function isX25519PublicKey(publicKey: Uint8Array): boolean {
  if (!isBytesOf(publicKey, 32) || !isCanonicalU(publicKey)) return false
  return !SMALL_ORDER_U.has(bytesToNumberLE(publicKey))
}

/**
 * Whether these 32 bytes encode a u < p, with the high bit clear. RFC 7748, section 5, takes others too; no key is made so, hence no
 * `enc` either, and platforms must not differ on them.
 */
export function isCanonicalU(u: Uint8Array): boolean {
  const [first = 0, last = 0] = [u[0], u[31]]
  return last < 0x7f || (last === 0x7f && (first < 0xed || u.subarray(1, 31).some(byte => byte !== 0xff)))
}
