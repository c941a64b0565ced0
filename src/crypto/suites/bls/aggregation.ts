import { bls12_381 } from '@noble/curves/bls12-381.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { Fault } from '../../../core/errors.ts'
import { requireBytes, requireList } from '../../bytes.ts'
import { nodePlatform } from '../../node/platform.ts'
import type { Path } from '../../suite.ts'
import { suiteByParams } from '../../suites.ts'
import * as native from './blst.ts'
import type { Blst } from './blst.ts'
import { blsFacts } from './facts.ts'
import * as portable from './points.ts'
import { provenBytes } from './possession.ts'
import type { ProvenPublicKey } from './possession.ts'

/** Who signed what, in an aggregate. */
export interface SignedBy {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
}

/** Signatures made of many, computed one way. The functions below say what each method does. */
export interface Aggregation {
  readonly path: Path
  aggregateSignatures(signatures: readonly Uint8Array[]): Uint8Array | undefined
  verifySameMessage(keys: readonly ProvenPublicKey[], message: Uint8Array, signature: Uint8Array): boolean
  verifyDistinctMessages(signed: readonly SignedBy[], signature: Uint8Array): boolean
}

/** What a path has to compute. Lists are never empty; encodings may be anything. */
interface AggregationWay {
  readonly path: Path
  /** `undefined` where one is no signature, or the sum is infinity. */
  sum(signatures: readonly Uint8Array[]): Uint8Array | undefined
  /** FastAggregateVerify, but for the proofs. */
  verifySame(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): boolean
  /** CoreAggregateVerify. */
  verifyDistinct(signed: readonly SignedBy[], signature: Uint8Array): boolean
}

/** `domain` is another than ours only for published vectors of other ciphersuites. */
export function portableAggregation(domain: string = portable.SIGNATURE_DOMAIN): Aggregation {
  const { decodePublicKey, decodeSignature, hashToG2, scheme } = portable
  return aggregationOf({
    path: 'portable',

    sum(signatures) {
      const sum = addUp(bls12_381.G2.Point.ZERO, signatures, decodeSignature)
      return sum?.toBytes(true)
    },

    verifySame(publicKeys, message, signature) {
      const key = addUp(bls12_381.G1.Point.ZERO, publicKeys, decodePublicKey)
      const point = key && decodeSignature(signature)
      return key !== undefined && point !== undefined && scheme.verify(point, hashToG2(message, domain), key)
    },

    verifyDistinct(signed, signature) {
      const point = decodeSignature(signature)
      const pairs = point && decodeAll(signed, ({ publicKey, message }) => {
        const key = decodePublicKey(publicKey)
        return key && { publicKey: key, message: hashToG2(message, domain) }
      })
      // What the library calls verifyBatch is CoreAggregateVerify.
      return point !== undefined && pairs !== undefined && scheme.verifyBatch(point, pairs)
    },
  })
}

export function nativeAggregation(blst: Blst): Aggregation {
  const { decodePublicKey, decodeSignature } = native
  return aggregationOf({
    path: 'native',

    sum(signatures) {
      const points = decodeAll(signatures, one => decodeSignature(blst, one))
      if (points === undefined) return undefined
      // Decoding once more refuses signatures that cancel out.
      const sum = Uint8Array.from(blst.aggregateSignatures(points, false).toBytes(true))
      return decodeSignature(blst, sum) && sum
    },

    verifySame(publicKeys, message, signature) {
      const keys = decodeAll(publicKeys, one => decodePublicKey(blst, one))
      const point = decodeSignature(blst, signature)
      if (keys === undefined || point === undefined) return false
      // Decoding once more refuses keys that cancel out, where infinity would be a signature.
      const sum = decodePublicKey(blst, blst.aggregatePublicKeys(keys, false).toBytes(true))
      return sum !== undefined && blst.verify(message, sum, point, false, false)
    },

    verifyDistinct(signed, signature) {
      const keys = decodeAll(signed, ({ publicKey }) => decodePublicKey(blst, publicKey))
      const point = decodeSignature(blst, signature)
      if (keys === undefined || point === undefined) return false
      return blst.aggregateVerify(signed.map(({ message }) => message), keys, point, false, false)
    },
  })
}

/** What all paths refuse alike. */
function aggregationOf({ path, sum, verifySame, verifyDistinct }: AggregationWay): Aggregation {
  return Object.freeze({
    path,

    aggregateSignatures(signatures: readonly Uint8Array[]): Uint8Array | undefined {
      requireList(signatures, 'The signatures')
      return signatures.length === 0 ? undefined : sum(signatures)
    },

    verifySameMessage(keys: readonly ProvenPublicKey[], message: Uint8Array, signature: Uint8Array): boolean {
      requireList(keys, 'The keys')
      requireBytes(message, 'The message')
      const publicKeys = keys.map(key => {
        const publicKey = provenBytes(key)
        if (publicKey === undefined) throw new Fault('invalid-argument', 'Only keys of proven possession may sign one message together: use verifyPossession')
        return publicKey
      })
      return publicKeys.length > 0 && verifySame(publicKeys, message, signature)
    },

    verifyDistinctMessages(signed: readonly SignedBy[], signature: Uint8Array): boolean {
      requireList(signed, 'The signed messages')
      for (const one of signed) requireBytes(one?.message, 'The message')
      const distinct = new Set(signed.map(({ message }) => bytesToHex(message)))
      return signed.length > 0 && distinct.size === signed.length && verifyDistinct(signed, signature)
    },
  })
}

/** The sum, or `undefined` where one does not decode or the sum is infinity. */
function addUp<P extends { add(other: P): P; is0(): boolean }>(zero: P, encodings: readonly Uint8Array[], decode: (bytes: Uint8Array) => P | undefined): P | undefined {
  const sum = decodeAll(encodings, decode)?.reduce((total, point) => total.add(point), zero)
  return sum?.is0() === true ? undefined : sum
}

function decodeAll<T, P>(encodings: readonly T[], decode: (one: T) => P | undefined): P[] | undefined {
  const points: P[] = []
  for (const encoding of encodings) {
    const point = decode(encoding)
    if (point === undefined) return undefined
    points.push(point)
  }
  return points
}

/** On the path of the suite in use. */
function chosen(): Aggregation {
  const { path } = suiteByParams(blsFacts.params) ?? {}
  const blst = path === 'native' && nodePlatform !== undefined ? native.loadBlst(nodePlatform) : undefined
  return blst === undefined ? portableAggregation() : nativeAggregation(blst)
}

/**
 * Aggregate (draft-irtf-cfrg-bls-signature, section 2.8): the sum of the signatures, 96 bytes. `undefined` for an empty list, where one
 * is no signature, and where they cancel out, since infinity is no signature. It says nothing about what they sign.
 */
export function aggregateSignatures(signatures: readonly Uint8Array[]): Uint8Array | undefined {
  return chosen().aggregateSignatures(signatures)
}

/**
 * FastAggregateVerify (section 3.3.4): whether the signature is the sum of one signature of `message` by each key. `false` for an empty
 * list, and for keys that add up to infinity. Without proofs, whoever chooses his key last as the difference to another's could sign for
 * both; so it throws `invalid-argument` for keys that are not proven, and for a message that is not bytes. As in the draft, a key that is
 * listed twice must have signed twice: who counts signers counts distinct keys. Synchronous, natively about 0.05 ms for each key.
 */
export function verifySameMessage(keys: readonly ProvenPublicKey[], message: Uint8Array, signature: Uint8Array): boolean {
  return chosen().verifySameMessage(keys, message, signature)
}

/**
 * AggregateVerify of the basic scheme (section 3.1.1), in our domain: whether the signature is the sum of one signature of each message by
 * its key. `false` for an empty list, and for two equal messages: these, by keys that need not be proven, are how a key chosen as the
 * difference to another's signs for both. What `signable` makes holds the signer's name, so distinct identities never sign the same.
 * Throws `invalid-argument` for a message that is not bytes. Synchronous, natively about 0.3 ms for each message.
 */
export function verifyDistinctMessages(signed: readonly SignedBy[], signature: Uint8Array): boolean {
  return chosen().verifyDistinctMessages(signed, signature)
}
