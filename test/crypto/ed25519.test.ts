import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { createPublicKey, generateKeyPairSync, sign as platformSign, verify as platformVerify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { isSoundClaim } from '../../src/crypto/suites/ed25519/encoding.ts'
import { portableEd25519 } from '../../src/crypto/suites/ed25519/portable.ts'
import { describeBothPaths, describeOnEachPath } from './both-paths.ts'
import { flip, hex, join, sampleOf, toHex, utf8 } from './sample-keys.ts'

const { Point } = ed25519
const P = Point.Fp.ORDER
const L = Point.Fn.ORDER
const { secretKey, publicKey } = sampleOf(portableEd25519, 0x11)
const message = utf8('a message')
const signature = portableEd25519.sign(secretKey, message)

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

describeOnEachPath('Ed25519', suite => {
  describe('keys and signatures', () => {
    test('what the platform signs verifies', () => {
      for (let i = 0; i < 10; i++) {
        const pair = generateKeyPairSync('ed25519')
        const raw = pair.publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)
        expect(suite.verify(raw, message, platformSign(null, message, pair.privateKey))).toBe(true)
      }
    })

    test('signs and verifies any message, under no other key', () => {
      fc.assert(
        fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.uint8Array({ maxLength: 200 }), (secret, data) => {
          const own = suite.publicKey(secret)
          const sig = suite.sign(secret, data)
          expect(suite.isPublicKey(own)).toBe(true)
          expect(suite.verify(own, data, sig)).toBe(true)
          expect(suite.verify(publicKey, data, sig)).toBe(false)
        }),
        { numRuns: 30 },
      )
    })

    test('no flipped bit of key, message or signature verifies', () => {
      fc.assert(
        fc.property(fc.nat({ max: 255 }), fc.nat({ max: 511 }), fc.nat({ max: message.length * 8 - 1 }), (inKey, inSignature, inMessage) => {
          expect(suite.verify(flip(publicKey, inKey), message, signature)).toBe(false)
          expect(suite.verify(publicKey, flip(message, inMessage), signature)).toBe(false)
          expect(suite.verify(publicKey, message, flip(signature, inSignature))).toBe(false)
        }),
        { numRuns: 60 },
      )
    })

    test('no other length verifies', () => {
      for (const length of [0, 1, 31, 33, 63, 64, 65, 96, 128]) {
        const other = new Uint8Array(length)
        other.set(signature.subarray(0, length))
        if (length !== 64) expect(suite.verify(publicKey, message, other)).toBe(false)
        expect(suite.verify(other, message, signature)).toBe(false)
        expect(suite.isPublicKey(other)).toBe(false)
      }
    })

    test('S + L does not verify', () => {
      const s = bytesToNumberLE(signature.subarray(32)) + L
      expect(suite.verify(publicKey, message, join(signature.subarray(0, 32), numberToBytesLE(s, 32)))).toBe(false)
    })
  })

  describe('the 14 encodings of small-order points', () => {
    test('are 14', () => expect(new Set(SMALL_ORDER).size).toBe(14))

    test.each(SMALL_ORDER)('%s is no public key and verifies nothing', encoding => {
      const a = hex(encoding)
      expect(suite.isPublicKey(a)).toBe(false)
      // With A and R of small order and S = 0 the group equation holds for one message in eight, at least.
      const anyMessage = Array.from({ length: 24 }, (_, i) => Uint8Array.of(i))
      expect(anyMessage.some(data => suite.verify(a, data, join(a, new Uint8Array(32))))).toBe(false)
    })

    test.each(SMALL_ORDER)('%s is no R', encoding => {
      const secret = 5n
      const a = Point.BASE.multiply(secret).toBytes()
      const r = hex(encoding)
      const s = (challenge(r, a, message) * secret) % L
      expect(suite.verify(a, message, join(r, numberToBytesLE(s, 32)))).toBe(false)
    })
  })

  describe('non-canonical encodings', () => {
    test('no y at or above p is a key or an R', () => {
      for (let y = P; y < 2n ** 255n; y++) {
        for (const sign of [0, 1]) {
          const encoding = encode(y, sign)
          expect(suite.isPublicKey(encoding)).toBe(false)
          expect(suite.verify(encoding, message, signature)).toBe(false)
          expect(suite.verify(publicKey, message, join(encoding, signature.subarray(32)))).toBe(false)
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
        expect(suite.isPublicKey(bytes)).toBe(false)
        expect(suite.verify(bytes, message, signature)).toBe(false)
      }
    })
  })

  describe('torsion, where verification rules part', () => {
    const messages = Array.from({ length: 40 }, (_, i) => utf8(`torsion ${i}`))

    test('plain points verify', () => {
      const { a, sig } = craft(message, Point.ZERO, Point.ZERO)
      expect(suite.verify(a, message, sig)).toBe(true)
    })

    test('a mixed-order R, which only the cofactored rule accepts, does not verify', () => {
      for (const part of torsion.slice(1)) {
        const { a, sig } = craft(message, part, Point.ZERO)
        expect(suite.verify(a, message, sig)).toBe(false)
      }
    })

    test('under a mixed-order key a signature verifies exactly where [k]A has no torsion left, without the cofactor', () => {
      const results = messages.map(data => {
        const { a, k, sig } = craft(data, Point.ZERO, T8)
        const verified = suite.verify(a, data, sig)
        expect(verified).toBe(k % 8n === 0n)
        return verified
      })
      expect(new Set(results)).toEqual(new Set([true, false]))
    })

    test('a mixed-order key is a public key: the rule admits it', () => {
      expect(suite.isPublicKey(craft(message, Point.ZERO, T8).a)).toBe(true)
    })
  })

  describe('what the caller gives', () => {
    test('a secret key that is none is refused, and not shown', () => {
      const fault = expect.objectContaining({ code: 'invalid-argument', message: expect.not.stringContaining('222') })
      expect(() => suite.sign(new Uint8Array(31).fill(222), message)).toThrow(fault)
      expect(() => suite.publicKey(new Uint8Array(64).fill(222))).toThrow(fault)
    })

    test('a source of randomness that comes up short is refused', () => {
      expect(() => suite.generate(() => new Uint8Array(16))).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
    })
  })
})

/** What OpenSSL makes of 32 bytes, without our rule. */
const imported = (bytes: Uint8Array): KeyObject => createPublicKey({ key: join(hex('302a300506032b6570032100'), bytes), format: 'der', type: 'spki' })

/** R = [S]B: right for whoever takes A for the neutral element, or loses it. */
const withoutKey = (s: bigint): Uint8Array => join(Point.BASE.multiply(s).toBytes(), numberToBytesLE(s, 32))

function isPoint(bytes: Uint8Array): boolean {
  try {
    Point.fromBytes(bytes)
    return true
  } catch {
    return false
  }
}

describe('before any arithmetic, whatever a library would say', () => {
  const s = signature.subarray(32)

  test('no y at or above p, no small order and no S at or above L gets through', () => {
    expect(isSoundClaim(publicKey, signature)).toBe(true)
    const unsound = [...SMALL_ORDER.map(hex), ...Array.from({ length: 38 }, (_, i) => encode(P + BigInt(i >> 1), i & 1))]
    for (const bytes of unsound) {
      expect(isSoundClaim(bytes, signature)).toBe(false)
      expect(isSoundClaim(publicKey, join(bytes, s))).toBe(false)
    }
    for (const wrong of [L, L + 1n, 2n ** 253n, 2n ** 256n - 1n]) {
      expect(isSoundClaim(publicKey, join(signature.subarray(0, 32), numberToBytesLE(wrong, 32)))).toBe(false)
    }
  })

  test('all that is next to it does', () => {
    for (const bytes of [encode(2n, 0), encode(2n, 1), encode(P - 2n, 0), encode(P - 2n, 1)]) {
      expect(isSoundClaim(bytes, signature)).toBe(true)
      expect(isSoundClaim(publicKey, join(bytes, s))).toBe(true)
    }
    for (const right of [0n, 1n, L - 1n]) expect(isSoundClaim(publicKey, join(signature.subarray(0, 32), numberToBytesLE(right, 32)))).toBe(true)
  })
})

describe('OpenSSL itself', () => {
  const offCurve = Array.from({ length: 120 }, (_, i) => encode(BigInt(2 + (i >> 1)), i & 1)).filter(bytes => !isPoint(bytes))

  test('imports keys that are no points, and verifies nothing under them', () => {
    expect(offCurve.length).toBeGreaterThan(25)
    for (const bytes of offCurve) {
      const key = imported(bytes)
      for (const sig of [signature, withoutKey(7n), withoutKey(1n), join(bytes, numberToBytesLE(7n, 32)), join(encode(1n, 0), new Uint8Array(32))]) {
        expect(platformVerify(null, message, key, sig)).toBe(false)
      }
    }
  })
})

describeBothPaths('Ed25519', (native, portable) => {
  const secret = 12345n
  const nonce = 67890n
  const plain = Point.BASE.multiply(secret)
  const commitment = Point.BASE.multiply(nonce)
  /** Every encoding that rules part on. */
  const special = [
    ...SMALL_ORDER.map(hex),
    ...[0n, 1n, 2n, 3n, 18n].flatMap(above => [encode(P + above, 0), encode(P + above, 1)]),
    ...Array.from({ length: 8 }, (_, i) => encode(BigInt(i + 2), i & 1)),
    ...[P - 2n, P - 3n, (1n << 254n) + 1n].map(y => encode(y, 0)),
    new Uint8Array(32).fill(0xff),
  ]
  const keys = [...torsion.map(part => plain.add(part).toBytes()), plain.negate().toBytes(), Point.BASE.toBytes(), publicKey, ...special]
  const commitments = [...torsion.map(part => commitment.add(part).toBytes()), commitment.negate().toBytes(), Point.BASE.toBytes(), signature.subarray(0, 32), ...special]

  test('say the same of special A, special R and special S, and admit some', () => {
    const differ: string[] = []
    let admitted = 0
    let asked = 0
    for (const a of keys) {
      for (const r of commitments) {
        const k = challenge(r, a, message)
        const right = (nonce + k * secret) % L
        const numbers = [0n, 1n, L - 1n, L, L + 1n, right, right + L, (k * secret) % L, nonce, (L - right) % L, 2n ** 252n, 2n ** 255n - 1n, 2n ** 256n - 1n]
        for (const s of [...numbers.map(number => numberToBytesLE(number, 32)), signature.subarray(32)]) {
          const sig = join(r, s)
          const said = native.verify(a, message, sig)
          if (portable.verify(a, message, sig) !== said) differ.push(`${toHex(a)} ${toHex(sig)}`)
          if (said) admitted++
          asked++
        }
      }
    }
    expect(differ).toEqual([])
    expect(asked).toBeGreaterThan(20_000)
    expect(admitted).toBeGreaterThan(1)
  })

  test('say the same of keys and commitments with torsion', () => {
    let admitted = 0
    for (let i = 0; i < 24; i++) {
      for (const [rTorsion, aTorsion] of [[Point.ZERO, T8], [T8, Point.ZERO], [T8, T8], [T8.multiplyUnsafe(4n), T8.multiplyUnsafe(4n)]] as const) {
        const data = utf8(`torsion ${i}`)
        const { a, sig } = craft(data, rTorsion, aTorsion)
        const said = native.verify(a, data, sig)
        expect(portable.verify(a, data, sig)).toBe(said)
        expect(native.isPublicKey(a)).toBe(true)
        if (said) admitted++
      }
    }
    expect(admitted).toBeGreaterThan(0)
  })
})
