import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SignatureSuite, SignedMessage } from '../../src/crypto/suite.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { describeBothPaths } from './both-paths.ts'
import { flip, join, secretOf, toHex, utf8 } from './sample-keys.ts'

const invalidArgument = expect.objectContaining({ code: 'invalid-argument' })

interface Scheme {
  readonly params: string
  /** Whether one message has one signature, whoever signs. */
  readonly deterministic: boolean
  readonly runs: number
  /** Of the right length, and yet none. */
  readonly noSecretKeys: readonly string[]
}

const OUT_OF_RANGE = ['00'.repeat(32), 'ff'.repeat(32)]
const schemes: readonly Scheme[] = [
  { params: 'Ed25519', deterministic: true, runs: 100, noSecretKeys: [] },
  {
    params: 'Secp256k1', deterministic: true, runs: 100,
    noSecretKeys: [...OUT_OF_RANGE, 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141', 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364142'],
  },
  {
    params: 'P256', deterministic: false, runs: 100,
    noSecretKeys: [...OUT_OF_RANGE, 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632552'],
  },
  { params: 'MLDSA65', deterministic: false, runs: 15, noSecretKeys: [] },
]

/** Bytes that resemble the given: a bit flipped, bytes overwritten, cut, longer, or something else of any length. */
function like(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 12, arbitrary: fc.constant(bytes) },
    { weight: 3, arbitrary: fc.nat({ max: bytes.length * 8 - 1 }).map(bit => flip(bytes, bit)) },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 64 }), fc.constantFrom(0, 0xff)).map(([from, length, byte]) => Uint8Array.from(bytes).fill(byte, from, from + length)),
    },
    fc.nat({ max: bytes.length }).map(length => bytes.subarray(0, length)),
    fc.uint8Array({ minLength: 1, maxLength: 3 }).map(more => join(bytes, more)),
    fc.uint8Array({ minLength: bytes.length, maxLength: bytes.length }),
    fc.uint8Array({ maxLength: 140 }),
  )
}

describe.each(schemes)('$params', ({ params, deterministic, runs, noSecretKeys }) => {
  describeBothPaths(params, (native, portable) => {
    const both: readonly SignatureSuite[] = [native, portable]
    const secretKey = secretOf(0x2b)
    const publicKey = portable.publicKey(secretKey)
    const message = utf8('a message')
    const signature = portable.sign(secretKey, message)
    const messages = Array.from({ length: deterministic ? 150 : 70 }, (_, i) => utf8(`message ${i}`.repeat(i % 7)))

    test('the two are two', () => {
      expect(both.map(({ path }) => path)).toEqual(['native', 'portable'])
      expect(native.provider).not.toBe(portable.provider)
    })

    test('one seed makes one key, and one secret key has one public key', () => {
      fc.assert(fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), bytes => {
        const [one, other] = both.map(suite => suite.generate(length => bytes.slice(0, length)))
        expect(one).toEqual(other)
        const [a, b] = both.map(suite => suite.publicKey(one ?? new Uint8Array()))
        expect(a).toEqual(b)
        expect(a?.length).toBe(native.publicKeyLength)
        for (const suite of both) expect(suite.isPublicKey(a ?? new Uint8Array())).toBe(true)
      }), { numRuns: runs })
    })

    test('each verifies what the other signs; where one message has one signature, it is the same', () => {
      fc.assert(fc.property(fc.uint8Array({ minLength: 48, maxLength: 48 }), fc.uint8Array({ maxLength: 300 }), (seed, data) => {
        const secret = portable.generate(() => Uint8Array.from(seed).subarray(0, params === 'Ed25519' || params === 'MLDSA65' ? 32 : 48))
        const own = portable.publicKey(secret)
        const signatures = both.map(suite => suite.sign(secret, data))
        for (const suite of both) {
          for (const one of signatures) expect(suite.verify(own, data, one)).toBe(true)
        }
        expect(new Set(signatures.map(toHex)).size).toBe(deterministic ? 1 : 2)
      }), { numRuns: runs })
    })

    test('both say the same of what is not quite a signature, one by one and in batches', async () => {
      const claims: SignedMessage[] = []
      let valid = 0
      fc.assert(fc.property(like(publicKey), like(message), like(signature), (a, data, sig) => {
        const said = native.verify(a, data, sig)
        expect(portable.verify(a, data, sig)).toBe(said)
        if (said) valid++
        claims.push({ publicKey: a, message: data, signature: sig })
      }), { numRuns: runs * 5 })
      expect(valid).toBeGreaterThan(0)
      expect(valid).toBeLessThan(claims.length)
      const expected = claims.map(claim => native.verify(claim.publicKey, claim.message, claim.signature))
      expect(await native.verifyBatch(claims, randomBytes)).toEqual(expected)
      const few = claims.slice(0, runs)
      expect(await portable.verifyBatch(few, randomBytes)).toEqual(expected.slice(0, runs))
    })

    test('both say the same of what is not quite a public key', () => {
      fc.assert(fc.property(like(publicKey), a => {
        expect(native.isPublicKey(a)).toBe(portable.isPublicKey(a))
      }), { numRuns: runs * 5 })
    })

    test('a key or signature of any other length is none', () => {
      for (let length = 0; length <= 160; length++) {
        const bytes = new Uint8Array(length).fill(2)
        for (const suite of both) {
          if (length !== native.publicKeyLength) {
            expect(suite.isPublicKey(bytes)).toBe(false)
            expect(suite.verify(bytes, message, signature)).toBe(false)
          }
          if (length !== native.signatureLength) expect(suite.verify(publicKey, message, bytes)).toBe(false)
        }
      }
    })

    test('a batch is signed as its messages are, in their order', async () => {
      for (const suite of both) {
        const signer = suite.signer(secretKey)
        const few = suite === native || deterministic ? messages : messages.slice(0, 5)
        const signatures = await signer.signBatch(few)
        expect(signatures.length).toBe(few.length)
        if (deterministic) expect(signatures).toEqual(few.map(one => signer.sign(one)))
        few.forEach((one, i) => expect(native.verify(publicKey, one, signatures[i] ?? new Uint8Array())).toBe(true))
        expect(await signer.signBatch([])).toEqual([])
      }
    })

    test('the event loop takes its turns also while a batch is of nothing but malformed claims', async () => {
      const malformed = { publicKey: new Uint8Array(1), message, signature }
      for (const suite of both) {
        let turns = 0
        let next = setImmediate(function again() {
          turns++
          next = setImmediate(again)
        })
        expect(new Set(await suite.verifyBatch(Array.from({ length: 3_000 }, () => malformed), randomBytes))).toEqual(new Set([false]))
        clearImmediate(next)
        expect(turns).toBeGreaterThan(5)
      }
    })

    test('arrays of a pool are read where they are, and none is given', async () => {
      const pooled = Buffer.from(message)
      for (const suite of both) {
        const signer = suite.signer(Buffer.from(secretKey))
        const given = [suite.publicKey(Buffer.from(secretKey)), signer.sign(pooled), ...await signer.signBatch([pooled])]
        for (const bytes of given) {
          expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
          expect(bytes.buffer.byteLength).toBe(bytes.length)
        }
        for (const sig of given.slice(1)) expect(portable.verify(Buffer.from(publicKey), pooled, Buffer.from(sig))).toBe(true)
      }
    })

    test('a signer keeps its own copy of the key, and once erased it signs no more', async () => {
      for (const suite of both) {
        const lent = Uint8Array.from(secretKey)
        const signer = suite.signer(lent)
        lent.fill(1)
        expect(native.verify(publicKey, message, signer.sign(message))).toBe(true)
        signer.erase()
        signer.erase()
        expect(lent).toEqual(secretOf(1))
        expect(() => signer.sign(message)).toThrow(invalidArgument)
        await expect(signer.signBatch([message])).rejects.toThrow(invalidArgument)
        if (signer.signDigest) expect(() => signer.signDigest?.(new Uint8Array(32))).toThrow(invalidArgument)
      }
    })

    test('a batch is what it was when the list changes meanwhile', async () => {
      for (const suite of both) {
        const list = messages.slice(0, 40)
        const signing = suite.signer(secretKey).signBatch(list)
        list.length = 0
        expect((await signing).length).toBe(40)
        const claims: SignedMessage[] = Array.from({ length: 40 }, () => ({ publicKey, message, signature }))
        const verifying = suite.verifyBatch(claims, randomBytes)
        claims.length = 0
        expect(await verifying).toEqual(Array.from({ length: 40 }, () => true))
      }
    })

    test('a batch ends when its signer is erased, and when nobody waits for it', async () => {
      for (const suite of both) {
        const erased = suite.signer(secretKey)
        const erasing = erased.signBatch(messages)
        erased.erase()
        await expect(erasing).rejects.toThrow(invalidArgument)
        const signer = suite.signer(secretKey)
        const waiting = new AbortController()
        const signing = signer.signBatch(messages, waiting.signal)
        waiting.abort()
        const failed = expect.objectContaining({ code: 'backend-failed' })
        await expect(signing).rejects.toThrow(failed)
        await expect(signer.signBatch([message], waiting.signal)).rejects.toThrow(failed)
        expect(native.verify(publicKey, message, signer.sign(message))).toBe(true)
      }
    })

    test('a secret key that is none is refused by every way in, and not shown', () => {
      const lengths = [0, 31, 33, 64].map(length => new Uint8Array(length).fill(222))
      for (const wrong of [...lengths, ...noSecretKeys.map(hex => Uint8Array.from(Buffer.from(hex, 'hex')))]) {
        for (const suite of both) {
          const fault = expect.objectContaining({ code: 'invalid-argument', message: expect.not.stringMatching(/222|ffff|dede/) })
          expect(() => suite.publicKey(wrong)).toThrow(fault)
          expect(() => suite.signer(wrong)).toThrow(fault)
          expect(() => suite.sign(wrong, message)).toThrow(fault)
        }
      }
    })

    test('a message that is not bytes is refused', async () => {
      const text: unknown = 'a message'
      for (const suite of both) {
        const signer = suite.signer(secretKey)
        // What a caller without types can do.
        const calls = [
          () => Reflect.apply(signer.sign, signer, [text]),
          () => Reflect.apply(signer.signBatch, signer, [[message, text]]),
          () => Reflect.apply(suite.verify, suite, [publicKey, text, signature]),
          () => Reflect.apply(suite.verifyBatch, suite, [[{ publicKey, message, signature }, { publicKey, message: text, signature }], randomBytes]),
        ]
        for (const call of calls) await expect((async () => call())()).rejects.toThrow(invalidArgument)
        for (const other of [text, undefined, 5]) {
          expect(Reflect.apply(suite.isPublicKey, suite, [other])).toBe(false)
          expect(Reflect.apply(suite.verify, suite, [other, message, signature])).toBe(false)
          expect(Reflect.apply(suite.verify, suite, [publicKey, message, other])).toBe(false)
        }
      }
    })

    test('a source of randomness that comes up short is refused', () => {
      for (const suite of both) expect(() => suite.generate(() => new Uint8Array(16))).toThrow(invalidArgument)
    })
  })
})
