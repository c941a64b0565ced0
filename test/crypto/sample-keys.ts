import { CiphertextOpener } from '../../src/crypto/ciphertext.ts'
import type { EncryptionScheme } from '../../src/crypto/encryption.ts'
import { encryptionByName } from '../../src/crypto/encryptions.ts'
import type { EncryptionKey } from '../../src/crypto/identity-name.ts'
import type { SignatureSuite } from '../../src/crypto/suite.ts'

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'))
export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** 32 equal bytes: a valid secret key of every suite, as long as they are below 0x73, where BLS's order begins. */
export const secretOf = (byte: number): Uint8Array => new Uint8Array(32).fill(byte)

/** `bytes` with one bit flipped. */
export function flip(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}

export const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap(part => [...part]))

export interface Sample {
  readonly suite: SignatureSuite
  readonly secretKey: Uint8Array
  readonly publicKey: Uint8Array
}

export function sampleOf(suite: SignatureSuite, byte: number): Sample {
  const secretKey = secretOf(byte)
  return { suite, secretKey, publicKey: suite.publicKey(secretKey) }
}

const x25519 = encryptionByName('X25519')

/** The scheme that classical identities are encrypted to. */
export function x25519Scheme(): EncryptionScheme {
  if (x25519 === undefined) throw new Error('There is no X25519')
  return x25519
}

/** The public key of {@link secretOf}(byte), or of that secret. */
export function x25519Key(secret: number | Uint8Array): EncryptionKey {
  const scheme = x25519Scheme()
  return { scheme, publicKey: scheme.publicKey(typeof secret === 'number' ? secretOf(secret) : secret) }
}

/** What opens the ciphertexts of the identity of that name. */
export async function openerOf(name: string, secret: Uint8Array, scheme = x25519Scheme()): Promise<CiphertextOpener> {
  return new CiphertextOpener(await scheme.opener(secret), scheme, name)
}
