import { inspect } from 'node:util'
import { x25519 as curve } from '@noble/curves/ed25519.js'
import { numberToBytesLE } from '@noble/curves/utils.js'
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js'
import fc from 'fast-check'
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256, KEM_MLKEM768_X25519 } from 'hpke'
import { describe, expect, test, vi } from 'vitest'
import type { EncryptionScheme } from '../../src/crypto/encryption.ts'
import { xWing } from '../../src/crypto/encryption/x-wing/entry.ts'
import { x25519 } from '../../src/crypto/encryption/x25519/entry.ts'
import { encryptionById, encryptionByMulticodec, encryptionByName, encryptionFacts, encryptions } from '../../src/crypto/encryptions.ts'
import { nativeAead } from '../../src/crypto/hpke/aead.ts'
import { keyScheduleOf } from '../../src/crypto/hpke/native.ts'
import { nodePlatform } from '../../src/crypto/node/platform.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { referenceCipher } from '../../vectors/reference-hpke.ts'
import { flip, hex, join, secretOf, toHex, utf8 } from './sample-keys.ts'

const P = 2n ** 255n - 19n
const info = utf8('info')
const message = utf8('a message of some bytes')
const invalid = expect.objectContaining({ code: 'invalid-argument' })

const littleEndian = (u: bigint): string => toHex(numberToBytesLE(u, 32))

/** All encodings of u that X25519 maps to zero, whatever the key: of the points of small order, reduced or not, with the high bit or not. */
const SMALL_ORDER = [
  ...[0n, 1n, P - 1n, P, P + 1n].map(littleEndian),
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
].flatMap(u => [u, toHex(flip(hex(u), 255))])

/** What X25519 takes for a u, and is none in its one form: u + p below 2^255, and a set high bit. */
const NON_CANONICAL = [...[2n, 9n, 18n].map(u => u + P), 9n + 2n ** 255n, P - 2n + 2n ** 255n].map(littleEndian)

describe('the table', () => {
  test('finds each by its name, id and multicodec, and nothing by others', () => {
    for (const { name, id, multicodec } of encryptionFacts) {
      for (const found of [encryptionByName(name), encryptionById(id), encryptionByMulticodec(multicodec)]) expect(found?.name).toBe(name)
    }
    expect([encryptionByName('none'), encryptionById(0), encryptionByMulticodec(Uint8Array.of(0xec))]).toEqual([undefined, undefined, undefined])
  })

  test('has all that is portable', () => expect(encryptions('portable').map(({ name }) => name)).toEqual(encryptionFacts.map(({ name }) => name)))

  test('has multicodecs that are varints of what they say', () => {
    const varint = (value: number): number[] => value < 128 ? [value] : [value % 128 + 128, ...varint(Math.floor(value / 128))]
    expect(encryptionFacts.map(({ multicodec }) => [...multicodec])).toEqual([varint(0xec), varint(0x300000 + 0x647a)])
  })
})

describe.each(encryptionFacts)('$name', facts => {
  const all = [...encryptions('native'), ...encryptions('portable')].filter(({ name }) => name === facts.name)
  const pairs = all.flatMap(sender => all.map(recipient => ({ sender, recipient })))

  test('has native code here', context => {
    if (all.length < 2 && process.env['CI'] !== 'true') context.skip(`no native ${facts.name} here: it needs Node.js 24.7 with OpenSSL 3.5`)
    expect(all.map(({ path }) => path)).toEqual(['native', 'portable'])
  })

  test.each(pairs)('$recipient.path code opens what $sender.path code seals', async ({ sender, recipient }) => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 2000, size: 'max' }), fc.uint8Array({ maxLength: 200 }), async (plaintext, bound) => {
      const secretKey = recipient.generate(randomBytes)
      const { enc, ciphertext } = await sender.seal(recipient.publicKey(secretKey), bound, plaintext)
      expect([enc.length, ciphertext.length]).toEqual([facts.encLength, plaintext.length + 16])
      const opener = await recipient.opener(secretKey)
      expect(await opener.open(bound, enc, ciphertext)).toEqual(plaintext)
    }), { numRuns: 20 })
  })

  test('both paths find the same public key, which both admit', () => {
    fc.assert(fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), secretKey => {
      const keys = all.map(scheme => toHex(scheme.publicKey(secretKey)))
      expect(new Set(keys).size).toBe(1)
      for (const scheme of all) expect(scheme.isPublicKey(scheme.publicKey(secretKey))).toBe(true)
    }), { numRuns: 20 })
  })

  describe.each(all)('by $path code', scheme => {
    const secretKey = secretOf(7)
    const sealed = Promise.resolve(scheme.seal(scheme.publicKey(secretKey), info, message))
    const opener = Promise.resolve(scheme.opener(secretKey))
    const opens = async (bound: Uint8Array, enc: Uint8Array, ciphertext: Uint8Array) => (await opener).open(bound, enc, ciphertext)

    test('seals anew each time', async () => {
      const { enc, ciphertext } = await sealed
      const again = await scheme.seal(scheme.publicKey(secretKey), info, message)
      expect(toHex(again.enc)).not.toBe(toHex(enc))
      expect(toHex(again.ciphertext)).not.toBe(toHex(ciphertext))
    })

    test('gives plain arrays that share memory with nothing', async () => {
      const { enc, ciphertext } = await sealed
      const plaintext = await opens(info, enc, ciphertext)
      expect(plaintext).toEqual(message)
      for (const bytes of [enc, ciphertext, plaintext ?? enc, scheme.publicKey(secretKey)]) {
        expect(Object.getPrototypeOf(bytes)).toBe(Uint8Array.prototype)
        expect(bytes.buffer.byteLength).toBe(bytes.length)
      }
    })

    test('opens no truncation, and nothing that is longer', async () => {
      const { enc, ciphertext } = await sealed
      for (let length = 0; length < ciphertext.length; length++) expect(await opens(info, enc, ciphertext.subarray(0, length))).toBeUndefined()
      for (let length = 0; length < enc.length; length++) expect(await opens(info, enc.subarray(0, length), ciphertext)).toBeUndefined()
      expect(await opens(info, enc, join(ciphertext, Uint8Array.of(0)))).toBeUndefined()
      expect(await opens(info, join(enc, Uint8Array.of(0)), ciphertext)).toBeUndefined()
      expect(await opens(info.subarray(1), enc, ciphertext)).toBeUndefined()
      expect(await opens(join(info, Uint8Array.of(0)), enc, ciphertext)).toBeUndefined()
    })

    test('opens nothing with one bit flipped', async () => {
      const { enc, ciphertext } = await sealed
      for (let bit = 0; bit < ciphertext.length * 8; bit++) expect(await opens(info, enc, flip(ciphertext, bit))).toBeUndefined()
      for (let bit = 0; bit < info.length * 8; bit++) expect(await opens(flip(info, bit), enc, ciphertext)).toBeUndefined()
      // All bits of X25519's part, and one in 97 of those before it.
      const end = enc.length * 8
      for (let bit = 0; bit < end; bit += bit < end - 256 ? 97 : 1) expect(await opens(info, flip(enc, bit), ciphertext)).toBeUndefined()
    })

    test('opens nothing that is for another key', async () => {
      const { enc, ciphertext } = await sealed
      expect(await (await scheme.opener(secretOf(8))).open(info, enc, ciphertext)).toBeUndefined()
    })

    test('opens nothing that a stranger makes up', async () => {
      await fc.assert(fc.asyncProperty(
        fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: facts.encLength, maxLength: facts.encLength }), fc.uint8Array({ maxLength: 100 }),
        async (bound, enc, ciphertext) => {
          expect(await opens(bound, enc, ciphertext)).toBeUndefined()
        },
      ), { numRuns: 50 })
    })

    test.each([...SMALL_ORDER, ...NON_CANONICAL])('opens nothing with %s for X25519', async u => {
      const enc = join((await sealed).enc.subarray(0, -32), hex(u))
      expect(await opens(info, enc, (await sealed).ciphertext)).toBeUndefined()
      expect(scheme.isPublicKey(join(scheme.publicKey(secretKey).subarray(0, -32), hex(u)))).toBe(false)
    })

    test.each(NON_CANONICAL)('not even what a sender made with %s, on purpose', async u => {
      const enc = join((await sealed).enc.subarray(0, -32), hex(u))
      expect(await opens(info, enc, sealLaxly(scheme, secretKey, enc))).toBeUndefined()
      const canonical = join(enc.subarray(0, -32), curve.getPublicKey(secretOf(9)))
      expect(await opens(info, canonical, sealLaxly(scheme, secretKey, canonical))).toEqual(message)
    })

    test('seals to no key that it does not admit', async () => {
      const publicKey = scheme.publicKey(secretKey)
      for (const wrong of [new Uint8Array(0), publicKey.subarray(1), join(publicKey, Uint8Array.of(0)), new Uint8Array(facts.publicKeyLength)]) {
        expect(scheme.isPublicKey(wrong)).toBe(false)
        await expect((async () => scheme.seal(wrong, info, message))()).rejects.toEqual(invalid)
      }
    })

    test('refuses secret keys that are none, and does not show them', async () => {
      for (const wrong of [new Uint8Array(0), new Uint8Array(31).fill(222), new Uint8Array(64).fill(222)]) {
        const fault = expect.objectContaining({ code: 'invalid-argument', message: expect.not.stringContaining('222') })
        expect(() => scheme.publicKey(wrong)).toThrow(fault)
        await expect((async () => scheme.opener(wrong))()).rejects.toEqual(fault)
      }
      expect(() => scheme.generate(() => new Uint8Array(16))).toThrow(invalid)
    })

    test('keeps a copy of the secret key, shows none, and opens no more once it is erased', async () => {
      const given = Uint8Array.from(secretKey)
      const own = await scheme.opener(given)
      expect(given).toEqual(secretKey)
      given.fill(0)
      const { enc, ciphertext } = await sealed
      expect(await own.open(info, enc, ciphertext)).toEqual(message)
      expect(inspect(own, { depth: 9, showHidden: true })).not.toMatch(/7, 7, 7|07070707/)
      own.erase()
      own.erase()
      expect(() => own.open(info, enc, ciphertext)).toThrow(invalid)
    })

    test('opens what its arguments were when it was called', async () => {
      const { enc, ciphertext } = await sealed
      const copies = [info, enc, ciphertext].map(bytes => Uint8Array.from(bytes))
      const [bound = info, key = enc, text = ciphertext] = copies
      const opening = opens(bound, key, text)
      await Promise.resolve()
      for (const bytes of copies) bytes.fill(0)
      expect(await opening).toEqual(message)
    })
  })
})

describe('X25519 by WebCrypto', () => {
  test('is held by the platform, which gives no secret out; what was copied for it is erased, and so are plaintexts', async () => {
    const { subtle } = globalThis.crypto
    const imported = vi.spyOn(subtle, 'importKey')
    const encrypted = vi.spyOn(subtle, 'encrypt')
    try {
      await x25519.portable.opener(secretOf(7))
      const secrets = imported.mock.calls.filter(([format]) => format === 'pkcs8')
      expect(secrets.map(([, bytes, , extractable]) => [bytes, extractable])).toEqual([[new Uint8Array(48), false]])
      await x25519.portable.seal(x25519.portable.publicKey(secretOf(7)), info, message)
      expect(encrypted.mock.calls.map(([, , bytes]) => bytes)).toEqual([new Uint8Array(message.length)])
    } finally {
      imported.mockRestore()
      encrypted.mockRestore()
    }
  })
})

/** What a sender could make of any `enc`, who knows the recipient's secret: without the rule that it is canonical, it opens. */
function sealLaxly(scheme: EncryptionScheme, secretKey: Uint8Array, enc: Uint8Array): Uint8Array {
  if (scheme.name === 'X25519') return referenceCipher(secretKey, enc, info).encrypt(message)
  if (nodePlatform === undefined) throw new Error('Node.js is needed here')
  const aead = nativeAead(nodePlatform.crypto, 2)
  const { key, baseNonce } = keyScheduleOf(nodePlatform.crypto, 0x647a, aead)(info)(ml_kem768_x25519.decapsulate(enc, secretKey))
  return aead.seal(key, baseNonce, new Uint8Array(0), message)
}

describe('the encapsulation key of X-Wing', () => {
  const schemes = [...encryptions('native'), ...encryptions('portable')].filter(({ name }) => name === 'X-Wing')
  const publicKey = schemes[0]?.publicKey(secretOf(3)) ?? new Uint8Array(0)
  const withCoefficients = (at: number, first: number, second: number): Uint8Array => {
    const key = Uint8Array.from(publicKey)
    key.set([first & 0xff, first >> 8 | (second & 15) << 4, second >> 4], at * 3)
    return key
  }

  test('has coefficients below 3329, each', () => {
    const coefficient = fc.oneof(fc.nat({ max: 4095 }), fc.constantFrom(0, 3328, 3329, 4095))
    fc.assert(fc.property(fc.nat({ max: 383 }), coefficient, coefficient, (at, first, second) => {
      const key = withCoefficients(at, first, second)
      for (const scheme of schemes) expect(scheme.isPublicKey(key)).toBe(first < 3329 && second < 3329)
    }), { numRuns: 200 })
  })
})

describe('other implementations', () => {
  test.each([
    { name: 'X25519', kem: KEM_DHKEM_X25519_HKDF_SHA256 },
    { name: 'X-Wing', kem: KEM_MLKEM768_X25519 },
  ])("hpke's own $name opens what is sealed here, and the other way", async ({ name, kem }) => {
    const suite = new CipherSuite(kem, KDF_HKDF_SHA256, AEAD_AES_256_GCM)
    const { publicKey, privateKey } = await suite.GenerateKeyPair(true)
    const [publicBytes, secretBytes] = await Promise.all([suite.SerializePublicKey(publicKey), suite.SerializePrivateKey(privateKey)])
    for (const path of ['native', 'portable'] as const) {
      for (const scheme of encryptions(path).filter(one => one.name === name)) {
        const { enc, ciphertext } = await scheme.seal(publicBytes, info, message)
        expect(toHex(await suite.Open({ publicKey, privateKey }, enc, ciphertext, { info }))).toBe(toHex(message))
        const theirs = await suite.Seal(publicKey, message, { info })
        expect(await (await scheme.opener(secretBytes)).open(info, theirs.encapsulatedSecret, theirs.ciphertext)).toEqual(message)
      }
    }
  })
})

describe('a platform that lacks something', () => {
  test.runIf(nodePlatform)('has no native code', () => {
    if (nodePlatform === undefined) return
    const { crypto } = nodePlatform
    const older = { ...nodePlatform, crypto: Object.assign({}, crypto, { decapsulate: undefined }) }
    expect([x25519.native(older), xWing.native(older)]).toEqual([undefined, undefined])
    const withoutSha3 = { ...nodePlatform, crypto: Object.assign({}, crypto, { hash: undefined }) }
    expect([x25519.native(withoutSha3)?.name, xWing.native(withoutSha3)]).toEqual(['X25519', undefined])
  })
})

test('what portable X25519 hands to the platform is a copy that is erased', async () => {
  const importing = vi.spyOn(crypto.subtle, 'importKey')
  try {
    const secretKey = x25519.portable.generate(randomBytes)
    await x25519.portable.opener(secretKey)
    const secrets = importing.mock.calls.flatMap(([format, key]) => format === 'pkcs8' && key instanceof Uint8Array ? [key] : [])
    expect(secrets.map(key => toHex(key.subarray(-32)))).toEqual([toHex(new Uint8Array(32))])
  } finally {
    importing.mockRestore()
  }
})
