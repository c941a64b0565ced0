import type { Moment } from '../core/clock.ts'
import type { EngineID } from '../core/engine-id.ts'
import type { MessageEntry } from '../core/engine.ts'
import type { FailureCode } from '../core/errors.ts'
import { UNSET } from './deadlines.ts'
import type { Deadline, DurationList } from './deadlines.ts'
import type { EngineInstance } from './instance.ts'
import type { Principal } from './envelope.ts'

/**
 * A request that is owed an answer. It is answered exactly once: by the reply of its responder, or by a failure (its
 * deadline, the end of the responder, a full mailbox). Whoever closes it first wins; anything later is a dead letter.
 */
export class Pending implements Deadline {
  // What every deadline has. Not inherited: to run two constructors for each request costs more than four lines.
  start: Moment = UNSET
  list: DurationList | undefined = undefined
  earlier: Deadline | undefined = undefined
  later: Deadline | undefined = undefined
  readonly id: number
  readonly asker: Asker
  /** The engine that may answer: the one asked, or whoever it was forwarded to. */
  responder: EngineInstance | undefined = undefined
  /** The request as its protocol declares it, known once it was accepted. */
  entry: MessageEntry | undefined = undefined
  isOpen = true
  /** Whether its engine will answer it in a later step than the one that handled it. */
  isAwaited = false
  /** While another node owes the answer: what waits for that node, by id. */
  away: Map<number, Pending> | undefined = undefined
  /** Neighbours in the responder's list of what it owes. */
  previousOwed: Pending | undefined = undefined
  nextOwed: Pending | undefined = undefined

  readonly #onDeadline: (pending: Pending) => void

  constructor(id: number, asker: Asker, onDeadline: (pending: Pending) => void) {
    this.id = id
    this.asker = asker
    this.#onDeadline = onDeadline
  }

  elapse(): void {
    this.#onDeadline(this)
  }

  /** Makes `responder` the one that owes the answer, and whose end would fail it. */
  owe(responder: EngineInstance): void {
    this.responder = responder
    this.nextOwed = responder.owed
    if (responder.owed !== undefined) responder.owed.previousOwed = this
    responder.owed = this
  }

  disown(): void {
    const { responder, previousOwed, nextOwed } = this
    if (responder === undefined) return
    if (previousOwed === undefined) responder.owed = nextOwed
    else previousOwed.nextOwed = nextOwed
    if (nextOwed !== undefined) nextOwed.previousOwed = previousOwed
    this.responder = this.previousOwed = this.nextOwed = undefined
  }
}

/** Who waits for an answer. */
export interface Asker {
  readonly principal: Principal
  /** An engine's key for its request, and the engine; a client's ask has neither. */
  readonly key: string
  readonly engine: EngineInstance | undefined
  /** For one on another node: what carries the answer there. */
  readonly far?: FarAsker
  /** Told at once, for a client's ask; an engine learns of it in its own time, from its mailbox. */
  answered?(response: unknown): void
  failed?(code: FailureCode, detail: string): void
}

/** Carries what becomes of a request to who asked on another node. */
export interface FarAsker {
  replied(from: EngineID, response: unknown, entry: MessageEntry | undefined): void
  unanswered(code: FailureCode): void
  /** The request has come to an end, whatever it is. */
  closed(pending: Pending): void
}
