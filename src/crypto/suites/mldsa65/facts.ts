import type { SuiteFacts } from '../../suite.ts'

/**
 * ML-DSA-65 (FIPS 204), with the empty context. Secret key: the seed ξ of 32 bytes; public key: 1952 bytes; signature: 3309 bytes.
 */
export const mldsa65Facts: SuiteFacts = {
  params: 'MLDSA65',
  multicodec: Uint8Array.of(0x91, 0x24),
  naming: 'bundle',
  encryption: 'X-Wing',
  secretKeyLength: 32,
  publicKeyLength: 1952,
  signatureLength: 3309,
}
