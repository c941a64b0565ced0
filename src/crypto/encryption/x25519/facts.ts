import type { EncryptionFacts } from '../../encryption.ts'

/** DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM: RFC 9180, section 7, ids 0x0020, 0x0001, 0x0002. Keys as in RFC 7748. */
export const x25519Facts: EncryptionFacts = {
  name: 'X25519',
  naming: 'multikey',
  id: 1,
  multicodec: Uint8Array.of(0xec, 0x01),
  secretKeyLength: 32,
  publicKeyLength: 32,
  encLength: 32,
}

/** PKCS #8 (RFC 8410, section 7) in DER, up to the 32 bytes of the key. */
export const PKCS8 = Uint8Array.of(0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20)
