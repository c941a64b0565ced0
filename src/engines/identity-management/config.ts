import * as z from 'zod'

export const identityManagementConfig = z.strictObject({
  /** Milliseconds that a backend may take for one operation. Shorter than an ask's deadline, so that the asker hears why. */
  backendDeadline: z.number().positive().default(20_000),
})
