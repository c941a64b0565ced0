import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bytesToNumberBE } from '@noble/curves/utils.js'
import { requireBytes } from '../../bytes.ts'
import { draw } from '../../random.ts'
import { suiteOf } from '../../suite.ts'
import { scalarOf } from '../scalar.ts'
import { verifyTogether } from './batch.ts'
import { blsFacts } from './facts.ts'
import { coreSign, coreVerify, decodePublicKey, decodeSignature, hashToG2, ORDER, requireSecretKey, scheme, SIGNATURE_DOMAIN } from './points.ts'
import type { G2Point } from './points.ts'

const { Fp12 } = bls12_381.fields
type PairingProduct = ReturnType<typeof bls12_381.pairingBatch>

/** Uniform bytes that a secret key is reduced from: 16 more than its own length keep the bias below 2⁻¹²⁸ (FIPS 186-5, A.2.1). */
const SEED_LENGTH = 48
/** Bytes of a batch's random scalars. */
const SCALAR_LENGTH = 16

/** A claim times its random scalar r: e([r]key, H(message)) before the final exponentiation, and [r]signature. */
interface Weighted {
  readonly left: PairingProduct
  readonly signature: G2Point
}

/**
 * BLS signatures over BLS12-381, ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ (draft-irtf-cfrg-bls-signature).
 * Secret key: 32 bytes, big-endian; public key: compressed G1 point, 48 bytes; signature: compressed G2 point, 96 bytes.
 *
 * Every decode refuses uncompressed points, infinity, and points outside the prime-order subgroup.
 */
export const portableBls = suiteOf(blsFacts, {
  path: 'portable',
  provider: '@noble/curves',

  generate(random) {
    const seed = draw(random, SEED_LENGTH)
    const secretKey = scalarOf(seed, ORDER)
    seed.fill(0)
    return secretKey
  },

  publicKey(secretKey) {
    requireSecretKey(secretKey)
    return scheme.getPublicKey(secretKey).toBytes(true)
  },

  isPublicKey: publicKey => decodePublicKey(publicKey) !== undefined,

  signer(own) {
    requireSecretKey(own)
    return { sign: message => coreSign(own, message, SIGNATURE_DOMAIN) }
  },

  verify(publicKey, message, signature) {
    requireBytes(message, 'The message')
    return coreVerify(publicKey, message, signature, SIGNATURE_DOMAIN)
  },

  // e(G, Σ [r]signature) = ∏ e([r]key, H(message)). The scalars are drawn after the signatures were sent, so forgeries that cancel
  // out in a plain sum pass with a chance of 2⁻¹²⁸. Those of one failed check serve again for its parts: nobody saw them meanwhile.
  verifyBatch: (signed, random) => verifyTogether<Weighted>(signed, {
    prepare({ publicKey, message, signature }) {
      const key = decodePublicKey(publicKey)
      const point = key && decodeSignature(signature)
      if (key === undefined || point === undefined) return undefined
      // From 1 to 2¹²⁸: never 0, which would leave the claim out.
      const r = bytesToNumberBE(draw(random, SCALAR_LENGTH)) + 1n
      const pair = { g1: key.multiplyUnsafe(r), g2: hashToG2(message, SIGNATURE_DOMAIN) }
      return { left: bls12_381.pairingBatch([pair], false), signature: point.multiplyUnsafe(r) }
    },
    hold(all) {
      const sum = all.reduce((total, { signature }) => total.add(signature), bls12_381.G2.Point.ZERO)
      // A sum that vanishes has no pairing. Its parts are then checked alone, and none of these does.
      if (sum.is0()) return false
      const right = bls12_381.pairingBatch([{ g1: bls12_381.G1.Point.BASE.negate(), g2: sum }], false)
      const product = all.reduce((total, { left }) => Fp12.mul(total, left), right)
      return Fp12.eql(Fp12.finalExponentiate(product), Fp12.ONE)
    },
  }),
})
