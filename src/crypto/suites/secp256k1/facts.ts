import type { SuiteFacts } from '../../suite.ts'

/**
 * ECDSA over secp256k1 with SHA-256 of the message (SEC 1; FIPS 186-5). Secret key: 32 bytes, big-endian; public key: the
 * compressed point, 33 bytes; signature: r ‖ s, big-endian, 64 bytes.
 */
export const secp256k1Facts: SuiteFacts = {
  params: 'Secp256k1',
  multicodec: Uint8Array.of(0xe7, 0x01),
  naming: 'multikey',
  encryption: 'X25519',
  secretKeyLength: 32,
  publicKeyLength: 33,
  signatureLength: 64,
}
