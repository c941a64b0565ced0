import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { blsSuite } from '../../src/crypto/suites/bls.ts'
import vectors from '../vectors/ethereum-bls.json' with { type: 'json' }
import { describeVectors, hexBytes, wycheproofSignatures } from './published-vectors.ts'
import { flip, hex, join, sampleOf, toHex, utf8 } from './sample-keys.ts'

const { G1, G2 } = bls12_381
const R = G1.Point.Fn.ORDER
const P = G1.Point.Fp.ORDER
const { secretKey, publicKey } = sampleOf(blsSuite, 0x33)
const message = utf8('a message')
const signature = blsSuite.sign(secretKey, message)

const infinity = (length: number): Uint8Array => join(Uint8Array.of(0xc0), new Uint8Array(length - 1))

/** The first x, counting up from `from`, whose compressed encoding decodes to a point on the curve outside the subgroup. */
function outsideSubgroup(length: 48 | 96): Uint8Array {
  for (let x = 1n; ; x++) {
    const bytes = numberToBytesBE(x, length)
    bytes[0] = 0x80
    const decode = length === 48 ? () => G1.Point.fromBytes(bytes) : () => G2.Point.fromBytes(bytes)
    try {
      decode()
    } catch (error) {
      if (error instanceof Error && /subgroup|torsion/.test(error.message)) return bytes
    }
  }
}

describe('BLS', () => {
  test.each(vectors)('$source: $message', vector => {
    expect(toHex(blsSuite.publicKey(hex(vector.secretKey)))).toBe(vector.publicKey)
    expect(toHex(blsSuite.sign(hex(vector.secretKey), hex(vector.message)))).toBe(vector.signature)
    expect(blsSuite.verify(hex(vector.publicKey), hex(vector.message), hex(vector.signature))).toBe(true)
  })

  test('verifies its own signature, under no other key, for no other message', () => {
    expect(blsSuite.verify(publicKey, message, signature)).toBe(true)
    expect(blsSuite.verify(sampleOf(blsSuite, 0x34).publicKey, message, signature)).toBe(false)
    expect(blsSuite.verify(publicKey, utf8('another'), signature)).toBe(false)
    expect(blsSuite.verify(publicKey, message, blsSuite.sign(secretKey, utf8('another')))).toBe(false)
  })

  test('no flipped bit verifies', () => {
    for (const bit of [0, 3, 5, 6, 7, 20, 383]) expect(blsSuite.verify(flip(publicKey, bit), message, signature)).toBe(false)
    for (const bit of [0, 4, 5, 6, 7, 20, 400, 767]) expect(blsSuite.verify(publicKey, message, flip(signature, bit))).toBe(false)
  })

  test('uncompressed points are refused', () => {
    const key = G1.Point.fromBytes(publicKey).toBytes(false)
    const sig = G2.Point.fromBytes(signature).toBytes(false)
    expect(key.length).toBe(96)
    expect(blsSuite.isPublicKey(key)).toBe(false)
    expect(blsSuite.verify(key, message, signature)).toBe(false)
    expect(blsSuite.verify(publicKey, message, sig)).toBe(false)
  })

  test('infinity is no key and no signature, not even under each other', () => {
    expect(blsSuite.isPublicKey(infinity(48))).toBe(false)
    expect(blsSuite.verify(infinity(48), message, infinity(96))).toBe(false)
    expect(blsSuite.verify(publicKey, message, infinity(96))).toBe(false)
    expect(blsSuite.verify(infinity(48), message, signature)).toBe(false)
  })

  test('points on the curve but outside the subgroup are refused', () => {
    const key = outsideSubgroup(48)
    expect(blsSuite.isPublicKey(key)).toBe(false)
    expect(blsSuite.verify(key, message, signature)).toBe(false)
    expect(blsSuite.verify(publicKey, message, outsideSubgroup(96))).toBe(false)
  })

  test('a coordinate at or above p is refused', () => {
    const x = bytesToNumberBE(publicKey) & (2n ** 381n - 1n)
    const above = numberToBytesBE(x + P < 2n ** 381n ? x + P : P, 48)
    above[0] = (above[0] ?? 0) | ((publicKey[0] ?? 0) & 0xe0)
    expect(blsSuite.isPublicKey(above)).toBe(false)
    expect(blsSuite.verify(above, message, signature)).toBe(false)
  })

  test('no other length verifies', () => {
    for (const other of [new Uint8Array(0), signature.subarray(1), signature.subarray(0, 95), join(signature, Uint8Array.of(0))]) {
      expect(blsSuite.verify(publicKey, message, other)).toBe(false)
      expect(blsSuite.verify(other, message, signature)).toBe(false)
      expect(blsSuite.isPublicKey(other)).toBe(false)
    }
  })

  test('a secret key that is none is refused, and not shown', () => {
    const fault = expect.objectContaining({ code: 'invalid-argument', message: expect.not.stringMatching(/ff|255/) })
    for (const wrong of [new Uint8Array(32), numberToBytesBE(R, 32), new Uint8Array(32).fill(255), secretKey.subarray(1)]) {
      expect(() => blsSuite.sign(wrong, message)).toThrow(fault)
      expect(() => blsSuite.publicKey(wrong)).toThrow(fault)
    }
  })

  test('generates from 48 bytes, which it erases', () => {
    const drawn = new Uint8Array(48).fill(9)
    const secret = blsSuite.generate(() => drawn)
    expect(blsSuite.isPublicKey(blsSuite.publicKey(secret))).toBe(true)
    expect(drawn.every(byte => byte === 0)).toBe(true)
  })
})

const schema = wycheproofSignatures(z.object({ pk: hexBytes }))

describeVectors('Wycheproof BLS POP', 'wycheproof/bls_sig_g2_pop_verify_test.json', schema, cases => {
  test('has 26 cases of our ciphersuite, 13 of them valid', () => {
    expect(cases.length).toBe(26)
    expect(cases.filter(one => one.result === 'valid').length).toBe(13)
    expect(new Set(cases.map(one => one.ciphersuite))).toEqual(new Set(['BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_']))
  })

  test('agrees on all', () => {
    const wrong = cases.filter(one => blsSuite.verify(one.publicKey.pk, one.msg, one.sig) !== (one.result === 'valid'))
    expect(wrong.map(one => one.tcId)).toEqual([])
  })
})

describeVectors('Wycheproof BLS basic', 'wycheproof/bls_sig_g2_basic_verify_test.json', schema, cases => {
  test('has 88 cases of the other ciphersuite', () => {
    expect(cases.length).toBe(88)
    expect(new Set(cases.map(one => one.ciphersuite))).toEqual(new Set(['BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_']))
  })

  test('none verifies here: not the invalid ones, and not the valid ones, whose domain is another', () => {
    expect(cases.filter(one => blsSuite.verify(one.publicKey.pk, one.msg, one.sig)).map(one => one.tcId)).toEqual([])
  })
})
