import * as z from 'zod'
import { copyData } from '../core/data.ts'
import type { EngineFamily } from '../core/engine.ts'
import { Fault } from '../core/errors.ts'

/** An engine's configuration, checked by its family's schema, defaults filled in. Throws `invalid-argument`. */
export function parseConfig(family: EngineFamily, config: unknown): unknown {
  // A family without settings is spawned without a config; its schema then sees the empty one.
  const result = z.safeParse(family.config, copyData(config ?? {}, 'the config'))
  if (result.success) return result.data
  throw new Fault('invalid-argument', `The config does not fit ${family.id}: ${z.prettifyError(result.error)}`, { cause: result.error })
}
