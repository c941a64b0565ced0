import { Fault } from '../../core/errors.ts'
import { isBytesOf } from '../bytes.ts'
import type { EncryptionFacts } from '../encryption.ts'

/** Throws `invalid-argument` for a secret key that is not of the scheme's length: any bytes of that length are one. */
export function requireSecretKey({ name, secretKeyLength }: EncryptionFacts, secretKey: Uint8Array): void {
  if (!isBytesOf(secretKey, secretKeyLength)) throw new Fault('invalid-argument', `An ${name} secret key is ${secretKeyLength} bytes`)
}

/** Throws `invalid-argument` for a public key that the scheme does not admit. */
export function requirePublicKey(
  { name, publicKeyLength }: EncryptionFacts,
  publicKey: Uint8Array,
  isPublicKey: (publicKey: Uint8Array) => boolean,
): void {
  if (!isBytesOf(publicKey, publicKeyLength) || !isPublicKey(publicKey)) throw new Fault('invalid-argument', `This is no ${name} public key: check it with isPublicKey first`)
}
