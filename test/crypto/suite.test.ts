import { expect, test, vi } from 'vitest'
import { keyDer } from '../../src/crypto/hpke/der.ts'
import { portableXWing } from '../../src/crypto/encryption/x-wing/portable.ts'
import { suiteOf } from '../../src/crypto/suite.ts'
import type { SignerCore } from '../../src/crypto/suite.ts'
import { portableEd25519 } from '../../src/crypto/suites/ed25519/portable.ts'
import { portableMldsa65 } from '../../src/crypto/suites/mldsa65/portable.ts'
import { secretOf, utf8 } from './sample-keys.ts'

/** A suite that shows the copy of the secret key that its signers have. */
function suiteThatShows(signerOf: (own: Uint8Array) => SignerCore) {
  const copies: Uint8Array[] = []
  const suite = suiteOf(portableEd25519, {
    ...portableEd25519,
    signer(own) {
      copies.push(own)
      return signerOf(own)
    },
  })
  return { suite, copies }
}

const secretKey = secretOf(0x29)
const erased = new Uint8Array(32)

test('a signer overwrites its copy of the secret key when it is erased, and what its scheme made of it', () => {
  let isErased = false
  const { suite, copies } = suiteThatShows(() => ({ sign: message => message, erase: () => void (isErased = true) }))
  const signer = suite.signer(secretKey)
  expect([copies, isErased]).toEqual([[secretKey], false])
  signer.erase()
  expect([copies, isErased]).toEqual([[erased], true])
})

test('whoever signs once leaves no copy, whether it succeeds or not', () => {
  const { suite, copies } = suiteThatShows(() => ({ sign: message => message }))
  suite.sign(secretKey, utf8('a message'))
  // @ts-expect-error text is no message
  expect(() => suite.sign(secretKey, 'a message')).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  expect(copies).toEqual([erased, erased])
})

test('a secret key that its scheme refuses leaves no copy', () => {
  const { suite, copies } = suiteThatShows(() => {
    throw new TypeError('no key')
  })
  expect(() => suite.signer(secretKey)).toThrow('no key')
  expect(copies).toEqual([erased])
  expect(secretKey).toEqual(secretOf(0x29))
})

/** The lengths of the arrays that are overwritten with zeros by this. */
function erasedBy(act: () => void): readonly number[] {
  const fill = vi.spyOn(Uint8Array.prototype, 'fill')
  try {
    act()
    return fill.mock.contexts.flatMap((bytes: unknown) => bytes instanceof Uint8Array && bytes.every(byte => byte === 0) ? [bytes.length] : [])
  } finally {
    fill.mockRestore()
  }
}

test('portable code overwrites what it made of a secret key, and its copies', async () => {
  const signer = portableMldsa65.signer(secretKey)
  // The private key of FIPS 204 that follows from the seed.
  expect(erasedBy(() => signer.erase())).toEqual([32, 4032])
  const opener = await portableXWing.opener(secretKey)
  expect(erasedBy(() => opener.erase())).toEqual([32])
})

test('a key of another length is put in no DER, whose end OpenSSL would not read', () => {
  for (const length of [0, 31, 33]) {
    expect(() => keyDer(new Uint8Array(3), new Uint8Array(length), 32)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  }
})
