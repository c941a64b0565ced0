import { z } from 'zod'

const hex = z.string().regex(/^([0-9a-f]{2})*$/i).transform(text => Uint8Array.from(Buffer.from(text, 'hex')))
export const hexBytes: z.ZodType<Uint8Array> = hex

/** The parts of a Wycheproof file that are read: its tests, each with what its group says. */
export function wycheproof<G extends z.ZodRawShape, T extends z.ZodRawShape>(group: G, test: T) {
  const tests = z.array(z.object({
    tcId: z.number(), comment: z.string().default(''), flags: z.array(z.string()), result: z.enum(['valid', 'invalid', 'acceptable']), ...test,
  }))
  return z.object({ testGroups: z.array(z.object({ ...group, tests })) })
}
