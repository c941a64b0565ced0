import { numberToBytesBE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { aggregateSignatures, provePossession, verifyDistinctMessages, verifyPossession, verifySameMessage } from '../../src/crypto.ts'
import type { ProvenPublicKey } from '../../src/crypto.ts'
import type { Aggregation } from '../../src/crypto/suites/bls/aggregation.ts'
import { portableAggregation } from '../../src/crypto/suites/bls/aggregation.ts'
import { coreSign, POSSESSION_DOMAIN, SIGNATURE_DOMAIN } from '../../src/crypto/suites/bls/points.ts'
import { portableBls } from '../../src/crypto/suites/bls/portable.ts'
import { describeNative, describePaths, G1, G2, message, negatedKey, noKeys, noSignatures, publicKey, R, secretKey, signature } from './bls-samples.ts'
import { flip, join, secretOf, utf8 } from './sample-keys.ts'

const fault = expect.objectContaining({ code: 'invalid-argument' })

function proven(secret: Uint8Array): ProvenPublicKey {
  const key = verifyPossession(portableBls.publicKey(secret), provePossession(secret))
  if (key === undefined) throw new Error('not proven')
  return key
}

const secrets = [1, 2, 3, 4].map(secretOf)
const keys = secrets.map(proven)
const [first, second, third] = secrets.map(secret => ({ publicKey: portableBls.publicKey(secret), secret }))
if (first === undefined || second === undefined || third === undefined) throw new Error('no samples')
const key = proven(secretKey)
/** −sk: its key is the negated key. */
const negatedSecret = numberToBytesBE(R - BigInt(`0x${'33'.repeat(32)}`), 32)

describe('a proof of possession', () => {
  const proof = provePossession(secretKey)

  test('proves its key, and gives copies of its bytes', () => {
    const own = Uint8Array.from(publicKey)
    const made = verifyPossession(own, proof)
    own.fill(0)
    expect(made?.toBytes()).toEqual(publicKey)
    made?.toBytes().fill(0)
    expect(made?.toBytes()).toEqual(publicKey)
    expect(Object.isFrozen(made)).toBe(true)
    expect(proof).toHaveLength(96)
    expect(provePossession(secretKey)).toEqual(proof)
  })

  test('has a class that leads nowhere: nothing of it gives out the bytes that are kept', () => {
    const made = verifyPossession(publicKey, proof)
    const { constructor = Object } = made ?? {}
    for (const name of Reflect.ownKeys(constructor)) {
      const found: unknown = Reflect.get(constructor, name)
      const given: unknown = typeof found === 'function' ? Reflect.apply(found, constructor, [made]) : found
      if (given instanceof Uint8Array) given.fill(0)
    }
    expect(made?.toBytes()).toEqual(publicKey)
  })

  test('proves no other key, and no flipped bit does', () => {
    expect(verifyPossession(portableBls.publicKey(secretOf(1)), proof)).toBeUndefined()
    expect(verifyPossession(negatedKey, proof)).toBeUndefined()
    expect(verifyPossession(publicKey, provePossession(secretOf(1)))).toBeUndefined()
    fc.assert(fc.property(fc.nat({ max: 767 }), bit => {
      expect(verifyPossession(publicKey, flip(proof, bit))).toBeUndefined()
    }), { numRuns: 20 })
  })

  test.each(Object.entries(noKeys))('proves nothing for %s', (_reason, bytes) => expect(verifyPossession(bytes, proof)).toBeUndefined())
  test.each(Object.entries(noSignatures))('is not %s', (_reason, bytes) => expect(verifyPossession(publicKey, bytes)).toBeUndefined())

  test('is undefined for what is not bytes', () => {
    // @ts-expect-error -- what the types forbid
    expect(verifyPossession('key', proof)).toBeUndefined()
    // @ts-expect-error -- same
    expect(verifyPossession(publicKey)).toBeUndefined()
  })

  test('is no signature of the key, and such a signature is no proof', () => {
    expect(portableBls.verify(publicKey, publicKey, proof)).toBe(false)
    expect(verifyPossession(publicKey, portableBls.sign(secretKey, publicKey))).toBeUndefined()
    expect(verifyPossession(publicKey, coreSign(secretKey, publicKey, SIGNATURE_DOMAIN))).toBeUndefined()
    expect(verifyPossession(publicKey, coreSign(secretKey, message, POSSESSION_DOMAIN))).toBeUndefined()
  })

  test('is not made with a secret key that is none, which is not shown', () => {
    for (const wrong of [new Uint8Array(32), numberToBytesBE(R, 32), new Uint8Array(31).fill(222)]) {
      expect(() => provePossession(wrong)).toThrow(expect.objectContaining({ code: 'invalid-argument', message: expect.not.stringContaining('222') }))
    }
  })

  test('leaves the secret key as it is', () => {
    const own = secretOf(5)
    provePossession(own)
    expect(own).toEqual(secretOf(5))
  })
})

describePaths('what many signed', (_suite, aggregation) => {
  const sum = (...signatures: Uint8Array[]): Uint8Array => {
    const made = aggregation.aggregateSignatures(signatures)
    if (made === undefined) throw new Error('no sum')
    return made
  }
  const signed = (data: Uint8Array, all: readonly Uint8Array[] = secrets) => all.map(secret => portableBls.sign(secret, data))

  describe('aggregateSignatures', () => {
    test('is the sum, in any order, of nested sums too', () => {
      const [a, b, c] = signed(message)
      if (a === undefined || b === undefined || c === undefined) throw new Error('no samples')
      const points = [a, b, c].map(one => G2.Point.fromBytes(one)).reduce((all, one) => all.add(one))
      expect(sum(a, b, c)).toEqual(points.toBytes(true))
      expect(sum(c, a, b)).toEqual(sum(sum(a, b), c))
      expect(sum(a)).toEqual(a)
      expect(sum(a, a)).not.toEqual(a)
      expect(Object.getPrototypeOf(sum(a, b))).toBe(Uint8Array.prototype)
    })

    test('is undefined for none, and for signatures that cancel out', () => {
      expect(aggregation.aggregateSignatures([])).toBeUndefined()
      expect(aggregation.aggregateSignatures([signature, G2.Point.fromBytes(signature).negate().toBytes(true)])).toBeUndefined()
    })

    test.each(Object.entries(noSignatures))('is undefined with %s', (_reason, bytes) => {
      expect(aggregation.aggregateSignatures([bytes])).toBeUndefined()
      expect(aggregation.aggregateSignatures([signature, bytes, signature])).toBeUndefined()
    })
  })

  describe('verifySameMessage', () => {
    const all = sum(...signed(message))

    test('holds for exactly these keys and this message, in any order', () => {
      expect(aggregation.verifySameMessage(keys, message, all)).toBe(true)
      expect(aggregation.verifySameMessage(keys.toReversed(), message, all)).toBe(true)
      expect(aggregation.verifySameMessage(keys, utf8('another'), all)).toBe(false)
      expect(aggregation.verifySameMessage(keys.slice(1), message, all)).toBe(false)
      expect(aggregation.verifySameMessage([...keys, key], message, all)).toBe(false)
      expect(aggregation.verifySameMessage([key], message, signature)).toBe(true)
      expect(aggregation.verifySameMessage(keys, message, portableBls.sign(secretOf(1), message))).toBe(false)
    })

    test('counts a key as often as it is listed', () => {
      expect(aggregation.verifySameMessage([key, key], message, signature)).toBe(false)
      expect(aggregation.verifySameMessage([key, key], message, sum(signature, signature))).toBe(true)
      expect(aggregation.verifySameMessage([key], message, sum(signature, signature))).toBe(false)
    })

    test('is false for no keys, even with infinity, and for keys that cancel out', () => {
      const opposite = proven(negatedSecret)
      expect(opposite.toBytes()).toEqual(negatedKey)
      for (const one of [signature, ...Object.values(noSignatures)]) {
        expect(aggregation.verifySameMessage([], message, one)).toBe(false)
        expect(aggregation.verifySameMessage([key, opposite], message, one)).toBe(false)
      }
      expect(aggregation.verifySameMessage([key, opposite, key], message, signature)).toBe(true)
    })

    test.each(Object.entries(noSignatures))('is false for %s', (_reason, bytes) => expect(aggregation.verifySameMessage(keys, message, bytes)).toBe(false))

    test('is not asked about keys that are not proven, whatever they look like', () => {
      const fakes = {
        // @ts-expect-error -- a literal has not the type
        literal: (): ProvenPublicKey => ({ toBytes: () => publicKey }),
        // @ts-expect-error -- nor has what is spread from one
        spread: (): ProvenPublicKey => ({ ...key }),
        // @ts-expect-error -- nor have bytes
        bytes: (): ProvenPublicKey => publicKey,
      }
      const more: unknown[] = [
        ...Object.values(fakes).map(fake => fake()), Object.create(key), new Proxy(key, {}), structuredClone({}), null, undefined,
        Object.assign(Object.create(Object.getPrototypeOf(key)), { toBytes: () => publicKey }),
      ]
      for (const fake of more) {
        expect(() => aggregation.verifySameMessage([fake as ProvenPublicKey], message, signature)).toThrow(fault)
        expect(() => aggregation.verifySameMessage([...keys, fake as ProvenPublicKey], message, signature)).toThrow(fault)
      }
    })

    test('is not fooled by the constructor, nor by a subclass that says otherwise', () => {
      const Class = key.constructor as new (publicKey: Uint8Array, proof: Uint8Array) => ProvenPublicKey
      expect(() => new Class(publicKey, provePossession(secretOf(1)))).toThrow(fault)
      class Liar extends Class {
        override toBytes() {
          return publicKey
        }
      }
      const liar = new Liar(portableBls.publicKey(secretOf(1)), provePossession(secretOf(1)))
      expect(aggregation.verifySameMessage([liar], message, signature)).toBe(false)
      expect(aggregation.verifySameMessage([liar], message, portableBls.sign(secretOf(1), message))).toBe(true)
    })

    test('a key made from the difference to another is not proven', () => {
      // The rogue's key is [s]G − key, so that [s]H(message) would verify for both.
      const rogue = G1.Point.fromBytes(portableBls.publicKey(secretOf(7))).subtract(G1.Point.fromBytes(publicKey)).toBytes(true)
      expect(portableBls.isPublicKey(rogue)).toBe(true)
      const together = portableBls.sign(secretOf(7), message)
      expect(portableBls.verify(G1.Point.fromBytes(rogue).add(G1.Point.fromBytes(publicKey)).toBytes(true), message, together)).toBe(true)
      expect(verifyPossession(rogue, provePossession(secretOf(7)))).toBeUndefined()
      expect(verifyPossession(rogue, coreSign(secretOf(7), rogue, POSSESSION_DOMAIN))).toBeUndefined()
      expect(aggregation.verifyDistinctMessages([{ publicKey, message }, { publicKey: rogue, message }], together)).toBe(false)
    })

    test('a message that is not bytes is an error', () => {
      // @ts-expect-error -- what the types forbid
      expect(() => aggregation.verifySameMessage(keys, 'text', all)).toThrow(fault)
    })
  })

  describe('verifyDistinctMessages', () => {
    const claims = secrets.map((secret, i) => ({ publicKey: portableBls.publicKey(secret), message: utf8(`message ${i}`) }))
    const all = sum(...secrets.map((secret, i) => portableBls.sign(secret, utf8(`message ${i}`))))

    test('holds for exactly these keys and messages, in any order', () => {
      expect(aggregation.verifyDistinctMessages(claims, all)).toBe(true)
      expect(aggregation.verifyDistinctMessages(claims.toReversed(), all)).toBe(true)
      expect(aggregation.verifyDistinctMessages(claims.slice(1), all)).toBe(false)
      expect(aggregation.verifyDistinctMessages([...claims, { publicKey, message }], all)).toBe(false)
      expect(aggregation.verifyDistinctMessages(claims.map((one, i) => i === 2 ? { ...one, message: utf8('another') } : one), all)).toBe(false)
      expect(aggregation.verifyDistinctMessages(claims.map((one, i) => i === 2 ? { ...one, publicKey } : one), all)).toBe(false)
      expect(aggregation.verifyDistinctMessages([{ publicKey, message }], signature)).toBe(true)
      expect(aggregation.verifyDistinctMessages([{ publicKey, message: new Uint8Array(0) }], portableBls.sign(secretKey, new Uint8Array(0)))).toBe(true)
    })

    test('one key may sign several messages', () => {
      const several = ['a', 'b', 'c'].map(utf8)
      expect(aggregation.verifyDistinctMessages(several.map(data => ({ publicKey, message: data })), sum(...several.map(data => portableBls.sign(secretKey, data))))).toBe(true)
    })

    test('refuses two equal messages, even honestly signed', () => {
      const both = sum(portableBls.sign(first.secret, message), portableBls.sign(second.secret, message))
      expect(aggregation.verifyDistinctMessages([{ publicKey: first.publicKey, message }, { publicKey: second.publicKey, message: Uint8Array.from(message) }], both)).toBe(false)
      expect(aggregation.verifyDistinctMessages([{ publicKey, message }, { publicKey, message }], sum(signature, signature))).toBe(false)
      // What is joined of the one is not what is joined of the other.
      const [a, b] = [Uint8Array.of(1, 12), Uint8Array.of(11, 2)]
      expect(aggregation.verifyDistinctMessages([{ publicKey, message: a }, { publicKey, message: b }], sum(portableBls.sign(secretKey, a), portableBls.sign(secretKey, b)))).toBe(true)
    })

    test('is false for nothing', () => {
      for (const one of [signature, ...Object.values(noSignatures)]) expect(aggregation.verifyDistinctMessages([], one)).toBe(false)
    })

    test.each(Object.entries(noKeys))('is false with the key %s', (_reason, bytes) => {
      expect(aggregation.verifyDistinctMessages([...claims, { publicKey: bytes, message }], all)).toBe(false)
      expect(aggregation.verifyDistinctMessages([{ publicKey: bytes, message }], signature)).toBe(false)
    })

    test.each(Object.entries(noSignatures))('is false for %s', (_reason, bytes) => expect(aggregation.verifyDistinctMessages(claims, bytes)).toBe(false))

    test('a message that is not bytes is an error', () => {
      // @ts-expect-error -- what the types forbid
      expect(() => aggregation.verifyDistinctMessages([...claims, { publicKey, message: 'text' }], all)).toThrow(fault)
    })
  })
})

describeNative('native and portable sums', ({ aggregation: native, blst }) => {
  const portable: Aggregation = portableAggregation()
  const signatures = fc.oneof({ weight: 5, arbitrary: fc.constantFrom(...secrets.map(secret => portableBls.sign(secret, message)), signature) }, fc.constantFrom(...Object.values(noSignatures)))
  const publicKeys = fc.oneof({ weight: 9, arbitrary: fc.constantFrom(publicKey, first.publicKey, second.publicKey) }, fc.constantFrom(...Object.values(noKeys)))

  test('are the same', () => {
    fc.assert(fc.property(fc.array(signatures, { maxLength: 5 }), list => {
      expect(native.aggregateSignatures(list)).toEqual(portable.aggregateSignatures(list))
    }), { numRuns: 40 })
  })

  test('verify for the same keys and messages', () => {
    const verdicts = new Set<boolean>()
    fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom(...secrets), fc.nat({ max: 6 })), { minLength: 1, maxLength: 3 }), fc.boolean(), publicKeys, (who, isTampered, other) => {
      const claims = who.map(([secret, i]) => ({ publicKey: portableBls.publicKey(secret), message: Uint8Array.of(i) }))
      const sum = portable.aggregateSignatures(who.map(([secret, i]) => portableBls.sign(secret, Uint8Array.of(i)))) ?? signature
      const asked = isTampered ? [...claims, { publicKey: other, message }] : claims
      const verdict = portable.verifyDistinctMessages(asked, sum)
      verdicts.add(verdict)
      expect(native.verifyDistinctMessages(asked, sum)).toBe(verdict)
      const same = portable.aggregateSignatures(who.map(([secret]) => portableBls.sign(secret, message))) ?? signature
      const signers = [...who.map(([secret]) => keys[secrets.indexOf(secret)] ?? key), ...isTampered ? [key] : []]
      expect(native.verifySameMessage(signers, message, same)).toBe(!isTampered)
      expect(portable.verifySameMessage(signers, message, same)).toBe(!isTampered)
    }), { numRuns: 8 })
    expect(verdicts).toContain(false)
  })

  test("the package's aggregateVerify admits infinity for two keys that cancel out", () => {
    const pair = [publicKey, negatedKey].map(bytes => blst.PublicKey.fromBytes(bytes, true))
    const infinity = blst.Signature.fromBytes(join(Uint8Array.of(0xc0), new Uint8Array(95)), false, false)
    expect(blst.aggregateVerify([message, message], pair, infinity, true, true)).toBe(true)
  })
})

test('what is exported takes the path that is in use', () => {
  const other = portableBls.sign(secretOf(1), message)
  const all = aggregateSignatures([signature, other])
  expect(all).toEqual(portableAggregation().aggregateSignatures([signature, other]))
  expect(verifySameMessage([key, proven(secretOf(1))], message, all ?? signature)).toBe(true)
  expect(verifyDistinctMessages([{ publicKey, message }], signature)).toBe(true)
  expect(verifyDistinctMessages([{ publicKey, message }], other)).toBe(false)
})
