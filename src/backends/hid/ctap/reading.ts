import { z } from 'zod'
import { Fault } from '../../../core/errors.ts'

/** Bytes, of so many at least, and at most. */
export function bytes(least: number, most = least): z.ZodType<Uint8Array> {
  return z.instanceof(Uint8Array).refine(({ length }) => length >= least && length <= most)
}

export const count = z.number().int().nonnegative()

/** A map with text for keys, read by a schema of objects. */
export function named<T>(schema: z.ZodType<T>): z.ZodType<T> {
  return z.preprocess(value => fields(value, 'string'), schema)
}

/** A map with numbers for keys, read by a schema of objects. */
export function numbered<T>(schema: z.ZodType<T>): z.ZodType<T> {
  return z.preprocess(value => fields(value, 'number'), schema)
}

/** Keys of the other kind mean nothing in CTAP2, and must not pass for those that do. */
function fields(value: unknown, kind: 'string' | 'number'): unknown {
  return value instanceof Map ? Object.fromEntries([...value].filter(([key]) => typeof key === kind)) : undefined
}

/** Throws `backend-failed` for what a device must not send. `what` names it in the text. */
export function read<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new Fault('backend-failed', `The device sent ${what} that is none: ${z.prettifyError(result.error)}`, { cause: result.error })
}
