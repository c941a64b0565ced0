import { utf8ToBytes } from '@noble/hashes/utils.js'
import { Fault } from '../../core/errors.ts'
import { isBytesOf, sameBytes } from '../../crypto/bytes.ts'
import type { EncryptionScheme } from '../../crypto/encryption.ts'
import { draw } from '../../crypto/random.ts'
import { deriveKey, seal, unseal } from '../../crypto/sealing.ts'
import type { RandomBytes } from '../../crypto/suite.ts'

/**
 * A decryption key as it is stored: sealed under what an authenticator computes of a salt and gives to who has it (CTAP 2.1, section 12.5, hmac-secret; WebAuthn level 3,
 * section 10.1.4, prf). It may be stored anywhere.
 */
export interface WrappedKey {
  /** 32 bytes, drawn for this one. To WebAuthn it is the prf extension's input, to CTAP hmac-secret's salt itself. */
  readonly salt: Uint8Array
  readonly sealed: Uint8Array
  /** Authenticators compute another secret for who was not verified: nothing is wrapped under that. */
  readonly userVerified: true
}

/** What a wrapped key opens for alone. */
export interface WrappingContext {
  /** The credential's id. */
  readonly credential: Uint8Array
  /** The public key of what is wrapped. */
  readonly publicKey: Uint8Array
  readonly salt: Uint8Array
}

export const SALT_LENGTH = 32
const GIVEN_LENGTH = 32
const WRAP = Uint8Array.of(...utf8ToBytes('ipse/wrap/1'), 0)

export function newSalt(random: RandomBytes): Uint8Array {
  return draw(random, SALT_LENGTH)
}

/**
 * Seals a secret key under the 32 bytes that the authenticator gave (docs/formats.md, "Wrapped key"). The caller erases both. Throws `invalid-argument` for any other
 * number of bytes, none above all, under which everybody could open it.
 */
export function wrapKey(given: Uint8Array, secretKey: Uint8Array, context: WrappingContext, random: RandomBytes): WrappedKey {
  if (!isBytesOf(given, GIVEN_LENGTH)) throw new Fault('invalid-argument', `An authenticator gives ${GIVEN_LENGTH} bytes to wrap a key under`)
  const key = wrappingKey(given, context)
  try {
    return { salt: context.salt, sealed: seal(key, secretKey, WRAP, random), userVerified: true }
  } finally {
    key.fill(0)
  }
}

/**
 * The secret key, which the caller erases; or `undefined` where the authenticator gave something else, or what was stored is not what was wrapped, or not the secret key of
 * that public key.
 */
export function unwrapKey(given: Uint8Array, sealed: Uint8Array, context: WrappingContext, scheme: EncryptionScheme): Uint8Array | undefined {
  if (!isBytesOf(given, GIVEN_LENGTH)) return undefined
  const key = wrappingKey(given, context)
  try {
    const secretKey = unseal(key, sealed, WRAP)
    if (secretKey === undefined) return undefined
    if (secretKey.length === scheme.secretKeyLength && sameBytes(scheme.publicKey(secretKey), context.publicKey)) return secretKey
    secretKey.fill(0)
    return undefined
  } finally {
    key.fill(0)
  }
}

function wrappingKey(given: Uint8Array, { credential, publicKey, salt }: WrappingContext): Uint8Array {
  return deriveKey(given, 'wrap', credential, publicKey, salt)
}
