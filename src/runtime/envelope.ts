import type { EngineID } from '../core/engine-id.ts'
import type { MessageEntry } from '../core/engine.ts'
import type { FailureCode } from '../core/errors.ts'
import type { EndReason, MailboxID } from '../core/trigger.ts'
import type { Pending } from './pending.ts'
import type { TaskRun } from './tasks.ts'
import type { Elapsing } from './timers.ts'

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
  readonly target: EngineID
  readonly mailbox: MailboxID
  readonly msg: unknown
  readonly pending: Pending | undefined
  /** The message as its target's protocol declares it, known once it was accepted. */
  entry: MessageEntry | undefined = undefined
  next: Item | undefined = undefined
  /** Its place among all that were ever deferred in its mailbox; 0 if it never was. */
  place = 0

  constructor(
    kind: 'message' | 'reply', sender: EngineID, from: Principal, target: EngineID, mailbox: MailboxID, msg: unknown, pending: Pending | undefined) {
    this.kind = kind
    this.sender = sender
    this.from = from
    this.target = target
    this.mailbox = mailbox
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
  /** Tasks that the last life of its node had under way. */
  | { readonly on: 'resumed'; readonly runs: readonly TaskRun[] }
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
  first: Item | undefined = undefined
  #last: Item | undefined = undefined

  push(item: Item): void {
    if (this.#last === undefined) this.first = item
    else this.#last.next = item
    this.#last = item
  }

  /** Puts an item before all others. */
  unshift(item: Item): void {
    item.next = this.first
    this.first = item
    this.#last ??= item
  }

  shift(): Item | undefined {
    const item = this.first
    if (item === undefined) return undefined
    this.first = item.next
    if (item.next === undefined) this.#last = undefined
    else item.next = undefined
    return item
  }

  /** Takes out the first message, past signals and replies, which stay. O(number of those). */
  shiftMessage(): Envelope | undefined {
    let before: Item | undefined
    for (let item = this.first; item !== undefined; before = item, item = item.next) {
      if (item.kind !== 'message') continue
      if (before === undefined) this.first = item.next
      else before.next = item.next
      if (item.next === undefined) this.#last = before
      item.next = undefined
      return item
    }
    return undefined
  }

  /** Drops the items for which `keep` answers false. */
  retain(keep: (item: Item) => boolean): void {
    let item = this.first
    this.first = this.#last = undefined
    while (item !== undefined) {
      const { next } = item
      item.next = undefined
      if (keep(item)) this.push(item)
      item = next
    }
  }

  *[Symbol.iterator](): Generator<Item> {
    for (let item = this.first; item !== undefined; item = item.next) yield item
  }
}

/** The `type` of a message; "" for what has none. Throws nothing, whatever a message may be: commits rely on it. */
export function nameOf(msg: unknown): string {
  if (typeof msg !== 'object' || msg === null) return ''
  try {
    const { type }: { readonly type?: unknown } = msg
    return typeof type === 'string' ? type : ''
  } catch {
    return ''
  }
}
