import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { secp256k1Suite } from '../../src/crypto/suites/secp256k1.ts'
import rfc6979 from '../vectors/rfc6979-secp256k1.json' with { type: 'json' }
import { describeVectors, hexBytes, wycheproofSignatures } from './published-vectors.ts'
import { flip, hex, join, sampleOf, toHex, utf8 } from './sample-keys.ts'

const N = secp256k1.Point.Fn.ORDER
const { secretKey, publicKey } = sampleOf(secp256k1Suite, 0x22)
const message = utf8('a message')
const signature = secp256k1Suite.sign(secretKey, message)

const isHighS = (sig: Uint8Array): boolean => sig.length === 64 && bytesToNumberBE(sig.subarray(32)) > N / 2n

describe('Secp256k1', () => {
  test.each(rfc6979)('signs $message as $source', vector => {
    const sig = secp256k1Suite.sign(hex(vector.secretKey), utf8(vector.message))
    expect(toHex(sig)).toBe(vector.signature)
    expect(secp256k1Suite.verify(secp256k1Suite.publicKey(hex(vector.secretKey)), utf8(vector.message), sig)).toBe(true)
  })

  test('signs any message with a low S, and verifies it, under no other key', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: N - 1n }), fc.uint8Array({ maxLength: 200 }), (scalar, data) => {
        const secret = numberToBytesBE(scalar, 32)
        const sig = secp256k1Suite.sign(secret, data)
        expect(isHighS(sig)).toBe(false)
        expect(secp256k1Suite.verify(secp256k1Suite.publicKey(secret), data, sig)).toBe(true)
        expect(secp256k1Suite.verify(publicKey, data, sig)).toBe(false)
      }),
      { numRuns: 30 },
    )
  })

  test('the same signature with a high S does not verify', () => {
    const high = join(signature.subarray(0, 32), numberToBytesBE(N - bytesToNumberBE(signature.subarray(32)), 32))
    expect(secp256k1.verify(high, message, publicKey, { prehash: true, lowS: false })).toBe(true)
    expect(secp256k1Suite.verify(publicKey, message, high)).toBe(false)
  })

  test('no flipped bit of message or signature verifies', () => {
    fc.assert(
      fc.property(fc.nat({ max: 511 }), fc.nat({ max: message.length * 8 - 1 }), (inSignature, inMessage) => {
        expect(secp256k1Suite.verify(publicKey, flip(message, inMessage), signature)).toBe(false)
        expect(secp256k1Suite.verify(publicKey, message, flip(signature, inSignature))).toBe(false)
      }),
      { numRuns: 60 },
    )
  })

  test('r and s of 0, of the order and above do not verify', () => {
    const { r, s } = { r: signature.subarray(0, 32), s: signature.subarray(32) }
    for (const wrong of [0n, N, 2n ** 256n - 1n].map(value => numberToBytesBE(value, 32))) {
      expect(secp256k1Suite.verify(publicKey, message, join(wrong, s))).toBe(false)
      expect(secp256k1Suite.verify(publicKey, message, join(r, wrong))).toBe(false)
    }
  })

  test('only compressed keys on the curve are keys', () => {
    const point = secp256k1.Point.fromBytes(publicKey)
    const uncompressed = point.toBytes(false)
    const hybrid = join(Uint8Array.of(point.y & 1n ? 7 : 6), uncompressed.subarray(1))
    // x = 5 is on no point; x ≥ p is no canonical coordinate.
    const offCurve = join(Uint8Array.of(2), numberToBytesBE(5n, 32))
    const above = join(Uint8Array.of(2), numberToBytesBE(secp256k1.Point.Fp.ORDER + 1n, 32))
    const wrongPrefixes = [0, 1, 4, 6].map(prefix => join(Uint8Array.of(prefix), publicKey.subarray(1)))
    const wrongLengths = [Uint8Array.of(0), publicKey.subarray(1), join(publicKey, Uint8Array.of(0))]
    for (const key of [uncompressed, hybrid, offCurve, above, ...wrongPrefixes, ...wrongLengths, new Uint8Array(33)]) {
      expect(secp256k1Suite.isPublicKey(key)).toBe(false)
      expect(secp256k1Suite.verify(key, message, signature)).toBe(false)
    }
    expect(secp256k1Suite.isPublicKey(publicKey)).toBe(true)
  })

  test('no other length verifies, a recovery byte and DER included', () => {
    const der = secp256k1.Signature.fromBytes(signature).toBytes('der')
    const zero = Uint8Array.of(0)
    for (const other of [new Uint8Array(0), signature.subarray(0, 63), join(signature, zero), join(zero, signature), der]) {
      expect(secp256k1Suite.verify(publicKey, message, other)).toBe(false)
    }
  })

  test('a secret key that is none is refused, and not shown', () => {
    const fault = expect.objectContaining({ code: 'invalid-argument', message: expect.not.stringMatching(/ff|255/) })
    for (const wrong of [new Uint8Array(32), numberToBytesBE(N, 32), new Uint8Array(32).fill(255), secretKey.subarray(1)]) {
      expect(() => secp256k1Suite.sign(wrong, message)).toThrow(fault)
      expect(() => secp256k1Suite.publicKey(wrong)).toThrow(fault)
    }
  })

  test('generates from 48 bytes, which it erases', () => {
    const drawn = new Uint8Array(48).fill(9)
    const secret = secp256k1Suite.generate(() => drawn)
    expect(secp256k1Suite.isPublicKey(secp256k1Suite.publicKey(secret))).toBe(true)
    expect(drawn.every(byte => byte === 0)).toBe(true)
  })
})

const schema = wycheproofSignatures(z.object({ uncompressed: hexBytes }))
const compressed = (bytes: Uint8Array): Uint8Array => secp256k1.Point.fromBytes(bytes).toBytes(true)

describeVectors('Wycheproof ECDSA secp256k1 SHA-256 P1363', 'wycheproof/ecdsa_secp256k1_sha256_p1363_test.json', schema, cases => {
  const refused = cases.filter(one => one.result === 'valid' && isHighS(one.sig))

  test('has 252 cases, 167 of them valid', () => {
    expect(cases.length).toBe(252)
    expect(cases.filter(one => one.result === 'valid').length).toBe(167)
  })

  test('72 valid ones have a high S, which this suite refuses', () => {
    expect(refused.map(one => one.tcId)).toEqual([
      1, 62, 63, 64, 66, 67, 68, 70, 72, 74, 75, 76, 78, 81, 83, 85, 87, 88, 89, 90, 95, 96, 97, 100, 102, 112, 113, 115, 117, 134, 135,
      136, 167, 168, 171, 172, 173, 174, 176, 177, 181, 187, 188, 192, 196, 198, 200, 202, 206, 207, 212, 213, 221, 222, 226, 227, 228,
      229, 231, 232, 233, 234, 235, 237, 238, 239, 240, 241, 242, 243, 247, 252,
    ])
  })

  test('agrees on all others', () => {
    const expected = (one: (typeof cases)[number]): boolean => one.result === 'valid' && !isHighS(one.sig)
    const wrong = cases.filter(one => secp256k1Suite.verify(compressed(one.publicKey.uncompressed), one.msg, one.sig) !== expected(one))
    expect(wrong.map(one => one.tcId)).toEqual([])
  })
})

describeVectors('Wycheproof ECDSA secp256k1 SHA-256 Bitcoin', 'wycheproof/ecdsa_secp256k1_sha256_bitcoin_test.json', schema, cases => {
  /** These signatures are DER, which is no format of ours: the library reads them, and what it cannot read is no signature. */
  function toCompact(der: Uint8Array): Uint8Array {
    try {
      return secp256k1.Signature.fromBytes(der, 'der').toBytes('compact')
    } catch {
      return new Uint8Array(0)
    }
  }

  test('has 463 cases, 162 of them valid', () => {
    expect(cases.length).toBe(463)
    expect(cases.filter(one => one.result === 'valid').length).toBe(162)
  })

  test('agrees on all, high S included, which Bitcoin refuses too', () => {
    const wrong = cases.filter(
      one => secp256k1Suite.verify(compressed(one.publicKey.uncompressed), one.msg, toCompact(one.sig)) !== (one.result === 'valid'),
    )
    expect(wrong.map(one => one.tcId)).toEqual([])
  })
})
