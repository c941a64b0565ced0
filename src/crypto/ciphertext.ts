import { concatBytes } from '@noble/hashes/utils.js'
import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256, NotSupportedError } from 'hpke';
import type { CryptoKey, KeyPair } from 'hpke';
import { Fault } from '../core/errors.ts';
import type { Refusal } from '../core/errors.ts';
import { isBytesOf, requireBytes, utf8 } from './bytes.ts'
import { parseIdentityName } from './identity-name.ts'
import { encryptionPublicKey } from './x25519.ts'

/** The most bytes that {@link encryptTo} takes: 1 MiB. */
export const PLAINTEXT_LIMIT = 1_048_576

const VERSION = 1
/** DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM: RFC 9180, section 7, ids 0x0020, 0x0001, 0x0002. */
const SUITE = 1
const HEADER_LENGTH = 2
const ENC_LENGTH = 32
const TAG_LENGTH = 16
/** How much longer a ciphertext is than its plaintext. */
const OVERHEAD = HEADER_LENGTH + ENC_LENGTH + TAG_LENGTH

/** The length in bytes of the longest ciphertext. */
export const CIPHERTEXT_LIMIT = PLAINTEXT_LIMIT + OVERHEAD

const PREFIX = Uint8Array.of(...new TextEncoder().encode('ipse/enc/1'), 0)
const PURPOSE = new TextEncoder().encode('data')

const hpke = new CipherSuite(KEM_DHKEM_X25519_HKDF_SHA256, KDF_HKDF_SHA256, AEAD_AES_256_GCM)

/** An X25519 pair held by the platform. Its secret cannot be read back. */
export type DecryptionKey = KeyPair<CryptoKey>

/** Why a ciphertext did not open; nothing more is said. */
export type CiphertextRefusal = Refusal<'malformed-ciphertext' | 'decryption-failed'>

const MALFORMED: CiphertextRefusal = Object.freeze({ err: 'Malformed ciphertext', code: 'malformed-ciphertext' })
const FAILED: CiphertextRefusal = Object.freeze({ err: 'Decryption failed', code: 'decryption-failed' })

/**
 * HPKE `info`: `"ipse/enc/1" 00 ‖ version ‖ suite ‖ u8 length ‖ purpose ‖ recipient's name`. The name goes last, so that it
 * needs no length, and binds the ciphertext to both of the recipient's keys.
 */
function infoFor(name: string): Uint8Array {
  return concatBytes(PREFIX, Uint8Array.of(VERSION, SUITE, PURPOSE.length), PURPOSE, utf8(name, "The recipient's name"))
}

/** A platform that lacks an algorithm is the host's trouble and never a stranger's: it is told apart from what does not open. */
function unsupported(cause: unknown): Fault {
  return new Fault('not-available', 'This platform has no X25519, HKDF or AES-GCM in WebCrypto: use Node 22.12 or a newer browser', {
    cause,
  })
}

/**
 * Encrypts `data` (at most {@link PLAINTEXT_LIMIT} bytes) to the identity `name`, with HPKE base mode (RFC 9180, section 6.1):
 * `u8 version 1 ‖ u8 suite 1 ‖ enc (32) ‖ ciphertext and tag` (docs/formats.md). The sender is not authenticated. Rejects
 * with `invalid-identity` for a name that is none, `not-available` for an identity without an encryption key or a platform without
 * the algorithms, `invalid-argument` for data that is none or too long, `backend-failed` when the platform fails.
 */
export async function encryptTo(name: string, data: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  requireBytes(data, 'The data')
  if (data.length > PLAINTEXT_LIMIT) {
    throw new Fault('invalid-argument', `Cannot encrypt ${data.length} bytes at once: the limit is ${PLAINTEXT_LIMIT}`)
  }
  const { encrypt } = parseIdentityName(name)
  if (encrypt === undefined) {
    throw new Fault('not-available', 'This identity cannot decrypt: its name holds no encryption key, so nothing can be encrypted to it')
  }
  // Copied before the first wait: what the caller does with its array afterwards must not change what is encrypted.
  const plaintext = new Uint8Array(data)
  try {
    const recipient = await hpke.DeserializePublicKey(encrypt)
    const { encapsulatedSecret, ciphertext } = await hpke.Seal(recipient, plaintext, { info: infoFor(name) })
    return concatBytes(Uint8Array.of(VERSION, SUITE), encapsulatedSecret, ciphertext)
  } catch (cause) {
    if (cause instanceof NotSupportedError) throw unsupported(cause)
    throw new Fault('backend-failed', 'This platform failed to encrypt: see the cause', { cause })
  } finally {
    plaintext.fill(0)
  }
}

/**
 * Opens a ciphertext with the key of the identity `name`, which is the decryptor's own and never read from the ciphertext.
 * Returns the plaintext, or a refusal: `malformed-ciphertext` while version, suite and length are not those of a ciphertext,
 * and `decryption-failed` for everything after. Rejects with `invalid-argument` for a ciphertext that is no Uint8Array,
 * `not-available` on a platform without the algorithms.
 */
export async function openCiphertext(
  name: string,
  key: DecryptionKey,
  ciphertext: Uint8Array,
): Promise<Uint8Array | CiphertextRefusal> {
  requireBytes(ciphertext, 'The ciphertext')
  const info = infoFor(name)
  const { length } = ciphertext
  if (length < OVERHEAD || length > CIPHERTEXT_LIMIT || ciphertext[0] !== VERSION || ciphertext[1] !== SUITE) {
    return MALFORMED
  }
  // One copy before the first wait, for the reason given above.
  const bytes = new Uint8Array(ciphertext)
  const enc = bytes.subarray(HEADER_LENGTH, HEADER_LENGTH + ENC_LENGTH)
  try {
    return await hpke.Open(key, enc, bytes.subarray(HEADER_LENGTH + ENC_LENGTH), { info })
  } catch (cause) {
    if (cause instanceof NotSupportedError) throw unsupported(cause)
    return FAILED
  }
}

/** DER of a PKCS #8 X25519 key up to its 32 secret bytes (RFC 8410, section 7). */
const PKCS8 = Uint8Array.of(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20)

/**
 * Hands an X25519 secret key (32 bytes) to the platform, which does not give it out again. The caller's array stays as it
 * is, and may be erased once this has settled. Rejects with `invalid-argument` for a secret key that is none,
 * `not-available` where WebCrypto has no X25519.
 */
export async function importDecryptionKey(secretKey: Uint8Array): Promise<DecryptionKey> {
  if (!isBytesOf(secretKey, 32)) throw new Fault('invalid-argument', 'An X25519 secret key is 32 bytes')
  const { subtle } = globalThis.crypto
  const pkcs8 = concatBytes(PKCS8, secretKey)
  try {
    const publicKey = subtle.importKey('raw', new Uint8Array(encryptionPublicKey(secretKey)), 'X25519', true, [])
    const privateKey = subtle.importKey('pkcs8', pkcs8, 'X25519', false, ['deriveBits'])
    const [own, secret] = await Promise.all([publicKey, privateKey])
    return Object.freeze({ publicKey: own, privateKey: secret })
  } catch (cause) {
    throw unsupported(cause)
  } finally {
    pkcs8.fill(0)
  }
}
