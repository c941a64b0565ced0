import * as z from 'zod'
import { backendName } from '../backend-name.ts'
import { externalIdentity } from '../../core/schema.ts'

export const decryptionConfig = z.strictObject({
  backend: backendName,
  /** Whose ciphertexts it decrypts. */
  identity: externalIdentity(),
  /** Milliseconds that the backend may take to decrypt. */
  backendDeadline: z.number().positive(),
})
