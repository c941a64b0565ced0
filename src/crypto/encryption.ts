import type { Path, RandomBytes } from './suite.ts'

/** What an encryption scheme is, whoever computes it: HPKE (RFC 9180) with its KEM, HKDF-SHA256 and AES-256-GCM. */
export interface EncryptionFacts {
  readonly name: string
  /** How an identity is named that has such a key alone: see `SuiteFacts.naming`. */
  readonly naming: 'multikey' | 'bundle'
  /** What ciphertexts say in their second byte. */
  readonly id: number
  /** The multicodec prefix of its public keys (a varint, as bytes). */
  readonly multicodec: Uint8Array
  /** In bytes, as are the two lengths below. */
  readonly secretKeyLength: number
  readonly publicKeyLength: number
  /** The length of the encapsulated key, `enc`. */
  readonly encLength: number
}

/** A secret key made ready to open with, many times. */
export interface Opener {
  /**
   * HPKE base mode, single-shot, no associated data: the plaintext, or `undefined` for what does not open, whatever the reason. `ciphertext`
   * ends with the tag. All are read at the call. A promise only on the portable path. Throws, or rejects with, `not-available` where the platform lacks an algorithm.
   */
  open(info: Uint8Array, enc: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined>
  /** Overwrites what it can of its copies. It opens no more, and throws `invalid-argument`. The caller's array stays as it is. */
  erase(): void
}

export interface Sealed {
  readonly enc: Uint8Array
  /** With the tag at its end. */
  readonly ciphertext: Uint8Array
}

/** One encryption scheme, computed one way. */
export interface EncryptionScheme extends EncryptionFacts {
  readonly path: Path
  /** The library that does the work, as {@link SignatureSuite.provider}. */
  readonly provider: string
  /** A secret key. Throws `invalid-argument` when `random` does not give as many bytes as it is asked for. */
  generate(random: RandomBytes): Uint8Array
  /** Throws `invalid-argument` for a secret key that is none. */
  publicKey(secretKey: Uint8Array): Uint8Array
  /** Whether a name may hold these bytes: a public key in its one canonical form, and none with which all agree on the same secret. */
  isPublicKey(publicKey: Uint8Array): boolean
  /** Copies the key, and does what can be done once. Throws, or rejects with, `invalid-argument` for one that is none, `not-available`. */
  opener(secretKey: Uint8Array): Opener | Promise<Opener>
  /** The sender's side of {@link Opener.open}. `publicKey` is one that {@link isPublicKey} admits. A promise only on the portable path. */
  seal(publicKey: Uint8Array, info: Uint8Array, plaintext: Uint8Array): Sealed | Promise<Sealed>
}
