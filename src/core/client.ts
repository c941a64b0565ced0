import type { EngineID, EngineRef } from './engine-id.ts'
import type { Refusal } from './errors.ts'
import type { MessageOf, NoMore, Protocol, RequestOf, SuccessOf } from './protocol.ts'
import type { BoundaryCode } from './schema.ts'

export interface AskOptions {
  /** Milliseconds until the ask fails with `deadline`; the node's `askDeadline` unless told. At 0 or less it fails at once. */
  readonly deadline?: number
  /** Fails the ask with `aborted`. The engine is not told: what it does with the request stands. */
  readonly signal?: AbortSignal
}

/** Host code as a sender: a principal with an EngineID, like any engine. Bytes are copied on the way in and out. */
export interface Client {
  readonly id: EngineID
  /** Sends. Throws `invalid-message`; what cannot be delivered is a dead letter. */
  tell<P extends Protocol>(to: EngineRef<P>, message: MessageOf<NoInfer<P>>): void
  /** Asks. Resolves with the response when it succeeded; rejects with {@link Refused} when it has `err`, else with {@link Failed}. */
  ask<P extends Protocol, const R extends RequestOf<P>>(
    to: EngineRef<P>, request: R & NoMore<P, R>, options?: AskOptions): Promise<SuccessOf<P, R>>
  /** Asks, and resolves with the response as it is. */
  askRaw<P extends Protocol, const R extends RequestOf<P>>(
    to: EngineRef<P>, request: R & NoMore<P, R>, options?: AskOptions): Promise<SuccessOf<P, R> | Refusal<P['codes'] | BoundaryCode>>
  /** Fails its open asks with `aborted`. The name may be opened again, and is the same principal then. */
  close(): void
}
