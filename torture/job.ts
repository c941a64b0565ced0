import { z } from 'zod'

/** What a child does: see child.ts. */
export const job = z.strictObject({
  folder: z.string(),
  seed: z.int(),
  /** The first is the one that it is for; the others are done at the same time. */
  operations: z.array(z.string()).readonly(),
  /** At which point it kills itself; without one, it waits for a kill from outside, and does the operations again and again. */
  at: z.int().exactOptional(),
  /** A module that exports `faults`. */
  faults: z.string().exactOptional(),
})
export type Job = z.infer<typeof job>
