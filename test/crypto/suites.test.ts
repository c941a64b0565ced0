import { expect, test, vi } from 'vitest'
import type { Path } from '../../src/crypto/suite.ts'
import { schemes, suiteByMulticodec, suiteByParams, suites } from '../../src/crypto/suites.ts'
import { secretCopy } from '../../src/crypto/secret-bytes.ts'
import { provePossession } from '../../src/crypto/suites/bls/possession.ts'

vi.mock('../../src/crypto/secret-bytes.ts', { spy: true })

/** As the table of multicodec has them. */
const CODES: Readonly<Record<string, number>> = {
  Ed25519: 0xed, Secp256k1: 0xe7, BLS: 0xea, P256: 0x1200, MLDSA65: 0x1211,
}

/** An unsigned varint: seven bits a byte, the lowest first. */
const varint = (code: number): Uint8Array => code < 0x80 ? Uint8Array.of(code) : Uint8Array.of((code & 0x7f) | 0x80, ...varint(code >> 7))

test('the schemes, in their order, each with its multicodec', () => {
  expect(schemes.map(({ params }) => params)).toEqual(Object.keys(CODES))
  for (const { params, multicodec } of schemes) {
    expect(multicodec).toEqual(varint(CODES[params] ?? 0))
    expect(suiteByMulticodec(multicodec)).toBe(suiteByParams(params))
  }
})

test.for<Path>(['native', 'portable'])('a secret key is bytes, and no text or list of numbers, to %s code', path => {
  const message = new Uint8Array(1)
  for (const secretKey of ['a text of exactly 32 characters.', Array.from({ length: 32 }, () => 1), undefined, null, 32]) {
    for (const { params, publicKey, signer, sign } of suites(path)) {
      // @ts-expect-error -- what the types forbid
      expect(() => publicKey(secretKey), params).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
      // @ts-expect-error -- same
      expect(() => signer(secretKey), params).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
      // @ts-expect-error -- same
      expect(() => sign(secretKey, message), params).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
    }
    // @ts-expect-error -- same
    expect(() => provePossession(secretKey)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  }
})

test('a signer has erased its copy of the secret key where OpenSSL or blst holds the key', () => {
  const copying = vi.mocked(secretCopy)
  for (const { params, signer, sign, publicKey, verify } of suites('native')) {
    const secretKey = new Uint8Array(32).fill(0x2b)
    copying.mockClear()
    const made = signer(secretKey)
    const first = copying.mock.results.find(({ value }) => value instanceof Uint8Array && value.length === 32)
    expect(first?.value, params).toEqual(new Uint8Array(32).fill(params === 'Secp256k1' ? 0x2b : 0))
    expect(verify(publicKey(secretKey), secretKey, made.sign(secretKey))).toBe(true)
    expect(sign(secretKey, secretKey)).toBeInstanceOf(Uint8Array)
    made.erase()
    expect(first?.value, params).toEqual(new Uint8Array(32))
  }
})
