import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encryptTo, PLAINTEXT_LIMIT } from '../../src/crypto/ciphertext.ts'
import { formatIdentityName } from '../../src/crypto/identity-name.ts'
import { portableEd25519 } from '../../src/crypto/suites/ed25519/portable.ts'
import { referenceCipher } from '../../vectors/reference-hpke.ts'
import { flip, hex, join, openerOf, sampleOf, secretOf, toHex, utf8, x25519Key } from './sample-keys.ts'

const secretKey = secretOf(0x61)
const encrypt = x25519Key(secretKey)
const sign = sampleOf(portableEd25519, 0x62)
const name = formatIdentityName({ sign, encrypt })
const otherName = formatIdentityName({ sign: sampleOf(portableEd25519, 0x63), encrypt })
const opener = await openerOf(name, secretKey)
/** As {@link opener}, of another name or key. */
const openAs = async (recipient: string, secret: Uint8Array, bytes: Uint8Array) => (await openerOf(recipient, secret)).open(bytes)
const data = utf8('what is encrypted')
const ciphertext = await encryptTo(name, data)

const FAILED = { err: 'Decryption failed', code: 'decryption-failed' }
const MALFORMED = expect.objectContaining({ code: 'malformed-ciphertext' })
const infoOf = (recipient: string): Uint8Array => join(hex('697073652f656e632f3100010104'), utf8('data'), utf8(recipient))

describe('a ciphertext', () => {
  test('is version, suite, enc, and the plaintext with its tag', () => {
    expect(toHex(ciphertext.subarray(0, 2))).toBe('0101')
    expect(ciphertext.length).toBe(2 + 32 + data.length + 16)
  })

  test('opens with an independent reading of RFC 9180, its info written by hand', () => {
    const cipher = referenceCipher(secretKey, ciphertext.subarray(2, 34), infoOf(name))
    expect(cipher.decrypt(ciphertext.subarray(34))).toEqual(data)
  })

  test('opens for any plaintext, and is never the same twice', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async plaintext => {
        const [one, two] = [await encryptTo(name, plaintext), await encryptTo(name, plaintext)]
        expect(toHex(one)).not.toBe(toHex(two))
        expect(await opener.open(one)).toEqual(plaintext)
      }),
      { numRuns: 30 },
    )
  })

  test('opens for an identity that can only decrypt', async () => {
    const only = formatIdentityName({ encrypt })
    expect(await openAs(only, secretKey, await encryptTo(only, data))).toEqual(data)
  })

  test('does not open under another key, nor under another name with the same key', async () => {
    expect(await openAs(name, secretOf(0x64), ciphertext)).toEqual(FAILED)
    expect(await openAs(otherName, secretKey, ciphertext)).toEqual(FAILED)
    expect(await openAs(formatIdentityName({ encrypt }), secretKey, ciphertext)).toEqual(FAILED)
  })

  test('with another version or suite, or too short or too long for any, is malformed', async () => {
    const body = ciphertext.subarray(2)
    for (const header of ['0001', '0201', '0100', '0102', 'ff01', '01ff']) {
      expect(await opener.open(join(hex(header), body))).toEqual(MALFORMED)
    }
    for (const length of [0, 1, 2, 34, 49]) expect(await opener.open(ciphertext.subarray(0, length))).toEqual(MALFORMED)
    const long = new Uint8Array(PLAINTEXT_LIMIT + 51)
    long.set(ciphertext)
    expect(await opener.open(long)).toEqual(MALFORMED)
  })

  test('with a bit flipped after the header, truncated or extended says only that decryption failed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 16, max: ciphertext.length * 8 - 1 }), async bit => {
        expect(await opener.open(flip(ciphertext, bit))).toEqual(FAILED)
      }),
      { numRuns: 100 },
    )
    expect(await opener.open(ciphertext.subarray(0, -1))).toEqual(FAILED)
    expect(await opener.open(ciphertext.subarray(0, 50))).toEqual(FAILED)
    expect(await opener.open(join(ciphertext, Uint8Array.of(0)))).toEqual(FAILED)
  })

  test('with an enc of small order or in another encoding says only that decryption failed', async () => {
    for (const enc of [
      new Uint8Array(32),
      join(Uint8Array.of(1), new Uint8Array(31)),
      hex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
      hex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'),
      flip(ciphertext.subarray(2, 34), 255),
    ]) {
      expect(await opener.open(join(hex('0101'), enc, ciphertext.subarray(34)))).toEqual(FAILED)
    }
  })

  test('of random bytes is refused one way or the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async bytes => {
        expect(await opener.open(bytes)).toEqual(MALFORMED)
        expect(await opener.open(join(hex('0101'), bytes))).toEqual(bytes.length < 48 ? MALFORMED : FAILED)
      }),
      { numRuns: 50 },
    )
  })
})

describe('encryptTo', () => {
  test('takes 1 MiB and no more', async () => {
    const longest = new Uint8Array(PLAINTEXT_LIMIT).fill(7)
    const sealed = await encryptTo(name, longest)
    expect(PLAINTEXT_LIMIT).toBe(1_048_576)
    expect(sealed.length).toBe(PLAINTEXT_LIMIT + 50)
    const opened = await opener.open(sealed)
    expect(opened instanceof Uint8Array && Buffer.compare(opened, longest)).toBe(0)
    await expect(encryptTo(name, new Uint8Array(PLAINTEXT_LIMIT + 1))).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  test('encrypts the data as it was when called', async () => {
    const changing = Uint8Array.from(data)
    const sealing = encryptTo(name, changing)
    changing.fill(0)
    expect(await opener.open(await sealing)).toEqual(data)
  })

  test('rejects what is no identity, cannot decrypt, or is no bytes', async () => {
    await expect(encryptTo('alice', data)).rejects.toMatchObject({ code: 'invalid-identity' })
    await expect(encryptTo(formatIdentityName({ sign }), data)).rejects.toMatchObject({ code: 'not-available' })
    // @ts-expect-error text is no data
    await expect(encryptTo(name, 'data')).rejects.toMatchObject({ code: 'invalid-argument' })
  })
})

describe('an opener', () => {
  test('opens the ciphertext as it was when called', async () => {
    const changing = Uint8Array.from(ciphertext)
    const opening = opener.open(changing)
    changing.fill(0)
    expect(await opening).toEqual(data)
  })

  test('rejects what is no bytes', async () => {
    // @ts-expect-error text is no ciphertext
    expect(() => opener.open('text')).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  })

  test('a secret key that is none is refused, and not shown', async () => {
    await expect(openerOf(name, new Uint8Array(31).fill(222))).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.not.stringContaining('222'),
    })
  })
})
