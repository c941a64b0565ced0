import fc from 'fast-check'
import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, test } from 'vitest'
import { commit, Committer, verifyCommitment, verifyCommitments } from '../../src/crypto/commitment.ts'
import { formatIdentityName } from '../../src/crypto/identity-name.ts'
import { signable } from '../../src/crypto/signable.ts'
import { suites } from '../../src/crypto/suites.ts'
import { portableEd25519 } from '../../src/crypto/suites/ed25519/portable.ts'
import { flip, join, sampleOf, toHex, utf8, x25519Key } from './sample-keys.ts'

const data = utf8('what is committed to')
const encrypt = x25519Key(0x51)
const otherEncrypt = x25519Key(0x52)

// Long keys are named by a bundle, and by no multikey.
const named = suites().filter(({ naming }) => naming === 'multikey')

describe.each(named.map(suite => sampleOf(suite, 0x53)))('a commitment under $suite.params', ({ suite, secretKey, publicKey }) => {
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

test('who commits many times commits as who does it once, whatever the length and whatever came before', () => {
  const { suite, secretKey, publicKey } = sampleOf(portableEd25519, 0x56)
  const sign = { suite, publicKey }
  const [framed, raw] = [formatIdentityName({ sign }), formatIdentityName({ sign, format: 'raw' })]
  const [ofFramed, ofRaw] = [new Committer(suite.signer(secretKey), framed), new Committer(suite.signer(secretKey), raw, 'raw')]
  // Short data is put together where the last was: 256 bytes, of which 48 are the head of what is framed.
  for (const length of [0, 207, 208, 209, 3, 255, 256, 257, 0, 300, 1]) {
    const bytes = new Uint8Array(length).fill(length)
    expect(ofFramed.commit(bytes)).toEqual(commit(suite, secretKey, framed, bytes))
    expect(ofRaw.commit(bytes)).toEqual(suite.sign(secretKey, bytes))
  }
})

test('a digest that was signed as it is verifies for an identity of format raw alone', () => {
  const suite = named.find(({ params }) => params === 'Secp256k1')
  if (suite === undefined) throw new Error('There is no Secp256k1')
  const { secretKey, publicKey } = sampleOf(suite, 0x55)
  const digest = sha256(data)
  const signature = suite.signer(secretKey).signDigest?.(digest) ?? digest
  for (const encryption of [{}, { encrypt }]) {
    const keys = { sign: { suite, publicKey }, ...encryption }
    expect(verifyCommitment(formatIdentityName({ ...keys, format: 'raw' }), digest, signature, { prehashed: true })).toBe(true)
    expect(verifyCommitment(formatIdentityName(keys), digest, signature, { prehashed: true })).toBe(false)
    for (const format of ['raw', 'framed'] as const) {
      expect(verifyCommitment(formatIdentityName({ ...keys, format }), digest, signature)).toBe(false)
      expect(verifyCommitment(formatIdentityName({ ...keys, format }), data, signature)).toBe(false)
    }
  }
})

describe('verifyCommitment', () => {
  const { suite, publicKey } = sampleOf(portableEd25519, 0x54)
  const name = formatIdentityName({ sign: { suite, publicKey } })

  test('throws for what is no identity', () => {
    for (const wrong of ['', 'alice', `${name}x`, name.slice(1)]) {
      expect(() => verifyCommitment(wrong, data, data)).toThrow(expect.objectContaining({ code: 'invalid-identity' }))
    }
  })

  test('throws for a name that is no text, which could be another name the next time', () => {
    const inner = { name }
    const invalid = expect.objectContaining({ code: 'invalid-identity' })
    expect(verifyCommitment({ name }, data, data)).toBe(false)
    // @ts-expect-error an object is no name
    expect(() => verifyCommitment({ name: inner }, data, data)).toThrow(invalid)
    // @ts-expect-error same
    expect(() => verifyCommitment({ name: [name] }, data, data)).toThrow(invalid)
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

describe.each(['framed', 'raw'] as const)('a batch of %s commitments', format => {
  test.each(named.map(suite => sampleOf(suite, 0x53)))('is verified as it was given, under $suite.params', async ({ suite, secretKey, publicKey }) => {
    const identity = formatIdentityName({ sign: { suite, publicKey }, format })
    const claims = Array.from({ length: 40 }, () => ({
      identity, data: Uint8Array.from(data), commitment: format === 'raw' ? suite.sign(secretKey, data) : commit(suite, secretKey, identity, data),
    }))
    const verified = verifyCommitments(claims)
    for (const claim of claims) {
      claim.data.fill(0)
      claim.commitment.fill(0)
    }
    expect(await verified).toEqual(claims.map(() => true))
  })
})
