import { describe, expect, test } from 'vitest'
import { importDecryptionKey, openCiphertext } from '../../src/crypto/ciphertext.ts'
import { commit, verifyCommitment } from '../../src/crypto/commitment.ts'
import { formatIdentityName, parseIdentityName } from '../../src/crypto/identity-name.ts'
import { suiteByParams } from '../../src/crypto/suites.ts'
import { encryptionPublicKey } from '../../src/crypto/x25519.ts'
import ciphertexts from '../golden/ciphertexts.json' with { type: 'json' }
import commitments from '../golden/commitments.json' with { type: 'json' }
import { hex, join, toHex } from './sample-keys.ts'

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
      ...(encryptionSecretKey !== null && { encrypt: encryptionPublicKey(hex(encryptionSecretKey)) }),
    }
    expect(formatIdentityName(keys)).toBe(name)
    expect(parseIdentityName(name)).toEqual({ name, ...keys })
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
    expect(await openCiphertext(name, await importDecryptionKey(hex(encryptionSecretKey)), bytes)).toEqual(hex(data))
  })

  test('with an unknown version or suite is malformed, with a trailing byte does not open', async () => {
    const key = await importDecryptionKey(hex(encryptionSecretKey))
    for (const header of ['0201', '0102']) {
      expect(await openCiphertext(name, key, join(hex(header), bytes.subarray(2)))).toMatchObject({ code: 'malformed-ciphertext' })
    }
    expect(await openCiphertext(name, key, join(bytes, hex('00')))).toMatchObject({ code: 'decryption-failed' })
  })
})

test('the golden files are whole', () => {
  expect(commitments.map(one => one.params)).toEqual(['Ed25519', 'Ed25519', 'Secp256k1', 'Secp256k1', 'BLS', 'BLS'])
  expect(ciphertexts.length).toBe(4)
})
