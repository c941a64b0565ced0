import type { EngineID } from '../core/engine-id.ts'
import type { Elapsing } from './timers.ts'
import type { Pending } from './pending.ts'
import type { TaskRun } from './tasks.ts'
import type { EndReason } from '../core/trigger.ts'
import type { FailureCode } from '../core/errors.ts'

/** Whoever can send: an engine, a client. Its EngineID is stamped on what it sends. */
export interface Principal {
  readonly id: EngineID
}

/** What waits in a mailbox: a message, or a signal of the runtime. */
export type Item = Envelope | Signal

interface Queued {
  /** The next item of the same mailbox. Each item is in one mailbox at most. */
  next: Item | undefined
}

/** A tell, or a request with its pending answer, or a reply to a request of ours. */
export class Envelope implements Queued {
  readonly kind: 'message' | 'reply'
  /** Stamped by the runtime. */
  readonly sender: EngineID
  /** Who handed it in: the sender, or the engine that forwarded it. Access is decided by this. */
  readonly from: Principal
  readonly msg: unknown
  readonly pending: Pending | undefined
  next: Item | undefined = undefined

  constructor(kind: 'message' | 'reply', sender: EngineID, from: Principal, msg: unknown, pending: Pending | undefined) {
    this.kind = kind
    this.sender = sender
    this.from = from
    this.msg = msg
    this.pending = pending
  }
}

/** What the runtime tells an engine: exempt from capacity and access, and no message, so it is in no count of them. */
export type SignalBody =
  | { readonly on: 'unanswered'; readonly pending: Pending; readonly failure: FailureCode }
  | { readonly on: 'elapsed'; readonly timer: Elapsing }
  | { readonly on: 'outcome'; readonly run: TaskRun }
  | { readonly on: 'started' }
  | { readonly on: 'terminated'; readonly engine: EngineID; readonly reason: EndReason }

export class Signal implements Queued {
  readonly kind = 'signal'
  readonly body: SignalBody
  next: Item | undefined = undefined

  constructor(body: SignalBody) {
    this.body = body
  }
}

/** A FIFO of items, linked through the items themselves: no allocation, O(1) at both ends, nothing held when empty. */
export class Queue {
  #first: Item | undefined
  #last: Item | undefined

  get isEmpty(): boolean {
    return this.#first === undefined
  }

  push(item: Item): void {
    if (this.#last === undefined) this.#first = item
    else this.#last.next = item
    this.#last = item
  }

  /** Puts an item before all others. */
  unshift(item: Item): void {
    item.next = this.#first
    this.#first = item
    this.#last ??= item
  }

  shift(): Item | undefined {
    const item = this.#first
    if (item === undefined) return undefined
    this.#first = item.next
    if (item.next === undefined) this.#last = undefined
    else item.next = undefined
    return item
  }

  *[Symbol.iterator](): Generator<Item> {
    for (let item = this.#first; item !== undefined; item = item.next) yield item
  }
}
