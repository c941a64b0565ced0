import { assertData } from '../core/data.ts'
import { Fault } from '../core/errors.ts'
import type { EngineInstance } from './instance.ts'

/**
 * What a life begins with: what was kept through a crash, or stored, with the fields that are not stored as its family makes them; or all of it as its family makes
 * it. Throws as that does, and `invalid-definition`, `not-encodable` for what is no environment.
 */
export function environmentOf(instance: EngineInstance): object {
  const { kept, left } = instance.affairs
  if (kept === undefined) return made(instance)
  const passing = left === undefined ? undefined : instance.family.durable?.passing
  if (passing === undefined) return kept
  const first = made(instance)
  return { ...kept, ...Object.fromEntries(passing.map(field => [field, Reflect.get(first, field)])) }
}

/** What was kept was looked at before it was, or while it was read: it may be large. */
function made({ family, config, affairs }: EngineInstance): object {
  const environment = family.environment(config, { nextChild: affairs.lastChild + 1, restarts: affairs.restarts })
  if (typeof environment !== 'object' || environment === null) throw new Fault('invalid-definition', 'The first environment must be an object')
  assertData(environment, 'the first environment')
  return environment
}
