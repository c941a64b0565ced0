import type { ECDSA } from '@noble/curves/abstract/weierstrass.js'
import { numberToBytesBE } from '@noble/curves/utils.js'
import { Fault } from '../../core/errors.ts'
import { isBytesOf } from '../bytes.ts'
import { draw } from '../random.ts'
import type { RandomBytes } from '../suite.ts'
import { isScalar, scalarOf } from './scalar.ts'

/** Uniform bytes that a secret key is reduced from: 16 more than its own length keep the bias below 2⁻¹²⁸ (FIPS 186-5, A.2.1). */
const SEED_LENGTH = 48

/** A secret key of a curve whose order has 256 bits: 32 bytes, big-endian. One seed gives the same key on every path. */
export function generateSecretKey(curve: ECDSA, random: RandomBytes): Uint8Array {
  const seed = draw(random, SEED_LENGTH)
  const secretKey = scalarOf(seed, orderOf(curve))
  seed.fill(0)
  return secretKey
}

function orderOf(curve: ECDSA): Uint8Array {
  return numberToBytesBE(curve.Point.Fn.ORDER, 32)
}

/** Throws `invalid-argument` for a secret key that is none. `params` names the scheme in the text. */
export function requireSecretKey(curve: ECDSA, params: string, secretKey: Uint8Array): void {
  if (!isBytesOf(secretKey, 32) || !isScalar(secretKey, orderOf(curve))) {
    throw new Fault('invalid-argument', `A ${params} secret key is 32 bytes, big-endian, above 0 and below the order of the curve`)
  }
}
