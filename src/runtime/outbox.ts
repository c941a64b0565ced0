import type { EngineID } from '../core/engine-id.ts'
import type { MessageEntry } from '../core/engine.ts'
import type { Envelope } from './envelope.ts'
import type { Item } from './frames.ts'
import type { RemoteAsker } from './remote-asker.ts'
import type { Watch } from './watches.ts'

/** What waits for a link to another node. */
export type Outgoing =
  | { readonly kind: 'message'; readonly envelope: Envelope }
  | { readonly kind: 'reply'; readonly to: RemoteAsker; readonly from: EngineID; readonly response: unknown; readonly entry: MessageEntry | undefined }
  | { readonly kind: 'watch'; readonly watch: Watch }
  /** What nobody misses when it can't be sent: the other node finds out by the loss of the link. */
  | { readonly kind: 'notice'; readonly item: Item & { readonly kind: 'failure' | 'unwatch' | 'terminated' } }

/** A FIFO of what waits, messages counted. */
export class Outbox {
  #entries: Outgoing[] = []
  #messages = 0

  get isEmpty(): boolean {
    return this.#entries.length === 0
  }

  /** How many messages wait; watches and notices are none. */
  get messages(): number {
    return this.#messages
  }

  /** How many watches and notices wait. */
  get notices(): number {
    return this.#entries.length - this.#messages
  }

  push(entry: Outgoing): void {
    this.#entries.push(entry)
    if (isMessage(entry)) this.#messages++
  }

  /** The entry after so many others. */
  at(index: number): Outgoing | undefined {
    return this.#entries[index]
  }

  /** Takes the first so many. */
  take(count: number): void {
    for (const entry of this.#entries.splice(0, count)) if (isMessage(entry)) this.#messages--
  }

  *[Symbol.iterator](): Generator<Outgoing> {
    yield* this.#entries
  }

  /** Takes all. */
  empty(): readonly Outgoing[] {
    const entries = this.#entries
    this.#entries = []
    this.#messages = 0
    return entries
  }
}

export function isMessage({ kind }: Outgoing): boolean {
  return kind === 'message' || kind === 'reply'
}
