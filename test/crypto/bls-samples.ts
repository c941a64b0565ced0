import { bls12_381 } from '@noble/curves/bls12-381.js'
import { numberToBytesBE } from '@noble/curves/utils.js'
import { describe, expect, test } from 'vitest'
import { nodePlatform } from '../../src/crypto/node/platform.ts'
import type { SignatureSuite } from '../../src/crypto/suite.ts'
import { nativeAggregation, portableAggregation } from '../../src/crypto/suites/bls/aggregation.ts'
import type { Aggregation } from '../../src/crypto/suites/bls/aggregation.ts'
import { loadBlst } from '../../src/crypto/suites/bls/blst.ts'
import { nativeBls } from '../../src/crypto/suites/bls/native.ts'
import { portableBls } from '../../src/crypto/suites/bls/portable.ts'
import { flip, join, secretOf, utf8 } from './sample-keys.ts'

export const { G1, G2, fields } = bls12_381
export const P = G1.Point.Fp.ORDER
export const R = G1.Point.Fn.ORDER

export type G1Point = InstanceType<typeof G1.Point>
export type G2Point = InstanceType<typeof G2.Point>

const blst = nodePlatform && loadBlst(nodePlatform)

/** Both ways, or `undefined` where the package is absent. */
export const native = nodePlatform && blst && { suite: nativeBls(nodePlatform) ?? portableBls, aggregation: nativeAggregation(blst), blst }

/** A `describe` that needs the native package. Where it is absent it is one skipped test that says so, and under CI=true a failure. */
export function describeNative(title: string, body: (found: NonNullable<typeof native>) => void): void {
  if (native !== undefined) return void describe(title, () => body(native))
  const name = `${title}: @chainsafe/blst is not installed, or does not load here`
  if (process.env['CI'] === 'true') test(name, () => expect.fail('CI must have the optional packages'))
  else test.skip(name)
}

/** The same tests on both paths. */
export function describePaths(title: string, body: (suite: SignatureSuite, aggregation: Aggregation) => void): void {
  describe(`${title}, portable`, () => body(portableBls, portableAggregation()))
  describeNative(`${title}, native`, ({ suite, aggregation }) => body(suite, aggregation))
}

export const message = utf8('a message')
export const secretKey = secretOf(0x33)
export const publicKey = portableBls.publicKey(secretKey)
export const signature = portableBls.sign(secretKey, message)

/** The encoding of x and y as they are: on no curve, in no subgroup, or at or above p. */
export function encodeG1(x: bigint, y: bigint): Uint8Array {
  const bytes = numberToBytesBE(x, 48)
  bytes[0] = (bytes[0] ?? 0) | (y > P / 2n ? 0xa0 : 0x80)
  return bytes
}

export function encodeG2(point: G2Point): Uint8Array {
  const { x, y } = point.toAffine()
  const bytes = numberToBytesBE((x.c1 << 384n) | x.c0, 96)
  bytes[0] = (bytes[0] ?? 0) | ((y.c1 === 0n ? y.c0 : y.c1) > P / 2n ? 0xa0 : 0x80)
  return bytes
}

/** The point at the first x, counting up from `from` modulo p, that is on the curve; it is outside the subgroup but for a chance of 2⁻¹²⁵. */
export function onCurveG1(from: bigint): G1Point {
  for (let x = from % P; ; x = (x + 1n) % P) {
    try {
      return G1.Point.fromAffine({ x, y: fields.Fp.sqrt(fields.Fp.add(fields.Fp.pow(x, 3n), 4n)) })
    } catch {
      continue
    }
  }
}

export function onCurveG2(from: bigint): G2Point {
  const { Fp2 } = fields
  for (let c1 = from % P; ; c1 = (c1 + 1n) % P) {
    const x = Fp2.fromBigTuple([1n, c1])
    try {
      return G2.Point.fromAffine({ x, y: Fp2.sqrt(Fp2.add(Fp2.pow(x, 3n), Fp2.fromBigTuple([4n, 4n]))) })
    } catch {
      continue
    }
  }
}

/**
 * [r]Q: what of Q is outside the subgroup. Pairings are blind to it in G1. Doubled and added, since the
 * library multiplies by a way that is right in the subgroup alone.
 */
function torsionOf<T extends { add(other: T): T; double(): T }>(q: T): T {
  return Array.from(R.toString(2)).slice(1).reduce((sum, bit) => bit === '1' ? sum.double().add(q) : sum.double(), q)
}

function affine(point: G1Point): Uint8Array {
  const { x, y } = point.toAffine()
  return encodeG1(x, y)
}

export const negatedKey = G1.Point.fromBytes(publicKey).negate().toBytes(true)
const keyPoint = G1.Point.fromBytes(publicKey)
const signaturePoint = G2.Point.fromBytes(signature)

const infinities = (length: 48 | 96) => Object.fromEntries([
  ['infinity', 0xc0], ['infinity with the sign', 0xe0], ['infinity, not compressed', 0x40], ['zeros', 0], ['no flag of infinity', 0x80], ['all flags but compression', 0x60],
].map(([name, first]) => [name, join(Uint8Array.of(Number(first)), new Uint8Array(length - 1))]))

const lengths = (bytes: Uint8Array) => ({
  'nothing': new Uint8Array(0), 'one byte less': bytes.subarray(1), 'cut at the end': bytes.subarray(0, -1), 'one byte more': join(bytes, Uint8Array.of(0)),
})

/** Encodings that are no public key, each by its reason. */
export const noKeys: { readonly [reason: string]: Uint8Array } = {
  ...infinities(48),
  ...lengths(publicKey),
  'infinity with a bit set': join(Uint8Array.of(0xc0), new Uint8Array(46), Uint8Array.of(1)),
  'infinity, uncompressed': join(Uint8Array.of(0x40), new Uint8Array(95)),
  'uncompressed': keyPoint.toBytes(false),
  'uncompressed, with the flag of compression': flip(keyPoint.toBytes(false), 7),
  'the flag of compression cleared': flip(publicKey, 7),
  'the flag of infinity set': flip(publicKey, 6),
  'x = p': encodeG1(P, 1n),
  'x + p': encodeG1(onCurveG1(5n).toAffine().x + P, 1n),
  'x of all ones': new Uint8Array(48).fill(255),
  'on the curve, outside the subgroup': affine(onCurveG1(1n)),
  'of order 3': encodeG1(0n, 2n),
  'the key and a point of order 3': affine(keyPoint.add(G1.Point.fromAffine({ x: 0n, y: 2n }))),
  'the key and its torsion': affine(keyPoint.add(torsionOf(onCurveG1(7n)))),
  'on no curve': encodeG1(1n, 1n),
  'a signature': signature,
}

export const noSignatures: { readonly [reason: string]: Uint8Array } = {
  ...infinities(96),
  ...lengths(signature),
  'infinity with a bit set': join(Uint8Array.of(0xc0), new Uint8Array(94), Uint8Array.of(1)),
  'infinity, uncompressed': join(Uint8Array.of(0x40), new Uint8Array(191)),
  'uncompressed': signaturePoint.toBytes(false),
  'uncompressed, with the flag of compression': flip(signaturePoint.toBytes(false), 7),
  'the flag of compression cleared': flip(signature, 7),
  'the flag of infinity set': flip(signature, 6),
  'x.c1 = p': join(encodeG1(P, 1n), new Uint8Array(48)),
  'x.c0 = p': join(signature.subarray(0, 48), numberToBytesBE(P, 48)),
  'x of all ones': new Uint8Array(96).fill(255),
  'on the curve, outside the subgroup': encodeG2(onCurveG2(1n)),
  'the signature and torsion': encodeG2(signaturePoint.add(torsionOf(onCurveG2(9n)))),
  'a key': publicKey,
}
