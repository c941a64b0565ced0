import type * as z from 'zod'
import { engineIDOf } from './engine-id.ts'
import type { EngineID, EngineRef } from './engine-id.ts'
import type { Engine } from './engine.ts'
import type { AsksOf, Family, MailboxStateOf, NameIn, Needed, ServicesOf, TasksOf, TimersOf } from './family.ts'
import type { MessageOf, NoMore, Protocol, RequestName, RequestOf, ResponseOf } from './protocol.ts'
import type { MailboxID, ReplyTo } from './trigger.ts'
import type { Supervision } from './supervision.ts'

declare const phantom: unique symbol

// ── what an action returns ───────────────────────────────────────────────────────────────────────────────────────
// Effects are data. All of a step's are checked before any is carried out; then environment and mailboxes change, engines are
// spawned, grants and revokes apply, messages leave, watches, timers and tasks start, and `stop` comes last.

/** Replaces the environment; the actions after this one see the new one. */
export interface Update<out E> { readonly effect: 'update'; readonly environment: E }
/** Answers the request being handled, with its success or a refusal. A second answer in one step crashes it. */
export interface Reply<out R> { readonly effect: 'reply'; readonly response: R }
/** An effect that any rule may have, beside what becomes of its request. */
export interface Plain { readonly effect: 'late-reply' | 'send' | 'grant' | 'revoke' | 'watch' | 'release' | 'emit' | 'stop' }
/** What may become of a request beside a reply, a task or a request of ours: it is passed on, put off, or kept for later. */
export interface Settling<out E extends 'forward' | 'defer' | 'keep' = 'forward' | 'defer' | 'keep'> { readonly effect: E }
/** Replaces what is kept with a mailbox. */
export interface MailboxUpdate<out S> { readonly effect: 'update-mailbox'; readonly state: S }
/** A request of ours whose key begins with the declared name `K`, and whose response is `R`. */
export interface Requested<K extends string, out R> { readonly effect: 'request'; readonly name: K; readonly [phantom]: R }
/** A child to be. Its family's services `S` must be among those of its parent. */
export interface Spawned<in S> { readonly effect: 'spawn'; readonly [phantom]: (services: S) => void }
/** Sets or cancels a timer whose handle begins with the declared name `H`. */
export interface Timed<H extends string> { readonly effect: 'timer' | 'cancel'; readonly name: H }
/** Starts the declared task `N` with input `I`. */
export interface Started<N extends string, out I> { readonly effect: 'task'; readonly task: N; readonly input: I }
type StartOf<T> = { [N in keyof T & string]: T[N] extends (input: infer I) => unknown ? Started<N, I> : never }[keyof T & string]
type RequestedOf<A> = { [K in keyof A & string]: A[K] extends { readonly response: infer R } ? Requested<K, R> : never }[keyof A & string]
/** What may become of a request that is not replied to in its step: forward, keep, a task or a request of ours. */
export type Settlement<F extends Family> = Settling | StartOf<TasksOf<F>> | RequestedOf<AsksOf<F>>
/**
 * What an action of the family may return. One that is not valid crashes the step: `invalid-effect`, `not-encodable`, or
 * `invalid-argument` for the config of a child.
 */
export type Effect<F extends Family> =
  Settlement<F> | Update<F['environment']> | MailboxUpdate<MailboxStateOf<F>> | Plain | Spawned<ServicesOf<F>> | Timed<TimersOf<F>>

/** The next environment, whole. */
export function update<E>(environment: NoInfer<E>): Update<E> {
  return { effect: 'update', environment }
}

/** Replaces what the family keeps with one of its mailboxes; triggers of the steps after this one carry it. */
export function updateMailbox<S>(mailbox: MailboxID, state: S): MailboxUpdate<S> {
  const effect = { effect: 'update-mailbox', mailbox, state } as const
  return effect
}

/** Which of the target's mailboxes a message goes to: 0 unless told. */
export interface Posting {
  readonly mailbox?: MailboxID
}

/** Sends a message. FIFO for one sender, target and mailbox; at most once; what cannot be delivered is a dead letter. */
export function send<P extends Protocol>(to: EngineRef<P>, message: MessageOf<NoInfer<P>>, posting?: Posting): Plain
export function send(to: EngineID, msg: object, posting?: Posting): object {
  return { effect: 'send', to, msg, mailbox: posting?.mailbox }
}

/** Answers the request being handled; with `to`, one that was kept. */
export function reply<R>(response: NoInfer<R>): Reply<R>
export function reply<R>(response: NoInfer<R>, late: { readonly to: ReplyTo<R> }): Plain
export function reply(response: object, late?: { readonly to: object }): object {
  return late === undefined ? { effect: 'reply', response } : { effect: 'late-reply', response, to: late.to }
}

/** Passes the request being handled on: sender, id and deadline stay, and only the engine it went to may answer. */
export function forward<P extends Protocol, N extends RequestName<P>>(
  asked: { readonly msg: MessageOf<P, N>; readonly replyTo: ReplyTo<ResponseOf<P, N>> }, to: EngineRef<P>, posting?: Posting): Settling<'forward'>
export function forward(_asked: object, to: EngineID, posting?: Posting): object {
  return { effect: 'forward', to, mailbox: posting?.mailbox }
}

/**
 * Puts the message being handled off: it waits, under that key, until it is released, and counts toward its mailbox's capacity meanwhile.
 * The only effect of its step, since nothing was handled.
 */
export function defer(key: string): Settling<'defer'>
export function defer(key: string): object {
  return { effect: 'defer', key }
}

/**
 * Lets what was deferred under that key wait for its turn again: each in its own mailbox, in the order of arrival, before all that
 * arrived later. Without such, it does nothing.
 */
export function release(key: string): Plain
export function release(key: string): object {
  return { effect: 'release', key }
}

/** Says that the request is answered later, from what the environment keeps. */
export function keep(to: ReplyTo<never>): Settling<'keep'>
export function keep(to: object): object {
  return { effect: 'keep', to }
}

/**
 * Asks another engine. Answered exactly once by the trigger of that key, within `deadline` milliseconds (the node's
 * `askDeadline` unless told). A key is in use until then.
 */
export function request<P extends Protocol, const R extends RequestOf<P>, K extends string>(
  to: EngineRef<P>, message: R & NoMore<P, R>, options: { readonly key: K; readonly deadline?: number } & Posting,
): Requested<NameIn<K>, ResponseOf<P, R['type'] & RequestName<P>>>
export function request(to: EngineID, msg: object, options: { readonly key: string; readonly deadline?: number } & Posting): object {
  return { effect: 'request', to, msg, ...options }
}

/** Starts a declared task. A key is in use until its outcome. Without `deadline` (milliseconds) the task may take forever. */
export function task<N extends string, I>(name: N, input: I, options: { readonly key: string; readonly deadline?: number }): Started<N, I>
export function task(name: string, input: unknown, options: { readonly key: string; readonly deadline?: number }): object {
  return { effect: 'task', task: name, input, ...options }
}

/**
 * Spawns an engine of a family listed in `children`, as a name made by {@link child}. It inherits this engine's services.
 * `supervision` says for this child what is to be otherwise than in the definition of this engine's family.
 */
export function spawn<F extends Family>(
  engine: Engine<F>, options: { readonly as: EngineRef<F['protocol']>; readonly supervision?: Supervision } & Needed<'config', z.input<F['config']>>,
): Spawned<ServicesOf<F>>
export function spawn(engine: { readonly id: string }, options: { readonly as: EngineID; readonly config?: unknown; readonly supervision?: Supervision }): object {
  return { effect: 'spawn', family: engine.id, ...options }
}

/** The name `parent/n`. Children are numbered by their parent, in its environment: ever higher, none used twice. */
export function child<F extends Family>(engine: Engine<F>, parent: EngineID, n: number): EngineRef<F['protocol']>
export function child(_engine: object, parent: EngineID, n: number): EngineID {
  return engineIDOf(parent.node, `${parent.name}/${n}`)
}

/** Makes `acquaintance` one from whom our child accepts messages. */
export function grant(child: EngineID, acquaintance: EngineID): Plain
export function grant(child: EngineID, acquaintance: EngineID): object {
  return { effect: 'grant', child, acquaintance }
}

/** Takes a grant back, for messages that already wait too. */
export function revoke(child: EngineID, acquaintance: EngineID): Plain
export function revoke(child: EngineID, acquaintance: EngineID): object {
  return { effect: 'revoke', child, acquaintance }
}

/** Asks to be told, once, when that engine ends; at once if it has. The family needs a rule for `terminated`. */
export function watch(engine: EngineID): Plain
export function watch(engine: EngineID): object {
  return { effect: 'watch', engine }
}

/** Tells observers, and nobody else: `{ kind: 'emitted', event }`. What it holds is shown as it is, so no secrets. */
export function emit(event: object): Plain
export function emit(event: object): object {
  return { effect: 'emit', event }
}

/** Stops a child; without one, this engine. Its own children stop first. */
export function stop(child?: EngineID): Plain
export function stop(child?: EngineID): object {
  return child === undefined ? { effect: 'stop' } : { effect: 'stop', child }
}

/**
 * What becomes of ticks that fell due while nobody could be told: the process was down, it stood still, or the engine had not handled the tick before.
 * `fire-once`: one tick stands for all of them. `skip`: none does. `catch-up`: each is told, one after the other.
 */
export type MissedTicks = 'fire-once' | 'skip' | 'catch-up'

/** When a timer runs out; times are in milliseconds. */
export interface TimerOptions {
  /** From now. */
  readonly after: number
  /** How long after that it runs out again, and again. Unless told, it runs out once. */
  readonly every?: number
  /** `fire-once` unless told. A timer that runs out once does so late, or with `skip` not at all, if the process was down then. */
  readonly missed?: MissedTicks
}

/** Sets the timer of that handle to run out; one that is running is set anew. A durable engine's outlasts the process, and no crash of the engine. */
export function timer<K extends string>(handle: K, options: TimerOptions): Timed<NameIn<K>>
export function timer(handle: string, { after, every, missed }: TimerOptions): object {
  return { effect: 'timer', handle, after, every, missed }
}

/** Ends a timer. After this step it will not be heard of, even if it had run out already. */
export function cancel<K extends string>(handle: K): Timed<NameIn<K>>
export function cancel(handle: string): object {
  return { effect: 'cancel', handle }
}
