import * as z from 'zod'
import type { EngineFamily, MessageEntry } from '../core/engine.ts'
import { Fault } from '../core/errors.ts'
import type { Refusal } from '../core/errors.ts'
import { refuse } from '../core/protocol.ts'
import { clipped, refusalOf } from '../core/schema.ts'
import { resolutionOf } from '../core/schema-walk.ts'
import type { Rewrite } from '../core/schema-walk.ts'
import { nameOf } from './envelope.ts'

/** A message that may be delivered, or the refusal that a request of the kind is answered with. */
export type Admission = { readonly msg: unknown; readonly refusal?: never } | { readonly refusal: Refusal }

/**
 * Checks a message from outside of the node by the protocol of the family it is for. `resolve` makes of it what is delivered: EngineIDs
 * in it have their node then. Throws `invalid-definition` for a schema that throws.
 */
export function admit(family: EngineFamily, msg: unknown, as: 'request' | 'message', resolve: (entry: MessageEntry, msg: unknown) => unknown): Admission {
  const name = nameOf(msg)
  const entry = family.message(name)
  if (entry === undefined || (as === 'request' && !entry.isRequest)) {
    const what = name === '' ? 'a message needs a type' : `${family.id} has no ${as} ${JSON.stringify(name)}`
    return { refusal: refuse('malformed', clipped(`Malformed request: ${what}`)) }
  }
  const resolved = resolve(entry, msg)
  // Most fit.
  if (entry.simple?.accepts(resolved) === true) return { msg: resolved }
  const result = checked(entry, resolved)
  if (result.success) return { msg: resolved }
  const { code, err } = refusalOf(result.error, entry.fields)
  return { refusal: refuse(code, err) }
}

/** Checking runs the refinements of the schema's author. */
function checked(entry: MessageEntry, message: unknown): z.ZodSafeParseResult<unknown> {
  try {
    return z.safeParse(entry.schema, message)
  } catch (cause) {
    throw new Fault('invalid-definition', `The schema of ${entry.name} can't check a message: refinements must answer at once, and not throw`, { cause })
  }
}

/** Checks what comes from other nodes. EngineIDs in it have their node: `null` would mean somebody else here than there. */
export class FarAdmission {
  readonly #walks = new WeakMap<MessageEntry, { readonly walk: Rewrite }>()

  /** Throws as {@link admit} does. */
  admit(family: EngineFamily, msg: unknown, as: 'request' | 'message'): Admission {
    try {
      return admit(family, msg, as, (entry, given) => {
        this.#walk(entry)?.(given)
        return given
      })
    } catch (error) {
      if (error instanceof Nowhere) return { refusal: refuse('malformed', `Malformed request: the EngineID ${clipped(error.name)} has no node`) }
      throw error
    }
  }

  #walk(entry: MessageEntry): Rewrite {
    let known = this.#walks.get(entry)
    if (known === undefined) {
      known = { walk: resolutionOf(entry.fields, id => {
        if (id.node === null) throw new Nowhere(id.name)
        return id
      }) }
      this.#walks.set(entry, known)
    }
    return known.walk
  }
}

/** Breaks off a walk. */
class Nowhere extends Error {
  constructor(name: string) {
    super()
    this.name = name
  }
}
