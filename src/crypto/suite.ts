/** Fills an array of that many bytes from a cryptographically secure source. */
export type RandomBytes = (length: number) => Uint8Array

/**
 * One signature scheme over bytes. A table entry in `suites.ts`; adding one touches nothing else. All methods are pure but
 * for `generate`, and none throws for what a stranger can send: a wrong key or signature is `false`.
 */
export interface SignatureSuite {
  /** The `params` that select it. */
  readonly params: string
  /** The multicodec prefix of its public keys (a varint, as bytes). */
  readonly multicodec: Uint8Array
  /** In bytes, as are the two lengths below. */
  readonly secretKeyLength: number
  readonly publicKeyLength: number
  readonly signatureLength: number
  /** A secret key. Throws `invalid-argument` when `random` does not give as many bytes as it is asked for. */
  generate(random: RandomBytes): Uint8Array
  /** Throws `invalid-argument` for a secret key that is none. */
  publicKey(secretKey: Uint8Array): Uint8Array
  /** Whether these bytes are a public key that `verify` admits: in its one canonical form, and no point that is weak there. */
  isPublicKey(publicKey: Uint8Array): boolean
  /** Throws `invalid-argument` for a secret key that is none, and a message that is not bytes. */
  sign(secretKey: Uint8Array, message: Uint8Array): Uint8Array
  /** Whether the signature is one by that key. Throws `invalid-argument` for a message that is not bytes. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
}
