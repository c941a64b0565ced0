import type { EngineID, EngineRef } from './engine-id.ts'
import type { FailureCode } from './errors.ts'
import type { AsksOf, Family, Key, TasksOf } from './family.ts'
import type { MessageName, MessageOf, Protocol, RequestName, ResponseOf } from './protocol.ts'

declare const phantom: unique symbol

/** What every trigger carries: the engine's own EngineID, and the time in milliseconds since the Unix epoch. */
export interface Trigger<P> {
  readonly self: EngineRef<P>
  readonly time: number
}

/** The right to answer one request, for the engine that was asked. Data: it may wait in an environment or in a task's input. */
export interface ReplyTo<in R> {
  readonly sender: EngineID
  readonly id: number
  readonly [phantom]: (response: R) => void
}

/** The number of a mailbox, 0 to 15. */
export type MailboxID = number

/** A message. `sender` is what the runtime says, whatever the message says. */
export interface Told<P extends Protocol, N extends MessageName<P>, S = unknown> extends Trigger<P> {
  readonly sender: EngineID
  readonly msg: MessageOf<P, N>
  /** The mailbox it came in, and what the family keeps with that mailbox. */
  readonly mailbox: MailboxID
  readonly mailboxState: S | undefined
}

/** A request: a message that is owed one answer. */
export interface Asked<P extends Protocol, N extends RequestName<P>, S = unknown> extends Told<P, N, S> {
  readonly replyTo: ReplyTo<ResponseOf<P, N>>
}

export type InputOf<F, N> = N extends keyof TasksOf<F> ? (TasksOf<F>[N] extends (input: infer I) => unknown ? I : never) : never
export type OutputOf<F, N> = N extends keyof TasksOf<F> ? (TasksOf<F>[N] extends (input: never) => infer O ? O : never) : never

/** The handler answered with `output`. `key` and `input` are those the task was started with. */
export interface Done<F extends Family, N> extends Trigger<F['protocol']> {
  readonly outcome: 'done'
  readonly key: string
  readonly input: InputOf<F, N>
  readonly output: OutputOf<F, N>
}

/**
 * `failed`: the handler threw, or answered with what is no data; `deadline`: it did not answer in time; `lost`: a restart found no
 * trace of it.
 */
export interface NotDone<F extends Family, N> extends Trigger<F['protocol']> {
  readonly outcome: 'failed' | 'deadline' | 'lost'
  readonly key: string
  readonly input: InputOf<F, N>
  /** What the handler's error said. For an error that is not of this library it may say anything: think before showing it. */
  readonly reason: string
  /** The error's code, when it was an error of this library. */
  readonly code?: string
}
/** A task came to its end: exactly once for each task started, unless the engine ends or restarts first. */
export type Outcome<F extends Family, N> = Done<F, N> | NotDone<F, N>

interface Replied<P, K extends string, R> extends Trigger<P> {
  readonly key: Key<K>
  readonly reply: R
  readonly failure?: never
}
interface Unreplied<P, K extends string> extends Trigger<P> {
  readonly key: Key<K>
  readonly reply?: never
  readonly failure: FailureCode
}
/** A request of ours came to its end: exactly once for each, unless the engine ends or restarts first. */
export type Answered<P, K extends string, R> = Replied<P, K, R> | Unreplied<P, K>
export type AnsweredBy<F extends Family, K extends keyof AsksOf<F>> =
  AsksOf<F>[K] extends { readonly response: infer R } ? Answered<F['protocol'], K & string, R> : never

/** A timer of ours ran out. */
export interface Elapsed<P, H extends string> extends Trigger<P> {
  readonly handle: Key<H>
}

/** Why an engine ended. */
export type EndReason = 'stopped' | 'crashed' | 'start-failed' | 'unreachable'

/** An engine that we watch ended for good: a restart is no end. */
export interface Terminated<P> extends Trigger<P> {
  readonly engine: EngineID
  readonly reason: EndReason
}
