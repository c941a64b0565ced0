import * as z from 'zod'

export const securityKeyConfig = z.strictObject({
  /** Milliseconds that a person has to plug a device in, to touch it, to give a PIN; and that a request waits for its turn. */
  patience: z.number().positive().max(3_600_000).default(60_000),
  /** Milliseconds that one ceremony may take in all, so that no device holds up the others for good. */
  limit: z.number().positive().max(86_400_000).default(300_000),
  /** How many requests may wait. */
  capacity: z.number().int().positive().max(1_024).default(64),
})
