import { gcm } from '@noble/ciphers/aes.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'

// HPKE base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, written from RFC 9180 alone (sections 4.1, 5.1) on other primitives than
// the library's, to read what it wrote.

const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 255)
const NONE = new Uint8Array(0)
const KEM = concatBytes(utf8ToBytes('KEM'), u16(0x0020))
const SUITE = concatBytes(utf8ToBytes('HPKE'), u16(0x0020), u16(0x0001), u16(0x0002))

const labeledExtract = (suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array =>
  extract(sha256, concatBytes(utf8ToBytes('HPKE-v1'), suite, utf8ToBytes(label), ikm), salt)

const labeledExpand = (suite: Uint8Array, prk: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array =>
  expand(sha256, prk, concatBytes(u16(length), utf8ToBytes('HPKE-v1'), suite, utf8ToBytes(label), info), length)

/** The cipher of the message with number `sequence`, for the recipient with that secret key. */
export function referenceCipher(secretKey: Uint8Array, enc: Uint8Array, info: Uint8Array, aad: Uint8Array = NONE, sequence = 0) {
  return cipherUnder(x25519.getSharedSecret(secretKey, enc), enc, x25519.getPublicKey(secretKey), info, aad, sequence)
}

/** The same, for who has the shared secret of X25519: `dh`. */
export function cipherUnder(dh: Uint8Array, enc: Uint8Array, publicKey: Uint8Array, info: Uint8Array, aad: Uint8Array = NONE, sequence = 0) {
  const eaePrk = labeledExtract(KEM, NONE, 'eae_prk', dh)
  const sharedSecret = labeledExpand(KEM, eaePrk, 'shared_secret', concatBytes(enc, publicKey), 32)
  const context = concatBytes(Uint8Array.of(0), labeledExtract(SUITE, NONE, 'psk_id_hash', NONE), labeledExtract(SUITE, NONE, 'info_hash', info))
  const secret = labeledExtract(SUITE, sharedSecret, 'secret', NONE)
  const nonce = labeledExpand(SUITE, secret, 'base_nonce', context, 12)
  nonce[11] = (nonce[11] ?? 0) ^ sequence
  return gcm(labeledExpand(SUITE, secret, 'key', context, 32), nonce, aad)
}
