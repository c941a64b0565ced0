import type { EngineID } from '../core/engine-id.ts'
import type { MessageEntry } from '../core/engine.ts'
import type { Envelope } from './envelope.ts'
import type { Item } from './frames.ts'
import type { RemoteAsker } from './remote-asker.ts'
import type { Watch } from './watches.ts'

/** What waits for a link to another node. */
export type Outgoing =
  /** A message that is stored until the other node has acknowledged it. */
  | Stored
  | { readonly kind: 'message'; readonly envelope: Envelope }
  | { readonly kind: 'reply'; readonly to: RemoteAsker; readonly from: EngineID; readonly response: unknown; readonly entry: MessageEntry | undefined }
  | { readonly kind: 'watch'; readonly watch: Watch }
  /** What nobody misses when it can't be sent: the other node finds out by the loss of the link. */
  | { readonly kind: 'notice'; readonly item: Item & { readonly kind: 'failure' | 'unwatch' | 'terminated' } }

interface Stored {
  readonly kind: 'stored'
  readonly n: number
  readonly envelope: Envelope
}

/** So many stored messages may be on their way, at most. */
const WINDOW = 4096

/** A FIFO of what waits, messages counted. What is stored stays until it is acknowledged. */
export class Outbox {
  #entries: Outgoing[] = []
  /** What is stored and was sent by the link that there is. */
  #underWay: Stored[] = []
  #messages = 0
  #stored = 0
  /** The highest number of a stored message that may ever have been sent. */
  #sentUpTo = 0

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  /** How many stored messages are not acknowledged. */
  get stored(): number {
    return this.#stored
  }

  /** Whether something waits that is not stored: it is sent once at most. */
  get isPressing(): boolean {
    return this.#entries.length > this.#stored - this.#underWay.length
  }

  /** Whether what is next has to wait until the other node has acknowledged some of what is under way. */
  get isHeldUp(): boolean {
    return this.#entries[0]?.kind === 'stored' && this.#underWay.length >= WINDOW
  }

  /** How many messages wait that are not stored; watches and notices are none. */
  get messages(): number {
    return this.#messages
  }

  /** How many watches and notices wait. */
  get notices(): number {
    return this.#entries.length - this.#messages - (this.#stored - this.#underWay.length)
  }

  push(entry: Outgoing): void {
    this.#entries.push(entry)
    if (isMessage(entry)) this.#messages++
    else if (entry.kind === 'stored') this.#stored++
  }

  /** Takes in what an earlier life of this node has stored, and may have sent. */
  pushAgain(n: number, envelope: Envelope): void {
    this.#sentUpTo = Math.max(this.#sentUpTo, n)
    this.push({ kind: 'stored', n, envelope })
  }

  /** The entry after so many others. */
  at(index: number): Outgoing | undefined {
    return this.#entries[index]
  }

  /** Takes the first so many. */
  take(count: number): void {
    for (const entry of this.#entries.splice(0, count)) {
      if (isMessage(entry)) this.#messages--
      if (entry.kind !== 'stored') continue
      this.#underWay.push(entry)
      this.#sentUpTo = Math.max(this.#sentUpTo, entry.n)
    }
  }

  /** Drops what is acknowledged: all that is stored, up to that number. Answers their numbers, or nothing, if some were never sent. */
  acknowledge(n: number): readonly number[] | undefined {
    if (n > this.#sentUpTo) return undefined
    const isDone = (entry: Outgoing) => entry.kind === 'stored' && entry.n <= n
    const left = this.#underWay.findIndex(entry => !isDone(entry))
    const done = this.#underWay.splice(0, left < 0 ? this.#underWay.length : left)
    // It may be ahead of what was sent anew.
    if (left < 0 && n > (done.at(-1)?.n ?? 0)) {
      for (const entry of this.#entries) if (entry.kind === 'stored' && isDone(entry)) done.push(entry)
      this.#entries = this.#entries.filter(entry => !isDone(entry))
    }
    this.#stored -= done.length
    return done.map(entry => entry.n)
  }

  /** The link is lost: what was under way by it goes by the next, before all else. */
  takeBack(): void {
    this.#entries = [...this.#underWay, ...this.#entries]
    this.#underWay = []
  }

  *[Symbol.iterator](): Generator<Outgoing> {
    yield* this.#entries
  }

  /** Takes all that is not stored. */
  empty(): readonly Outgoing[] {
    const entries = this.#entries.filter(({ kind }) => kind !== 'stored')
    this.#entries = this.#entries.filter(({ kind }) => kind === 'stored')
    this.#messages = 0
    return entries
  }
}

export function isMessage({ kind }: Outgoing): boolean {
  return kind === 'message' || kind === 'reply'
}
