import * as z from 'zod'
import { backendName } from '../backend-name.ts'
import { externalIdentity } from '../../core/schema.ts'

export const commitmentConfig = z.strictObject({
  backend: backendName,
  /** In whose name it signs. */
  identity: externalIdentity(),
  /** Milliseconds that the backend may take to sign. */
  backendDeadline: z.number().positive(),
})
