import * as z from 'zod'
import { externalIdentity } from '../core/schema.ts'

/** The schema of {@link BackendName}. */
export const backendName = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('LocalMemory') }),
  z.strictObject({ type: z.literal('LocalConnection'), subtype: z.enum(['hid', 'webauthn', 'browser-extension']) }),
  z.strictObject({ type: z.literal('RemoteConnection'), externalIdentity: externalIdentity() }),
])
