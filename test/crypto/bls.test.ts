import { numberToBytesBE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomBytes } from '../../src/crypto/random.ts'
import { decodeSignature as nativeDecode, loadBlst } from '../../src/crypto/suites/bls/blst.ts'
import { coreSign, decodeSignature, hashToG2, POSSESSION_DOMAIN, SIGNATURE_DOMAIN } from '../../src/crypto/suites/bls/points.ts'
import { portableBls } from '../../src/crypto/suites/bls/portable.ts'
import { nodePlatform } from '../../src/crypto/node/platform.ts'
import { describeNative, describePaths, encodeG1, encodeG2, G1, G2, message, negatedKey, noKeys, noSignatures, onCurveG1, onCurveG2, P, publicKey, R, secretKey, signature } from './bls-samples.ts'
import { flip, join, sampleOf, secretOf, utf8 } from './sample-keys.ts'

describePaths('BLS', suite => {
  test('verifies its own signature, under no other key, for no other message', () => {
    expect(suite.verify(publicKey, message, suite.sign(secretKey, message))).toBe(true)
    expect(suite.verify(sampleOf(suite, 0x34).publicKey, message, signature)).toBe(false)
    expect(suite.verify(publicKey, utf8('another'), signature)).toBe(false)
    expect(suite.verify(publicKey, message, suite.sign(secretKey, utf8('another')))).toBe(false)
    expect(suite.verify(negatedKey, message, signature)).toBe(false)
  })

  test.each(Object.entries(noKeys))('%s is no key', (_reason, bytes) => {
    expect(suite.isPublicKey(bytes)).toBe(false)
    expect(suite.verify(bytes, message, signature)).toBe(false)
  })

  test.each(Object.entries(noSignatures))('%s is no signature', (_reason, bytes) => {
    expect(suite.verify(publicKey, message, bytes)).toBe(false)
  })

  test('no infinity is a signature of another', () => {
    for (const key of Object.values(noKeys)) for (const sig of Object.values(noSignatures)) expect(suite.verify(key, message, sig)).toBe(false)
  })

  test('no signature of another domain verifies', () => {
    for (const domain of ['BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_', 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_AUG_', POSSESSION_DOMAIN]) {
      expect(suite.verify(publicKey, message, coreSign(secretKey, message, domain))).toBe(false)
    }
  })

  test('a secret key that is none is refused, and not shown', () => {
    const fault = expect.objectContaining({ code: 'invalid-argument', message: expect.not.stringMatching(/ff|255/) })
    for (const wrong of [new Uint8Array(32), numberToBytesBE(R, 32), numberToBytesBE(R + 1n, 32), new Uint8Array(32).fill(255), secretKey.subarray(1), new Uint8Array(33)]) {
      expect(() => suite.sign(wrong, message)).toThrow(fault)
      expect(() => suite.signer(wrong)).toThrow(fault)
      expect(() => suite.publicKey(wrong)).toThrow(fault)
    }
    expect(suite.verify(suite.publicKey(numberToBytesBE(R - 1n, 32)), message, suite.sign(numberToBytesBE(R - 1n, 32), message))).toBe(true)
  })

  test('generates from 48 bytes, which it erases', () => {
    const drawn = new Uint8Array(48).fill(9)
    const secret = suite.generate(() => drawn)
    expect(suite.isPublicKey(suite.publicKey(secret))).toBe(true)
    expect(drawn.every(byte => byte === 0)).toBe(true)
    expect(suite.generate(() => new Uint8Array(48).fill(9))).toEqual(portableBls.generate(() => new Uint8Array(48).fill(9)))
  })

  test('what it returns is plain, and can be handed to another thread', () => {
    for (const [bytes, expected] of [[suite.publicKey(secretKey), publicKey], [suite.sign(secretKey, message), signature]] as const) {
      expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
      expect(bytes.buffer.byteLength).toBe(bytes.length)
      expect(structuredClone(bytes, { transfer: [bytes.buffer] })).toEqual(expected)
    }
  })

  test('a message that is not bytes is an error, and no verdict', () => {
    // @ts-expect-error -- what the types forbid
    expect(() => suite.verify(publicKey, 'text', signature)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
    // @ts-expect-error -- same
    expect(() => suite.sign(secretKey, [1, 2])).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  })
})

describeNative('native and portable BLS', ({ suite: native, blst }) => {
  const secrets = fc.oneof(fc.constantFrom(1n, 2n, R - 1n, R / 2n), fc.bigInt({ min: 1n, max: R - 1n })).map(scalar => numberToBytesBE(scalar, 32))
  const messages = fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ maxLength: 300 }))

  test('make the same keys and signatures, and verify each other', () => {
    fc.assert(fc.property(secrets, messages, (secret, data) => {
      const own = native.publicKey(secret)
      const signed = native.sign(secret, data)
      expect(own).toEqual(portableBls.publicKey(secret))
      expect(signed).toEqual(portableBls.sign(secret, data))
      expect(native.verify(own, data, signed)).toBe(true)
      expect(portableBls.verify(own, data, signed)).toBe(true)
    }), { numRuns: 25 })
  })

  test('hash to the same points: what the secret key 1 signs is the hash', () => {
    fc.assert(fc.property(messages, data => {
      expect(native.sign(numberToBytesBE(1n, 32), data)).toEqual(hashToG2(data, SIGNATURE_DOMAIN).toBytes(true))
    }), { numRuns: 25 })
  })

  const x381 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 381n - 1n }), fc.bigInt({ min: P - 3n, max: P + 3n }), fc.bigInt({ min: 0n, max: 9n }))
  const flags = fc.constantFrom(0x00, 0x20, 0x40, 0x60, 0x80, 0xa0, 0xc0, 0xe0)
  const encoded = (...xs: bigint[]) => (flag: number) => {
    const bytes = join(...xs.map(x => numberToBytesBE(x, 48)))
    bytes[0] = (bytes[0] ?? 0) | flag
    return bytes
  }
  const bit = (bytes: Uint8Array) => fc.nat({ max: bytes.length * 8 - 1 }).map(at => flip(bytes, at))
  const scalar = fc.bigInt({ min: 1n, max: R - 1n })

  const keys = fc.oneof(
    fc.constantFrom(publicKey, negatedKey, ...Object.values(noKeys)),
    bit(publicKey),
    scalar.map(k => G1.Point.BASE.multiply(k).toBytes(true)),
    x381.map(x => onCurveG1(x).toAffine()).map(({ x, y }) => encodeG1(x, y)),
    fc.tuple(x381, flags).map(([x, flag]) => encoded(x)(flag)),
    fc.uint8Array({ minLength: 48, maxLength: 48 }),
    fc.uint8Array({ maxLength: 100 }),
  )
  const signatures = fc.oneof(
    fc.constantFrom(signature, ...Object.values(noSignatures)),
    bit(signature),
    scalar.map(k => G2.Point.BASE.multiply(k).toBytes(true)),
    x381.map(x => encodeG2(onCurveG2(x))),
    fc.tuple(x381, x381, flags).map(([c1, c0, flag]) => encoded(c1, c0)(flag)),
    fc.uint8Array({ minLength: 96, maxLength: 96 }),
    fc.uint8Array({ maxLength: 200 }),
  )

  test('admit the same keys', () => {
    const seen = new Set<boolean>()
    fc.assert(fc.property(keys, key => {
      const admitted = portableBls.isPublicKey(key)
      seen.add(admitted)
      expect(native.isPublicKey(key)).toBe(admitted)
    }), { numRuns: 400 })
    expect(seen).toEqual(new Set([true, false]))
  })

  test('admit the same signatures', () => {
    const seen = new Set<boolean>()
    fc.assert(fc.property(signatures, one => {
      const admitted = decodeSignature(one) !== undefined
      seen.add(admitted)
      expect(nativeDecode(blst, one) !== undefined).toBe(admitted)
    }), { numRuns: 400 })
    expect(seen).toEqual(new Set([true, false]))
  })

  test.each(Object.entries(noSignatures))('decode no signature from %s', (_reason, bytes) => {
    expect(nativeDecode(blst, bytes)).toBeUndefined()
    expect(decodeSignature(bytes)).toBeUndefined()
  })

  test('give the same verdicts', () => {
    fc.assert(fc.property(fc.oneof({ weight: 2, arbitrary: fc.constant(publicKey) }, keys), fc.constantFrom(message, utf8('another')), signatures, (key, data, one) => {
      expect(native.verify(key, data, one)).toBe(portableBls.verify(key, data, one))
    }), { numRuns: 150 })
  })

  test('would verify by keys outside the subgroup, were they not refused', () => {
    const one = blst.Signature.fromBytes(signature, true, true)
    for (const reason of ['the key and a point of order 3', 'the key and its torsion']) {
      expect(blst.verify(message, blst.PublicKey.fromBytes(noKeys[reason] ?? publicKey.subarray(1), false), one, false, false)).toBe(true)
    }
  })

  test('a sum of keys has the sum of the signatures', () => {
    fc.assert(fc.property(scalar, scalar, (a, b) => {
      fc.pre((a + b) % R !== 0n)
      const [first, second, both] = [a, b, (a + b) % R].map(k => numberToBytesBE(k, 32))
      const sum = G2.Point.fromBytes(native.sign(first ?? secretKey, message)).add(G2.Point.fromBytes(native.sign(second ?? secretKey, message)))
      expect(native.sign(both ?? secretKey, message)).toEqual(sum.toBytes(true))
    }), { numRuns: 10 })
  })
})

describe('a package of that name that computes something else', () => {
  if (nodePlatform === undefined) throw new Error('Tests run on Node.js')
  const platform = nodePlatform
  const loadAs = (change: (real: Record<string, unknown>) => unknown) => {
    const real = platform.load('@chainsafe/blst')
    return loadBlst({ ...platform, load: () => change({ ...real as Record<string, unknown> }) })
  }

  test('is not used when it lacks a function, or is no module', () => {
    expect(loadAs(({ verify: _verify, ...rest }) => rest)).toBeUndefined()
    expect(loadAs(({ PublicKey: _PublicKey, ...rest }) => rest)).toBeUndefined()
    expect(loadAs(real => ({ ...real, Signature: {} }))).toBeUndefined()
    for (const none of [undefined, null, 'blst', () => 1]) expect(loadAs(() => none)).toBeUndefined()
  })

  describeNative('that is else as the real one', ({ blst }) => {
    test('is used as it is', () => expect(loadAs(real => real)).toBeDefined())

    test('is not used when it signs in another domain', () => {
      const other = { sign: () => ({ toBytes: () => coreSign(secretOf(1), new Uint8Array(0), POSSESSION_DOMAIN) }), toPublicKey: () => blst.SecretKey.fromBytes(secretOf(1)).toPublicKey() }
      expect(loadAs(real => ({ ...real, SecretKey: { fromBytes: () => other } }))).toBeUndefined()
    })

    test('is not used when it verifies all, or nothing', () => {
      for (const verdict of [true, false]) {
        expect(loadAs(real => ({ ...real, verify: () => verdict }))).toBeUndefined()
        expect(loadAs(real => ({ ...real, verifyMultipleAggregateSignatures: () => verdict }))).toBeUndefined()
      }
    })

    test('is not used when its batches are plain sums', () => {
      const plain: typeof blst.verifyMultipleAggregateSignatures = sets =>
        blst.aggregateVerify(sets.map(({ msg }) => msg), sets.map(({ pk }) => pk), blst.aggregateSignatures(sets.map(({ sig }) => sig), true), true, true)
      expect(loadAs(real => ({ ...real, verifyMultipleAggregateSignatures: plain }))).toBeUndefined()
    })

    test('is not used when it throws', () => {
      expect(loadAs(real => ({ ...real, verify: () => { throw new Error('broken') } }))).toBeUndefined()
    })
  })
})

test('keys are drawn from the source that is given', () => {
  expect(portableBls.generate(randomBytes)).not.toEqual(portableBls.generate(randomBytes))
  expect(() => portableBls.generate(() => new Uint8Array(47))).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
})
