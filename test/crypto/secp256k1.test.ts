import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { portableSecp256k1 } from '../../src/crypto/suites/secp256k1/portable.ts'
import { describeOnEachPath } from './both-paths.ts'
import { flip, join, sampleOf, utf8 } from './sample-keys.ts'

const N = secp256k1.Point.Fn.ORDER
const { secretKey, publicKey } = sampleOf(portableSecp256k1, 0x22)
const message = utf8('a message')
const signature = portableSecp256k1.sign(secretKey, message)

const isHighS = (sig: Uint8Array): boolean => sig.length === 64 && bytesToNumberBE(sig.subarray(32)) > N / 2n

describeOnEachPath('Secp256k1', suite => {
  test('signs any message with a low S, and verifies it, under no other key', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: N - 1n }), fc.uint8Array({ maxLength: 200 }), (scalar, data) => {
        const secret = numberToBytesBE(scalar, 32)
        const sig = suite.sign(secret, data)
        expect(isHighS(sig)).toBe(false)
        expect(suite.verify(suite.publicKey(secret), data, sig)).toBe(true)
        expect(suite.verify(publicKey, data, sig)).toBe(false)
      }),
      { numRuns: 30 },
    )
  })

  test('the same signature with a high S does not verify', () => {
    const high = join(signature.subarray(0, 32), numberToBytesBE(N - bytesToNumberBE(signature.subarray(32)), 32))
    expect(secp256k1.verify(high, message, publicKey, { prehash: true, lowS: false })).toBe(true)
    expect(suite.verify(publicKey, message, high)).toBe(false)
  })

  test('no flipped bit of message or signature verifies', () => {
    fc.assert(
      fc.property(fc.nat({ max: 511 }), fc.nat({ max: message.length * 8 - 1 }), (inSignature, inMessage) => {
        expect(suite.verify(publicKey, flip(message, inMessage), signature)).toBe(false)
        expect(suite.verify(publicKey, message, flip(signature, inSignature))).toBe(false)
      }),
      { numRuns: 60 },
    )
  })

  test('r and s of 0, of the order and above do not verify', () => {
    const { r, s } = { r: signature.subarray(0, 32), s: signature.subarray(32) }
    for (const wrong of [0n, N, 2n ** 256n - 1n].map(value => numberToBytesBE(value, 32))) {
      expect(suite.verify(publicKey, message, join(wrong, s))).toBe(false)
      expect(suite.verify(publicKey, message, join(r, wrong))).toBe(false)
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
      expect(suite.isPublicKey(key)).toBe(false)
      expect(suite.verify(key, message, signature)).toBe(false)
    }
    expect(suite.isPublicKey(publicKey)).toBe(true)
  })

  test('no other length verifies, a recovery byte and DER included', () => {
    const der = secp256k1.Signature.fromBytes(signature).toBytes('der')
    const zero = Uint8Array.of(0)
    for (const other of [new Uint8Array(0), signature.subarray(0, 63), join(signature, zero), join(zero, signature), der]) {
      expect(suite.verify(publicKey, message, other)).toBe(false)
    }
  })

  test('a secret key that is none is refused, and not shown', () => {
    const fault = expect.objectContaining({ code: 'invalid-argument', message: expect.not.stringMatching(/ff|255/) })
    for (const wrong of [new Uint8Array(32), numberToBytesBE(N, 32), new Uint8Array(32).fill(255), secretKey.subarray(1)]) {
      expect(() => suite.sign(wrong, message)).toThrow(fault)
      expect(() => suite.publicKey(wrong)).toThrow(fault)
    }
  })

  test('generates from 48 bytes, which it erases', () => {
    const drawn = new Uint8Array(48).fill(9)
    const secret = suite.generate(() => drawn)
    expect(suite.isPublicKey(suite.publicKey(secret))).toBe(true)
    expect(drawn.every(byte => byte === 0)).toBe(true)
  })
})
