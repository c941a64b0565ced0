import type * as z from 'zod'
import type { Shape } from './protocol.ts'
import { ownMarkOf } from './schema.ts'
import { asKnown } from './schema-walk.ts'

/** What one field of a simple shape may be. */
interface SimpleField {
  readonly name: string
  readonly kind: 'string' | 'number' | 'boolean' | 'bytes' | 'one-of'
  /** What a literal or an enumeration may be. */
  readonly values: ReadonlySet<unknown> | undefined
  /** Of bytes, how many there may be. */
  readonly limit: number
  readonly isOptional: boolean
}

/**
 * The shape of a message whose fields are strings, numbers, booleans, bytes, literals and enumerations, optional or not, with no further checks.
 * It says that such a message fits in a fraction of the time that its schema takes.
 */
export class SimpleShape {
  readonly #name: string
  readonly #fields: readonly SimpleField[]

  private constructor(name: string, fields: readonly SimpleField[]) {
    this.#name = name
    this.#fields = fields
  }

  /** The shape of the message of that name; `undefined` if only its schema can check it. */
  static of(name: string, shape: Shape): SimpleShape | undefined {
    const fields = Object.entries(shape).map(([field, schema]) => simpleField(field, schema, false))
    return fields.every(field => field !== undefined) ? new SimpleShape(name, fields) : undefined
  }

  /**
   * Whether the schema accepts this message: to be asked of copies alone, which run no code of the host when they are read. `false` may be
   * said of one that fits, so that the schema has to be asked, which also says what is wrong.
   */
  accepts(message: unknown): boolean {
    if (!isRecord(message) || message['type'] !== this.#name) return false
    let known = 1
    for (const field of this.#fields) {
      const value = message[field.name]
      if (value === undefined && field.isOptional) continue
      if (!isOf(field, value)) return false
      known++
    }
    return Object.keys(message).length === known
  }
}

function isOf({ kind, values, limit }: SimpleField, value: unknown): boolean {
  switch (kind) {
    case 'string': return typeof value === 'string'
    // What is not finite is no number for zod.
    case 'number': return Number.isFinite(value)
    case 'boolean': return typeof value === 'boolean'
    case 'bytes': return value instanceof Uint8Array && value.length <= limit
    // A field that is absent is not the value `undefined` of a literal.
    case 'one-of': return value !== undefined && values?.has(value) === true
  }
}

/** What schemas without further checks say of themselves. Formats, such as those of `z.email()` and `z.int()`, say more. */
const SETTINGS = new Set(['type', 'error', 'checks', 'values', 'entries', 'innerType'])

function simpleField(name: string, schema: z.core.$ZodType, isOptional: boolean): SimpleField | undefined {
  // Every object has something of such a name.
  if (name in Object.prototype) return undefined
  const limit = ownMarkOf(schema)?.bytes
  if (limit !== undefined) return { name, kind: 'bytes', values: undefined, limit, isOptional }
  const { def, values } = asKnown(schema)._zod
  if (!Object.keys(def).every(setting => SETTINGS.has(setting)) || (def.checks?.length ?? 0) > 0) return undefined
  switch (def.type) {
    case 'string': case 'number': case 'boolean': return { name, kind: def.type, values: undefined, limit: 0, isOptional }
    case 'literal': case 'enum': return values && { name, kind: 'one-of', values, limit: 0, isOptional }
    case 'optional': return isOptional ? undefined : simpleField(name, def.innerType, true)
    default: return undefined
  }
}

function isRecord(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === 'object' && value !== null
}
