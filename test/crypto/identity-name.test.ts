import { base58 } from '@scure/base'
import { numberToBytesLE } from '@noble/curves/utils.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatIdentityName, parseIdentityName } from '../../src/crypto/identity-name.ts'
import { suites } from '../../src/crypto/suites.ts'
import { ed25519Suite } from '../../src/crypto/suites/ed25519.ts'
import { encryptionPublicKey } from '../../src/crypto/x25519.ts'
import { hex, join, sampleOf, secretOf, toHex } from './sample-keys.ts'

const encrypt = encryptionPublicKey(secretOf(0x44))
const samples = suites.map(suite => sampleOf(suite, 0x45))
const refused = expect.objectContaining({ code: 'invalid-identity' })

const multikey = (codec: string, key: Uint8Array): string => `z${base58.encode(join(hex(codec), key))}`
const MULTICODECS: Readonly<Record<string, string>> = { Ed25519: 'ed01', Secp256k1: 'e701', BLS: 'ea01' }

describe.each(samples)('a name with a $suite.params key', ({ suite, publicKey }) => {
  const sign = { suite, publicKey }
  const signing = multikey(MULTICODECS[suite.params] ?? '', publicKey)
  const encrypting = multikey('ec01', encrypt)

  test('is the multikey of what the identity has', () => {
    expect(formatIdentityName({ sign })).toBe(signing)
    expect(formatIdentityName({ encrypt })).toBe(encrypting)
    expect(formatIdentityName({ sign, encrypt })).toBe(`${signing}.${encrypting}`)
  })

  test('reads back', () => {
    expect(parseIdentityName(signing)).toEqual({ name: signing, sign })
    expect(parseIdentityName(encrypting)).toEqual({ name: encrypting, encrypt })
    expect(parseIdentityName(`${signing}.${encrypting}`)).toEqual({ name: `${signing}.${encrypting}`, sign, encrypt })
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
      // p256-pub, and our codec as a varint with a needless third byte.
      multikey('8024', publicKey),
      multikey(`${codec.slice(0, 2)}8100`, publicKey),
      ...Object.values(MULTICODECS).filter(other => other !== codec).map(other => multikey(other, publicKey)),
    ]) {
      expect(() => parseIdentityName(wrong)).toThrow(refused)
    }
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
    const name = formatIdentityName({ sign: sampleOf(ed25519Suite, 0x45), encrypt })
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
    expect(() => formatIdentityName({ encrypt: hex(key) })).toThrow(refused)
    expect(() => parseIdentityName(multikey('ec01', hex(key)))).toThrow(refused)
  })

  test('X25519 keys at or above p, or with the high bit set', () => {
    for (let u = P; u < 2n ** 255n; u++) {
      expect(() => parseIdentityName(multikey('ec01', numberToBytesLE(u, 32)))).toThrow(refused)
    }
    const high = Uint8Array.from(encrypt)
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
