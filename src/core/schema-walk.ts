import type * as z from 'zod'
import { isEngineID } from './engine-id.ts'
import type { EngineID } from './engine-id.ts'
import { markOf } from './schema.ts'
import type { Mark } from './schema.ts'
import type { Shape } from './protocol.ts'

/**
 * Rewrites data by what its schema says of it. `undefined` stands for a schema that has nothing to rewrite, so that most
 * messages are passed on as they are.
 */
export type Rewrite = ((value: unknown) => unknown) | undefined

/** What is shown in place of a sensitive value. */
const REDACTED = '[redacted]'

/** Answers a copy in which every field marked `sensitive`, in any of these shapes, is shown as `[redacted]`. */
export function redactionOf(shapes: readonly Shape[]): Rewrite {
  return inTurn(shapes.map(shape => shapeRewrite(shape, mark => mark.sensitive ? () => REDACTED : undefined)))
}

/** Answers a copy in which every EngineID is what `resolve` makes of it. External identities stay as they are. */
export function resolutionOf(shape: Shape, resolve: (id: EngineID) => EngineID): Rewrite {
  return shapeRewrite(shape, mark => mark.engineID ? value => isEngineID(value) ? resolve(value) : value : undefined)
}

/**
 * What keeps these fields from being a message's, if anything: a schema that transforms, coerces or defaults (what is sent is
 * what arrives), or one of what is no data.
 */
export function strayInShape(shape: Shape, seen = new Set<z.core.$ZodType>()): string | undefined {
  for (const [name, schema] of Object.entries(shape)) {
    const stray = strayInSchema(schema, seen)
    if (stray !== undefined) return `${name}: ${stray}`
  }
  return undefined
}

type ByMark = (mark: Mark) => Rewrite

/** The schemas that a schema is made of, by how they lie in its value. */
type Parts =
  | { readonly at: 'same'; readonly schemas: readonly z.core.$ZodType[] }
  | { readonly at: 'fields'; readonly shape: Shape; readonly rest: z.core.$ZodType | undefined }
  | { readonly at: 'entries'; readonly schema: z.core.$ZodType }
  | { readonly at: 'items'; readonly schema: z.core.$ZodType }
  | { readonly at: 'places'; readonly schemas: readonly z.core.$ZodType[]; readonly rest: z.core.$ZodType | null }
  | { readonly at: 'later'; readonly schema: () => z.core.$ZodType }
  | { readonly at: 'leaf' }
  | { readonly at: 'stray'; readonly why: string }

function partsOf(schema: z.core.$ZodType): Parts {
  const { def } = asKnown(schema)._zod
  switch (def.type) {
    case 'object': return { at: 'fields', shape: def.shape, rest: def.catchall }
    case 'array': return { at: 'items', schema: def.element }
    case 'record': return { at: 'entries', schema: def.valueType }
    case 'tuple': return { at: 'places', schemas: def.items, rest: def.rest }
    case 'union': return { at: 'same', schemas: def.options }
    case 'intersection': return { at: 'same', schemas: [def.left, def.right] }
    case 'optional': case 'nonoptional': case 'nullable': case 'readonly': return { at: 'same', schemas: [def.innerType] }
    case 'lazy': return { at: 'later', schema: def.getter }
    case 'pipe': case 'transform': case 'default': case 'prefault': case 'catch': case 'success':
      return { at: 'stray', why: `a schema of kind ${def.type} changes what it checks` }
    case 'date': case 'map': case 'set': case 'promise': case 'function': case 'symbol': case 'file':
      return { at: 'stray', why: `a ${def.type} is no data` }
    default:
      return 'coerce' in def && def.coerce === true ? { at: 'stray', why: 'a schema that coerces changes what it checks' } : { at: 'leaf' }
  }
}

/** Every schema is one of zod's kinds, though its base type does not say so. */
export function asKnown(schema: z.core.$ZodType): z.core.$ZodTypes
export function asKnown(schema: z.core.$ZodType): z.core.$ZodType {
  return schema
}

function strayInSchema(schema: z.core.$ZodType, seen: Set<z.core.$ZodType>): string | undefined {
  if (seen.has(schema)) return undefined
  seen.add(schema)
  if (schema._zod.def.checks?.some(check => check._zod.def.check === 'overwrite')) return 'a schema that overwrites changes what it checks'
  const parts = partsOf(schema)
  const first = (schemas: readonly z.core.$ZodType[]) => {
    for (const part of schemas) {
      const stray = strayInSchema(part, seen)
      if (stray !== undefined) return stray
    }
    return undefined
  }
  switch (parts.at) {
    case 'stray': return parts.why
    case 'fields': return strayInShape(parts.shape, seen) ?? (parts.rest && strayInSchema(parts.rest, seen))
    case 'items': case 'entries': return first([parts.schema])
    case 'same': return first(parts.schemas)
    case 'places': return first(parts.rest === null ? parts.schemas : [...parts.schemas, parts.rest])
    case 'later': return first([parts.schema()])
    case 'leaf': return undefined
  }
}

function rewriteOf(schema: z.core.$ZodType, byMark: ByMark): Rewrite {
  const mark = markOf(schema)
  const whole = mark === undefined ? undefined : byMark(mark)
  if (whole !== undefined) return whole
  const parts = partsOf(schema)
  switch (parts.at) {
    case 'fields': return shapeRewrite(parts.shape, byMark, parts.rest)
    case 'same': return inTurn(parts.schemas.map(part => rewriteOf(part, byMark)))
    case 'items': {
      const item = rewriteOf(parts.schema, byMark)
      return item && (value => Array.isArray(value) ? value.map(item) : value)
    }
    case 'places': {
      const items = parts.schemas.map(part => rewriteOf(part, byMark))
      const rest = parts.rest === null ? undefined : rewriteOf(parts.rest, byMark)
      if (rest === undefined && items.every(item => item === undefined)) return undefined
      return value => Array.isArray(value) ? value.map((entry, i) => ((i < items.length ? items[i] : rest) ?? same)(entry)) : value
    }
    case 'entries': {
      const entry = rewriteOf(parts.schema, byMark)
      return entry && (value => isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, field]) => [key, entry(field)])) : value)
    }
    // Resolved when used: it may lead back here.
    case 'later': return value => (rewriteOf(parts.schema(), byMark) ?? same)(value)
    case 'leaf': case 'stray': return undefined
  }
}

function shapeRewrite(shape: Shape, byMark: ByMark, others?: z.core.$ZodType): Rewrite {
  const rewrites = Object.entries(shape).flatMap(([name, schema]) => {
    const rewrite = rewriteOf(schema, byMark)
    return rewrite === undefined ? [] : [{ name, rewrite }]
  })
  const rest = others === undefined ? undefined : rewriteOf(others, byMark)
  if (rewrites.length === 0 && rest === undefined) return undefined
  return value => {
    if (!isObject(value)) return value
    const copy: Record<string, unknown> = { ...value }
    for (const { name, rewrite } of rewrites) if (Object.hasOwn(copy, name)) copy[name] = rewrite(copy[name])
    if (rest !== undefined) for (const name of Object.keys(copy)) if (!Object.hasOwn(shape, name)) copy[name] = rest(copy[name])
    return copy
  }
}

/** What one leaves alone another may rewrite: for a union, all that any option says. */
function inTurn(rewrites: readonly Rewrite[]): Rewrite {
  const some = rewrites.filter(rewrite => rewrite !== undefined)
  return some.length === 0 ? undefined : value => some.reduce((rewritten, rewrite) => rewrite(rewritten), value)
}

function same(value: unknown): unknown {
  return value
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
