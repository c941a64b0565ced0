import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, test } from 'vitest'
import { assertedMessage, assertionCommitment, assertionOf } from '../../src/crypto/assertion.ts'
import type { AssertionPolicy } from '../../src/crypto/assertion.ts'
import { parseAuthenticatorData } from '../../src/crypto/authenticator-data.ts'
import { compactSignature, readCoseKey } from '../../src/crypto/cose.ts'
import type { SignatureSuite } from '../../src/crypto/suite.ts'
import { describeOnEachPath } from './both-paths.ts'
import { flip, join, utf8 } from './sample-keys.ts'
import { digestOf, ORIGIN, prfDigest, RELYING_PARTY, webauthnVectors } from './webauthn-vectors.ts'
import type { Vector } from './webauthn-vectors.ts'

const vectors = webauthnVectors()
const PARAMS: { readonly [algorithm: string]: string } = { ES256: 'P256', EdDSA: 'Ed25519' }
const policy: AssertionPolicy = { relyingParty: RELYING_PARTY, userVerification: false, origins: [ORIGIN] }

test('the vectors are the published ones, in all that the specification tells how to make', () => {
  // SHA-256 of what is published, with which each value was compared when these were written.
  expect(digestOf(vectors)).toBe('647cbf36f44170105bfa87da78f7002297a9366b7ab59b6d002f987a65a7d63f')
  expect(prfDigest()).toBe('af22d8b7f4a661bd127800472a42e1ad59daebe5462618d33648fb32ff607c45')
  expect(vectors.filter(({ isExtended }) => !isExtended).length).toBe(9)
})

test.each(vectors)('the registration $info is read, and holds a key if that is one of $algorithm that we have', ({ credential, registration, algorithm }) => {
  const said = parseAuthenticatorData(registration.authenticatorData)
  expect(said).toMatchObject({ relyingPartyHash: sha256(utf8(RELYING_PARTY)), userPresent: true, counter: 0, credential })
  expect(readCoseKey(credential.publicKey)?.suite.params).toBe(PARAMS[algorithm])
})

test.each(vectors)('the registration $info, cut off or with a byte after it, is none', ({ registration: { authenticatorData } }) => {
  for (let length = 0; length < authenticatorData.length; length++) expect(parseAuthenticatorData(authenticatorData.subarray(0, length))).toBeUndefined()
  expect(parseAuthenticatorData(join(authenticatorData, Uint8Array.of(0)))).toBeUndefined()
})

describeOnEachPath('P256', suite => testsOf(suite, 'ES256'))
describeOnEachPath('Ed25519', suite => testsOf(suite, 'EdDSA'))

function testsOf(suite: SignatureSuite, algorithm: Vector['algorithm']): void {
  const ours = vectors.filter(vector => vector.algorithm === algorithm)

  describe.each(ours.filter(({ frame }) => frame === 'none'))('the authentication $info', vector => {
    const isVerified = (change: Partial<Vector['authentication']> = {}, of = policy) => verifies(suite, vector, { ...vector.authentication, ...change }, of)

    test('is accepted, also where users must have been verified, if this one was', () => {
      expect(isVerified()).toBe(true)
      const { authenticatorData } = vector.authentication
      expect(isVerified({}, { ...policy, userVerification: true })).toBe(((authenticatorData[32] ?? 0) & 4) !== 0)
      expect(isVerified({}, { ...policy, origins: ['https://example.net', ORIGIN] })).toBe(true)
    })

    test('is refused of another challenge, type, relying party or origin, and where there is no origin', () => {
      const { challenge, clientDataJSON } = vector.registration
      expect(isVerified({ challenge })).toBe(false)
      expect(isVerified({ challenge, clientDataJSON })).toBe(false)
      expect(isVerified({}, { ...policy, relyingParty: 'example.com' })).toBe(false)
      expect(isVerified({}, { ...policy, origins: ['https://example.org:443', `${ORIGIN}/`] })).toBe(false)
      expect(isVerified({}, { relyingParty: RELYING_PARTY, userVerification: false })).toBe(false)
    })

    test('is refused with any bit of what is signed by, or any byte of client data, changed', () => {
      const { signature, authenticatorData, clientDataJSON } = vector.authentication
      // What is portable is slow: a bit of each byte.
      const accepted = (bytes: Uint8Array, changeOf: (flipped: Uint8Array) => Partial<Vector['authentication']>, step = suite.path === 'native' ? 1 : 7) =>
        Array.from({ length: Math.floor(bytes.length * 8 / step) }, (_, i) => i * step).filter(bit => isVerified(changeOf(flip(bytes, bit))))
      expect(accepted(signature, flipped => ({ signature: flipped }))).toEqual([])
      expect(accepted(authenticatorData, flipped => ({ authenticatorData: flipped }))).toEqual([])
      expect(accepted(clientDataJSON, flipped => ({ clientDataJSON: flipped }), 8)).toEqual([])
    })
  })

  const framed = ours.filter(({ frame }) => frame !== 'none')
  if (framed.length > 0) test.each(framed)('the authentication $info is refused, for its frame alone', vector => {
    const { authentication } = vector
    expect(verifies(suite, vector, authentication)).toBe(false)
    const signature = compactSignature(authentication.signature) ?? expect.fail('it is in DER')
    expect(suite.verify(publicKeyOf(vector), join(authentication.authenticatorData, sha256(authentication.clientDataJSON)), signature)).toBe(true)
  })
}

function publicKeyOf({ credential }: Vector): Uint8Array {
  return readCoseKey(credential.publicKey)?.publicKey ?? expect.fail('there is a key')
}

/** As a commitment is verified, but for the challenge, which is no signable's. */
function verifies(suite: SignatureSuite, vector: Vector, { challenge, clientDataJSON, authenticatorData, signature: given }: Vector['authentication'], of = policy): boolean {
  const signature = suite.params === 'P256' ? compactSignature(given) : given
  const assertion = signature && assertionOf(assertionCommitment({ authenticatorData, clientDataJSON, signature }))
  const message = assertion && assertedMessage(assertion, of, challenge)
  return assertion !== undefined && message !== undefined && suite.verify(publicKeyOf(vector), message, assertion.signature)
}
