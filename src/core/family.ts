import type * as z from 'zod'
import type { Protocol, RequestName, ResponseOf } from './protocol.ts'

/** The types of one engine family, in an interface that its author names. Shows in hovers and errors by that name. */
export interface Family {
  readonly protocol: Protocol
  /** The schema of its configuration: what is fixed at spawn. */
  readonly config: z.core.$ZodType
  /** What changes with each step. */
  readonly environment: object
  /** Live objects given at spawn, as fields of a plain object, which children inherit. */
  readonly services?: object
  /** Live objects that this engine opens for itself, from config and services, as fields of a plain object. */
  readonly resource?: object
  /** `{ name: (input) => output }`. */
  readonly tasks?: object
  /** `{ key: Ask<TheirProtocol, 'TheirRequest'> }`: the requests it makes. */
  readonly asks?: object
  /** The handles of its timers. */
  readonly timers?: string
  /** What its mailboxes may have beside messages: data. */
  readonly mailboxState?: unknown
}

/** Declares a request that a family makes of another engine. */
export interface Ask<P extends Protocol, N extends RequestName<P>> {
  readonly response: ResponseOf<P, N>
}

type Part<F, K extends keyof Family, Otherwise> = F extends { readonly [_ in K]: infer X } ? X : Otherwise
/** A family's configuration as rules see it: what its schema puts out, defaults filled in. */
export type ConfigOf<F extends Family> = z.output<F['config']>
/** The services that a family declares; `{}` when it declares none. */
export type ServicesOf<F> = Part<F, 'services', {}>
export type TasksOf<F> = Part<F, 'tasks', {}>
export type AsksOf<F> = Part<F, 'asks', {}>
export type TimersOf<F> = Part<F, 'timers', never> & string
export type ResourceOf<F> = Part<F, 'resource', never>
/** `undefined` when the family declares none. */
export type MailboxStateOf<F> = Part<F, 'mailboxState', undefined>

/** A declared name, or that name and anything: `approve`, `approve/7`. */
export type Key<N extends string> = N | `${N}/${string}`
export type NameIn<K extends string> = K extends `${infer N}/${string}` ? N : K

/** The declared name that a key begins with. */
export function nameIn(key: string): string {
  const slash = key.indexOf('/')
  return slash < 0 ? key : key.slice(0, slash)
}

/** Optional when nothing is needed, required otherwise. */
export type Needed<K extends string, T> = {} extends T ? { readonly [_ in K]?: T } : { readonly [_ in K]: T }
