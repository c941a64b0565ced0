import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { randomBytes } from '../../src/crypto/random.ts'
import type { SignatureSuite, SignedMessage } from '../../src/crypto/suite.ts'
import { verifyTogether } from '../../src/crypto/suites/bls/batch.ts'
import { portableBls } from '../../src/crypto/suites/bls/portable.ts'
import { describeNative, describePaths, G2, message, noKeys, noSignatures, publicKey, secretKey, signature } from './bls-samples.ts'
import type { G2Point } from './bls-samples.ts'
import { secretOf, utf8 } from './sample-keys.ts'

const point = (bytes: Uint8Array): G2Point => G2.Point.fromBytes(bytes)
/** Each with its own difference to the true signature. */
const forged = (one: SignedMessage, difference: G2Point): SignedMessage => ({ ...one, signature: point(one.signature).add(difference).toBytes(true) })
const delta = G2.Point.BASE.multiply(12345n)

/** `count` signatures of distinct messages by distinct keys. */
function signedBy(suite: SignatureSuite, count: number): readonly SignedMessage[] {
  return Array.from({ length: count }, (_, i) => {
    const secret = secretOf(1 + i % 100)
    const text = utf8(`message ${i}`)
    return { publicKey: suite.publicKey(secret), message: text, signature: suite.sign(secret, text) }
  })
}

const sound: SignedMessage = { publicKey, message, signature }

/** Signatures that are each wrong, and whose sum is the right one. */
const cancelling = (count: number, one: (i: number) => SignedMessage): readonly SignedMessage[] => {
  const differences = Array.from({ length: count - 1 }, (_, i) => delta.multiply(BigInt(i + 1)))
  const last = differences.reduce((sum, each) => sum.add(each), G2.Point.ZERO).negate()
  return [...differences, last].map((each, i) => forged(one(i), each))
}

describePaths('a batch of BLS signatures', suite => {
  const batch = (signed: readonly SignedMessage[]) => suite.verifyBatch(signed, randomBytes)
  const some = signedBy(suite, 6)
  const none = (count: number) => Array.from({ length: count }, () => false)

  test('is as each alone, and in the same order', async () => {
    expect(await batch([])).toEqual([])
    expect(await batch([sound])).toEqual([true])
    expect(await batch(some)).toEqual(some.map(() => true))
    const [first, second] = some
    if (first === undefined || second === undefined) throw new Error('no samples')
    const kinds: fc.Arbitrary<SignedMessage> = fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom(...some, sound) },
      fc.constantFrom(...some).map(one => ({ ...one, message: utf8('another') })),
      fc.constantFrom(...some).map(one => ({ ...one, publicKey })),
      fc.constantFrom(...some).map(one => forged(one, delta)),
      fc.constantFrom(...Object.values(noKeys)).map(key => ({ ...sound, publicKey: key })),
      fc.constantFrom(...Object.values(noSignatures)).map(sig => ({ ...sound, signature: sig })),
    )
    await fc.assert(fc.asyncProperty(fc.array(kinds, { maxLength: suite.path === 'native' ? 80 : 12 }), async signed => {
      const alone = signed.map(one => suite.verify(one.publicKey, one.message, one.signature))
      expect(await batch(signed)).toEqual(alone)
    }), { numRuns: suite.path === 'native' ? 15 : 5 })
  })

  test('refuses two forgeries that cancel out, whoever signed what', async () => {
    for (const [first, second] of [
      [some[0] ?? sound, some[1] ?? sound],
      [sound, sound],
      [sound, { publicKey, message: utf8('another'), signature: suite.sign(secretKey, utf8('another')) }],
      [sound, { publicKey: suite.publicKey(secretOf(9)), message, signature: suite.sign(secretOf(9), message) }],
    ] as const) {
      expect(await batch([forged(first, delta), forged(second, delta.negate())])).toEqual(none(2))
      expect(await batch([sound, forged(first, delta), sound, forged(second, delta.negate())])).toEqual([true, false, true, false])
      if (first !== second) expect(await batch([{ ...first, signature: second.signature }, { ...second, signature: first.signature }])).toEqual(none(2))
    }
  })

  test('refuses many forgeries that cancel out', async () => {
    const count = suite.path === 'native' ? 70 : 9
    expect(await batch(cancelling(count, i => some[i % some.length] ?? sound))).toEqual(none(count))
    expect(await batch(cancelling(count, () => sound))).toEqual(none(count))
  })

  test('what decodes to nothing is false, and leaves the rest as it is', async () => {
    const signed = [sound, ...Object.values(noKeys).map(key => ({ ...sound, publicKey: key })), sound, ...Object.values(noSignatures).map(one => ({ ...sound, signature: one })), sound]
    expect(await batch(signed)).toEqual(signed.map(one => one === sound))
  })

  test('rejects for a message that is not bytes, whatever stands before it', async () => {
    // @ts-expect-error -- what the types forbid
    await expect(batch([sound, { ...sound, message: 'text' }])).rejects.toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  })

  test('lets the event loop take its turns', async () => {
    let turns = 0
    let over = false
    const count = () => {
      if (over) return
      turns++
      setImmediate(count)
    }
    setImmediate(count)
    await batch(some)
    over = true
    expect(turns).toBeGreaterThanOrEqual(some.length)
  })

  test('is what it was when the list changes meanwhile', async () => {
    const list = [...some]
    const verdicts = batch(list)
    list.length = 0
    expect(await verdicts).toEqual(some.map(() => true))
  })
})

describe('the scalars of a portable batch', () => {
  const pair = [forged(sound, delta), forged(sound, delta.negate())]

  test('are 128 bits each, and drawn for each signature', async () => {
    const asked: number[] = []
    const random = (length: number) => {
      asked.push(length)
      return randomBytes(length)
    }
    await portableBls.verifyBatch([sound, sound, { ...sound, publicKey: new Uint8Array(48) }], random)
    expect(asked).toEqual([16, 16])
  })

  test('are all that keeps forgeries apart: with equal ones they cancel out', async () => {
    expect(await portableBls.verifyBatch(pair, length => new Uint8Array(length))).toEqual([true, true])
    expect(await portableBls.verifyBatch(pair, length => new Uint8Array(length).fill(255))).toEqual([true, true])
    let next = 0
    expect(await portableBls.verifyBatch(pair, length => new Uint8Array(length).fill(next++))).toEqual([false, false])
  })

  test('are never 0, which would leave a signature out', async () => {
    let next = 0
    const random = (length: number) => new Uint8Array(length).fill(next++ === 0 ? 0 : 77)
    expect(await portableBls.verifyBatch([forged(sound, delta), sound], random)).toEqual([false, true])
  })

  test('a sum that vanishes verifies nothing', async () => {
    const minus = { ...sound, signature: point(signature).negate().toBytes(true) }
    expect(await portableBls.verifyBatch([sound, minus], length => new Uint8Array(length))).toEqual([true, false])
  })

  test('a source that comes up short is an error', async () => {
    await expect(portableBls.verifyBatch([sound], () => new Uint8Array(15))).rejects.toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  })
})

describeNative('the native package', ({ blst }) => {
  test('has an aggregateVerify that admits forgeries that cancel out: it is none for batches', () => {
    const pair = [forged(sound, delta), forged({ publicKey, message: utf8('another'), signature: portableBls.sign(secretKey, utf8('another')) }, delta.negate())]
    const sets = pair.map(one => ({ msg: one.message, pk: blst.PublicKey.fromBytes(one.publicKey, true), sig: blst.Signature.fromBytes(one.signature, true, true) }))
    const sum = blst.aggregateSignatures(sets.map(({ sig }) => sig), true)
    expect(blst.aggregateVerify(sets.map(({ msg }) => msg), sets.map(({ pk }) => pk), sum, true, true)).toBe(true)
    expect(blst.verifyMultipleAggregateSignatures(sets, true, true)).toBe(false)
  })
})

describe('what a batch costs', () => {
  /** Counts what is checked, where those whose message is 1 are bad. */
  async function costOf(bad: readonly boolean[]) {
    let checks = 0
    let checked = 0
    let most = 0
    const signed = bad.map(isBad => ({ ...sound, message: Uint8Array.of(isBad ? 1 : 0) }))
    const verdicts = await verifyTogether(signed, {
      prepare: ({ message: [first] }) => ({ isBad: first === 1 }),
      hold(all) {
        checks++
        checked += all.length
        most = Math.max(most, all.length)
        return all.every(({ isBad }) => !isBad)
      },
    })
    expect(verdicts).toEqual(bad.map(isBad => !isBad))
    return { checks, checked, most }
  }

  test('is one check for 32 that are sound', async () => {
    expect(await costOf(Array.from({ length: 1000 }, () => false))).toEqual({ checks: 32, checked: 1000, most: 32 })
  })

  test('is for one bad in each 32 one more check of all, and 8 alone', async () => {
    expect(await costOf(Array.from({ length: 320 }, (_, i) => i % 32 === 13))).toEqual({ checks: 10 * (1 + 4 + 8), checked: 10 * (32 + 32 + 8), most: 32 })
  })

  test('is three checks of each at most', async () => {
    await fc.assert(fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 100 }), async bad => {
      const { checked, most } = await costOf(bad)
      expect(checked).toBeLessThanOrEqual(3 * bad.length)
      expect(most).toBeLessThanOrEqual(32)
    }))
  })
})
