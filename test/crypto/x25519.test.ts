import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { importDecryptionKey } from '../../src/crypto/ciphertext.ts'
import { encryptionPublicKey, generateEncryptionSecret, isEncryptionPublicKey } from '../../src/crypto/x25519.ts'
import { describeVectors, hexBytes } from './published-vectors.ts'
import { hex, toHex } from './sample-keys.ts'

describe('X25519', () => {
  test.each([
    [
      '77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a',
      '8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a',
    ],
    [
      '5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb',
      'de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f',
    ],
  ])('%s has the public key of RFC 7748, section 6.1', (secretKey, publicKey) => {
    expect(toHex(encryptionPublicKey(hex(secretKey)))).toBe(publicKey)
  })

  test('every generated key is a public key', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), secret => {
        expect(isEncryptionPublicKey(encryptionPublicKey(generateEncryptionSecret(() => secret)))).toBe(true)
      }),
      { numRuns: 30 },
    )
  })
})

const schema = z
  .object({
    testGroups: z.array(
      z.object({
        tests: z.array(
          z.object({ tcId: z.number(), flags: z.array(z.string()), public: hexBytes, private: hexBytes, shared: hexBytes }),
        ),
      }),
    ),
  })
  .transform(({ testGroups }) => testGroups.flatMap(group => group.tests))

describeVectors('Wycheproof X25519', 'wycheproof/x25519_test.json', schema, cases => {
  test('has 518 cases', () => expect(cases.length).toBe(518))

  test('the platform agrees on all under our imported keys, and refuses the secret zero', async () => {
    const { subtle } = globalThis.crypto
    const wrong: number[] = []
    for (const one of cases) {
      const { privateKey } = await importDecryptionKey(one.private)
      const peer = await subtle.importKey('raw', Uint8Array.from(one.public), 'X25519', true, [])
      const deriving = subtle.deriveBits({ name: 'X25519', public: peer }, privateKey, 256)
      const shared = await deriving.then(bits => toHex(new Uint8Array(bits)), () => 'refused')
      if (shared !== (one.flags.includes('ZeroSharedSecret') ? 'refused' : toHex(one.shared))) wrong.push(one.tcId)
    }
    expect(wrong).toEqual([])
  })

  test('a name holds exactly the canonical keys that are not of low order', () => {
    const isRefused = (flags: string[]): boolean => flags.includes('LowOrderPublic') || flags.includes('NonCanonicalPublic')
    const wrong = cases.filter(one => isEncryptionPublicKey(one.public) === isRefused(one.flags))
    expect(wrong.map(one => [one.tcId, one.flags, toHex(one.public)])).toEqual([])
  })
})
