import * as z from 'zod'
// Not z.core.clone: naming that namespace as a value bundles all of it.
import { clone } from 'zod/v4/core'
import { isEngineID, isExternalIdentity, looksExternal } from './engine-id.ts'
import type { EngineID, EngineRef, ExternalIdentity } from './engine-id.ts'
import type { Shape } from './protocol.ts'

/** What a schema says beyond its type. */
export interface Mark {
  readonly sensitive?: true
  readonly engineID?: true
  readonly code?: string
  /** How many bytes there may be, where bytes are all that is asked for. */
  readonly bytes?: number
}

const marks = new WeakMap<z.core.$ZodType, Mark>()

function marked<S extends z.core.$ZodType>(schema: S, mark: Mark): S {
  const copy = clone(schema)
  marks.set(copy, { ...markOf(schema), ...mark })
  return copy
}

/** The mark of this very schema: what was refined from it asks for more. */
export function ownMarkOf(schema: z.core.$ZodType): Mark | undefined {
  return marks.get(schema)
}

/** The mark of a schema, or of the one it was refined from: `sensitive(z.string()).min(1)` stays sensitive. */
export function markOf(schema: z.core.$ZodType): Mark | undefined {
  for (let known: z.core.$ZodType | undefined = schema; known !== undefined; known = known._zod.parent) {
    const mark = marks.get(known)
    if (mark !== undefined) return mark
  }
  return undefined
}

const NO_ENGINE = 'expected an EngineID { node, name }, and not an external identity'

/** Whether this could be an engine or a client: an external identity is a name and no address. */
function isAddressable(value: unknown): boolean {
  return isEngineID(value) && !looksExternal(value.name)
}

/** An EngineID. From host code its `node` may be `null`, which the runtime resolves to the host's own node. */
export function engineID(): z.ZodType<EngineID, EngineID> {
  return marked(z.custom<EngineID>(isAddressable, { error: NO_ENGINE }), { engineID: true })
}

/** An EngineID where the protocol `P` is spoken. Nothing in the data shows which: the type is the sender's word. */
export function engineRef<P>(): z.ZodType<EngineRef<P>, EngineRef<P>> {
  return marked(z.custom<EngineRef<P>>(isAddressable, { error: NO_ENGINE }), { engineID: true })
}

/** The name of an identity. Whether its text is one is checked where it is used. */
export function externalIdentity(): z.ZodType<ExternalIdentity, ExternalIdentity> {
  return z.custom<ExternalIdentity>(isExternalIdentity,
    { error: 'expected an external identity { node: null, name }, with its bundle if it has one' })
}

/** Bytes, at most `limit` of them (1 MiB unless told). More are refused as `too-large`. */
export function bytes(limit = 1 << 20): z.ZodType<Uint8Array, Uint8Array> {
  return marked(z.custom<Uint8Array>(value => value instanceof Uint8Array, { error: 'expected bytes, a Uint8Array', abort: true })
    .refine(value => value.length <= limit, { error: `more than ${limit} bytes`, params: { code: TOO_LARGE } }), { bytes: limit })
}

/** The same schema, its value redacted wherever it could be seen: in observed events, dead letters, traces. */
export function sensitive<S extends z.core.$ZodType>(schema: S): S {
  return marked(schema, { sensitive: true })
}

/** The same schema; a request whose field does not fit it is refused with this code instead of `malformed`. */
export function coded<S extends z.core.$ZodType>(schema: S, code: string): S {
  return marked(schema, { code })
}

const MALFORMED = 'malformed'
const TOO_LARGE = 'too-large'
/** Codes with which the runtime refuses, in any protocol, a request from outside that does not fit its schema. */
export type BoundaryCode = typeof MALFORMED | typeof TOO_LARGE

/** The code and the text with which a message that does not fit is refused. Only places are named, never values. */
export function refusalOf(error: z.core.$ZodError, fields: Shape): { readonly code: string; readonly err: string } {
  const [issue] = error.issues
  const place = issue === undefined ? '' : issue.path.join('.')
  const schema = fields[String(issue?.path[0])]
  const own = schema === undefined ? undefined : markOf(schema)?.code
  const custom: unknown = issue?.code === 'custom' ? issue.params?.['code'] : undefined
  const code = own ?? (typeof custom === 'string' ? custom : MALFORMED)
  const phrase = own === undefined ? PHRASES[code] ?? sentence(code) : sentence(own)
  // A code of the field's own names the field already.
  return { code, err: clipped(`${phrase}: ${place === '' || own !== undefined ? '' : `${place}: `}${issue?.message ?? 'it does not fit'}`) }
}

const LONGEST_TEXT = 300

/** A text that quotes what was sent must not repeat megabytes of it. */
export function clipped(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}…`
}

const PHRASES: { readonly [code: string]: string } = { [MALFORMED]: 'Malformed request', [TOO_LARGE]: 'Too large' }

function sentence(code: string): string {
  return code.charAt(0).toUpperCase() + code.slice(1).replaceAll('-', ' ')
}
