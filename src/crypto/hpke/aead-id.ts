/** The AEADs of RFC 9180, section 7.3, by their ids: AES-128-GCM, AES-256-GCM, ChaCha20Poly1305. Nonces are 12 bytes, tags 16. */
export type AeadId = 1 | 2 | 3
