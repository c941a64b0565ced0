import { bls12_381 } from '@noble/curves/bls12-381.js'
import { numberToBytesBE } from '@noble/curves/utils.js'
import { Fault } from '../../../core/errors.ts'
import { isBytesOf } from '../../bytes.ts'
import { isScalar } from '../scalar.ts'

/** Keys in G1, signatures in G2. */
export const scheme = bls12_381.longSignatures
export const ORDER = numberToBytesBE(bls12_381.fields.Fr.ORDER, 32)

/** Domain of message hashes in the proof-of-possession scheme (draft-irtf-cfrg-bls-signature, section 4.2.3). */
export const SIGNATURE_DOMAIN = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'
/** Domain of the hashes of public keys that proofs of possession sign (same section). */
export const POSSESSION_DOMAIN = 'BLS_POP_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'

export type G1Point = InstanceType<typeof bls12_381.G1.Point>
export type G2Point = InstanceType<typeof bls12_381.G2.Point>

/** KeyValidate (section 2.5): compressed, on the curve, in the subgroup, and not infinity. */
export function decodePublicKey(publicKey: Uint8Array): G1Point | undefined {
  if (!isBytesOf(publicKey, 48)) return undefined
  try {
    const point = bls12_381.G1.Point.fromBytes(publicKey)
    point.assertValidity()
    return point.is0() ? undefined : point
  } catch {
    return undefined
  }
}

/** Infinity is refused here too: only the secret key 0 signs so, and that is no key. */
export function decodeSignature(signature: Uint8Array): G2Point | undefined {
  if (!isBytesOf(signature, 96)) return undefined
  try {
    const point = bls12_381.G2.Point.fromBytes(signature)
    point.assertValidity()
    return point.is0() ? undefined : point
  } catch {
    return undefined
  }
}

/** `hash_to_curve` of BLS12381G2_XMD:SHA-256_SSWU_RO_ (RFC 9380, section 8.8.2). */
export function hashToG2(message: Uint8Array, domain: string): G2Point {
  return scheme.hash(message, domain)
}

/** CoreSign (section 2.6). The secret key was checked. */
export function coreSign(secretKey: Uint8Array, message: Uint8Array, domain: string): Uint8Array {
  return scheme.sign(hashToG2(message, domain), secretKey).toBytes(true)
}

/** CoreVerify (section 2.7). */
export function coreVerify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, domain: string): boolean {
  const key = decodePublicKey(publicKey)
  const point = key && decodeSignature(signature)
  if (key === undefined || point === undefined) return false
  return scheme.verify(point, hashToG2(message, domain), key)
}

/** Throws `invalid-argument` for a secret key that is none: the libraries differ on 0. */
export function requireSecretKey(secretKey: Uint8Array): void {
  if (isBytesOf(secretKey, 32) && isScalar(secretKey, ORDER)) return
  throw new Fault('invalid-argument', 'A BLS secret key is 32 bytes, big-endian, above 0 and below the order of the curve')
}
