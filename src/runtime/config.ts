import * as z from 'zod'
import { copyData } from '../core/data.ts'
import type { EngineFamily } from '../core/engine.ts'
import { Fault } from '../core/errors.ts'

/** An engine's configuration, checked by its family's schema, defaults filled in. Throws `invalid-argument`, and `invalid-definition` when the schema itself fails. */
export function parseConfig(family: EngineFamily, config: unknown): unknown {
  // A family without settings is spawned without a config; its schema then sees the empty one.
  const result = checked(family, copyData(config ?? {}, 'the config'))
  if (result.success) return result.data
  throw new Fault('invalid-argument', `The config does not fit ${family.id}: ${z.prettifyError(result.error)}`, { cause: result.error })
}

/** Checking runs the refinements of the schema's author. */
function checked(family: EngineFamily, config: unknown): z.ZodSafeParseResult<unknown> {
  try {
    return z.safeParse(family.config, config)
  } catch (cause) {
    throw new Fault('invalid-definition', `The config schema of ${family.id} can't check a config: refinements must answer at once, and not throw`, { cause })
  }
}
