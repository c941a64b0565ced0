import { z } from 'zod'
import { sameBytes } from '../../src/crypto/bytes.ts'
import { nodePlatform } from '../../src/crypto/node/platform.ts'
import type { Path } from '../../src/crypto/suite.ts'
import { nativeAggregation, portableAggregation } from '../../src/crypto/suites/bls/aggregation.ts'
import type { Aggregation } from '../../src/crypto/suites/bls/aggregation.ts'
import { loadBlst } from '../../src/crypto/suites/bls/blst.ts'
import { coreVerify, hashToG2 } from '../../src/crypto/suites/bls/points.ts'
import { provePossession, verifyPossession } from '../../src/crypto/suites/bls/possession.ts'
import { hexBytes, wycheproof } from '../schemas.ts'
import type { Case, VectorSet } from '../set.ts'
import { suiteOn } from '../suite-on.ts'

/** The signatures' domain in the basic scheme, which is not ours. */
const BASIC_DOMAIN = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_NUL_'
const HASH_DOMAIN = 'QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_'
const only = { path: 'portable', why: 'the native package hashes in one domain, ours, and the set has another' } as const

const signatures = wycheproof({ ciphersuite: z.string(), publicKey: z.object({ pk: hexBytes }) }, { msg: hexBytes, sig: hexBytes })
const aggregates = wycheproof({ ciphersuite: z.literal(BASIC_DOMAIN) }, { pubkeys: z.array(hexBytes), messages: z.array(hexBytes), sig: hexBytes })
const hashes = wycheproof({ dst: z.literal(HASH_DOMAIN) }, { msg: hexBytes, expected: z.string() })
const coordinate = z.tuple([z.string(), z.string()])
const printed = z.object({ dst: z.literal(HASH_DOMAIN), vectors: z.array(z.object({ message: z.string(), x: coordinate, y: coordinate })) })
const ethereum = z.array(z.object({ secretKey: hexBytes, publicKey: hexBytes, message: hexBytes, signature: hexBytes }))
const aggregate = z.object({ name: z.string(), publicKeys: z.array(hexBytes), signature: hexBytes, valid: z.boolean() })
const ethereumAggregates = z.object({
  secretKeys: z.array(hexBytes),
  fastAggregateVerify: z.array(aggregate.extend({ message: hexBytes })),
  aggregateVerify: z.array(aggregate.extend({ messages: z.array(hexBytes) })),
})

/** Throws where there is none: what is not run must not pass. */
function aggregationOn(path: Path): Aggregation {
  if (path === 'portable') return portableAggregation()
  const blst = nodePlatform && loadBlst(nodePlatform)
  if (blst === undefined) throw new Error('There is no native BLS here')
  return nativeAggregation(blst)
}

function signatureCases(json: unknown, ciphersuite: string, accepts: (path: Path, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean): readonly Case[] {
  return signatures.parse(json).testGroups.flatMap(group => {
    if (group.ciphersuite !== ciphersuite) throw new Error(`This set has another ciphersuite: ${group.ciphersuite}`)
    return group.tests.map(({ tcId, result, msg, sig }) => ({
      id: `${tcId}`, published: result, accepts: (path: Path) => accepts(path, group.publicKey.pk, msg, sig),
    }))
  })
}

/** Lists of different lengths have no form here: they are refused before anything is verified. */
function aggregateCases(json: unknown, aggregation: (path: Path) => Aggregation): readonly Case[] {
  return aggregates.parse(json).testGroups.flatMap(({ tests }) => tests.map(({ tcId, result, pubkeys, messages, sig }) => ({
    id: `${tcId}`,
    published: result,
    accepts: (path: Path) => pubkeys.length === messages.length && aggregation(path).verifyDistinctMessages(paired(pubkeys, messages), sig),
  })))
}

function paired(publicKeys: readonly Uint8Array[], messages: readonly Uint8Array[]) {
  return messages.flatMap((message, i) => {
    const publicKey = publicKeys[i]
    return publicKey === undefined ? [] : [{ publicKey, message }]
  })
}

const otherDomain = (ids: readonly string[]) => ({ why: 'they are signed in the domain of the basic scheme', ids })
const validBasic = [1, 2, 3, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37].map(String)

export const blsSets: readonly VectorSet[] = [{
  name: 'Wycheproof BLS, proof of possession',
  file: 'wycheproof/bls_sig_g2_pop_verify_test.json',
  count: { cases: 26, valid: 13 },
  read: json => signatureCases(json, 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_', (path, publicKey, message, signature) =>
    suiteOn(path, 'BLS').verify(publicKey, message, signature)),
}, {
  name: 'Wycheproof BLS, basic',
  file: 'wycheproof/bls_sig_g2_basic_verify_test.json',
  count: { cases: 88, valid: 29 },
  only,
  read: json => signatureCases(json, BASIC_DOMAIN, (_path, publicKey, message, signature) => coreVerify(publicKey, message, signature, BASIC_DOMAIN)),
}, {
  name: 'Wycheproof BLS, basic, in our domain',
  file: 'wycheproof/bls_sig_g2_basic_verify_test.json',
  count: { cases: 88, valid: 29 },
  refusedHere: otherDomain(validBasic),
  read: json => signatureCases(json, BASIC_DOMAIN, (path, publicKey, message, signature) => suiteOn(path, 'BLS').verify(publicKey, message, signature)),
}, {
  name: 'Wycheproof BLS, aggregates',
  file: 'wycheproof/bls_sig_g2_aggregate_verify_test.json',
  count: { cases: 19, valid: 6 },
  only,
  read: json => aggregateCases(json, () => portableAggregation(BASIC_DOMAIN)),
}, {
  name: 'Wycheproof BLS, aggregates, in our domain',
  file: 'wycheproof/bls_sig_g2_aggregate_verify_test.json',
  count: { cases: 19, valid: 6 },
  refusedHere: otherDomain(['1', '2', '3', '9', '10', '11']),
  read: json => aggregateCases(json, aggregationOn),
}, {
  name: 'Wycheproof BLS, hash to G2',
  file: 'wycheproof/bls_hash_to_g2_test.json',
  count: { cases: 34, valid: 34 },
  only,
  read: json => hashes.parse(json).testGroups.flatMap(({ dst, tests }) => tests.map(({ tcId, result, msg, expected }) => ({
    id: `${tcId}`, published: result, accepts: () => hashToG2(msg, dst).toHex(true) === expected,
  }))),
}, {
  name: 'RFC 9380, hash to G2',
  file: 'test/vectors/rfc9380-bls12381g2.json',
  count: { cases: 5, valid: 5 },
  only,
  read(json) {
    const { dst, vectors } = printed.parse(json)
    return vectors.map(({ message, x, y }, i) => ({
      id: `J.10.1 ${i + 1}`,
      published: 'valid',
      // Uncompressed: the two parts of x and of y, the second of each first.
      accepts: () => hashToG2(new TextEncoder().encode(message), dst).toHex(false) === [x[1], x[0], y[1], y[0]].join(''),
    }))
  },
}, {
  name: 'Ethereum BLS',
  file: 'test/vectors/ethereum-bls.json',
  count: { cases: 2, valid: 2 },
  read: json => ethereum.parse(json).map(({ secretKey, publicKey, message, signature }, i) => ({
    id: `sign ${i + 1}`,
    published: 'valid',
    accepts(path) {
      const suite = suiteOn(path, 'BLS')
      return sameBytes(suite.publicKey(secretKey), publicKey) && sameBytes(suite.sign(secretKey, message), signature) && suite.verify(publicKey, message, signature)
    },
  })),
}, {
  name: 'Ethereum BLS aggregates',
  file: 'test/vectors/ethereum-bls-aggregates.json',
  count: { cases: 17, valid: 4 },
  read(json) {
    const { secretKeys, fastAggregateVerify, aggregateVerify } = ethereumAggregates.parse(json)
    const signers = (path: Path, publicKeys: readonly Uint8Array[]) => publicKeys.flatMap(publicKey =>
      secretKeys.find(secretKey => sameBytes(suiteOn(path, 'BLS').publicKey(secretKey), publicKey)) ?? [])
    /** Whether these signers make that very signature. */
    const made = (path: Path, publicKeys: readonly Uint8Array[], messageOf: (i: number) => Uint8Array, signature: Uint8Array) => {
      const all = signers(path, publicKeys).map((secretKey, i) => suiteOn(path, 'BLS').sign(secretKey, messageOf(i)))
      return sameBytes(aggregationOn(path).aggregateSignatures(all) ?? new Uint8Array(0), signature)
    }
    return [
      ...fastAggregateVerify.map(({ name, valid, publicKeys, message, signature }): Case => ({
        id: name,
        published: valid ? 'valid' : 'invalid',
        accepts(path) {
          // A key that nobody has, as infinity is, cannot be proven, and the case ends there.
          const proven = signers(path, publicKeys).flatMap((secretKey, i) => verifyPossession(publicKeys[i] ?? secretKey, provePossession(secretKey)) ?? [])
          return proven.length === publicKeys.length && aggregationOn(path).verifySameMessage(proven, message, signature) &&
            made(path, publicKeys, () => message, signature)
        },
      })),
      ...aggregateVerify.map(({ name, valid, publicKeys, messages, signature }): Case => ({
        id: name,
        published: valid ? 'valid' : 'invalid',
        accepts: path => aggregationOn(path).verifyDistinctMessages(paired(publicKeys, messages), signature) &&
          made(path, publicKeys, i => messages[i] ?? new Uint8Array(0), signature),
      })),
    ]
  },
}]
