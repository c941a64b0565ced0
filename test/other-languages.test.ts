import { base58 } from '@scure/base'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { CiphertextOpener, commit, encryptionByName, formatIdentityName, PLAINTEXT_LIMIT, randomBytes, suiteByParams, verifyCommitment } from '../src/crypto.ts'
import type { IdentityKeys } from '../src/crypto.ts'
import { Asserter, authenticatorData, FLAGS, WEBAUTHN_POLICY } from './crypto/assertions.ts'
import type { Change } from './crypto/assertions.ts'
import { hex } from './crypto/sample-keys.ts'
import assertions from './golden/assertions.json' with { type: 'json' }
import { testsOfPython } from './python.ts'

/** An identity with its secret keys in hand. */
function newIdentity() {
  const [suite, scheme] = [suiteByParams('Ed25519'), encryptionByName('X25519')]
  if (suite === undefined || scheme === undefined) throw new Error('These schemes are part of the library')
  const [signKey, decryptKey] = [suite.generate(randomBytes), scheme.generate(randomBytes)]
  const sign = { suite, publicKey: suite.publicKey(signKey) }
  const encrypt = { scheme, publicKey: scheme.publicKey(decryptKey) }
  return {
    nameWith: (keys: readonly (keyof IdentityKeys)[]) => formatIdentityName({ ...keys.includes('sign') && { sign }, ...keys.includes('encrypt') && { encrypt } }),
    commit: (name: string, data: Uint8Array) => commit(suite, signKey, name, data),
    open: async (name: string, ciphertext: Uint8Array) => new CiphertextOpener(await scheme.opener(decryptKey), scheme, name).open(ciphertext),
  }
}

const me = newIdentity()
const name = me.nameWith(['sign', 'encrypt'])
const [signing = '', encryption = ''] = name.split('.')
const data = new TextEncoder().encode('ship v1')
const commitment = me.commit(name, data)

const asserter = new Asserter(suiteByParams('P256') ?? expect.fail('there is no P256'), WEBAUTHN_POLICY)

/** Base58btc with its prefix. */
function multibase(...bytes: readonly number[]): string {
  return `z${base58.encode(Uint8Array.from(bytes))}`
}

/** What Python says at last. The program itself is part of the message, too. */
const VALUE_ERROR = /^ValueError: /m

function changed(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.with(at, (bytes[at] ?? 0) ^ 1)
}

describe.concurrent('the program of docs/other-languages.md', () => {
  testsOfPython(python => {
    test('verifies what the library commits, whatever the data', async () => {
      await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(name, signing), async (some, signer) => {
        expect(await python.verify(signer, some, me.commit(signer, some))).toBe(true)
      }), { numRuns: 5 })
    })

    test.each<[string, string, Uint8Array, Uint8Array]>([
      ['other data', name, changed(data, 0), commitment],
      ['another signature', name, data, changed(commitment, 40)],
      ['another version', name, data, commitment.with(0, 2)],
      ['another kind', name, data, commitment.with(1, 2)],
      ['a commitment with something after it', name, data, Uint8Array.of(...commitment, 0)],
      ['a commitment that was cut off', name, data, commitment.subarray(0, -1)],
      ['a bare signature', name, data, commitment.subarray(2)],
      ['nothing', name, data, new Uint8Array()],
      ['a commitment under another name of the key', signing, data, commitment],
    ])('refuses %s, as the library does', async (_, signer, some, claimed) => {
      expect(verifyCommitment(signer, some, claimed)).toBe(false)
      expect(await python.verify(signer, some, claimed)).toBe(false)
    })

    test.each([
      ['keys in the wrong order', `${encryption}.${signing}`],
      ['two signing keys', `${signing}.${signing}`],
      ['three keys', `${name}.${encryption}`],
      ['an empty part', `${signing}.`],
      ['no text', ''],
      ['another base', `u${signing.slice(1)}`],
      ['a character that is none of base58', signing.replace(/.$/, '0')],
      ['a key that is too short', multibase(0xed, 1, ...new Uint8Array(31).fill(9))],
      ['a key that is too long', multibase(0xed, 1, ...new Uint8Array(33).fill(9))],
      ['a second key that is too short', `${signing}.${multibase(0xec, 1, ...new Uint8Array(31).fill(9))}`],
      ['an unknown key', multibase(0xee, 1, ...new Uint8Array(32).fill(9))],
      ['a second key that is unknown', `${signing}.${multibase(0xee, 1, ...new Uint8Array(32).fill(9))}`],
      ['zeros before the key', `z1${signing.slice(1)}`],
      ['too many characters', `z${'1'.repeat(128)}`],
    ])('refuses a name with %s, as the library does', async (_, bad) => {
      expect(() => verifyCommitment(bad, data, commitment)).toThrow(expect.objectContaining({ code: 'invalid-identity' }))
      await expect(python.verify(bad, data, commitment)).rejects.toThrow(VALUE_ERROR)
    })

    test('refuses to verify for an identity that cannot commit', async () => {
      await expect(python.verify(encryption, data, commitment)).rejects.toThrow(/^KeyError: 'sign'$/m)
    })

    describe.each(assertions)('of the golden assertion of $params for $policy.relyingParty', ({ name: named, bundle, data: text, commitment: asserted }) => {
      const identity = { name: named, bundle: hex(bundle) }

      test('verifies it, as the library does', async () => {
        expect(await python.verifyAssertion(identity, hex(text), hex(asserted))).toBe(true)
        expect(verifyCommitment(identity, hex(text), hex(asserted))).toBe(true)
        expect(await python.verifyAssertion(identity, changed(hex(text), 0), hex(asserted))).toBe(false)
      })

      test('refuses it changed or cut off, as the library does', async () => {
        const bytes = hex(asserted)
        for (const wrong of [Uint8Array.of(...bytes, 0), bytes.subarray(0, 30), bytes.with(1, 1), changed(bytes, bytes.length - 1)]) {
          expect(verifyCommitment(identity, hex(text), wrong)).toBe(false)
          expect(await python.verifyAssertion(identity, hex(text), wrong)).toBe(false)
        }
      })

      test('refuses its bundle changed', async () => {
        await expect(python.verifyAssertion({ name: named, bundle: changed(hex(bundle), 9) }, hex(text), hex(asserted))).rejects.toThrow(VALUE_ERROR)
      })
    })

    test('verifies an assertion of the kind that is changed below', async () => {
      expect(await python.verifyAssertion(asserter.identity, data, asserter.commit(data))).toBe(true)
    })

    test.each<[string, Change]>([
      ['without the user', { authenticatorData: authenticatorData({ flags: FLAGS.UV }) }],
      ['without verification', { authenticatorData: authenticatorData({ flags: FLAGS.UP }) }],
      ['backed up, and not eligible', { authenticatorData: authenticatorData({ flags: FLAGS.UP | FLAGS.UV | FLAGS.BS }) }],
      ['with the flag of a registration', { authenticatorData: authenticatorData({ flags: FLAGS.UP | FLAGS.UV | FLAGS.AT }) }],
      ['with something after it', { authenticatorData: authenticatorData({ rest: Uint8Array.of(0xa0) }) }],
      ['with extensions that are not there', { authenticatorData: authenticatorData({ flags: FLAGS.UP | FLAGS.UV | FLAGS.ED }) }],
      ['of another relying party', { authenticatorData: authenticatorData({ relyingParty: 'example.com' }) }],
      ['of another type', { fields: { type: 'webauthn.create' } }],
      ['of another challenge', { fields: { challenge: 'AAAA' } }],
      ['of another origin', { fields: { origin: 'https://example.com' } }],
      ['of a frame', { fields: { crossOrigin: true } }],
      ['under another page', { fields: { topOrigin: 'https://example.org' } }],
      ['of no object', { clientDataJSON: new TextEncoder().encode('[]') }],
      ['of no JSON', { clientDataJSON: new TextEncoder().encode('{') }],
      ['of what is nested too deeply', { clientDataJSON: new TextEncoder().encode('['.repeat(60_000)) }],
      ['of the other kind', { otherKind: true }],
    ])('refuses an assertion %s, as the library does', async (_, change) => {
      expect(verifyCommitment(asserter.identity, data, asserter.commit(data, change))).toBe(false)
      expect(await python.verifyAssertion(asserter.identity, data, asserter.commit(data, change))).toBe(false)
    })

    test('encrypts what the library decrypts, whatever the plaintext', async () => {
      await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.constantFrom(name, encryption), async (plaintext, recipient) => {
        expect(await me.open(recipient, await python.encrypt(recipient, plaintext))).toEqual(plaintext)
      }), { numRuns: 5 })
    })

    test('encrypts as much as the library decrypts, and no more', async () => {
      const longest = new Uint8Array(PLAINTEXT_LIMIT).fill(7)
      expect(await me.open(name, await python.encrypt(name, longest))).toEqual(longest)
      await expect(python.encrypt(name, new Uint8Array(PLAINTEXT_LIMIT + 1))).rejects.toThrow(VALUE_ERROR)
    })

    test('encrypts for one name, and differently each time', async () => {
      const ciphertext = await python.encrypt(name, data)
      expect(await me.open(encryption, ciphertext)).toMatchObject({ code: 'decryption-failed' })
      expect(await python.encrypt(name, data)).not.toEqual(ciphertext)
    })

    test('refuses to encrypt where nobody, or everybody, could decrypt', async () => {
      await expect(python.encrypt(signing, data)).rejects.toThrow(/^KeyError: 'encrypt'$/m)
      await expect(python.encrypt(multibase(0xec, 1, 1, ...new Uint8Array(31)), data)).rejects.toThrow(VALUE_ERROR)
    })
  })
})
