import type { EngineID } from '../core/engine-id.ts'
import type { MessageEntry } from '../core/engine.ts'
import type { FailureCode } from '../core/errors.ts'
import type { Principal } from './envelope.ts'
import type { Asker, FarAsker, Pending } from './pending.ts'

/** Carries the answer to one request back to the node it came from. */
export interface AnswerCarrier {
  carryReply(to: RemoteAsker, from: EngineID, response: unknown, entry: MessageEntry | undefined): void
  carryFailure(to: RemoteAsker, failure: FailureCode): void
  forgetRequest(pending: Pending): void
}

/** Whoever asked from another node. */
export class RemoteAsker implements Asker, FarAsker {
  readonly principal: Principal
  readonly key = ''
  readonly engine = undefined
  /** The asker's own number for the request, and the boot epoch of its node then. */
  readonly id: number
  readonly boot: string
  readonly #carrier: AnswerCarrier

  constructor(principal: Principal, id: number, boot: string, carrier: AnswerCarrier) {
    this.principal = principal
    this.id = id
    this.boot = boot
    this.#carrier = carrier
  }

  get far(): FarAsker {
    return this
  }

  replied(from: EngineID, response: unknown, entry: MessageEntry | undefined): void {
    this.#carrier.carryReply(this, from, response, entry)
  }

  unanswered(code: FailureCode): void {
    // The asker has a clock of its own, and goes by that.
    if (code === 'deadline') return
    // From outside of the node, an engine that one is no acquaintance of is as good as none.
    this.#carrier.carryFailure(this, code === 'not-acquainted' ? 'stopped' : code)
  }

  closed(pending: Pending): void {
    this.#carrier.forgetRequest(pending)
  }
}
