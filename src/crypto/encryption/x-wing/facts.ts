import type { EncryptionFacts } from '../../encryption.ts'

/**
 * X-Wing (draft-connolly-cfrg-xwing-kem: ML-KEM-768 and X25519, each of which suffices), HKDF-SHA256, AES-256-GCM: ids 0x647a, 0x0001,
 * 0x0002. Secret key: the 32-byte seed; public key: that of ML-KEM-768 (1184 bytes) ‖ that of X25519. No multicodec is registered for it:
 * this is 0x30647a, the start of the range for private use (0x300000) and the id of the KEM.
 */
export const xWingFacts: EncryptionFacts = {
  name: 'X-Wing',
  naming: 'bundle',
  id: 2,
  multicodec: Uint8Array.of(0xfa, 0xc8, 0xc1, 0x01),
  secretKeyLength: 32,
  publicKeyLength: 1216,
  encLength: 1120,
}

/** The KEM in HPKE, which uses its Encapsulate and Decapsulate as they are. */
export const X_WING_KEM_ID = 0x647a

/** The lengths in bytes of ML-KEM-768's parts (FIPS 203, table 3), which come before those of X25519. */
export const ML_KEM_PUBLIC_KEY_LENGTH = 1184
export const ML_KEM_CIPHERTEXT_LENGTH = 1088
