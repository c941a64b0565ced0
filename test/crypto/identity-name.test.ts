import { base58 } from '@scure/base'
import { numberToBytesLE } from '@noble/curves/utils.js'
import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encryptions } from '../../src/crypto/encryptions.ts'
import { formatIdentityName, nameIdentity, parseIdentityName } from '../../src/crypto/identity-name.ts'
import { suites } from '../../src/crypto/suites.ts'
import { portableEd25519 } from '../../src/crypto/suites/ed25519/portable.ts'
import { hex, join, sampleOf, secretOf, toHex, utf8, x25519Key, x25519Scheme } from './sample-keys.ts'

const encrypt = x25519Key(0x44)
// Long keys are named by a bundle, and by no multikey.
const samples = suites().filter(({ naming }) => naming === 'multikey').map(suite => sampleOf(suite, 0x45))
const refused = expect.objectContaining({ code: 'invalid-identity' })

const multikey = (codec: string, key: Uint8Array): string => `z${base58.encode(join(hex(codec), key))}`
const MULTICODECS: Readonly<Record<string, string>> = { Ed25519: 'ed01', Secp256k1: 'e701', BLS: 'ea01', P256: '8024' }

describe.each(samples)('a name with a $suite.params key', ({ suite, publicKey }) => {
  const sign = { suite, publicKey }
  const signing = multikey(MULTICODECS[suite.params] ?? '', publicKey)
  const encrypting = multikey('ec01', encrypt.publicKey)

  test('is the multikey of what the identity has', () => {
    expect(formatIdentityName({ sign })).toBe(signing)
    expect(formatIdentityName({ encrypt })).toBe(encrypting)
    expect(formatIdentityName({ sign, encrypt })).toBe(`${signing}.${encrypting}`)
  })

  test('reads back', () => {
    expect(parseIdentityName(signing)).toEqual({ name: signing, format: 'framed', sign })
    expect(parseIdentityName(encrypting)).toEqual({ name: encrypting, format: 'framed', encrypt })
    expect(parseIdentityName(`${signing}.${encrypting}`)).toEqual({ name: `${signing}.${encrypting}`, format: 'framed', sign, encrypt })
  })

  test('fits the bound on length', () => {
    expect(formatIdentityName({ sign, encrypt }).length).toBeLessThanOrEqual(119)
  })

  test('in any other form is refused', () => {
    const both = `${signing}.${encrypting}`
    for (const wrong of [
      `${encrypting}.${signing}`,
      `${signing}.${signing}`,
      `${encrypting}.${encrypting}`,
      `${both}.${encrypting}`,
      `${both}.`,
      `.${both}`,
      `${signing}..${encrypting}`,
      `${signing}${encrypting}`,
      ` ${both}`,
      `${both} `,
      `${both}\n`,
      both.replace('z', 'Z'),
      both.slice(1),
      both.slice(0, -1),
      `did:key:${both}`,
      // A leading "1" is a leading zero byte.
      `z1${both.slice(1)}`,
      both.toLowerCase(),
    ]) {
      expect(() => parseIdentityName(wrong), JSON.stringify(wrong)).toThrow(refused)
    }
  })

  test('with a key of another length or codec is refused', () => {
    const codec = MULTICODECS[suite.params] ?? ''
    for (const wrong of [
      multikey(codec, publicKey.subarray(1)),
      multikey(codec, join(publicKey, Uint8Array.of(0))),
      multikey(codec, new Uint8Array(0)),
      multikey('', publicKey),
      // Our codec as a varint with a needless third byte, and p521-pub.
      multikey('8224', publicKey),
      multikey(`${codec.slice(0, 2)}8100`, publicKey),
      ...suites().filter(other => other !== suite && !other.isPublicKey(publicKey)).map(other => multikey(toHex(other.multicodec), publicKey)),
    ]) {
      expect(() => parseIdentityName(wrong)).toThrow(refused)
    }
  })
})

describe('a bundle', () => {
  const suite = suites().find(({ naming }) => naming === 'bundle')
  const scheme = encryptions().find(({ name }) => name === suite?.encryption)
  if (suite === undefined || scheme === undefined) throw new Error('No suite is named by a bundle')
  const sign = { suite, publicKey: suite.publicKey(secretOf(0x47)) }
  const long = { scheme, publicKey: scheme.publicKey(secretOf(0x48)) }
  const [classical] = samples
  if (classical === undefined) throw new Error('No suite is named by a multikey')
  const { name, bundle = new Uint8Array(0) } = nameIdentity({ sign, encrypt: long })

  const text = (value: string) => join(Uint8Array.of(0x60 + value.length), utf8(value))
  const octets = (value: Uint8Array) => join(Uint8Array.of(0x59, value.length >> 8, value.length & 0xff), value)
  const coded = (codec: Uint8Array, key: Uint8Array) => octets(join(codec, key))
  const [SIGN, ENC, VERSION, ONE] = [coded(suite.multicodec, sign.publicKey), coded(scheme.multicodec, long.publicKey), text('version'), Uint8Array.of(1)]
  const map = (...parts: readonly Uint8Array[]) => join(Uint8Array.of(0xa0 + parts.length / 2), ...parts)
  const hashOf = (bytes: Uint8Array) => `z${base58.encode(join(hex('1220'), sha256(bytes)))}`

  test('is deterministic CBOR of version and keys, and its hash is the name', () => {
    expect(bundle).toEqual(map(text('enc'), ENC, text('sign'), SIGN, VERSION, ONE))
    expect(name).toBe(hashOf(bundle))
    expect(parseIdentityName({ name, bundle })).toEqual({ name, bundle, format: 'framed', sign, encrypt: long })
    expect(parseIdentityName({ name: `${name}.raw`, bundle }).format).toBe('raw')
    expect(() => parseIdentityName({ name: `${name}.raw.raw`, bundle })).toThrow(refused)
  })

  test.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['another order', map(VERSION, ONE, text('sign'), SIGN, text('enc'), ENC)],
    ['a field more', map(text('a'), ONE, text('enc'), ENC, text('sign'), SIGN, VERSION, ONE)],
    ['a field twice', map(text('enc'), ENC, text('sign'), SIGN, VERSION, ONE, VERSION, ONE)],
    ['an indefinite length', join(Uint8Array.of(0xbf), bundle.subarray(1), Uint8Array.of(0xff))],
    ['a longer length', join(Uint8Array.of(0xb8, 3), bundle.subarray(1))],
    ['a longer length of a key', map(text('enc'), ENC, text('sign'), join(Uint8Array.of(0x5a, 0, 0), SIGN.subarray(1)), VERSION, ONE)],
    ['a longer version', map(text('enc'), ENC, text('sign'), SIGN, VERSION, Uint8Array.of(0x18, 1))],
    ['a version that is a float', map(text('enc'), ENC, text('sign'), SIGN, VERSION, hex('f93c00'))],
    ['a version that is a bignum', map(text('enc'), ENC, text('sign'), SIGN, VERSION, hex('c24101'))],
    ['a tag', join(hex('d9d9f7'), bundle)],
    ['a byte after it', join(bundle, Uint8Array.of(0))],
    ['bytes after it, up to the limit and beyond', join(bundle, new Uint8Array(4097 - bundle.length))],
  ])('with %s is refused, under its own hash and under the name of its keys', (_what, wrong) => {
    for (const given of [name, hashOf(wrong)]) expect(() => parseIdentityName({ name: given, bundle: wrong })).toThrow(refused)
  })

  test.each<[string, Uint8Array]>([
    ['no key', map(VERSION, ONE)],
    ['another version', map(text('enc'), ENC, text('sign'), SIGN, VERSION, Uint8Array.of(2))],
    ['keys that changed places', map(text('enc'), SIGN, text('sign'), ENC, VERSION, ONE)],
    ['an encryption key to sign with', map(text('sign'), ENC, VERSION, ONE)],
    ['an encryption key of another scheme', map(text('enc'), coded(hex('ec01'), encrypt.publicKey), text('sign'), SIGN, VERSION, ONE)],
    ['an encryption key of another scheme, in its shortest form', map(text('enc'), join(Uint8Array.of(0x58, 34), hex('ec01'), encrypt.publicKey), text('sign'), SIGN, VERSION, ONE)],
    ['a key that a name could hold', map(text('sign'), join(Uint8Array.of(0x58, classical.publicKey.length + 2), classical.suite.multicodec, classical.publicKey), VERSION, ONE)],
    ['a key that is short of a byte', map(text('sign'), coded(suite.multicodec, sign.publicKey.subarray(1)), VERSION, ONE)],
    ['what is no map', hex('83010203')],
  ])('of %s is none', (_what, wrong) => expect(() => parseIdentityName({ name: hashOf(wrong), bundle: wrong })).toThrow(refused))

  test('belongs to its name, which is nothing without it', () => {
    const other = nameIdentity({ sign })
    expect(() => parseIdentityName({ name, bundle: other.bundle ?? new Uint8Array(0) })).toThrow(refused)
    expect(() => parseIdentityName(name)).toThrow(refused)
    expect(() => parseIdentityName({ name: formatIdentityName({ encrypt }), bundle })).toThrow(refused)
    expect(() => nameIdentity({ sign, encrypt })).toThrow(refused)
    expect(() => nameIdentity({ sign: classical, encrypt: long })).toThrow(refused)
  })
})

describe('published did:key identifiers', () => {
  test.each([
    ['Ed25519', 'z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'],
    ['Secp256k1', 'zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme'],
    ['BLS', 'z3tEFALUKUzzCAvytMHX8X4SnsNsq6T5tC5Zb18oQEt1FqNcJXqJ3AA9umgzA9yoqPBeWA'],
  ])('%s %s', (params, name) => {
    expect(parseIdentityName(name).sign?.suite.params).toBe(params)
  })
})

describe('any text', () => {
  test('either reads and prints the same, or is refused as invalid-identity', () => {
    const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz.'
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 150 }),
      fc.string({ unit: fc.constantFrom(...alphabet), maxLength: 150 }).map(body => `z${body}`),
    )
    fc.assert(
      fc.property(text, name => {
        expect(() => parseIdentityName(name)).toThrow(refused)
      }),
    )
  })

  test('with one character changed is refused, or names another key', () => {
    const name = formatIdentityName({ sign: sampleOf(portableEd25519, 0x45), encrypt })
    fc.assert(
      fc.property(fc.nat({ max: name.length - 1 }), fc.constantFrom(...'1zZ.0OIl+Ab9'), (at, character) => {
        const other = name.slice(0, at) + character + name.slice(at + 1)
        if (other === name) return
        try {
          const { name: parsed, ...keys } = parseIdentityName(other)
          expect(formatIdentityName(keys)).toBe(parsed)
          expect(parsed).toBe(other)
        } catch (error) {
          expect(error).toEqual(refused)
        }
      }),
      { numRuns: 300 },
    )
  })

  test('that is long is refused at once', () => {
    const started = performance.now()
    expect(() => parseIdentityName(`z${'z'.repeat(2_000_000)}`)).toThrow(refused)
    expect(() => parseIdentityName('.'.repeat(2_000_000))).toThrow(refused)
    expect(performance.now() - started).toBeLessThan(1000)
  })

  test('and what is no text', () => {
    for (const wrong of ['', '.', 'z', 'z.z']) expect(() => parseIdentityName(wrong)).toThrow(refused)
    // @ts-expect-error no text
    expect(() => parseIdentityName(undefined)).toThrow(refused)
    // @ts-expect-error no text
    expect(() => parseIdentityName({ length: 3, split: () => [] })).toThrow(refused)
  })
})

describe('keys that are none have no name', () => {
  const P = 2n ** 255n - 19n
  const SMALL = [
    0n,
    1n,
    P - 1n,
    325606250916557431795983626356110631294008115727848805560023387167927233504n,
    39382357235489614581723060781553021112529911719440698176882885853963445705823n,
  ]

  test.each(SMALL.map(u => toHex(numberToBytesLE(u, 32))))('the X25519 key %s of small order', key => {
    expect(() => formatIdentityName({ encrypt: { scheme: x25519Scheme(), publicKey: hex(key) } })).toThrow(refused)
    expect(() => parseIdentityName(multikey('ec01', hex(key)))).toThrow(refused)
  })

  test('X25519 keys at or above p, or with the high bit set', () => {
    for (let u = P; u < 2n ** 255n; u++) {
      expect(() => parseIdentityName(multikey('ec01', numberToBytesLE(u, 32)))).toThrow(refused)
    }
    const high = Uint8Array.from(encrypt.publicKey)
    high[31] = (high[31] ?? 0) | 0x80
    expect(() => parseIdentityName(multikey('ec01', high))).toThrow(refused)
  })

  test('an Ed25519 key of small order', () => {
    expect(() => parseIdentityName(multikey('ed01', join(Uint8Array.of(1), new Uint8Array(31))))).toThrow(refused)
  })

  test('the point at infinity of BLS', () => {
    expect(() => parseIdentityName(multikey('ea01', join(Uint8Array.of(0xc0), new Uint8Array(47))))).toThrow(refused)
  })

  test('no key at all', () => {
    expect(() => formatIdentityName({})).toThrow(refused)
  })
})
