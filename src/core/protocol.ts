import type * as z from 'zod'
import { Fault } from './errors.ts'
import { strayInShape } from './schema-walk.ts'
import type { EngineID } from './engine-id.ts'
import type { Refusal } from './errors.ts'

declare const phantom: unique symbol

/** The fields of a message, without its `type`. Schemas here neither transform nor coerce nor default. */
export interface Shape { readonly [field: string]: z.core.$ZodType }

/** A reply whose fields depend on the literal value of one field of the request. */
export interface ReplyBy<K extends string, C extends Record<string, Shape>> {
  readonly by: K
  readonly cases: C
}

/** A request's fields and those of its reply. */
export interface Exchange<S extends Shape, R> {
  readonly fields: S
  readonly reply: R
}

/** Declares a request: its fields, and those of a success. Every request may also be refused, with `{ err, code }`. */
export function exchange<S extends Shape, R extends Shape>(fields: S, reply: R): Exchange<S, R> {
  return { fields, reply }
}

/** As {@link exchange}, with a reply for each value that the request's field `by` may have. */
export function exchangeBy<S extends Shape, K extends keyof S & string, C extends CasesOf<S[K]>>(
  fields: S, by: K, cases: C): Exchange<S, ReplyBy<K, C>> {
  return { fields, reply: { by, cases } }
}
type CasesOf<S> = S extends z.core.$ZodType<infer V extends string> ? Record<V, Shape> : never

/** A protocol as a value: the messages an engine takes, and the schemas that those of a host are checked by. */
export interface ProtocolDefinition {
  /** Names the protocol for good, as `author/engine`. */
  readonly id: string
  /** A whole number from 1. Nothing compares versions within one node. */
  readonly version: number
  /** The codes its refusals may have, beside `malformed` and `too-large`, which are the runtime's. */
  readonly codes: readonly string[]
  /** Messages that are answered once. Traces call the answer to a `FooRequest` `FooResponse`. */
  readonly requests: { readonly [name: string]: Exchange<Shape, unknown> }
  /** Messages without an answer. */
  readonly tells: { readonly [name: string]: Shape }
}

/** Checks a definition and answers it. Throws `invalid-definition`. */
export function defineProtocol<const D extends ProtocolDefinition>(definition: D): D {
  const { id, version, codes, requests, tells } = definition
  const fault = (problem: string) => new Fault('invalid-definition', `Protocol ${JSON.stringify(id)}: ${problem}`)
  if (typeof requests !== 'object' || requests === null || typeof tells !== 'object' || tells === null || !Array.isArray(codes)) {
    throw fault('it needs codes, a list, and requests and tells, which may be empty objects')
  }
  if (typeof id !== 'string' || id === '') throw fault('its id must be text')
  if (!Number.isSafeInteger(version) || version < 1) throw fault('its version must be a whole number from 1')
  for (const [name, shape] of [...Object.entries(requests).map(([n, { fields }]) => [n, fields] as const), ...Object.entries(tells)]) {
    if ('type' in shape) throw fault(`${name} has a field "type", which is the message's name`)
    const stray = strayInShape(shape)
    if (stray !== undefined) throw fault(`${name}.${stray}`)
  }
  for (const name of Object.keys(requests)) {
    for (const shape of answersOf(requests[name]?.reply)) {
      if ('err' in shape) throw fault(`the reply to ${name} has a field "err", which marks refusals`)
      const stray = strayInShape(shape)
      if (stray !== undefined) throw fault(`the reply to ${name}: ${stray}`)
    }
    if (name in tells) throw fault(`${name} is both a request and a tell`)
  }
  return Object.freeze(definition)
}

/** The shapes that a reply may have: one, or one for each case. */
export function answersOf(reply: unknown): readonly Shape[] {
  if (!isShape(reply)) return []
  const cases: unknown = reply['cases']
  return typeof cases === 'object' && cases !== null && !('_zod' in cases) ? Object.values(cases).filter(isShape) : [reply]
}

function isShape(value: unknown): value is Shape {
  return typeof value === 'object' && value !== null
}

/** `interface FooProtocol extends ProtocolOf<typeof fooProtocol> {}` gives the protocol a name to read. */
export interface ProtocolOf<D extends ProtocolDefinition> {
  readonly id: D['id']
  readonly codes: D['codes'][number]
  readonly requests: D['requests']
  readonly tells: D['tells']
}

/** A protocol as a type, see {@link ProtocolOf}: what an EngineRef, a Family and a message are typed by. */
export interface Protocol {
  readonly id: string
  readonly codes: string
  readonly requests: object
  readonly tells: object
}

type Flat<T> = { [K in keyof T]: T[K] } & {}
/** Messages are immutable; readonly arrays also keep a `const` inference assignable. */
type Frozen<T> = T extends EngineID | Uint8Array | string | number | boolean | null | undefined ? T : { readonly [K in keyof T]: Frozen<T[K]> }
type FieldsOf<S> = S extends Shape ? (keyof S extends never ? {} : Frozen<z.core.$InferObjectOutput<S, {}>>) : never
type Named<N, S> = Flat<{ readonly type: N } & FieldsOf<S>>
/** The names of the messages that are answered. */
export type RequestName<P extends Protocol> = keyof P['requests'] & string
/** The names of all messages: requests and tells. */
export type MessageName<P extends Protocol> = RequestName<P> | (keyof P['tells'] & string)

/** The message of that name, or the union of all. */
export type MessageOf<P extends Protocol, N extends MessageName<P> = MessageName<P>> = N extends unknown
  ? P['requests'] extends { readonly [_ in N]: Exchange<infer S, unknown> } ? Named<N, S>
    : P['tells'] extends { readonly [_ in N]: infer S } ? Named<N, S> : never
  : never
/** The union of the requests, each `{ type, …fields }`. */
export type RequestOf<P extends Protocol> = MessageOf<P, RequestName<P>>

/** A generic argument escapes the check for excess properties; this puts it back. */
export type NoMore<P extends Protocol, R> = R extends { readonly type: infer N }
  ? { readonly [K in Exclude<keyof R, keyof MessageOf<P, N & MessageName<P>>>]: NoSuchField } : unknown
interface NoSuchField { readonly [phantom]: never }

/** Refuses a request: a code of its protocol, and a text that says what was wrong and what to do. */
export function refuse<const C extends string>(code: C, err: string): Refusal<C> {
  return { err, code }
}

type AnyKey<U> = U extends unknown ? keyof U : never
type ValueAt<U, K extends PropertyKey> = U extends unknown ? (K extends keyof U ? U[K] : never) : never
type Single<U, V = U> = U extends unknown ? ([V] extends [U] ? true : false) : never
/** One object for a union of objects: what all have stays, what some have becomes optional. */
type Merged<U> = Single<U> extends true ? U
  : Flat<{ readonly [K in Exclude<keyof U, never>]: U[K] } & { readonly [K in Exclude<AnyKey<U>, keyof U>]?: ValueAt<U, K> }>
type Case<C, V> = V extends keyof C ? FieldsOf<C[V]> : never
type Successes<X, V> = X extends Exchange<Shape, infer R> ? R extends ReplyBy<string, infer C> ? Case<C, V> : FieldsOf<R> : never
type Discriminator<X, R> = X extends Exchange<Shape, ReplyBy<infer K, infer C>> ? R extends { [_ in K]: infer V } ? V : keyof C : never

/** The success of this very request, by its literal fields. */
export type SuccessOf<P extends Protocol, R extends { type: string }> = P['requests'] extends { readonly [_ in R['type']]: infer X }
  ? Merged<Successes<X, Discriminator<X, R>>> : never

/** What an engine may reply to the request of that name. */
export type ResponseOf<P extends Protocol, N extends RequestName<P>> =
  Successes<P['requests'][N], Discriminator<P['requests'][N], unknown>> | Refusal<P['codes']>
