import { describe, expect, test } from 'vitest'
import { assertionOf } from '../../src/crypto/assertion.ts'
import { commit, verifyCommitment } from '../../src/crypto/commitment.ts'
import { encryptionByName } from '../../src/crypto/encryptions.ts'
import { formatIdentityName, nameIdentity, parseIdentityName } from '../../src/crypto/identity-name.ts'
import type { Format } from '../../src/crypto/identity-name.ts'
import { suiteByParams } from '../../src/crypto/suites.ts'
import assertions from '../golden/assertions.json' with { type: 'json' }
import ciphertexts from '../golden/ciphertexts.json' with { type: 'json' }
import commitments from '../golden/commitments.json' with { type: 'json' }
import identities from '../golden/identities.json' with { type: 'json' }
import { hex, join, openerOf, toHex, x25519Key } from './sample-keys.ts'

// Golden files are what an earlier release wrote. They are never generated again: a format that changes gets a new version,
// and a new file beside these, and this code goes on reading them.

describe.each(commitments)('the golden commitment $params of $name', golden => {
  const { params, secretKey, encryptionSecretKey, name, data, commitment } = golden
  const suite = suiteByParams(params)
  if (suite === undefined) return expect.fail(`there is no suite ${params}`)
  const bytes = hex(commitment)

  test('has the name of its keys', () => {
    const keys = {
      sign: { suite, publicKey: suite.publicKey(hex(secretKey)) },
      ...(encryptionSecretKey !== null && { encrypt: x25519Key(hex(encryptionSecretKey)) }),
    }
    expect(formatIdentityName(keys)).toBe(name)
    expect(parseIdentityName(name)).toEqual({ name, format: 'framed', ...keys })
  })

  test('verifies, and is what the key still gives', () => {
    expect(verifyCommitment(name, hex(data), bytes)).toBe(true)
    expect(toHex(commit(suite, hex(secretKey), name, hex(data)))).toBe(commitment)
  })

  test('with an unknown version or kind, or a trailing byte, does not verify', () => {
    for (const wrong of [join(hex('0201'), bytes.subarray(2)), join(hex('0102'), bytes.subarray(2)), join(bytes, hex('00'))]) {
      expect(verifyCommitment(name, hex(data), wrong)).toBe(false)
    }
  })
})

describe.each(ciphertexts)('the golden ciphertext $data for $name', ({ name, encryptionSecretKey, data, ciphertext }) => {
  const bytes = hex(ciphertext)

  test('opens', async () => {
    expect(await (await openerOf(name, hex(encryptionSecretKey))).open(bytes)).toEqual(hex(data))
  })

  test('with an unknown version or suite is malformed, with a trailing byte does not open', async () => {
    const opener = await openerOf(name, hex(encryptionSecretKey))
    for (const header of ['0201', '0102']) {
      expect(await opener.open(join(hex(header), bytes.subarray(2)))).toMatchObject({ code: 'malformed-ciphertext' })
    }
    expect(await opener.open(join(bytes, hex('00')))).toMatchObject({ code: 'decryption-failed' })
  })
})

describe.each(identities)('the golden identity $params, $format, $name', golden => {
  const { params, format, secretKey, encryptionSecretKey, name, bundle, data, commitment, prehashed, ciphertext } = golden
  const suite = suiteByParams(params) ?? expect.fail(`there is no suite ${params}`)
  const scheme = encryptionByName(suite.encryption) ?? expect.fail(`there is no ${suite.encryption}`)
  const identity = { name, ...bundle !== null && { bundle: hex(bundle) } }

  test('has the name, and the bundle, of its keys', () => {
    const keys = {
      ...secretKey !== null && { sign: { suite, publicKey: suite.publicKey(hex(secretKey)) } },
      ...encryptionSecretKey !== null && { encrypt: { scheme, publicKey: scheme.publicKey(hex(encryptionSecretKey)) } },
    }
    const named = nameIdentity({ ...keys, ...isFormat(format) && { format } })
    expect(named).toEqual(identity)
    expect(parseIdentityName(identity)).toEqual({ ...identity, format, ...keys })
  })

  if (commitment !== null) test('verifies', () => {
    const bytes = hex(commitment)
    expect(verifyCommitment(identity, hex(data), bytes)).toBe(true)
    expect(verifyCommitment(identity, join(hex(data), hex('00')), bytes)).toBe(false)
    for (const wrong of [join(bytes, hex('00')), bytes.subarray(1), join(hex('0101'), bytes), join(hex('0201'), bytes.subarray(2))]) {
      expect(verifyCommitment(identity, hex(data), wrong)).toBe(false)
    }
  })

  if (prehashed !== null) test('verifies as a digest', () => {
    const bytes = hex(prehashed.commitment)
    expect(verifyCommitment(identity, hex(prehashed.digest), bytes, { prehashed: true })).toBe(true)
    expect(verifyCommitment(identity, hex(prehashed.digest), join(bytes.subarray(0, 64), Uint8Array.of((bytes[64] ?? 0) ^ 1)), { prehashed: true })).toBe(false)
  })

  if (ciphertext !== null && encryptionSecretKey !== null) test('opens', async () => {
    const opener = await openerOf(name, hex(encryptionSecretKey), scheme)
    expect(await opener.open(hex(ciphertext))).toEqual(hex(data))
    expect(await opener.open(join(hex('0201'), hex(ciphertext).subarray(2)))).toMatchObject({ code: 'malformed-ciphertext' })
    expect(await opener.open(join(Uint8Array.of(1, 3 - scheme.id), hex(ciphertext).subarray(2)))).toMatchObject({ code: 'malformed-ciphertext' })
    expect(await opener.open(join(hex(ciphertext), hex('00')))).toMatchObject({ code: 'decryption-failed' })
  })
})

describe.each(assertions)('the golden assertion of $params for $policy.relyingParty, $name', golden => {
  const { params, secretKey, encryptionSecretKey, policy: { origins, ...rest }, name, bundle, data, counter, commitment } = golden
  const suite = suiteByParams(params) ?? expect.fail(`there is no suite ${params}`)
  const identity = { name, bundle: hex(bundle) }
  const bytes = hex(commitment)

  test('has the name, and the bundle, of its key and policy', () => {
    const keys = {
      sign: { suite, publicKey: suite.publicKey(hex(secretKey)) },
      ...encryptionSecretKey !== null && { encrypt: x25519Key(hex(encryptionSecretKey)) },
      assertion: { ...rest, ...origins !== null && { origins } },
    }
    expect(nameIdentity(keys)).toEqual(identity)
    expect(parseIdentityName(identity)).toEqual({ ...identity, format: 'framed', ...keys })
  })

  test('verifies, and says its counter', () => {
    expect(verifyCommitment(identity, hex(data), bytes)).toBe(true)
    expect(assertionOf(bytes)?.counter).toBe(counter)
    expect(verifyCommitment(identity, hex(data), bytes, { counterAbove: Math.max(0, counter - 1) })).toBe(true)
    expect(verifyCommitment(identity, hex(data), bytes, { counterAbove: counter + 1 })).toBe(false)
  })

  test('with other data, an unknown version or kind, or a trailing byte, does not verify', () => {
    expect(verifyCommitment(identity, join(hex(data), hex('00')), bytes)).toBe(false)
    for (const head of ['0202', '0203', '0101', '0104', origins === null ? '0103' : '0102']) expect(verifyCommitment(identity, hex(data), join(hex(head), bytes.subarray(2)))).toBe(false)
    expect(verifyCommitment(identity, hex(data), join(bytes, hex('00')))).toBe(false)
  })
})

function isFormat(text: string): text is Format {
  return text === 'framed' || text === 'raw'
}

test('the golden files are whole', () => {
  expect(identities.map(({ params, format }) => `${params} ${format}`)).toEqual([
    'P256 framed', 'MLDSA65 framed', 'MLDSA65 framed', 'MLDSA65 framed', 'Ed25519 raw', 'Secp256k1 raw', 'MLDSA65 raw',
  ])
  expect(commitments.map(one => one.params)).toEqual(['Ed25519', 'Ed25519', 'Secp256k1', 'Secp256k1', 'BLS', 'BLS'])
  expect(ciphertexts.length).toBe(4)
  expect(assertions.map(({ params, commitment }) => `${params} ${commitment.slice(0, 4)}`)).toEqual(['P256 0102', 'Ed25519 0102', 'P256 0103', 'Ed25519 0103'])
})
