import type { Host } from '../core/clock.ts'
import { refuse } from '../core/protocol.ts'
import type { Delivery } from './delivery.ts'
import { dueOf } from './deadlines.ts'
import { ITEM_LIMIT, ITEMS_LIMIT, writeItem } from './frames.ts'
import type { Item } from './frames.ts'
import { isMessage } from './outbox.ts'
import type { Outbox, Outgoing } from './outbox.ts'
import type { Watches } from './watches.ts'

/** A frame of so many bytes takes no further items, though a single one may be longer. */
const COALESCED = 1 << 16

interface PackingParts {
  readonly host: Host
  readonly delivery: Delivery
}

/** Makes frames of what waits in an outbox. */
export class Packing {
  readonly #outbox: Outbox
  readonly #watches: Watches
  readonly #parts: PackingParts

  constructor(outbox: Outbox, watches: Watches, parts: PackingParts) {
    this.#outbox = outbox
    this.#watches = watches
    this.#parts = parts
  }

  /**
   * Takes from the outbox what fits into one frame: how many of it are messages, and the highest number of those that are stored. Nothing, if nothing there is
   * to be sent any more.
   */
  next(): { readonly items: readonly Uint8Array[]; readonly messages: number; readonly stored: number } {
    const items: Uint8Array[] = []
    let size = 0
    let messages = 0
    let stored = 0
    let count = 0
    for (let entry = this.#outbox.at(0); entry !== undefined && items.length < ITEMS_LIMIT && size < COALESCED; entry = this.#outbox.at(++count)) {
      const bytes = this.#write(entry)
      if (bytes === undefined) continue
      if (size + bytes.length > ITEM_LIMIT) break
      items.push(bytes)
      size += bytes.length
      if (isMessage(entry)) messages++
      if (entry.kind === 'stored') stored = entry.n
      if (entry.kind === 'watch') entry.watch.isSent = true
    }
    this.#outbox.take(count)
    return { items, messages, stored }
  }

  /** The bytes of what is to be sent, if it still is and can be. */
  #write(entry: Outgoing): Uint8Array | undefined {
    const item = this.#itemOf(entry)
    if (item === undefined) return undefined
    try {
      const bytes = writeItem(item)
      if (bytes.length <= ITEM_LIMIT) return bytes
      this.#turnBack(entry, 'too-large', `Too large: what one node says to another has at most ${ITEM_LIMIT} bytes`)
    } catch (error) {
      this.#turnBack(entry, 'malformed', 'Malformed request: it holds what cannot travel between nodes', error)
    }
    return undefined
  }

  #itemOf(entry: Outgoing): Item | undefined {
    switch (entry.kind) {
      case 'message': {
        const { envelope } = entry
        const { pending, msg, mailbox, target } = envelope
        if (pending?.isOpen === false) {
          this.#parts.delivery.deadLetter(envelope, 'abandoned')
          return undefined
        }
        const asks = pending && { id: pending.id, left: Math.max(1, Math.ceil(dueOf(pending) - this.#parts.host.now())) }
        return { kind: 'message', to: target.name, mailbox, from: envelope.from.id.name, msg, asks }
      }
      case 'stored': {
        const { n, envelope: { target, mailbox, sender, msg } } = entry
        return { kind: 'stored', n, to: target.name, mailbox, from: sender.name, msg }
      }
      case 'reply': {
        const { to, from, response } = entry
        return { kind: 'reply', to: to.principal.id.name, from: from.name, id: to.id, boot: to.boot, response }
      }
      case 'watch': {
        const { watch } = entry
        return this.#watches.has(watch) ? { kind: 'watch', watcher: watch.watcher.id.name, engine: watch.engine.name } : undefined
      }
      case 'notice':
        return entry.item
    }
  }

  /** Whoever asked is told what keeps a request, or its answer, from being sent. */
  #turnBack(entry: Outgoing, code: 'malformed' | 'too-large', err: string, error?: unknown): void {
    const { delivery } = this.#parts
    if (entry.kind === 'message') {
      delivery.turnAway(entry.envelope, code, refuse(code, err), error)
    } else if (entry.kind === 'reply') {
      delivery.misreply(entry.from, entry.to.principal.id, entry.response, entry.entry, code)
      delivery.counters.originated++
      this.#outbox.push({ ...entry, response: refuse(code, `${err}. This is said of the response`) })
    }
  }
}
