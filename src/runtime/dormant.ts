import { MAILBOX_CAPACITY } from '../core/mailbox.ts'
import type { Envelope } from './envelope.ts'
import { StoredMessages } from './stored-messages.ts'

/** A durable engine of the host that is not there now and can be resumed: what it is told waits for it in the store. */
export class DormantRoot {
  readonly messages: StoredMessages
  /** What was told to it, in order. */
  readonly waiting: Envelope[] = []

  constructor(messages: StoredMessages) {
    this.messages = messages
  }

  /** Takes a message of which a row is stored, unless as many wait as an engine's mailbox would hold. */
  keep(envelope: Envelope): boolean {
    if (this.waiting.length >= MAILBOX_CAPACITY) return false
    this.waiting.push(envelope)
    return true
  }
}

/** All of them, by name. */
export class DormantRoots {
  readonly #roots = new Map<string, DormantRoot>()

  get queued(): number {
    let queued = 0
    for (const { waiting } of this.#roots.values()) queued += waiting.length
    return queued
  }

  get(name: string): DormantRoot | undefined {
    return this.#roots.get(name)
  }

  /** One that an earlier life of the node had. */
  find(name: string, sensitive: readonly string[]): void {
    const names = new Set(sensitive)
    this.sleep(new StoredMessages(name, message => names.has(message)))
  }

  /** One that has ended for now. */
  sleep(messages: StoredMessages): void {
    this.#roots.set(messages.engine, new DormantRoot(messages))
  }

  /** One that is there again. */
  wake(name: string): DormantRoot | undefined {
    const root = this.#roots.get(name)
    this.#roots.delete(name)
    return root
  }
}
