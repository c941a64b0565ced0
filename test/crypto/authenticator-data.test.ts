import { encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAuthenticatorData } from '../../src/crypto/authenticator-data.ts'
import { authenticatorData, FLAGS } from './assertions.ts'
import { hex, join } from './sample-keys.ts'

const { UP, UV, BE, BS, AT, ED } = FLAGS
const aaguid = hex('00112233445566778899aabbccddeeff')
const publicKey = encode(new Map<number, number | Uint8Array>([[1, 1], [3, -8], [-1, 6], [-2, new Uint8Array(32).fill(9)]]), rfc8949EncodeOptions)
const credentialOf = (id: Uint8Array, key: Uint8Array = publicKey, claimed = id.length) => join(aaguid, Uint8Array.of(claimed >> 8, claimed & 0xff), id, key)
const withRest = (flags: number, rest: Uint8Array) => parseAuthenticatorData(authenticatorData({ flags, rest }))

describe('authenticator data', () => {
  test('is read by its bits', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 255 }).filter(flags => (flags & (AT | ED)) === 0), fc.integer({ min: 0, max: 0xffff_ffff }), (flags, counter) => {
      const bytes = authenticatorData({ flags, counter })
      const has = (flag: number) => (flags & flag) !== 0
      expect(parseAuthenticatorData(bytes)).toEqual(has(BS) && !has(BE) ? undefined : {
        relyingPartyHash: bytes.subarray(0, 32), userPresent: has(UP), userVerified: has(UV), backupEligible: has(BE), backedUp: has(BS), counter,
      })
    }))
  })

  test('holds a credential, extensions, or both, as its flags say', () => {
    const id = hex('c0ffee')
    const extensions = encode({ 'hmac-secret': true })
    const credential = { aaguid, id, publicKey }
    expect(withRest(UP | AT, credentialOf(id))).toMatchObject({ credential })
    expect(withRest(UP | ED, extensions)).toMatchObject({ extensions: new Map([['hmac-secret', true]]) })
    expect(withRest(UP | AT | ED, join(credentialOf(id), extensions))).toMatchObject({ credential, extensions: new Map([['hmac-secret', true]]) })
    for (const [flags, rest] of [
      [UP, credentialOf(id)], [UP, extensions], [UP | AT, extensions], [UP | ED, credentialOf(id)], [UP | AT | ED, credentialOf(id)], [UP | AT | ED, extensions],
      [UP | AT | ED, join(extensions, credentialOf(id))], [UP | AT, join(credentialOf(id), extensions)], [UP | AT, new Uint8Array(0)], [UP | ED, new Uint8Array(0)],
    ] as const) {
      expect(withRest(flags, rest)).toBeUndefined()
    }
  })

  test('has credential ids of at most 1,023 bytes, as long as it says', () => {
    for (const length of [0, 1, 1023]) expect(withRest(UP | AT, credentialOf(new Uint8Array(length)))?.credential?.id.length).toBe(length)
    for (const length of [1024, 65_535]) expect(withRest(UP | AT, credentialOf(new Uint8Array(length)))).toBeUndefined()
    const id = new Uint8Array(20)
    for (const claimed of [19, 21, 20 + publicKey.length, 1000, 65_535]) expect(withRest(UP | AT, credentialOf(id, publicKey, claimed))).toBeUndefined()
  })

  test.each([
    ['an array', '80'], ['a number', '01'], ['undefined', 'f7'], ['a map of an indefinite length', 'bfff'], ['a key twice', 'a2616100616101'],
    ['a longer length than needed', 'b801616100'], ['a longer number than needed', 'a161611801'], ['text of an indefinite length', 'a17f6161ff00'], ['a tag', 'c0a0'],
    ['undefined in a map', 'a16161f7'], ['a break', 'ff'], ['two items', 'a0a0'], ['an item cut off', 'a16161'],
  ])('has no extensions that are %s', (_, bytes) => {
    expect(withRest(UP | ED, hex(bytes))).toBeUndefined()
  })

  test('is read from a view, and is one', () => {
    const bytes = authenticatorData()
    const view = join(hex('ffff'), bytes, hex('ffff')).subarray(2, -2)
    expect(parseAuthenticatorData(view)).toEqual(parseAuthenticatorData(bytes))
    expect(parseAuthenticatorData(Buffer.from(bytes))).toMatchObject({ counter: 7 })
    expect(parseAuthenticatorData(view)?.relyingPartyHash.buffer).toBe(view.buffer)
  })

  test('is no text, and nothing else', () => {
    for (const wrong of [undefined, null, 'x'.repeat(37), Array.from({ length: 37 }, () => 0), new ArrayBuffer(37), { length: 37 }]) {
      // @ts-expect-error no bytes
      expect(parseAuthenticatorData(wrong)).toBeUndefined()
    }
  })
})

/** CBOR that claims much: of maps, arrays, bytes, text, tags, of each size of its length, and nested. */
const claims = fc.array(fc.oneof(
  fc.constantFrom('9b00000000ffffffff', 'bb0000ffffffffffff', '5b001fffffffffffff', '7bffffffffffffffff', '9a7fffffff', 'ba7fffffff', '5affffffff', '9bffffffffffffffff', '81', 'a1', 'd9', 'a0', '80', '9f', 'bf', '5f', 'f97e00'),
  fc.uint8Array({ maxLength: 6 }).map(bytes => Buffer.from(bytes).toString('hex')),
), { maxLength: 8 }).map(parts => hex(parts.join('')))

describe('of hostile bytes, authenticator data', () => {
  test('is read or is none, and what is read is all of it', () => {
    fc.assert(fc.property(fc.constantFrom(UP | AT, UP | ED, UP | AT | ED), claims, fc.boolean(), (flags, claimed, hasCredential) => {
      const rest = hasCredential ? credentialOf(hex('c0ffee'), claimed) : claimed
      const said = withRest(flags, rest)
      if (said?.credential !== undefined && said.extensions === undefined) {
        const { aaguid: model, id, publicKey: key } = said.credential
        expect(join(model, Uint8Array.of(id.length >> 8, id.length & 0xff), id, key)).toEqual(rest)
      }
    }), { numRuns: 2000 })
  })

  test('is none when it is cut off or changed so that its parts are not as long as they say', () => {
    const good = authenticatorData({ flags: UP | AT | ED, rest: join(credentialOf(hex('c0ffee')), encode({ credProtect: 2 })) })
    for (let length = 0; length < good.length; length++) expect(parseAuthenticatorData(good.subarray(0, length))).toBeUndefined()
    fc.assert(fc.property(fc.nat({ max: good.length }), fc.uint8Array({ minLength: 1, maxLength: 9 }), (at, more) => {
      // Whatever comes of it, it is an answer.
      parseAuthenticatorData(join(good.subarray(0, at), more, good.subarray(at)))
    }), { numRuns: 1000 })
  })

  test.each([['arrays', 0x81], ['maps', 0xa1], ['tags', 0xc1], ['indefinite arrays', 0x9f]])('is none for %s in each other, however deep', (_, byte) => {
    for (const depth of [1000, 65_000, 500_000]) {
      const nested = new Uint8Array(depth).fill(byte)
      expect(withRest(UP | ED, nested)).toBeUndefined()
      expect(withRest(UP | AT, credentialOf(hex('c0ffee'), nested))).toBeUndefined()
    }
  })

  test('takes no memory for what is claimed and not there', () => {
    const before = process.memoryUsage().heapTotal + process.memoryUsage().arrayBuffers
    for (const claimed of ['9a7fffffff', 'ba7fffffff', '5a7fffffff', '7a7fffffff', '9b0000000fffffffff', 'a19b0000000fffffffff']) {
      for (let i = 0; i < 100; i++) expect(withRest(UP | ED, hex(claimed))).toBeUndefined()
    }
    expect(process.memoryUsage().heapTotal + process.memoryUsage().arrayBuffers - before).toBeLessThan(200 << 20)
  })
})
