export type { RandomBytes, SignatureSuite } from './crypto/suite.ts'
export { suiteByMulticodec, suiteByParams, suites } from './crypto/suites.ts'
export { randomBytes } from './crypto/random.ts'
export { purposes, signable, type Purpose } from './crypto/signable.ts'
export {
  formatIdentityName,
  parseIdentityName,
  type IdentityKeys,
  type ParsedIdentityName,
  type SigningKey,
} from './crypto/identity-name.ts'
export { encryptionPublicKey, generateEncryptionSecret, isEncryptionPublicKey } from './crypto/x25519.ts'
export { commit, commitmentOf, verifyCommitment } from './crypto/commitment.ts'
export {
  CIPHERTEXT_LIMIT,
  encryptTo,
  importDecryptionKey,
  openCiphertext,
  PLAINTEXT_LIMIT,
  type CiphertextRefusal,
  type DecryptionKey,
} from './crypto/ciphertext.ts'
