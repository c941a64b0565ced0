import type { SuiteFacts } from '../../suite.ts'

/**
 * ECDSA over P-256 with SHA-256 of the message (FIPS 186-5). Secret key: 32 bytes, big-endian; public key: the compressed point,
 * 33 bytes; signature: r ‖ s, big-endian, 64 bytes.
 */
export const p256Facts: SuiteFacts = {
  params: 'P256',
  multicodec: Uint8Array.of(0x80, 0x24),
  naming: 'multikey',
  encryption: 'X25519',
  secretKeyLength: 32,
  publicKeyLength: 33,
  signatureLength: 64,
}
