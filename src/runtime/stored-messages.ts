import type { Change } from '../stores/store.ts'
import type { Envelope } from './envelope.ts'
import { messagePlace, remove } from './rows.ts'

/** The messages for one engine of which rows are stored, or are to be. */
export class StoredMessages {
  readonly engine: string
  /** Whether a message of that name has sensitive fields, so that it must not be stored. */
  readonly isSensitive: (message: string) => boolean
  readonly #numbers = new Map<Envelope, number>()
  /** Of those that wait for a later life of the engine. */
  readonly #left = new Set<number>()

  constructor(engine: string, isSensitive: (message: string) => boolean) {
    this.engine = engine
    this.isSensitive = isSensitive
  }

  /** The numbers of those that are told of in this life. */
  get numbers(): ReadonlySet<number> {
    return new Set(this.#numbers.values())
  }

  /** Remembers the number of a message of which a row is, or is to be, stored. */
  hold(envelope: Envelope, id: number): void {
    this.#numbers.set(envelope, id)
    this.#left.delete(id)
  }

  has(envelope: Envelope): boolean {
    return this.#numbers.has(envelope)
  }

  /** Leaves the row of a message to a later life of the engine. */
  leave(envelope: Envelope): void {
    const id = this.#numbers.get(envelope)
    if (id === undefined) return
    this.#numbers.delete(envelope)
    this.#left.add(id)
  }

  /** Removes the row of a message that was handled, or never will be, if there is one. */
  release(envelope: Envelope): readonly Change[] {
    const id = this.#numbers.get(envelope)
    if (id === undefined) return []
    this.#numbers.delete(envelope)
    return [remove(this.engine, ...messagePlace(id))]
  }

  /** Removes all of them. */
  empty(): readonly Change[] {
    const changes = [...this.#numbers.values(), ...this.#left].map(id => remove(this.engine, ...messagePlace(id)))
    this.#numbers.clear()
    this.#left.clear()
    return changes
  }

  /** Goes on with what another held for the same engine. */
  adopt(other: StoredMessages): void {
    for (const [envelope, id] of other.#numbers) this.hold(envelope, id)
    for (const id of other.#left) if (!this.numbers.has(id)) this.#left.add(id)
  }
}
