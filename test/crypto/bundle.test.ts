import { encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sha256 } from '@noble/hashes/sha2.js'
import { base58 } from '@scure/base'
import { encryptionByName } from '../../src/crypto/encryptions.ts'
import { nameIdentity, parseIdentityName } from '../../src/crypto/identity-name.ts'
import { readIdentity } from '../../src/crypto/known-names.ts'
import { suiteByParams } from '../../src/crypto/suites.ts'
import { portableEd25519 } from '../../src/crypto/suites/ed25519/portable.ts'
import { hex, join, sampleOf, secretOf, x25519Key } from './sample-keys.ts'

const suite = suiteByParams('MLDSA65') ?? expect.fail('there is no MLDSA65')
const scheme = encryptionByName('X-Wing') ?? expect.fail('there is no X-Wing')
const sign = sampleOf(suite, 0x21)
const encrypt = { scheme, publicKey: scheme.publicKey(secretOf(0x22)) }
const refused = expect.objectContaining({ code: 'invalid-identity' })

/** Multicodec and key, as a bundle has them. */
const [signing, encrypting] = [join(hex('9124'), sign.publicKey), join(hex('fac8c101'), encrypt.publicKey)]
const deterministic = (fields: object): Uint8Array => encode(fields, rfc8949EncodeOptions)
/** The name that these bytes would have, were they a bundle. */
const named = (bundle: Uint8Array, suffix = '') => ({ name: `z${base58.encode(join(hex('1220'), sha256(bundle)))}${suffix}`, bundle })

describe('a bundle', () => {
  test.each([
    ['both keys', { sign, encrypt }, { version: 1, sign: signing, enc: encrypting }],
    ['a signing key', { sign }, { version: 1, sign: signing }],
    ['an encryption key', { encrypt }, { version: 1, enc: encrypting }],
  ])('of %s is deterministic CBOR, and the name its multihash', (_what, keys, fields) => {
    const identity = named(deterministic(fields))
    expect(nameIdentity(keys)).toEqual(identity)
    expect(parseIdentityName(identity)).toMatchObject({ ...identity, format: 'framed' })
    expect(nameIdentity({ ...keys, format: 'raw' })).toEqual(named(identity.bundle, '.raw'))
    expect(parseIdentityName(named(identity.bundle, '.raw')).format).toBe('raw')
  })

  const whole = { version: 1, sign: signing, enc: encrypting }
  const good = deterministic(whole)
  // A map of two, its head replaced: what follows is read on.
  const indefinite = join(hex('bf'), good.subarray(1), hex('ff'))
  test.each<[string, Uint8Array]>([
    ['another version', deterministic({ ...whole, version: 2 })],
    ['a version of another kind', deterministic({ ...whole, version: 1.5 })],
    ['no version', deterministic({ sign: signing, enc: encrypting })],
    ['no key', deterministic({ version: 1 })],
    ['a field that is not known', deterministic({ ...whole, more: 0 })],
    ['a field that is known elsewhere', deterministic({ ...whole, encrypt: encrypting })],
    ['its keys in each other\'s place', deterministic({ version: 1, sign: encrypting, enc: signing })],
    ['one key twice', deterministic({ version: 1, sign: signing, enc: signing })],
    ['a key as text', deterministic({ version: 1, sign: 'z6Mk' })],
    ['a key of another length', deterministic({ version: 1, sign: signing.subarray(1) })],
    ['a key without its multicodec', deterministic({ version: 1, sign: sign.publicKey })],
    ['a key that is named by itself', deterministic({ version: 1, sign: join(hex('ed01'), sampleOf(portableEd25519, 0x23).publicKey) })],
    ['an X25519 key', deterministic({ version: 1, sign: signing, enc: join(hex('ec01'), x25519Key(0x24).publicKey) })],
    ['its fields in another order', encode(whole, { ...rfc8949EncodeOptions, mapSorter: () => 0 })],
    ['an indefinite length', indefinite],
    ['a trailing byte', join(good, hex('00'))],
    ['its last byte missing', good.subarray(0, -1)],
    ['an array', deterministic([1, signing, encrypting])],
    ['nothing', new Uint8Array(0)],
    ['more bytes than any', deterministic({ ...whole, more: new Uint8Array(1000) })],
  ])('with %s is refused, though its hash is the name', (_what, bundle) => {
    expect(() => parseIdentityName(named(bundle))).toThrow(refused)
  })

  test('with a bit flipped is refused under the name of the other', () => {
    fc.assert(fc.property(fc.nat({ max: 8 * 64 - 1 }), bit => {
      const flipped = Uint8Array.from(good, (byte, i) => i === bit >> 3 ? byte ^ 1 << (bit & 7) : byte)
      expect(() => parseIdentityName({ name: named(good).name, bundle: flipped })).toThrow(refused)
    }))
  })

  test('of any bytes is refused', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      expect(() => parseIdentityName(named(bytes))).toThrow(refused)
    }))
  })

  test('is missing, or one too many', () => {
    const { name } = named(good)
    expect(() => parseIdentityName(name)).toThrow(/bundle is missing/)
    const classical = nameIdentity({ sign: sampleOf(portableEd25519, 0x25) })
    expect(() => parseIdentityName({ ...classical, bundle: good })).toThrow(refused)
    expect(() => parseIdentityName({ ...classical, bundle: new Uint8Array(0) })).toThrow(refused)
    // @ts-expect-error no bytes
    expect(() => parseIdentityName({ name, bundle: [...good] })).toThrow(refused)
  })

  test('holds schemes that belong together', () => {
    expect(() => nameIdentity({ sign, encrypt: x25519Key(0x26) })).toThrow(/MLDSA65 goes with X-Wing/)
    expect(() => nameIdentity({ sign: sampleOf(portableEd25519, 0x27), encrypt })).toThrow(/Ed25519 goes with X25519/)
  })
})

describe('format raw', () => {
  const { name } = nameIdentity({ sign: sampleOf(portableEd25519, 0x28), encrypt: x25519Key(0x29), format: 'raw' })

  test('is said at the end of the name, once', () => {
    expect(parseIdentityName(name).format).toBe('raw')
    expect(parseIdentityName(name.replace(/\.raw$/, '')).format).toBe('framed')
    for (const wrong of [`${name}.raw`, name.replace('.raw', '.RAW'), `.raw`, `raw.${name.replace(/\.raw$/, '')}`, name.replace('.raw', 'raw')]) {
      expect(() => parseIdentityName(wrong), wrong).toThrow(refused)
    }
  })
})

describe('names that were read', () => {
  test('are read once, and however many others are read between', () => {
    const names = Array.from({ length: 1200 }, (_, i) => nameIdentity({ sign: { suite: portableEd25519, publicKey: portableEd25519.publicKey(secretOf(1).map((byte, at) => at < 2 ? i >> 8 * at & 255 : byte)) } }).name)
    for (const name of names) expect(readIdentity(name)).toEqual(parseIdentityName(name))
    for (const name of names) expect(readIdentity(name).name).toBe(name)
    expect(readIdentity(names[0] ?? '')).toBe(readIdentity({ name: names[0] ?? '' }))
  })

  test('are not those with a bundle, which must belong to the name each time', () => {
    const identity = nameIdentity({ sign })
    expect(readIdentity(identity).name).toBe(identity.name)
    expect(() => readIdentity(identity.name)).toThrow(refused)
    expect(() => readIdentity({ ...identity, bundle: nameIdentity({ encrypt }).bundle ?? new Uint8Array(0) })).toThrow(refused)
  })

  test('are not those that are none', () => {
    for (const wrong of ['', '__proto__', 'constructor', 'z']) {
      expect(() => readIdentity(wrong)).toThrow(refused)
      expect(() => readIdentity(wrong)).toThrow(refused)
    }
    // @ts-expect-error no identity
    expect(() => readIdentity(undefined)).toThrow(refused)
    // @ts-expect-error no identity
    expect(() => readIdentity(null)).toThrow(refused)
  })
})
