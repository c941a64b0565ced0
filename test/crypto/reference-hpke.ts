import { gcm } from '@noble/ciphers/aes.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { join, utf8 } from './sample-keys.ts'

const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 255)
const KEM = join(utf8('KEM'), u16(0x0020))
const SUITE = join(utf8('HPKE'), u16(0x0020), u16(0x0001), u16(0x0002))

const labeledExtract = (suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): Uint8Array =>
  extract(sha256, join(utf8('HPKE-v1'), suite, utf8(label), ikm), salt)

const labeledExpand = (suite: Uint8Array, prk: Uint8Array, label: string, info: Uint8Array, length: number): Uint8Array =>
  expand(sha256, prk, join(u16(length), utf8('HPKE-v1'), suite, utf8(label), info), length)

/**
 * HPKE base mode with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM, written from RFC 9180 alone (sections 4.1, 5.1)
 * on other primitives than the library's, to read what it wrote. Answers the cipher of the message with number `sequence`.
 */
export function referenceCipher(
  secretKey: Uint8Array,
  enc: Uint8Array,
  info: Uint8Array,
  aad: Uint8Array = new Uint8Array(0),
  sequence = 0,
) {
  const none = new Uint8Array(0)
  const eaePrk = labeledExtract(KEM, none, 'eae_prk', x25519.getSharedSecret(secretKey, enc))
  const secretContext = join(enc, x25519.getPublicKey(secretKey))
  const sharedSecret = labeledExpand(KEM, eaePrk, 'shared_secret', secretContext, 32)
  const [pskIdHash, infoHash] = [labeledExtract(SUITE, none, 'psk_id_hash', none), labeledExtract(SUITE, none, 'info_hash', info)]
  const context = join(Uint8Array.of(0), pskIdHash, infoHash)
  const secret = labeledExtract(SUITE, sharedSecret, 'secret', none)
  const nonce = labeledExpand(SUITE, secret, 'base_nonce', context, 12)
  nonce[11] = (nonce[11] ?? 0) ^ sequence
  return gcm(labeledExpand(SUITE, secret, 'key', context, 32), nonce, aad)
}
