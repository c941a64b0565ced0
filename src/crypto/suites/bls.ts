import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bytesToNumberBE } from '@noble/curves/utils.js'
import { Fault } from '../../core/errors.ts'
import { isBytesOf, requireBytes } from '../bytes.ts'
import { draw } from '../random.ts'
import type { SignatureSuite } from '../suite.ts'

/** Keys in G1, signatures in G2. */
const scheme = bls12_381.longSignatures
const ORDER = bls12_381.fields.Fr.ORDER

/** Domain of message hashes in the proof-of-possession scheme (draft-irtf-cfrg-bls-signature, section 4.2.3). */
const DST = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'

/** Uniform bytes that a secret key is reduced from: 16 more than its own length keep the bias below 2⁻¹²⁸ (FIPS 186-5, A.2.1). */
const SEED_LENGTH = 48

type G1Point = InstanceType<typeof bls12_381.G1.Point>
type G2Point = InstanceType<typeof bls12_381.G2.Point>

/** KeyValidate (section 2.5): compressed, on the curve, in the subgroup, and not infinity. */
function decodePublicKey(publicKey: Uint8Array): G1Point | undefined {
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
function decodeSignature(signature: Uint8Array): G2Point | undefined {
  if (!isBytesOf(signature, 96)) return undefined
  try {
    const point = bls12_381.G2.Point.fromBytes(signature)
    point.assertValidity()
    return point.is0() ? undefined : point
  } catch {
    return undefined
  }
}

/** Throws `invalid-argument` for a secret key that is none: the library's own check lets 0 pass. */
function requireSecretKey(secretKey: Uint8Array): void {
  if (isBytesOf(secretKey, 32)) {
    const scalar = bytesToNumberBE(secretKey)
    if (scalar > 0n && scalar < ORDER) return
  }
  throw new Fault('invalid-argument', 'A BLS secret key is 32 bytes, big-endian, above 0 and below the order of the curve')
}

/**
 * BLS signatures over BLS12-381, ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ (draft-irtf-cfrg-bls-signature).
 * Secret key: 32 bytes, big-endian; public key: compressed G1 point, 48 bytes; signature: compressed G2 point, 96 bytes.
 *
 * Every decode refuses uncompressed points, infinity, and points outside the prime-order subgroup.
 */
export const blsSuite: SignatureSuite = {
  params: 'BLS',
  multicodec: Uint8Array.of(0xea, 0x01),
  secretKeyLength: 32,
  publicKeyLength: 48,
  signatureLength: 96,

  generate(random) {
    const seed = draw(random, SEED_LENGTH)
    const secretKey = bls12_381.utils.randomSecretKey(seed)
    seed.fill(0)
    return secretKey
  },

  publicKey(secretKey) {
    requireSecretKey(secretKey)
    return scheme.getPublicKey(secretKey).toBytes(true)
  },

  isPublicKey: publicKey => decodePublicKey(publicKey) !== undefined,

  sign(secretKey, message) {
    requireSecretKey(secretKey)
    requireBytes(message, 'The message')
    return scheme.sign(scheme.hash(message, DST), secretKey).toBytes(true)
  },

  verify(publicKey, message, signature) {
    requireBytes(message, 'The message')
    const key = decodePublicKey(publicKey)
    const point = key && decodeSignature(signature)
    if (key === undefined || point === undefined) return false
    return scheme.verify(point, scheme.hash(message, DST), key)
  },
}
