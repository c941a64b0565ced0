import { cbc } from '@noble/ciphers/aes.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { draw } from '../../../crypto/random.ts'
import { secretCopy, secretFrom } from '../../../crypto/secret-bytes.ts'
import type { RandomBytes } from '../../../crypto/suite.ts'

/** How secrets travel between a program and an authenticator (CTAP 2.1, section 6.5.4). Keys are secrets, which the caller erases. */
export interface PinProtocol {
  readonly number: 1 | 2
  /** The secret that both share, of the 32 bytes that ECDH gives them. */
  derive(z: Uint8Array): Uint8Array
  /** Of a multiple of 16 bytes. */
  encrypt(secret: Uint8Array, plaintext: Uint8Array, random: RandomBytes): Uint8Array
  /** `undefined` for what has no such length. Nothing tells whether the plaintext is that which was encrypted. */
  decrypt(secret: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined
  /** By a shared secret, or a PIN/UV auth token. */
  authenticate(key: Uint8Array, message: Uint8Array): Uint8Array
  /** Of a token, in bytes. */
  readonly tokenLengths: readonly number[]
}

const BLOCK = 16
const KEY_LENGTH = 32
const ZEROS = new Uint8Array(BLOCK)
const SALT = new Uint8Array(32)
const NAME = { authentication: new TextEncoder().encode('CTAP2 HMAC key'), encryption: new TextEncoder().encode('CTAP2 AES key') }

/** CTAP 2.1, section 6.5.6. Its initialization vector is always zero. */
const one: PinProtocol = {
  number: 1,
  tokenLengths: [16, 32],
  derive: z => secretFrom(sha256(z)),
  encrypt: (secret, plaintext) => aes(secret, ZEROS).encrypt(plaintext),
  decrypt: (secret, ciphertext) => isBlocks(ciphertext) ? secretFrom(aes(secret, ZEROS).decrypt(ciphertext)) : undefined,
  authenticate: (key, message) => hmac(sha256, key, message).slice(0, 16),
}

/** CTAP 2.1, section 6.5.7. The secret is a key for authentication and one for encryption. */
const two: PinProtocol = {
  number: 2,
  tokenLengths: [32],
  derive(z) {
    const keys = [NAME.authentication, NAME.encryption].map(name => hkdf(sha256, z, SALT, name, KEY_LENGTH))
    const secret = secretCopy(...keys)
    for (const key of keys) key.fill(0)
    return secret
  },
  encrypt(secret, plaintext, random) {
    const iv = draw(random, BLOCK)
    return concatBytes(iv, aes(secret.subarray(KEY_LENGTH), iv).encrypt(plaintext))
  },
  decrypt(secret, ciphertext) {
    const rest = ciphertext.subarray(BLOCK)
    return isBlocks(rest) ? secretFrom(aes(secret.subarray(KEY_LENGTH), ciphertext.subarray(0, BLOCK)).decrypt(rest)) : undefined
  },
  authenticate: (key, message) => hmac(sha256, key.subarray(0, KEY_LENGTH), message),
}

/** The protocols that are known, by number. */
export const pinProtocols: ReadonlyMap<number, PinProtocol> = new Map([[1, one], [2, two]])

function aes(key: Uint8Array, iv: Uint8Array): ReturnType<typeof cbc> {
  return cbc(key, iv, { disablePadding: true })
}

function isBlocks({ length }: Uint8Array): boolean {
  return length > 0 && length % BLOCK === 0
}
