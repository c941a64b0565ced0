import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { z } from 'zod'
import { sameBytes } from '../../src/crypto/bytes.ts'
import type { AeadId } from '../../src/crypto/hpke/aead-id.ts'
import { encryptions } from '../../src/crypto/encryptions.ts'
import { primitives } from '../../src/crypto/primitives.ts'
import type { Path } from '../../src/crypto/suite.ts'
import { cipherUnder } from '../reference-hpke.ts'
import { hexBytes, wycheproof } from '../schemas.ts'
import type { Case, VectorSet } from '../set.ts'

/** Whether the work gives these very bytes, or, where none are published, any; what throws refuses. */
async function gives(expected: Uint8Array | undefined, work: () => Uint8Array | Promise<Uint8Array>): Promise<boolean> {
  try {
    const bytes = await work()
    return expected === undefined || sameBytes(bytes, expected)
  } catch {
    return false
  }
}

/** The numbers of these ranges, both ends included. */
function ids(...ranges: readonly (readonly [first: number, last: number])[]): readonly string[] {
  return ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, at) => `${first + at}`))
}

const x25519 = wycheproof({}, { public: hexBytes, private: hexBytes, shared: hexBytes })
const rfc7748 = z.array(z.object({ source: z.string(), scalar: hexBytes, u: hexBytes, output: hexBytes, iterations: z.number().default(1) }))

const x25519Sets: readonly VectorSet[] = [{
  name: 'RFC 7748 X25519',
  file: 'test/vectors/rfc7748-x25519.json',
  count: { cases: 8, valid: 8 },
  read: json => rfc7748.parse(json).map(({ source, scalar, u, output, iterations }) => ({
    id: source,
    published: 'valid',
    accepts: path => gives(output, () => {
      let [k, next] = [scalar, u]
      for (let i = 0; i < iterations; i++) [k, next] = [primitives(path).x25519(k, next), k]
      return k
    }),
  })),
}, {
  name: 'Wycheproof X25519',
  file: 'wycheproof/x25519_test.json',
  count: { cases: 518, valid: 264 },
  refusedHere: {
    why: 'the shared secret is all zeros (RFC 7748, section 6.1)',
    ids: [...ids([32, 33], [63, 86], [117, 118]), '154', ...ids([165, 166])],
  },
  read: json => x25519.parse(json).testGroups.flatMap(({ tests }) => tests.map(one => ({
    id: `${one.tcId}`,
    published: one.result,
    accepts: path => gives(one.shared, () => primitives(path).x25519(one.private, one.public)),
  }))),
}, {
  name: 'Wycheproof X25519, as ciphertexts are opened',
  file: 'wycheproof/x25519_test.json',
  count: { cases: 518, valid: 264 },
  refusedHere: {
    why: 'the shared secret is all zeros, or u is not in its one form',
    ids: [...ids([32, 33], [63, 86], [87, 99], [117, 118]), '154', ...ids([165, 166])],
  },
  read: json => x25519.parse(json).testGroups.flatMap(({ tests }) => tests.map(one => ({
    id: `${one.tcId}`,
    published: one.result,
    accepts: path => opens(path, one.private, one.public, one.shared),
  }))),
}]

/** Whether the scheme opens what a sender seals who has the published shared secret, and gives that u as his key. */
async function opens(path: Path, secretKey: Uint8Array, enc: Uint8Array, dh: Uint8Array): Promise<boolean> {
  const scheme = encryptions(path).find(({ name }) => name === 'X25519')
  if (scheme === undefined) throw new Error(`There is no ${path} X25519 here`)
  const text = Uint8Array.of(1, 2, 3)
  const cipher = cipherUnder(dh, enc, scheme.publicKey(secretKey), NO_INFO)
  const opened = await (await scheme.opener(secretKey)).open(NO_INFO, enc, cipher.encrypt(text))
  return opened !== undefined && sameBytes(opened, text)
}

const NO_INFO = new Uint8Array(0)

const hkdf = wycheproof({}, { ikm: hexBytes, salt: hexBytes, info: hexBytes, size: z.number(), okm: hexBytes })
const rfc5869 = z.array(z.object({ source: z.string(), ikm: hexBytes, salt: hexBytes, info: hexBytes, length: z.number(), okm: hexBytes }))

const hkdfSets: readonly VectorSet[] = [{
  name: 'RFC 5869 HKDF-SHA256',
  file: 'test/vectors/rfc5869-hkdf-sha256.json',
  count: { cases: 3, valid: 3 },
  read: json => rfc5869.parse(json).map(({ source, ikm, salt, info, length, okm }) => ({
    id: source,
    published: 'valid',
    accepts: path => gives(okm, () => primitives(path).hkdfSha256(ikm, salt, info, length)),
  })),
}, {
  name: 'Wycheproof HKDF-SHA256',
  file: 'wycheproof/hkdf_sha256_test.json',
  count: { cases: 86, valid: 83 },
  read: json => hkdf.parse(json).testGroups.flatMap(({ tests }) => tests.map(({ tcId, result, ikm, salt, info, size, okm }) => ({
    id: `${tcId}`,
    published: result,
    accepts: path => gives(result === 'invalid' ? undefined : okm, () => primitives(path).hkdfSha256(ikm, salt, info, size)),
  }))),
}]

const aeads = wycheproof({ keySize: z.number() }, { key: hexBytes, iv: hexBytes, aad: hexBytes, msg: hexBytes, ct: hexBytes, tag: hexBytes })

/** Accepted is what opens to the message, and is what sealing it gives. */
function readAead(json: unknown, idOf: (keySize: number) => AeadId): readonly Case[] {
  return aeads.parse(json).testGroups.flatMap(({ keySize, tests }) => tests.map(({ tcId, result, key, iv, aad, msg, ct, tag }) => {
    const [id, ciphertext] = [idOf(keySize), Uint8Array.of(...ct, ...tag)]
    return {
      id: `${tcId}`,
      published: result,
      accepts: async path => {
        const { aead } = primitives(path)
        const opens = await gives(msg, () => aead.open(id, key, iv, aad, ciphertext))
        return opens && gives(ciphertext, () => aead.seal(id, key, iv, aad, msg))
      },
    }
  }))
}

/** The cipher of sealed records. */
function readXChaCha(json: unknown): readonly Case[] {
  return aeads.parse(json).testGroups.flatMap(({ tests }) => tests.map(({ tcId, result, key, iv, aad, msg, ct, tag }) => {
    const ciphertext = Uint8Array.of(...ct, ...tag)
    return {
      id: `${tcId}`,
      published: result,
      accepts: async () => await gives(msg, () => xchacha20poly1305(key, iv, aad).decrypt(ciphertext)) &&
        gives(ciphertext, () => xchacha20poly1305(key, iv, aad).encrypt(msg)),
    }
  }))
}

const aeadSets: readonly VectorSet[] = [{
  name: 'Wycheproof AES-GCM',
  file: 'wycheproof/aes_gcm_test.json',
  count: { cases: 316, valid: 229 },
  inapplicable: { why: 'HPKE has keys of 128 and 256 bits and nonces of 12 bytes', ids: ids([68, 90], [157, 316]) },
  read: json => readAead(json, keySize => keySize === 128 ? 1 : 2),
}, {
  name: 'Wycheproof ChaCha20-Poly1305',
  file: 'wycheproof/chacha20_poly1305_test.json',
  count: { cases: 325, valid: 256 },
  inapplicable: { why: 'HPKE has nonces of 12 bytes', ids: ids([317, 325]) },
  read: json => readAead(json, () => 3),
}, {
  name: 'Wycheproof XChaCha20-Poly1305',
  file: 'wycheproof/xchacha20_poly1305_test.json',
  count: { cases: 315, valid: 246 },
  only: { path: 'portable', why: 'OpenSSL has no XChaCha20' },
  read: readXChaCha,
}]

const mlKem = wycheproof({}, { seed: hexBytes, ek: hexBytes.optional(), c: hexBytes, K: hexBytes })

const mlKemSets: readonly VectorSet[] = [{
  name: 'Wycheproof ML-KEM-768',
  file: 'wycheproof/mlkem_768_test.json',
  count: { cases: 193, valid: 153 },
  read: json => mlKem.parse(json).testGroups.flatMap(({ tests }) => tests.map(({ tcId, result, seed, ek, c, K }) => ({
    id: `${tcId}`,
    published: result,
    accepts: async path => {
      const { mlKem768 } = primitives(path)
      const decapsulates = await gives(result === 'invalid' ? undefined : K, () => mlKem768.decapsulate(seed, c))
      return decapsulates && (ek === undefined || gives(ek, () => mlKem768.publicKey(seed)))
    },
  }))),
}]

const xWing = z.array(z.object({ source: z.string(), seed: hexBytes, eseed: hexBytes, pk: hexBytes, ct: hexBytes, ss: hexBytes }))

const xWingSets: readonly VectorSet[] = [{
  name: 'X-Wing draft',
  file: 'test/vectors/draft-xwing.json',
  count: { cases: 3, valid: 3 },
  read: json => xWing.parse(json).map(({ source, seed, eseed, pk, ct, ss }) => ({
    id: source,
    published: 'valid',
    async accepts(path) {
      const { publicKey, decapsulate, encapsulate } = primitives(path).xWing
      const recipient = await gives(pk, () => publicKey(seed)) && await gives(ss, () => decapsulate(seed, ct))
      if (!recipient || encapsulate === undefined) return recipient
      const { enc, sharedSecret } = encapsulate(pk, eseed)
      return sameBytes(enc, ct) && sameBytes(sharedSecret, ss)
    },
  })),
}]

const aeadId = z.union([z.literal(1), z.literal(2), z.literal(3)])
const rfc9180 = z.array(z.object({
  mode: z.number(), kem_id: z.number(), kdf_id: z.number(), aead_id: aeadId, info: hexBytes, skRm: hexBytes, skEm: hexBytes, pkRm: hexBytes,
  enc: hexBytes,
  encryptions: z.array(z.object({ aad: hexBytes, ct: hexBytes, pt: hexBytes })),
  exports: z.array(z.object({ exporter_context: hexBytes, L: z.number(), exported_value: hexBytes })),
}))

/** A case is one encryption, or one export, of one suite. Both sides must give what is published, where the path can be told the ephemeral key. */
function readHpke(json: unknown): readonly Case[] {
  return rfc9180.parse(json).flatMap((entry): readonly Case[] => {
    const setup = {
      aead: entry.aead_id, secretKey: entry.skRm, publicKey: entry.pkRm, ephemeral: entry.skEm, enc: entry.enc, info: entry.info,
      messages: entry.encryptions.map(({ aad, pt, ct }) => ({ aad, plaintext: pt, ciphertext: ct })),
      exports: entry.exports.map(one => ({ context: one.exporter_context, length: one.L })),
    }
    const opened = { native: once(() => primitives('native').hpke(setup)), portable: once(() => primitives('portable').hpke(setup)) }
    const name = suiteName(entry.mode, entry.kem_id, entry.aead_id)
    const encryptions = entry.encryptions.map(({ pt, ct }, at): Case => ({
      id: `${name}, encryption ${at}`,
      published: 'valid',
      async accepts(path) {
        const { plaintexts, sender } = await opened[path]()
        const sealed = sender === undefined || (same(sender.ciphertexts[at], ct) && sameBytes(sender.enc, entry.enc))
        return same(plaintexts[at], pt) && sealed
      },
    }))
    const exports = entry.exports.map(({ exported_value: value }, at): Case => ({
      id: `${name}, export ${at}`,
      published: 'valid',
      async accepts(path) {
        const { exported, sender } = await opened[path]()
        return same(exported[at], value) && (sender === undefined || same(sender.exported[at], value))
      },
    }))
    return encryptions.concat(exports)
  })
}

function same(bytes: Uint8Array | undefined, expected: Uint8Array): boolean {
  return bytes !== undefined && sameBytes(bytes, expected)
}

function once<T>(work: () => T): () => T {
  let done: { readonly value: T } | undefined
  return () => (done ??= { value: work() }).value
}

const suiteName = (mode: number, kem: number, aead: number) => `mode ${mode}, KEM ${kem}, AEAD ${aead}`

/** The cases of one suite: 16 encryptions and 3 exports. */
const casesOf = (suite: string) =>
  Array.from({ length: 19 }, (_, at) => at < 16 ? `${suite}, encryption ${at}` : `${suite}, export ${at - 16}`)

const notOurs = [0, 1, 2, 3]
  .flatMap(mode => [16, 32].flatMap(kem => [1, 2, 3].map(aead => ({ mode, kem, aead }))))
  .filter(({ mode, kem }) => mode !== 0 || kem !== 32)
  .flatMap(({ mode, kem, aead }) => casesOf(suiteName(mode, kem, aead)))

const hpkeSets: readonly VectorSet[] = [{
  name: 'RFC 9180, appendices A.1.1 and A.2.1',
  file: 'test/vectors/rfc9180-hpke.json',
  count: { cases: 12, valid: 12 },
  read: readHpke,
}, {
  name: 'RFC 9180 HPKE',
  file: 'hpke/rfc9180.json',
  count: { cases: 456, valid: 456 },
  inapplicable: { why: 'only base mode, and of the KEMs there only X25519, is done here', ids: notOurs },
  read: readHpke,
}]

export const encryptionSets: readonly VectorSet[] = [...hpkeSets, ...xWingSets, ...x25519Sets, ...mlKemSets, ...hkdfSets, ...aeadSets]
