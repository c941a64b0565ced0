import { defineProtocol, exchange } from '../../core/protocol.ts'
import type { ProtocolOf } from '../../core/protocol.ts'
import { bytes, sensitive } from '../../core/schema.ts'
import { backendCodes } from '../backend-failure.ts'

/** The most bytes of ciphertext that one request may carry: a plaintext of 1 MiB, and 2 KiB for what encryption adds. */
export const DECRYPTION_LIMIT = (1 << 20) + (1 << 11)

/** The messages of Anoma's Decryption engine. A response has the fields named here, or `{ err, code }`. */
export const decryptionProtocol = defineProtocol({
  id: 'ipse/decryption',
  version: 1,
  codes: ['malformed-ciphertext', 'decryption-failed', ...backendCodes],
  requests: {
    /** Decrypts what was encrypted to the engine's identity. At most {@link DECRYPTION_LIMIT} bytes. */
    DecryptionRequest: exchange({ data: bytes(DECRYPTION_LIMIT) }, { data: sensitive(bytes()) }),
  },
  tells: {},
})
/** The types of {@link decryptionProtocol}. */
export interface DecryptionProtocol extends ProtocolOf<typeof decryptionProtocol> {}
