import type { EngineID, EngineRef } from './engine-id.ts'
import type { Refusal } from './errors.ts'
import type { Posting } from './effect.ts'
import type { MessageOf, NoMore, Protocol, RequestOf, SuccessOf } from './protocol.ts'
import type { BoundaryCode } from './schema.ts'

/** What ends an ask that is not answered. */
export interface AskOptions extends Posting {
  /** Milliseconds until the ask fails with `deadline`; the node's `askDeadline` unless told. Finite; at 0 or less it fails at once. */
  readonly deadline?: number
  /** Fails the ask with `aborted`, its reason as `cause`. The engine is not told: what it does with the request stands. */
  readonly signal?: AbortSignal
}

/**
 * Host code as a sender: a principal with an EngineID, like any engine. Messages are copied on the way in and out. Once closed
 * it sends no more: `tell` throws and `ask` rejects with {@link Failed}, `aborted`.
 */
export interface Client {
  /** What engines see as `sender`, and what an acquaintance or a grantee is named by. */
  readonly id: EngineID
  /**
   * Sends. What cannot be delivered is a dead letter. Throws `invalid-message` for one that does not fit the target's protocol,
   * `invalid-argument` for a target that is no EngineID, `not-encodable`, `invalid-definition` (a schema that throws), `node-stopped`.
   */
  tell<P extends Protocol>(to: EngineRef<P>, message: MessageOf<NoInfer<P>>, posting?: Posting): void
  /**
   * Asks. Resolves with the response when it succeeded. Rejects with {@link Refused} when it has `err`; with {@link Failed} when none
   * comes: `aborted`, `crashed`, `deadline`, `mailbox-full`, `not-acquainted`, `stopped`, `unhandled`, `unreachable`; with a
   * {@link Fault}: `invalid-argument` (target, deadline, signal), `not-encodable`, `invalid-definition` (a schema), `node-stopped`.
   */
  ask<P extends Protocol, const R extends RequestOf<P>>(
    to: EngineRef<P>, request: R & NoMore<P, R>, options?: AskOptions): Promise<SuccessOf<P, R>>
  /**
   * Asks, and resolves with the response as it is, a refusal too: the engine's, or the runtime's for a request that does not fit
   * (`malformed`, `too-large`, or the field's own code). Rejects with {@link Failed} and {@link Fault} as `ask` does.
   */
  askRaw<P extends Protocol, const R extends RequestOf<P>>(
    to: EngineRef<P>, request: R & NoMore<P, R>, options?: AskOptions): Promise<SuccessOf<P, R> | Refusal<P['codes'] | BoundaryCode>>
  /** Fails its open asks with `aborted`. The name may be opened again, and is the same principal then. */
  close(): void
}
