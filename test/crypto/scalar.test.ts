import { bls12_381 } from '@noble/curves/bls12-381.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { numberToBytesBE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isScalar, scalarOf } from '../../src/crypto/suites/scalar.ts'

const curves = { Secp256k1: [secp256k1.Point.Fn.ORDER, secp256k1.utils], P256: [p256.Point.Fn.ORDER, p256.utils], BLS: [bls12_381.fields.Fr.ORDER, bls12_381.utils] } as const

describe.each(Object.entries(curves))('a secret scalar of %s', (_, [order, { randomSecretKey }]) => {
  const bytes = numberToBytesBE(order, 32)
  const near = fc.bigInt({ min: -3n, max: 3n }).chain(step => fc.constantFrom(0n, order, 2n * order, 1n << 255n, (1n << 256n) - 4n).map(value => value + step)).filter(value => value >= 0n && value < 1n << 256n)

  test('is what @noble/curves makes of the same seed', () => {
    const seeds = fc.oneof(
      fc.uint8Array({ minLength: 48, maxLength: 48 }),
      fc.tuple(fc.bigInt({ min: 0n, max: 1n << 126n }), fc.bigInt({ min: -2n, max: 2n })).filter(([n, step]) => n * (order - 1n) + step >= 0n).map(([n, step]) => numberToBytesBE(n * (order - 1n) + step, 48)),
      fc.constantFrom(new Uint8Array(48), new Uint8Array(48).fill(255)),
    )
    fc.assert(fc.property(seeds, seed => { expect(scalarOf(seed, bytes)).toEqual(randomSecretKey(seed)) }), { numRuns: 200 })
  })

  test('is above 0 and below the order', () => {
    fc.assert(fc.property(fc.oneof(near, fc.bigInt({ min: 0n, max: (1n << 256n) - 1n })), value => { expect(isScalar(numberToBytesBE(value, 32), bytes)).toBe(value > 0n && value < order) }))
  })
})
