import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { generateKeyPairSync, sign as platformSign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ed25519Suite } from '../../src/crypto/suites/ed25519.ts'
import rfc8032 from '../vectors/rfc8032-ed25519.json' with { type: 'json' }
import { describeVectors, hexBytes, wycheproofSignatures } from './published-vectors.ts'
import { flip, hex, join, sampleOf, toHex, utf8 } from './sample-keys.ts'

const { Point } = ed25519
const P = Point.Fp.ORDER
const L = Point.Fn.ORDER
const { secretKey, publicKey } = sampleOf(ed25519Suite, 0x11)
const message = utf8('a message')
const signature = ed25519Suite.sign(secretKey, message)

type EdwardsPoint = InstanceType<typeof Point>

const encode = (y: bigint, sign: number): Uint8Array => numberToBytesLE(y | (BigInt(sign) << 255n), 32)

/** A point of order 8. */
const T8 = Point.fromBytes(hex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'))
const torsion = Array.from({ length: 8 }, (_, i) => T8.multiplyUnsafe(BigInt(i)))

/** The eight canonical encodings, and the six others that lenient decoders take for the same points. */
const SMALL_ORDER = [
  ...torsion.map(point => toHex(point.toBytes())),
  ...[encode(1n, 1), encode(P - 1n, 1), encode(P, 0), encode(P, 1), encode(P + 1n, 0), encode(P + 1n, 1)].map(toHex),
]

const challenge = (r: Uint8Array, a: Uint8Array, data: Uint8Array): bigint => bytesToNumberLE(sha512(join(r, a, data))) % L

/** Signs with chosen points: R = [r]B + rTorsion under the key [a]B + aTorsion, S = r + ka. */
function craft(data: Uint8Array, rTorsion: EdwardsPoint, aTorsion: EdwardsPoint): { a: Uint8Array; k: bigint; sig: Uint8Array } {
  const secret = 12345n
  const nonce = 67890n
  const a = Point.BASE.multiply(secret).add(aTorsion).toBytes()
  const r = Point.BASE.multiply(nonce).add(rTorsion).toBytes()
  const k = challenge(r, a, data)
  return { a, k, sig: join(r, numberToBytesLE((nonce + k * secret) % L, 32)) }
}

describe('Ed25519', () => {
  test.each(rfc8032)('$source', vector => {
    expect(toHex(ed25519Suite.publicKey(hex(vector.secretKey)))).toBe(vector.publicKey)
    expect(toHex(ed25519Suite.sign(hex(vector.secretKey), hex(vector.message)))).toBe(vector.signature)
    expect(ed25519Suite.verify(hex(vector.publicKey), hex(vector.message), hex(vector.signature))).toBe(true)
  })

  test('what the platform signs verifies', () => {
    for (let i = 0; i < 10; i++) {
      const pair = generateKeyPairSync('ed25519')
      const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
      expect(ed25519Suite.verify(raw, message, platformSign(null, message, pair.privateKey))).toBe(true)
    }
  })

  test('signs and verifies any message, under no other key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 200 }), (secret, data) => {
        const own = ed25519Suite.publicKey(secret)
        const sig = ed25519Suite.sign(secret, data)
        expect(ed25519Suite.isPublicKey(own)).toBe(true)
        expect(ed25519Suite.verify(own, data, sig)).toBe(true)
        expect(ed25519Suite.verify(publicKey, data, sig)).toBe(false)
      }),
      { numRuns: 30 },
    )
  })

  test('no flipped bit of key, message or signature verifies', () => {
    fc.assert(
      fc.property(fc.nat({ max: 255 }), fc.nat({ max: 511 }), fc.nat({ max: message.length * 8 - 1 }), (inKey, inSignature, inMessage) => {
        expect(ed25519Suite.verify(flip(publicKey, inKey), message, signature)).toBe(false)
        expect(ed25519Suite.verify(publicKey, flip(message, inMessage), signature)).toBe(false)
        expect(ed25519Suite.verify(publicKey, message, flip(signature, inSignature))).toBe(false)
      }),
      { numRuns: 60 },
    )
  })

  test('no other length verifies', () => {
    for (const length of [0, 1, 31, 33, 63, 64, 65, 96, 128]) {
      const other = new Uint8Array(length)
      other.set(signature.subarray(0, length))
      if (length !== 64) expect(ed25519Suite.verify(publicKey, message, other)).toBe(false)
      expect(ed25519Suite.verify(other, message, signature)).toBe(false)
      expect(ed25519Suite.isPublicKey(other)).toBe(false)
    }
  })

  test('S + L does not verify', () => {
    const s = bytesToNumberLE(signature.subarray(32)) + L
    expect(ed25519Suite.verify(publicKey, message, join(signature.subarray(0, 32), numberToBytesLE(s, 32)))).toBe(false)
  })
})

describe('the 14 encodings of small-order points', () => {
  test('are 14', () => expect(new Set(SMALL_ORDER).size).toBe(14))

  test.each(SMALL_ORDER)('%s is no public key and verifies nothing', encoding => {
    const a = hex(encoding)
    expect(ed25519Suite.isPublicKey(a)).toBe(false)
    // With A and R of small order and S = 0 the group equation holds for one message in eight, at least.
    const anyMessage = Array.from({ length: 24 }, (_, i) => Uint8Array.of(i))
    expect(anyMessage.some(data => ed25519Suite.verify(a, data, join(a, new Uint8Array(32))))).toBe(false)
  })

  test.each(SMALL_ORDER)('%s is no R', encoding => {
    const secret = 5n
    const a = Point.BASE.multiply(secret).toBytes()
    const r = hex(encoding)
    const s = (challenge(r, a, message) * secret) % L
    expect(ed25519Suite.verify(a, message, join(r, numberToBytesLE(s, 32)))).toBe(false)
  })
})

describe('non-canonical encodings', () => {
  test('no y at or above p is a key or an R', () => {
    for (let y = P; y < 2n ** 255n; y++) {
      for (const sign of [0, 1]) {
        const encoding = encode(y, sign)
        expect(ed25519Suite.isPublicKey(encoding)).toBe(false)
        expect(ed25519Suite.verify(encoding, message, signature)).toBe(false)
        expect(ed25519Suite.verify(publicKey, message, join(encoding, signature.subarray(32)))).toBe(false)
      }
    }
  })

  test('a y that is on no point is no key', () => {
    const offCurve = Array.from({ length: 40 }, (_, i) => encode(BigInt(i + 2), 0)).filter(bytes => {
      try {
        return Point.fromBytes(bytes) === undefined
      } catch {
        return true
      }
    })
    expect(offCurve.length).toBeGreaterThan(10)
    for (const bytes of offCurve) {
      expect(ed25519Suite.isPublicKey(bytes)).toBe(false)
      expect(ed25519Suite.verify(bytes, message, signature)).toBe(false)
    }
  })
})

describe('torsion, where verification rules part', () => {
  const messages = Array.from({ length: 40 }, (_, i) => utf8(`torsion ${i}`))

  test('plain points verify', () => {
    const { a, sig } = craft(message, Point.ZERO, Point.ZERO)
    expect(ed25519Suite.verify(a, message, sig)).toBe(true)
  })

  test('a mixed-order R, which only the cofactored rule accepts, does not verify', () => {
    for (const part of torsion.slice(1)) {
      const { a, sig } = craft(message, part, Point.ZERO)
      expect(ed25519Suite.verify(a, message, sig)).toBe(false)
    }
  })

  test('under a mixed-order key a signature verifies exactly where [k]A has no torsion left, without the cofactor', () => {
    const results = messages.map(data => {
      const { a, k, sig } = craft(data, Point.ZERO, T8)
      const verified = ed25519Suite.verify(a, data, sig)
      expect(verified).toBe(k % 8n === 0n)
      return verified
    })
    expect(new Set(results)).toEqual(new Set([true, false]))
  })

  test('a mixed-order key is a public key: the rule admits it', () => {
    expect(ed25519Suite.isPublicKey(craft(message, Point.ZERO, T8).a)).toBe(true)
  })
})

describe('what the caller gives', () => {
  test('a secret key that is none is refused, and not shown', () => {
    const fault = expect.objectContaining({ code: 'invalid-argument', message: expect.not.stringContaining('222') })
    expect(() => ed25519Suite.sign(new Uint8Array(31).fill(222), message)).toThrow(fault)
    expect(() => ed25519Suite.publicKey(new Uint8Array(64).fill(222))).toThrow(fault)
  })

  test('a source of randomness that comes up short is refused', () => {
    expect(() => ed25519Suite.generate(() => new Uint8Array(16))).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  })
})

const schema = wycheproofSignatures(z.object({ pk: hexBytes }))

describeVectors('Wycheproof Ed25519', 'wycheproof/ed25519_test.json', schema, cases => {
  test('has 151 cases, 88 of them valid', () => {
    expect(cases.length).toBe(151)
    expect(cases.filter(one => one.result === 'valid').length).toBe(88)
  })

  test('agrees on all', () => {
    const wrong = cases.filter(one => ed25519Suite.verify(one.publicKey.pk, one.msg, one.sig) !== (one.result === 'valid'))
    expect(wrong.map(one => one.tcId)).toEqual([])
  })
})
