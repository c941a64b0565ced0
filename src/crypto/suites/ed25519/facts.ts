import type { SuiteFacts } from '../../suite.ts'

/** Ed25519 (RFC 8032). Secret key: the 32-byte seed; public key: 32 bytes; signature: R ‖ S, 64 bytes. */
export const ed25519Facts: SuiteFacts = {
  params: 'Ed25519',
  multicodec: Uint8Array.of(0xed, 0x01),
  naming: 'multikey',
  encryption: 'X25519',
  secretKeyLength: 32,
  publicKeyLength: 32,
  signatureLength: 64,
}
