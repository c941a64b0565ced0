import fc from 'fast-check'
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke'
import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { CIPHERTEXT_LIMIT, encryptTo, importDecryptionKey, openCiphertext, PLAINTEXT_LIMIT } from '../../src/crypto/ciphertext.ts'
import { formatIdentityName } from '../../src/crypto/identity-name.ts'
import { ed25519Suite } from '../../src/crypto/suites/ed25519.ts'
import { encryptionPublicKey } from '../../src/crypto/x25519.ts'
import { describeVectors, hexBytes } from './published-vectors.ts'
import { referenceCipher } from './reference-hpke.ts'
import { flip, hex, join, sampleOf, secretOf, toHex, utf8 } from './sample-keys.ts'

const secretKey = secretOf(0x61)
const encrypt = encryptionPublicKey(secretKey)
const sign = sampleOf(ed25519Suite, 0x62)
const name = formatIdentityName({ sign, encrypt })
const otherName = formatIdentityName({ sign: sampleOf(ed25519Suite, 0x63), encrypt })
const key = await importDecryptionKey(secretKey)
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
        expect(await openCiphertext(name, key, one)).toEqual(plaintext)
      }),
      { numRuns: 30 },
    )
  })

  test('opens for an identity that can only decrypt', async () => {
    const only = formatIdentityName({ encrypt })
    expect(await openCiphertext(only, key, await encryptTo(only, data))).toEqual(data)
  })

  test('does not open under another key, nor under another name with the same key', async () => {
    expect(await openCiphertext(name, await importDecryptionKey(secretOf(0x64)), ciphertext)).toEqual(FAILED)
    expect(await openCiphertext(otherName, key, ciphertext)).toEqual(FAILED)
    expect(await openCiphertext(formatIdentityName({ encrypt }), key, ciphertext)).toEqual(FAILED)
  })

  test('with another version or suite, or too short or too long for any, is malformed', async () => {
    const body = ciphertext.subarray(2)
    for (const header of ['0001', '0201', '0100', '0102', 'ff01', '01ff']) {
      expect(await openCiphertext(name, key, join(hex(header), body))).toEqual(MALFORMED)
    }
    for (const length of [0, 1, 2, 34, 49]) expect(await openCiphertext(name, key, ciphertext.subarray(0, length))).toEqual(MALFORMED)
    const long = new Uint8Array(CIPHERTEXT_LIMIT + 1)
    long.set(ciphertext)
    expect(await openCiphertext(name, key, long)).toEqual(MALFORMED)
  })

  test('with a bit flipped after the header, truncated or extended says only that decryption failed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 16, max: ciphertext.length * 8 - 1 }), async bit => {
        expect(await openCiphertext(name, key, flip(ciphertext, bit))).toEqual(FAILED)
      }),
      { numRuns: 100 },
    )
    expect(await openCiphertext(name, key, ciphertext.subarray(0, -1))).toEqual(FAILED)
    expect(await openCiphertext(name, key, ciphertext.subarray(0, 50))).toEqual(FAILED)
    expect(await openCiphertext(name, key, join(ciphertext, Uint8Array.of(0)))).toEqual(FAILED)
  })

  test('with an enc of small order or in another encoding says only that decryption failed', async () => {
    for (const enc of [
      new Uint8Array(32),
      join(Uint8Array.of(1), new Uint8Array(31)),
      hex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
      hex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'),
      flip(ciphertext.subarray(2, 34), 255),
    ]) {
      expect(await openCiphertext(name, key, join(hex('0101'), enc, ciphertext.subarray(34)))).toEqual(FAILED)
    }
  })

  test('of random bytes is refused one way or the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async bytes => {
        expect(await openCiphertext(name, key, bytes)).toEqual(MALFORMED)
        expect(await openCiphertext(name, key, join(hex('0101'), bytes))).toEqual(bytes.length < 48 ? MALFORMED : FAILED)
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
    expect(sealed.length).toBe(CIPHERTEXT_LIMIT)
    const opened = await openCiphertext(name, key, sealed)
    expect(opened instanceof Uint8Array && Buffer.compare(opened, longest)).toBe(0)
    await expect(encryptTo(name, new Uint8Array(PLAINTEXT_LIMIT + 1))).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  test('encrypts the data as it was when called', async () => {
    const changing = Uint8Array.from(data)
    const sealing = encryptTo(name, changing)
    changing.fill(0)
    expect(await openCiphertext(name, key, await sealing)).toEqual(data)
  })

  test('rejects what is no identity, cannot decrypt, or is no bytes', async () => {
    await expect(encryptTo('alice', data)).rejects.toMatchObject({ code: 'invalid-identity' })
    await expect(encryptTo(formatIdentityName({ sign }), data)).rejects.toMatchObject({ code: 'not-available' })
    // @ts-expect-error text is no data
    await expect(encryptTo(name, 'data')).rejects.toMatchObject({ code: 'invalid-argument' })
  })
})

describe('openCiphertext and its key', () => {
  test('opens the ciphertext as it was when called', async () => {
    const changing = Uint8Array.from(ciphertext)
    const opening = openCiphertext(name, key, changing)
    changing.fill(0)
    expect(await opening).toEqual(data)
  })

  test('rejects what is no bytes', async () => {
    // @ts-expect-error text is no ciphertext
    await expect(openCiphertext(name, key, 'text')).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  test('the platform does not give the secret out again', async () => {
    expect(key.privateKey.extractable).toBe(false)
    await expect(globalThis.crypto.subtle.exportKey('pkcs8', key.privateKey)).rejects.toThrow()
  })

  test('what was copied for the platform is erased: the secret key on import, the plaintext on encryption', async () => {
    const { subtle } = globalThis.crypto
    const imported = vi.spyOn(subtle, 'importKey')
    const encrypted = vi.spyOn(subtle, 'encrypt')
    try {
      await importDecryptionKey(secretKey)
      const pkcs8 = imported.mock.calls.filter(([format]) => format === 'pkcs8').map(([, bytes]) => bytes)
      expect(pkcs8).toEqual([new Uint8Array(48)])
      await encryptTo(name, data)
      expect(encrypted.mock.calls.map(([, , bytes]) => bytes)).toEqual([new Uint8Array(data.length)])
    } finally {
      imported.mockRestore()
      encrypted.mockRestore()
    }
  })

  test('a secret key that is none is refused, and not shown', async () => {
    await expect(importDecryptionKey(new Uint8Array(31).fill(222))).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.not.stringContaining('222'),
    })
  })
})

const rfc9180 = z.array(
  z.object({
    mode: z.number(),
    kem_id: z.number(),
    kdf_id: z.number(),
    aead_id: z.number(),
    info: hexBytes,
    skRm: hexBytes,
    pkRm: hexBytes,
    enc: hexBytes,
    encryptions: z.array(z.object({ aad: hexBytes, ct: hexBytes, pt: hexBytes })),
  }),
)

describeVectors('RFC 9180, base mode, our suite', 'hpke/rfc9180.json', rfc9180, all => {
  const ours = all.filter(one => one.mode === 0 && one.kem_id === 0x20 && one.kdf_id === 1 && one.aead_id === 2)

  test('is one of 24, with 16 encryptions', () => {
    expect(all.length).toBe(24)
    expect(ours.map(one => one.encryptions.length)).toEqual([16])
  })

  test('opens with our imported key, and with the independent reading', async () => {
    for (const { skRm, pkRm, enc, info, encryptions } of ours) {
      expect(encryptionPublicKey(skRm)).toEqual(pkRm)
      const suite = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM)
      const recipient = await suite.SetupRecipient(await importDecryptionKey(skRm), enc, { info })
      for (const [sequence, { aad, ct, pt }] of encryptions.entries()) {
        expect(toHex(await recipient.Open(ct, aad))).toBe(toHex(pt))
        expect(toHex(referenceCipher(skRm, enc, info, aad, sequence).decrypt(ct))).toBe(toHex(pt))
      }
    }
  })
})
