import type { SuiteFacts } from '../../suite.ts'

/**
 * BLS signatures over BLS12-381, ciphersuite BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_ (draft-irtf-cfrg-bls-signature).
 * Secret key: 32 bytes, big-endian; public key: compressed G1 point, 48 bytes; signature: compressed G2 point, 96 bytes.
 */
export const blsFacts: SuiteFacts = {
  params: 'BLS',
  multicodec: Uint8Array.of(0xea, 0x01),
  naming: 'multikey',
  encryption: 'X25519',
  secretKeyLength: 32,
  publicKeyLength: 48,
  signatureLength: 96,
}
