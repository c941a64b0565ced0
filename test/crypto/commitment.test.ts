import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { commit, verifyCommitment } from '../../src/crypto/commitment.ts'
import { formatIdentityName } from '../../src/crypto/identity-name.ts'
import { signable } from '../../src/crypto/signable.ts'
import { suites } from '../../src/crypto/suites.ts'
import { ed25519Suite } from '../../src/crypto/suites/ed25519.ts'
import { encryptionPublicKey } from '../../src/crypto/x25519.ts'
import { flip, join, sampleOf, secretOf, toHex, utf8 } from './sample-keys.ts'

const data = utf8('what is committed to')
const encrypt = encryptionPublicKey(secretOf(0x51))
const otherEncrypt = encryptionPublicKey(secretOf(0x52))

describe.each(suites.map(suite => sampleOf(suite, 0x53)))('a commitment under $suite.params', ({ suite, secretKey, publicKey }) => {
  const sign = { suite, publicKey }
  const name = formatIdentityName({ sign, encrypt })
  const commitment = commit(suite, secretKey, name, data)

  test('is version, kind and the signature of the signable', () => {
    expect(toHex(commitment.subarray(0, 2))).toBe('0101')
    expect(suite.verify(publicKey, signable('data', name, data), commitment.subarray(2))).toBe(true)
    expect(commitment.length).toBe(2 + suite.signatureLength)
  })

  test('verifies for its data', () => {
    expect(verifyCommitment(name, data, commitment)).toBe(true)
    expect(verifyCommitment(name, utf8('other data'), commitment)).toBe(false)
  })

  test('binds both keys of the name', () => {
    expect(verifyCommitment(formatIdentityName({ sign }), data, commitment)).toBe(false)
    expect(verifyCommitment(formatIdentityName({ sign, encrypt: otherEncrypt }), data, commitment)).toBe(false)
  })

  test('is no signature for another purpose, nor of the bare data', () => {
    for (const message of [signable('identity', name, data), data]) {
      expect(verifyCommitment(name, data, join(Uint8Array.of(1, 1), suite.sign(secretKey, message)))).toBe(false)
    }
  })

  test('of another version, kind or length is false', () => {
    const signature = commitment.subarray(2)
    for (const wrong of [
      new Uint8Array(0),
      Uint8Array.of(1),
      Uint8Array.of(1, 1),
      signature,
      join(Uint8Array.of(0, 1), signature),
      join(Uint8Array.of(2, 1), signature),
      join(Uint8Array.of(1, 0), signature),
      join(Uint8Array.of(1, 2), signature),
      join(commitment, Uint8Array.of(0)),
      commitment.subarray(0, -1),
    ]) {
      expect(verifyCommitment(name, data, wrong)).toBe(false)
    }
  })

  test('with a bit flipped is false', () => {
    fc.assert(
      fc.property(fc.nat({ max: commitment.length * 8 - 1 }), bit => verifyCommitment(name, data, flip(commitment, bit)) === false),
      { numRuns: suite.params === 'BLS' ? 10 : 50 },
    )
  })

  test('of random bytes is false', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: suite.signatureLength, maxLength: suite.signatureLength }), bytes => {
        expect(verifyCommitment(name, data, join(Uint8Array.of(1, 1), bytes))).toBe(false)
        expect(verifyCommitment(name, data, bytes)).toBe(false)
      }),
      { numRuns: 20 },
    )
  })
})

describe('verifyCommitment', () => {
  const { suite, publicKey } = sampleOf(ed25519Suite, 0x54)
  const name = formatIdentityName({ sign: { suite, publicKey } })

  test('throws for what is no identity', () => {
    for (const wrong of ['', 'alice', `${name}x`, name.slice(1)]) {
      expect(() => verifyCommitment(wrong, data, data)).toThrow(expect.objectContaining({ code: 'invalid-identity' }))
    }
  })

  test('throws for an identity that cannot commit', () => {
    expect(() => verifyCommitment(formatIdentityName({ encrypt }), data, data)).toThrow(
      expect.objectContaining({ code: 'not-available' }),
    )
  })

  test('throws for arguments that are not bytes', () => {
    const refused = expect.objectContaining({ code: 'invalid-argument' })
    // @ts-expect-error text is no data
    expect(() => verifyCommitment(name, 'data', data)).toThrow(refused)
    // @ts-expect-error an array of numbers is no commitment
    expect(() => verifyCommitment(name, data, [1, 1])).toThrow(refused)
  })
})
