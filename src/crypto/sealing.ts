import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { equalBytes } from '@noble/ciphers/utils.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../core/errors.ts'
import { isBytesOf, requireBytes, utf8 } from './bytes.ts'
import { draw } from './random.ts'
import { secretBytes, secretCopy, secretFrom } from './secret-bytes.ts'
import type { RandomBytes } from './suite.ts'

const VERSION = 1
/** In bytes, as are those below. */
const KEY_LENGTH = 32
const NONCE_LENGTH = 24
const COMMITMENT_LENGTH = 32
const TAG_LENGTH = 16
const HEAD_LENGTH = 1 + NONCE_LENGTH + COMMITMENT_LENGTH

/** How many bytes a sealed plaintext is longer than itself. */
export const SEALED_OVERHEAD = HEAD_LENGTH + TAG_LENGTH

const SEAL = Uint8Array.of(...new TextEncoder().encode('ipse/seal/1'), 0)
const DERIVE = Uint8Array.of(...new TextEncoder().encode('ipse/key/1'), 0)

/**
 * Encrypts under a key of 32 bytes: `u8 version 1 ‖ nonce (24) ‖ commitment (32) ‖ ciphertext ‖ tag (16)` (docs/formats.md, "Sealed"), by
 * XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03). `associated` is not kept in it: whoever opens it must say the same. `random` gives the nonce.
 * Throws `invalid-argument`.
 */
export function seal(key: Uint8Array, plaintext: Uint8Array, associated: Uint8Array, random: RandomBytes): Uint8Array {
  requireArguments(key, plaintext, associated)
  const nonce = draw(random, NONCE_LENGTH)
  const keys = keysOf(key, nonce, associated)
  try {
    const ciphertext = xchacha20poly1305(keys.encryption, nonce).encrypt(plaintext, secretBytes(plaintext.length + TAG_LENGTH))
    return concatBytes(Uint8Array.of(VERSION), nonce, keys.commitment, ciphertext)
  } finally {
    keys.encryption.fill(0)
  }
}

/**
 * What {@link seal} was given, or `undefined` for whatever was not sealed with this key and `associated`, or was changed. Nothing tells why.
 * Throws `invalid-argument` for arguments that are no bytes, and for a key that is not 32 of them.
 */
export function unseal(key: Uint8Array, sealed: Uint8Array, associated: Uint8Array): Uint8Array | undefined {
  requireArguments(key, sealed, associated)
  if (sealed.length < SEALED_OVERHEAD || sealed[0] !== VERSION) return undefined
  const nonce = sealed.subarray(1, 1 + NONCE_LENGTH)
  const keys = keysOf(key, nonce, associated)
  try {
    if (!equalBytes(keys.commitment, sealed.subarray(1 + NONCE_LENGTH, HEAD_LENGTH))) return undefined
    return xchacha20poly1305(keys.encryption, nonce).decrypt(sealed.subarray(HEAD_LENGTH), secretBytes(sealed.length - SEALED_OVERHEAD))
  } catch {
    // The tag is wrong.
    return undefined
  } finally {
    keys.encryption.fill(0)
  }
}

/**
 * The key of one purpose, and of what else tells it from others (text counts as its UTF-8): 32 bytes that tell nothing of the root, nor of those of
 * other purposes. HKDF-SHA256 (RFC 5869), `info` = `"ipse/key/1" 00`, then for purpose and each of `context` `u32 length ‖ bytes`. Throws `invalid-argument`.
 */
export function deriveKey(root: Uint8Array, purpose: string, ...context: readonly (string | Uint8Array)[]): Uint8Array {
  requireKey(root)
  const parts = [purpose, ...context].map(withLength)
  const info = secretCopy(DERIVE, ...parts)
  try {
    return secretFrom(hkdf(sha256, root, undefined, info, KEY_LENGTH))
  } finally {
    // Some are derived from other secrets too.
    for (const part of [...parts, info]) part.fill(0)
  }
}

/**
 * The tag of Poly1305 commits to nothing: who knows two keys can make a ciphertext that opens under both, to different plaintexts, and a trial of many keys at
 * once tests many passphrases. So key and commitment are both hashed from key, nonce and associated data: what opens in two ways is a collision of SHA-256.
 */
function keysOf(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array): { readonly encryption: Uint8Array; readonly commitment: Uint8Array } {
  const both = secretFrom(hkdf(sha256, key, nonce, concatBytes(SEAL, associated), KEY_LENGTH + COMMITMENT_LENGTH))
  return { encryption: both.subarray(0, KEY_LENGTH), commitment: both.subarray(KEY_LENGTH) }
}

function requireArguments(key: Uint8Array, text: Uint8Array, associated: Uint8Array): void {
  requireKey(key)
  requireBytes(text, 'What is sealed')
  requireBytes(associated, 'The associated data')
}

function requireKey(key: Uint8Array): void {
  if (!isBytesOf(key, KEY_LENGTH)) throw new Fault('invalid-argument', `A key to seal with, or to derive from, is ${KEY_LENGTH} bytes`)
}

function withLength(part: string | Uint8Array): Uint8Array {
  const bytes = typeof part === 'string' ? utf8(part, 'What a key is derived for') : part
  requireBytes(bytes, 'What a key is derived for')
  const framed = secretBytes(4 + bytes.length)
  new DataView(framed.buffer).setUint32(0, bytes.length)
  framed.set(bytes, 4)
  return framed
}
