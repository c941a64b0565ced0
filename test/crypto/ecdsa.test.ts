import type { ECDSA } from '@noble/curves/abstract/weierstrass.js'
import { p256 } from '@noble/curves/nist.js'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToNumberBE, numberToBytesBE } from '@noble/curves/utils.js'
import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeBothPaths, describeOnEachPath } from './both-paths.ts'
import { flip, join, secretOf, toHex, utf8 } from './sample-keys.ts'

const message = utf8('a message')
const number = (value: bigint): Uint8Array => numberToBytesBE(value, 32)

interface Curve {
  readonly params: string
  readonly curve: ECDSA
  /** Whether a signature with the high S is one. */
  readonly highS: boolean
}

const curves: readonly Curve[] = [
  { params: 'Secp256k1', curve: secp256k1, highS: false },
  { params: 'P256', curve: p256, highS: true },
]

describe.each(curves)('$params', ({ params, curve, highS }) => {
  const { Point, Signature } = curve
  const N = Point.Fn.ORDER
  const P = Point.Fp.ORDER
  const secretKey = secretOf(0x2c)
  const publicKey = curve.getPublicKey(secretKey, true)
  const point = Point.fromBytes(publicKey)
  const signature = curve.sign(message, secretKey, { lowS: true })
  const { r, s } = Signature.fromBytes(signature, 'compact')

  /** The first x from `from` on that is on the curve, or on none. */
  function firstX(from: bigint, onCurve: boolean): bigint {
    for (let x = from; ; x++) if (curve.utils.isValidPublicKey(join(Uint8Array.of(2), number(x)), true) === onCurve) return x
  }

  /** A key, and a signature by it whose R has an x above the order: r is x − n, and the recovery id 2 or 3. */
  function overflowing(digest: Uint8Array, recoveryId: 2 | 3, order: 'low' | 'high' = 'low'): { key: Uint8Array; compact: Uint8Array } {
    const made = new Signature(firstX(N + 1n, true) - N, order === 'low' ? 5n : N - 5n, recoveryId)
    return { key: made.recoverPublicKey(digest).toBytes(true), compact: made.toBytes('compact') }
  }

  const uncompressed = point.toBytes(false)
  const badKeys = {
    'uncompressed': uncompressed,
    'hybrid': join(Uint8Array.of(point.y & 1n ? 7 : 6), uncompressed.subarray(1)),
    'hybrid prefix, compressed length': join(Uint8Array.of(6), publicKey.subarray(1)),
    'uncompressed prefix, compressed length': join(Uint8Array.of(4), publicKey.subarray(1)),
    'infinity': Uint8Array.of(0),
    'infinity, padded': new Uint8Array(33),
    'x on no point': join(Uint8Array.of(2), number(firstX(1n, false))),
    'x = p': join(Uint8Array.of(2), number(P)),
    'x above p, which reduced is on the curve': join(Uint8Array.of(2), number(firstX(1n, true) + P)),
    'x of ones': join(Uint8Array.of(3), new Uint8Array(32).fill(255)),
    'x alone': publicKey.subarray(1),
    'a byte more': join(publicKey, Uint8Array.of(0)),
  }

  describeOnEachPath(params, suite => {
    test.each(Object.entries(badKeys))('a key that is %s is none', (_, key) => {
      expect(suite.isPublicKey(key)).toBe(false)
      expect(suite.verify(key, message, signature)).toBe(false)
    })

    test('emits the low S', () => {
      const signer = suite.signer(secretKey)
      for (let i = 0; i < 40; i++) expect(Signature.fromBytes(signer.sign(utf8(`${i}`)), 'compact').hasHighS()).toBe(false)
    })

    test('emits the low S in batches', async () => {
      const signatures = await suite.signer(secretKey).signBatch(Array.from({ length: 40 }, (_, i) => utf8(`${i}`)))
      expect(signatures.filter(one => Signature.fromBytes(one, 'compact').hasHighS())).toEqual([])
    })

    test(`${highS ? 'takes' : 'refuses'} the high S`, async () => {
      const high = join(number(r), number(N - s))
      expect(suite.verify(publicKey, message, high)).toBe(highS)
      expect(await suite.verifyBatch([{ publicKey, message, signature: high }], () => new Uint8Array())).toEqual([highS])
    })

    test.each([2, 3] as const)('an R whose x is above the order verifies, with recovery id %i', recoveryId => {
      const { key, compact } = overflowing(sha256(message), recoveryId)
      expect(suite.verify(key, message, compact)).toBe(true)
      const high = overflowing(sha256(message), recoveryId, 'high')
      expect(suite.verify(high.key, message, high.compact)).toBe(highS)
    })
  })

  describeBothPaths(params, (native, portable) => {
    test('say the same of special r, special s and special keys, and admit some', () => {
      const half = N >> 1n
      const special = [0n, 1n, 2n, half, half + 1n, N - 2n, N - 1n, N, N + 1n, P - N - 1n, P - N, P - N + 1n, P - 1n, P, 2n ** 256n - 1n]
      const distinct = (values: readonly bigint[]) => [...new Set(values)].filter(value => value < 2n ** 256n)
      const rs = distinct([...special, r, N - r, firstX(N + 1n, true) - N, r + N])
      const ss = distinct([...special, s, N - s, 5n, N - 5n, s + N])
      const { key, compact } = overflowing(sha256(message), 2)
      const differ: string[] = []
      let admitted = 0
      for (const a of [publicKey, point.negate().toBytes(true), key, Point.BASE.toBytes(true), ...Object.values(badKeys)]) {
        for (const sig of [signature, compact, ...rs.flatMap(one => ss.map(other => join(number(one), number(other))))]) {
          const said = native.verify(a, message, sig)
          if (portable.verify(a, message, sig) !== said) differ.push(`${toHex(a)} ${toHex(sig)}`)
          if (said) admitted++
        }
      }
      expect(differ).toEqual([])
      // The plain one, the one above the order, and both again among the products; and where any S goes, each with the other S.
      expect(admitted).toBe(highS ? 6 : 4)
    })

    test('no number out of range goes by way of a batch', async () => {
      const signed = [join(number(r), number(s)), join(new Uint8Array(32).fill(255), number(s)), join(number(r), new Uint8Array(32))]
        .map(one => ({ publicKey, message, signature: one }))
      for (const suite of [native, portable]) expect(await suite.verifyBatch(signed, () => new Uint8Array())).toEqual([true, false, false])
    })
  })
})

const digests = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
  // At the order and above it, and what reduces to 0.
  fc.constantFrom(secp256k1.Point.Fn.ORDER, secp256k1.Point.Fn.ORDER + 1n, secp256k1.Point.Fn.ORDER - 1n, 2n ** 256n - 1n, 0n, 1n).map(number),
)

describeOnEachPath('Secp256k1', suite => {
  const N = secp256k1.Point.Fn.ORDER
  const secretKey = secretOf(0x2d)
  const publicKey = suite.publicKey(secretKey)
  const signer = suite.signer(secretKey)
  const signDigest = (digest: Uint8Array): Uint8Array => signer.signDigest?.(digest) ?? new Uint8Array()
  const verifyDigest = (digest: Uint8Array, signature: Uint8Array, key = publicKey): boolean | undefined => suite.verifyDigest?.(key, digest, signature)

  test('a digest is signed as it is: r, s and the recovery id, by which the key comes back', () => {
    fc.assert(fc.property(digests, digest => {
      const signature = signDigest(digest)
      expect(signature.length).toBe(65)
      expect(verifyDigest(digest, signature)).toBe(true)
      const made = secp256k1.Signature.fromBytes(signature.subarray(0, 64), 'compact')
      expect(made.hasHighS()).toBe(false)
      expect(made.addRecoveryBit(signature[64] ?? 9).recoverPublicKey(digest).toBytes(true)).toEqual(publicKey)
    }), { numRuns: 60 })
  })

  test('the digest of a message is signed as the message is', () => {
    expect(signDigest(sha256(message)).subarray(0, 64)).toEqual(signer.sign(message))
  })

  test('no other recovery id, digest, key or form verifies', () => {
    const digest = sha256(message)
    const signature = signDigest(digest)
    const compact = signature.subarray(0, 64)
    const id = signature[64] ?? 0
    for (let other = 0; other < 256; other++) expect(verifyDigest(digest, join(compact, Uint8Array.of(other)))).toBe(other === id)
    const high = join(compact.subarray(0, 32), number(N - bytesToNumberBE(compact.subarray(32))))
    for (const wrong of [
      join(high, Uint8Array.of(id)), join(high, Uint8Array.of(id ^ 1)), compact, join(signature, Uint8Array.of(0)),
      join(Uint8Array.of(id), compact), join(new Uint8Array(64), Uint8Array.of(id)), new Uint8Array(65).fill(255),
    ]) expect(verifyDigest(digest, wrong)).toBe(false)
    expect(verifyDigest(flip(digest, 3), signature)).toBe(false)
    expect(verifyDigest(message, signature)).toBe(false)
    expect(verifyDigest(digest, signature, suite.publicKey(secretOf(0x2e)))).toBe(false)
    for (const key of [new Uint8Array(33), secp256k1.Point.fromBytes(publicKey).toBytes(false)]) expect(verifyDigest(digest, signature, key)).toBe(false)
  })

  test('recovery ids 2 and 3 are those of an R whose x is above the order', () => {
    const digest = sha256(message)
    for (let x = N + 1n; ; x++) {
      if (!secp256k1.utils.isValidPublicKey(join(Uint8Array.of(2), number(x)), true)) continue
      const made = new secp256k1.Signature(x - N, 5n, 3)
      const key = made.recoverPublicKey(digest).toBytes(true)
      const verified = [0, 1, 2, 3].map(id => verifyDigest(digest, join(made.toBytes('compact'), Uint8Array.of(id)), key))
      expect(verified).toEqual([false, false, false, true])
      return
    }
  })

  test('what is no digest is refused', () => {
    for (const wrong of [new Uint8Array(0), new Uint8Array(31), new Uint8Array(33), message]) {
      expect(() => signDigest(wrong)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
    }
  })
})

describeBothPaths('Secp256k1', (native, portable) => {
  const secretKey = secretOf(0x2d)
  const publicKey = portable.publicKey(secretKey)

  test('sign the same bytes for any digest, one at or above the order too', () => {
    const [one, other] = [native, portable].map(suite => suite.signer(secretKey))
    fc.assert(fc.property(digests, digest => {
      expect(one?.signDigest?.(digest)).toEqual(other?.signDigest?.(digest))
    }), { numRuns: 100 })
  })

  test('say the same of what is not quite a signature of a digest', () => {
    const digest = sha256(message)
    const signature = portable.signer(secretKey).signDigest?.(digest) ?? new Uint8Array()
    fc.assert(fc.property(fc.nat({ max: 65 * 8 - 1 }), fc.nat({ max: 255 }), fc.boolean(), (bit, id, flipped) => {
      const other = join((flipped ? flip(signature, bit) : signature).subarray(0, 64), Uint8Array.of(id % 5))
      expect(native.verifyDigest?.(publicKey, digest, other)).toBe(portable.verifyDigest?.(publicKey, digest, other))
    }), { numRuns: 200 })
  })
})
