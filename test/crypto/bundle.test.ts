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
import { flip, hex, join, sampleOf, secretOf, x25519Key } from './sample-keys.ts'

const suite = suiteByParams('MLDSA65') ?? expect.fail('there is no MLDSA65')
const scheme = encryptionByName('X-Wing') ?? expect.fail('there is no X-Wing')
const sign = sampleOf(suite, 0x21)
const encrypt = { scheme, publicKey: scheme.publicKey(secretOf(0x22)) }
const refused = expect.objectContaining({ code: 'invalid-identity' })

/** Multicodec and key, as a bundle has them. */
const [signing, encrypting] = [join(hex('9124'), sign.publicKey), join(hex('fac8c101'), encrypt.publicKey)]
const deterministic = (fields: object): Uint8Array => new Uint8Array(encode(fields, rfc8949EncodeOptions))
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
    const itsOwn = deterministic({ version: 1, sign: join(portableEd25519.multicodec, sampleOf(portableEd25519, 0x25).publicKey) })
    expect(() => parseIdentityName({ ...classical, bundle: itsOwn })).toThrow(refused)
    // @ts-expect-error no bytes
    expect(() => parseIdentityName({ name, bundle: [...good] })).toThrow(refused)
  })

  test('holds schemes that belong together', () => {
    expect(() => nameIdentity({ sign, encrypt: x25519Key(0x26) })).toThrow(/MLDSA65 goes with X-Wing/)
    expect(() => nameIdentity({ sign: sampleOf(portableEd25519, 0x27), encrypt })).toThrow(/Ed25519 goes with X25519/)
  })
})

describe.each(['P256', 'Ed25519'])('a bundle with a policy for assertions, of %s', params => {
  const suiteOfIt = suiteByParams(params) ?? expect.fail(`there is no ${params}`)
  const key = sampleOf(suiteOfIt, 0x2a)
  const own = { suite: suiteOfIt, publicKey: key.publicKey }
  const x25519 = x25519Key(0x2b)
  const [coded, codedX25519] = [join(suiteOfIt.multicodec, key.publicKey), join(hex('ec01'), x25519.publicKey)]
  const origins = ['https://example.org', 'https://www.example.org']
  const policy = { rp: 'example.org', uv: true, origins }
  const whole = { version: 2, sign: coded, enc: codedX25519, assertion: policy }

  test.each([
    ['of a page', { sign: own, encrypt: x25519, assertion: { relyingParty: 'example.org', userVerification: true, origins } }, whole],
    ['without a page', { sign: own, assertion: { relyingParty: 'ipse', userVerification: false } }, { version: 2, sign: coded, assertion: { rp: 'ipse', uv: false } }],
    ['with the most of all', { sign: own, assertion: { relyingParty: 'x'.repeat(253), userVerification: true, origins: 'abcdefgh'.split('').map(letter => letter.repeat(253)) } },
      { version: 2, sign: coded, assertion: { rp: 'x'.repeat(253), uv: true, origins: 'abcdefgh'.split('').map(letter => letter.repeat(253)) } }],
  ])('%s is deterministic CBOR, and the name its multihash', (_what, keys, fields) => {
    const identity = named(deterministic(fields))
    expect(nameIdentity(keys)).toEqual(identity)
    expect(parseIdentityName(identity)).toEqual({ ...identity, ...keys, format: 'framed' })
    expect(() => parseIdentityName(identity.name)).toThrow(/bundle is missing/)
    expect(identity.bundle.length).toBeLessThan(4096)
    const { bundle } = nameIdentity(keys)
    expect([bundle?.constructor, bundle?.buffer.byteLength]).toEqual([Uint8Array, bundle?.length])
  })

  test('is of another identity than any other policy\'s, and than the keys\' alone', () => {
    const policies = [
      undefined, { relyingParty: 'a', userVerification: true }, { relyingParty: 'a', userVerification: false }, { relyingParty: 'b', userVerification: true },
      { relyingParty: 'a', userVerification: true, origins: ['a'] }, { relyingParty: 'a', userVerification: true, origins: ['a', 'b'] },
    ]
    expect(new Set(policies.map(assertion => nameIdentity({ sign: own, ...assertion && { assertion } }).name)).size).toBe(policies.length)
  })

  const others = ['Secp256k1', 'BLS', 'MLDSA65'].map((other): [string, Uint8Array] => {
    const { multicodec } = suiteByParams(other) ?? expect.fail(`there is no ${other}`)
    return [`a key of ${other}`, deterministic({ version: 2, sign: join(multicodec, sampleOf(suiteByParams(other) ?? suite, 0x2c).publicKey), assertion: policy })]
  })
  const withPolicy = (change: object) => deterministic({ ...whole, assertion: { ...policy, ...change } })
  test.each<[string, Uint8Array]>([
    ...others,
    ['no policy', deterministic({ ...whole, assertion: undefined })],
    ['no policy, nor its field', deterministic({ version: 2, sign: coded, enc: codedX25519 })],
    ['version 1', deterministic({ ...whole, version: 1 })],
    ['version 3', deterministic({ ...whole, version: 3 })],
    ['no signing key', deterministic({ version: 2, enc: codedX25519, assertion: policy })],
    ['no key', deterministic({ version: 2, assertion: policy })],
    ['a field that is not known', deterministic({ ...whole, more: 0 })],
    ['a field that is not known in its policy', withPolicy({ up: true })],
    ['X-Wing', deterministic({ ...whole, enc: encrypting })],
    ['no relying party', deterministic({ ...whole, assertion: { uv: true, origins } })],
    ['nothing of the user', deterministic({ ...whole, assertion: { rp: 'example.org', origins } })],
    ['an empty relying party', withPolicy({ rp: '' })],
    ['a relying party of 254 characters', withPolicy({ rp: 'x'.repeat(254) })],
    ['a relying party with a space', withPolicy({ rp: 'example org' })],
    ['a relying party with more than ASCII', withPolicy({ rp: 'exämple.org' })],
    ['a relying party as bytes', withPolicy({ rp: hex('61') })],
    ['a number for whether', withPolicy({ uv: 1 })],
    ['no origin', withPolicy({ origins: [] })],
    ['null for origins', withPolicy({ origins: null })],
    ['undefined for origins', encode({ assertion: { rp: 'a', uv: true, origins: undefined }, sign: coded, version: 2 }, { ...rfc8949EncodeOptions, ignoreUndefinedProperties: false })],
    ['one origin, and no list', withPolicy({ origins: 'https://example.org' })],
    ['origins in another order', withPolicy({ origins: origins.toReversed() })],
    ['an origin twice', withPolicy({ origins: ['https://example.org', 'https://example.org'] })],
    ['an empty origin', withPolicy({ origins: ['', 'https://example.org'] })],
    ['an origin of 254 characters', withPolicy({ origins: ['x'.repeat(254)] })],
    ['an origin with more than ASCII', withPolicy({ origins: ['https://exämple.org'] })],
    ['an origin that ends with a line', withPolicy({ origins: ['https://example.org\n'] })],
    ['an origin that is none', withPolicy({ origins: [null] })],
    ['nine origins', withPolicy({ origins: 'abcdefghi'.split('') })],
    ['a policy that is a list', deterministic({ ...whole, assertion: ['example.org', true] })],
    ['a policy that is null', deterministic({ ...whole, assertion: null })],
    ['its fields in another order', encode(whole, { ...rfc8949EncodeOptions, mapSorter: () => 0 })],
    ['a trailing byte', join(deterministic(whole), hex('00'))],
    ['a longer head than needed', join(hex('b804'), deterministic(whole).subarray(1))],
  ])('with %s is refused, though its hash is the name', (_what, bundle) => {
    expect(() => parseIdentityName(named(bundle))).toThrow(refused)
  })

  test('is never of format raw', () => {
    expect(() => parseIdentityName(named(deterministic(whole), '.raw'))).toThrow(refused)
    expect(() => nameIdentity({ sign: own, assertion: { relyingParty: 'example.org', userVerification: true }, format: 'raw' })).toThrow(/only framed identities of P256 or Ed25519/)
  })

  test('is made of keys and a policy that belong together', () => {
    const assertion = { relyingParty: 'example.org', userVerification: true }
    expect(() => nameIdentity({ encrypt: x25519, assertion })).toThrow(/only framed/)
    expect(() => nameIdentity({ sign, assertion })).toThrow(/only framed/)
    for (const wrong of [{ origins: [] }, { origins: ['b', 'a'] }, { origins: ['a', 'a'] }, { origins: 'abcdefghi'.split('') }, { origins: [''] }, { relyingParty: '' }, { relyingParty: 'ä' }]) {
      expect(() => nameIdentity({ sign: own, assertion: { ...assertion, ...wrong } })).toThrow(refused)
    }
    // @ts-expect-error not whether
    expect(() => nameIdentity({ sign: own, assertion: { relyingParty: 'example.org' } })).toThrow(refused)
    // @ts-expect-error no policy
    expect(() => nameIdentity({ sign: own, assertion: null })).toThrow(refused)
  })

  test('with a bit flipped is another one, or none', () => {
    const good = deterministic(whole)
    const { name } = named(good)
    for (let bit = 0; bit < good.length * 8; bit++) {
      const flipped = flip(good, bit)
      expect(() => parseIdentityName({ name, bundle: flipped })).toThrow(refused)
      try {
        expect(parseIdentityName(named(flipped)).bundle).toEqual(flipped)
      } catch (error) {
        expect(error).toEqual(refused)
      }
    }
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
