import { Heap } from '../core/heap.ts'
import { MAILBOX_LIMIT } from '../core/mailbox.ts'
import type { MailboxDefinition } from '../core/mailbox.ts'
import type { MailboxID } from '../core/trigger.ts'
import { Queue } from './envelope.ts'
import type { Envelope, Item } from './envelope.ts'

/** One mailbox: what waits in it in order of arrival, and what was deferred. */
export class Mailbox extends Queue {
  /** How many messages wait or are deferred: what counts toward its capacity. Replies and signals don't. */
  held = 0
  /** Made when the first message is deferred. */
  #aside: Aside | undefined = undefined

  get isEmpty(): boolean {
    return this.first === undefined && (this.#aside === undefined || this.#aside.released.size === 0)
  }

  get deferred(): number {
    return this.#aside === undefined ? 0 : this.#aside.count
  }

  /** What is next: what was deferred and released came before all that still waits. */
  take(): Item | undefined {
    const item = this.#aside?.released.shift() ?? this.shift()
    if (item !== undefined && item.kind === 'message') this.held--
    return item
  }

  /** Puts a message off that was taken. */
  defer(key: string, envelope: Envelope): void {
    this.held++
    this.#aside ??= new Aside()
    this.#aside.defer(key, envelope)
  }

  /** Answers how many messages wait again. */
  release(key: string): number {
    return this.#aside === undefined ? 0 : this.#aside.release(key)
  }

  /** Takes out the message that came first of all that wait or are deferred. */
  dropOldest(): Envelope | undefined {
    const envelope = this.#aside?.takeOldest() ?? this.shiftMessage()
    if (envelope !== undefined) this.held--
    return envelope
  }

  /** Empties it, of what is deferred too. */
  *takeAll(): Generator<Item> {
    if (this.#aside !== undefined) yield* this.#aside
    this.#aside = undefined
    for (let item = this.shift(); item !== undefined; item = this.shift()) yield item
    this.held = 0
  }

  /** All that waits, deferred or not: those that were deferred first, both in order of arrival. */
  override *[Symbol.iterator](): Generator<Item> {
    if (this.#aside !== undefined) yield* this.#aside
    yield* super[Symbol.iterator]()
  }
}

/**
 * What was deferred in a mailbox: by key, and what was released again. All of it came before anything in the queue, since the queue is
 * taken in order; and the order in which messages are first deferred is that of their arrival.
 */
class Aside {
  readonly released = new Heap<Envelope>(isEarlier)
  count = 0
  readonly #byKey = new Map<string, Heap<Envelope>>()
  #lastPlace = 0

  defer(key: string, envelope: Envelope): void {
    if (envelope.place === 0) envelope.place = ++this.#lastPlace
    let deferred = this.#byKey.get(key)
    if (deferred === undefined) this.#byKey.set(key, deferred = new Heap(isEarlier))
    deferred.push(envelope)
    this.count++
  }

  release(key: string): number {
    const deferred = this.#byKey.get(key)
    if (deferred === undefined) return 0
    this.#byKey.delete(key)
    this.count -= deferred.size
    for (const envelope of deferred) this.released.push(envelope)
    return deferred.size
  }

  takeOldest(): Envelope | undefined {
    let oldest = this.released
    let oldestKey: string | undefined
    for (const [key, deferred] of this.#byKey) {
      if (deferred.first !== undefined && (oldest.first === undefined || isEarlier(deferred.first, oldest.first))) {
        oldest = deferred
        oldestKey = key
      }
    }
    const envelope = oldest.shift()
    if (oldestKey !== undefined) {
      this.count--
      if (oldest.size === 0) this.#byKey.delete(oldestKey)
    }
    return envelope
  }

  [Symbol.iterator](): Iterator<Envelope> {
    const all = [...this.released]
    for (const deferred of this.#byKey.values()) all.push(...deferred)
    return all.toSorted((a, b) => a.place - b.place)[Symbol.iterator]()
  }
}

function isEarlier(a: Envelope, b: Envelope): boolean {
  return a.place < b.place
}

/** The mailboxes of an engine that has several: which is next is decided by priority, and by how long each was passed over. */
export class MailboxCluster {
  readonly #mailboxes: (Mailbox | undefined)[]
  readonly #definitions: readonly (MailboxDefinition | undefined)[]
  /** How many steps in a row each was passed over while something waited there. */
  readonly #passed: number[]

  constructor(definitions: readonly (MailboxDefinition | undefined)[], mailbox: Mailbox) {
    this.#definitions = definitions
    this.#mailboxes = definitions.map((definition, id) => id === 0 ? mailbox : definition && new Mailbox())
    this.#passed = definitions.map(() => 0)
  }

  get(id: MailboxID): Mailbox | undefined {
    return this.#mailboxes[id]
  }

  get isEmpty(): boolean {
    return this.#mailboxes.every(mailbox => mailbox === undefined || mailbox.isEmpty)
  }

  take(): Item | undefined {
    const next = this.#next()
    if (next === undefined) return undefined
    this.passOver(next)
    return this.#mailboxes[next]?.take()
  }

  /** Counts a step that is for that mailbox; without one, for none of them. */
  passOver(next?: MailboxID): void {
    this.#mailboxes.forEach((mailbox, id) => {
      this.#passed[id] = id === next || mailbox === undefined || mailbox.isEmpty ? 0 : this.#passedOver(id) + 1
    })
  }

  /**
   * The highest priority, the longest passed over of those; unless one was passed over so often that it and all others that wait beside
   * the highest could no longer have their steps one after the other without the last of them waiting for more than sixteen.
   */
  #next(): MailboxID | undefined {
    let count = 0
    let highest: MailboxID | undefined
    let longest: MailboxID | undefined
    this.#mailboxes.forEach((mailbox, id) => {
      if (mailbox === undefined || mailbox.isEmpty) return
      count++
      if (longest === undefined || this.#passedOver(id) > this.#passedOver(longest)) longest = id
      if (highest === undefined || this.#priority(id) > this.#priority(highest)
        || (this.#priority(id) === this.#priority(highest) && this.#passedOver(id) > this.#passedOver(highest))) highest = id
    })
    return longest !== undefined && this.#passedOver(longest) >= MAILBOX_LIMIT - (count - 1) ? longest : highest
  }

  #passedOver(id: MailboxID): number {
    return this.#passed[id] ?? 0
  }

  #priority(id: MailboxID): number {
    return this.#definitions[id]?.priority ?? 0
  }

  [Symbol.iterator](): Iterator<Mailbox> {
    return this.#mailboxes.filter(mailbox => mailbox !== undefined)[Symbol.iterator]()
  }
}
