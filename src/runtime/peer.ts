import { addressOf } from '../core/engine-id.ts'
import type { EngineID, NodeID } from '../core/engine-id.ts'
import type { MessageEntry } from '../core/engine.ts'
import type { FailureCode } from '../core/errors.ts'
import type { EndReason } from '../core/trigger.ts'
import type { Link, LinkEvents, Transport } from '../transports/transport.ts'
import type { Delivery } from './delivery.ts'
import type { Envelope, Principal } from './envelope.ts'
import type { Item } from './frames.ts'
import type { EngineInstance } from './instance.ts'
import type { ObservedLink } from './observation.ts'
import { Outbox } from './outbox.ts'
import type { Outgoing } from './outbox.ts'
import { Packing } from './packing.ts'
import type { Pending } from './pending.ts'
import { Reception } from './reception.ts'
import { Redial } from './redial.ts'
import { RemoteAsker } from './remote-asker.ts'
import type { AnswerCarrier } from './remote-asker.ts'
import { Listener, Speaker } from './session.ts'
import type { ListenerEvents, SessionParts, SpeakerEvents } from './session.ts'
import { Watched, Watches } from './watches.ts'

/** Notices are small, and a step may cause many. */
const NOTICES_FOR_A_MESSAGE = 16

/** What peers need of their node. */
export interface PeerParts extends SessionParts {
  readonly node: NodeID
  readonly transport: Transport
  readonly delivery: Delivery
  /** How many messages may wait for a link to one node. */
  readonly limit: number
  readonly counters: { handedToTransport: number; uncertain: number }
  observe(peer: NodeID, state: ObservedLink['state'], boot: string | undefined, reason?: string): void
  /** Whether another peer owes the answer to the request of that number. */
  isAsked(id: number): boolean
}

/**
 * Another node, as this one knows it. Each of the two dials the other when it has something to say, so there are up to two links; the
 * loss of one is the loss of both, so that nobody waits for what the other has given up.
 */
export class Peer implements SpeakerEvents, ListenerEvents, AnswerCarrier {
  readonly id: NodeID
  readonly outbox = new Outbox()
  /** Requests that this peer owes the answer to, by number; some may still wait in the outbox. */
  readonly asks = new Map<number, Pending>()
  readonly #parts: PeerParts
  /** Requests of this peer that engines here owe the answer to. */
  readonly #owed = new Set<Pending>()
  readonly #watches = new Watches()
  readonly #packing: Packing
  readonly #watched = new Watched()
  readonly #reception: Reception
  /** For what is stored: all else is given up when no link can be had. */
  readonly #redial: Redial
  /** Its last known boot epoch. */
  #boot: string | undefined
  #isDialing = false
  #isFlushSoon = false
  /** Whether the event loop has its turn before more is sent. */
  #isResting = false
  #isStopped = false
  #speaker: Speaker | undefined
  #listener: Listener | undefined

  constructor(id: NodeID, parts: PeerParts) {
    this.id = id
    this.#parts = parts
    this.#packing = new Packing(this.outbox, this.#watches, parts)
    this.#reception = new Reception(id, parts.delivery)
    this.#redial = new Redial(parts.host, parts.deadlines, () => this.#flush())
  }

  /** How many notices may wait, and how many watches it may have here. Each request of a stranger may cause one: it must not send without hearing. */
  get #limitOfNotices(): number {
    return this.#parts.limit * NOTICES_FOR_A_MESSAGE
  }

  /** Whether nothing would be missed if this node forgot it. */
  get isIdle(): boolean {
    return this.#speaker === undefined && this.#listener === undefined && !this.#isDialing && this.outbox.isEmpty && this.outbox.stored === 0
      && this.asks.size === 0 && this.#reception.isIdle
  }

  // ── to that node ─────────────────────────────────────────────────────────────────────────────────────────────

  post(envelope: Envelope): void {
    const { delivery, limit } = this.#parts
    const { pending } = envelope
    if (this.outbox.messages >= limit) {
      delivery.deadLetter(envelope, 'outbox-full')
      if (pending !== undefined) delivery.fail(pending, 'unreachable', `${limit} messages wait for a link to its node`)
      return
    }
    if (pending !== undefined) {
      pending.away = this.asks
      this.asks.set(pending.id, pending)
    }
    this.#push({ kind: 'message', envelope })
  }

  /** Says what is stored, until that node has acknowledged it. */
  postStored(n: number, envelope: Envelope): void {
    this.#push({ kind: 'stored', n, envelope })
  }

  /** As {@link postStored}, for what an earlier life of this node may have said already. */
  postAgain(n: number, envelope: Envelope): void {
    this.outbox.pushAgain(n, envelope)
    this.#flushSoon()
  }

  watch(watcher: EngineInstance, engine: EngineID): void {
    const watch = this.#watches.add(watcher, engine)
    if (watch !== undefined) this.#push({ kind: 'watch', watch })
  }

  ended(engine: EngineInstance, reason: EndReason): void {
    for (const watcher of this.#watched.ended(engine)) this.#notify({ kind: 'terminated', watcher, engine: engine.id.name, reason })
  }

  forget(watcher: EngineInstance): void {
    if (this.#watches.forget(watcher)) this.#notify({ kind: 'unwatch', watcher: watcher.id.name })
  }

  carryReply(to: RemoteAsker, from: EngineID, response: unknown, entry: MessageEntry | undefined): void {
    const { delivery, limit } = this.#parts
    if (this.outbox.messages < limit) return this.#push({ kind: 'reply', to, from, response, entry })
    delivery.misreply(from, to.principal.id, response, entry, 'outbox-full')
    this.carryFailure(to, 'unreachable')
  }

  carryFailure(to: RemoteAsker, failure: FailureCode): void {
    this.#notify({ kind: 'failure', id: to.id, boot: to.boot, failure })
  }

  forgetRequest(pending: Pending): void {
    this.#owed.delete(pending)
  }

  #notify(item: Item & { readonly kind: 'failure' | 'unwatch' | 'terminated' }): void {
    this.#push({ kind: 'notice', item })
  }

  #push(entry: Outgoing): void {
    this.outbox.push(entry)
    this.#flushSoon()
  }

  /** What a drain says goes out together, after it. */
  #flushSoon(): void {
    if (this.#isFlushSoon) return
    this.#isFlushSoon = true
    this.#parts.host.soon(() => {
      this.#isFlushSoon = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.outbox.isEmpty || this.#isStopped) return
    if (this.#speaker === undefined) this.#dial()
    else this.#speak(this.#speaker)
    if (this.outbox.notices > this.#limitOfNotices) this.#giveUp(`more than ${this.#limitOfNotices} notices wait for a link that takes no more`)
  }

  /** Sends what waits, as far as the transport takes it, and no longer than engines may run. */
  #speak(speaker: Speaker): void {
    const { host, counters } = this.#parts
    const end = host.now() + host.slice
    while (speaker.isOpen && speaker.isWritable && !this.outbox.isEmpty && !this.outbox.isHeldUp && !this.#isResting) {
      const { items, messages, stored } = this.#packing.next()
      if (items.length === 0) continue
      counters.handedToTransport += messages
      speaker.send(items, messages, stored)
      if (host.now() > end && !this.#isStopped) this.#rest()
    }
  }

  #rest(): void {
    this.#isResting = true
    this.#parts.host.later(() => {
      this.#isResting = false
      this.#flush()
    })
  }

  #dial(): void {
    if (this.#isDialing) return
    this.#isDialing = true
    try {
      this.#parts.transport.dial(this.id)
    } catch (error) {
      this.unreachable(error instanceof Error ? error.message : 'the transport failed')
    }
  }

  // ── links ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A link is there that was dialed here. */
  dialed(link: Link): LinkEvents | undefined {
    if (!this.#isDialing) return undefined
    this.#isDialing = false
    const speaker = this.#speaker = new Speaker(link, this.#parts, this)
    speaker.greet(this.#boot ?? null)
    return speaker
  }

  /** That node has dialed this one. It has one such link, so that another means that it has lost the first. */
  dialedBy(link: Link): LinkEvents {
    const before = this.#listener
    this.#listener = new Listener(link, this.#parts, this)
    if (before !== undefined) {
      before.close()
      if (before.boot !== undefined) this.#lose('it has dialed anew', undefined)
    }
    return this.#listener
  }

  unreachable(reason: string): void {
    if (!this.#isDialing) return
    this.#isDialing = false
    this.#giveUp(reason)
  }

  opened(speaker: Speaker): void {
    this.#know(speaker.boot)
    this.#speak(speaker)
  }

  writable(speaker: Speaker): void {
    this.#speak(speaker)
  }

  acknowledged(speaker: Speaker, stored: number): void {
    const { counters, delivery } = this.#parts
    const done = this.outbox.acknowledge(stored)
    if (done === undefined) return speaker.fail('it acknowledged what was not sent')
    if (done.length === 0) return
    counters.handedToTransport += done.length
    delivery.durability?.acknowledged(this.id, done)
    this.#redial.reset()
    this.#speak(speaker)
  }

  greeted(listener: Listener): void {
    this.#know(listener.boot)
    // What is stored waits for a link: that node can be reached again.
    if (this.outbox.stored > 0) this.#flushSoon()
  }

  /** The number up to which all that it has stored is stored here. */
  get stored(): number {
    return this.#reception.stored
  }

  lost(session: Speaker | Listener, reason: string): void {
    if (session === this.#speaker) {
      const wasOpen = session.boot !== undefined
      this.#silence()
      if (wasOpen) this.#lose(reason, undefined)
      else this.#giveUp(reason)
    } else if (session === this.#listener) {
      this.#listener = undefined
      if (session.boot === undefined) this.#parts.observe(this.id, 'lost', undefined, reason)
      else this.#lose(reason, undefined)
    }
  }

  #know(boot: string | undefined): void {
    if (this.#boot !== undefined && this.#boot !== boot) this.#lose('it has begun a new life', boot)
    this.#boot = boot
    this.#parts.observe(this.id, 'open', boot)
  }

  #silence(): void {
    if (this.#speaker === undefined) return
    this.#parts.counters.uncertain += this.#speaker.uncertain
    this.#speaker.close()
    this.#speaker = undefined
    this.outbox.takeBack()
  }

  /**
   * Gives up both links, but for those to its life of the boot epoch `kept`, and all that was said by them and waits for an answer. What
   * was not sent yet goes by the next link.
   */
  #lose(reason: string, kept: string | undefined): void {
    if (this.#speaker?.isOpen && this.#speaker.boot !== kept) this.#silence()
    this.#parts.observe(this.id, 'lost', this.#boot, reason)
    const unsent = new Set<Pending | undefined>()
    for (const entry of this.outbox) if (entry.kind === 'message') unsent.add(entry.envelope.pending)
    this.#fail([...this.asks.values()].filter(pending => !unsent.has(pending)), reason)
    this.#terminate(isSent => isSent)
    this.#abandon(kept)
    if (this.outbox.isPressing) this.#flushSoon()
    else this.#sayStoredLater()
  }

  /** What is stored goes by the next link, and there will be one. */
  #sayStoredLater(): void {
    if (this.outbox.stored > 0 && !this.#isStopped) this.#redial.later()
  }

  /** No link can be had: nothing is kept for it but what is stored. */
  #giveUp(reason: string): void {
    this.#silence()
    this.#parts.observe(this.id, 'unreachable', this.#boot, reason)
    const entries = this.outbox.empty()
    this.#drop(entries, reason)
    this.#fail([...this.asks.values()], reason)
    this.#terminate(() => true)
    // Whoever waits there for an answer finds out by the loss of the other link.
    if (this.#owed.size > 0 || this.#watched.size > 0 || entries.some(({ kind }) => kind === 'reply' || kind === 'notice')) this.#abandon(undefined)
    this.#sayStoredLater()
  }

  #drop(entries: readonly Outgoing[], reason: string): void {
    const { delivery } = this.#parts
    for (const entry of entries) {
      if (entry.kind === 'message') delivery.refuse(entry.envelope, 'unreachable', `its node can't be reached: ${reason}`)
      else if (entry.kind === 'reply') delivery.misreply(entry.from, entry.to.principal.id, entry.response, entry.entry, 'unreachable')
    }
  }

  #fail(asks: readonly Pending[], reason: string): void {
    for (const pending of asks) this.#parts.delivery.fail(pending, 'unreachable', `its node can't be reached: ${reason}`)
  }

  #terminate(wanted: (isSent: boolean) => boolean): void {
    for (const { watcher, engine, isSent } of this.#watches.all()) {
      if (!wanted(isSent)) continue
      this.#watches.end(watcher.id.name, engine.name)
      this.#parts.delivery.signal(watcher, { on: 'terminated', engine, reason: 'unreachable' })
    }
  }

  /** Lets go of all that this peer waits for, and of the link it speaks by. */
  #abandon(kept: string | undefined): void {
    if (this.#listener?.boot !== undefined && this.#listener.boot !== kept) {
      this.#listener.close()
      this.#listener = undefined
    }
    for (const pending of this.#owed) this.#parts.delivery.close(pending)
    this.#watched.clear()
  }

  /** Says what can be said at once, and ends. */
  stop(): void {
    this.#isStopped = true
    this.#isResting = false
    this.#redial.stop()
    if (this.#speaker !== undefined) this.#speak(this.#speaker)
    this.#silence()
    this.#drop(this.outbox.empty(), 'this node has stopped')
    this.#fail([...this.asks.values()], 'this node has stopped')
    this.#listener?.close()
    this.#listener = undefined
  }

  // ── from that node ───────────────────────────────────────────────────────────────────────────────────────────

  arrived(item: Item, listener: Listener): void {
    if (item.kind === 'stored') this.#reception.takeStored(item, listener, () => this.#listener?.acknowledgeSoon())
    else this.#reception.take(() => this.#hear(item, listener), listener)
  }

  #hear(item: Exclude<Item, { readonly kind: 'stored' }>, listener: Listener): void {
    const { delivery, boot, node } = this.#parts
    switch (item.kind) {
      case 'message': return this.#message(item, listener)
      case 'reply': {
        delivery.counters.arrived++
        const sender = this.#idOf(item.from)
        const pending = item.boot === boot ? this.asks.get(item.id) : undefined
        if (pending !== undefined) return delivery.settle(pending, sender, undefined, item.response)
        const reason = item.boot === boot && this.#parts.isAsked(item.id) ? 'not-asked' : 'late-reply'
        return delivery.misreply(sender, addressOf(node, item.to, undefined), item.response, undefined, reason)
      }
      case 'failure': {
        const pending = item.boot === boot ? this.asks.get(item.id) : undefined
        return pending && delivery.fail(pending, item.failure, 'its node says so')
      }
      case 'watch': return this.#watchFrom(item.watcher, item.engine)
      case 'unwatch': return this.#watched.forget(item.watcher)
      case 'terminated': {
        const watch = this.#watches.end(item.watcher, item.engine)
        return watch && delivery.signal(watch.watcher, { on: 'terminated', engine: watch.engine, reason: item.reason })
      }
    }
  }

  #message(item: Item & { readonly kind: 'message' }, listener: Listener): void {
    const { delivery } = this.#parts
    const principal = { id: this.#idOf(item.from) }
    const pending = item.asks && this.#expect(principal, item.asks.id, listener.boot ?? '')
    delivery.arrive(principal, item.to, item.mailbox, item.msg, pending, item.asks?.left ?? 0)
  }

  #expect(principal: Principal, id: number, boot: string): Pending {
    const pending = this.#parts.delivery.expect(new RemoteAsker(principal, id, boot, this))
    this.#owed.add(pending)
    return pending
  }

  /** Who may not send to an engine learns no more of it than of one that never was. */
  #watchFrom(watcher: string, name: string): void {
    const engine = this.#parts.delivery.engines.get(name)
    if (engine === undefined || !engine.knows({ id: this.#idOf(watcher) })) return this.#notify({ kind: 'terminated', watcher, engine: name, reason: 'stopped' })
    if (this.#watched.size >= this.#limitOfNotices) return this.#notify({ kind: 'terminated', watcher, engine: name, reason: 'unreachable' })
    this.#watched.add(watcher, engine)
  }

  /** The sender's node is whom the transport has authenticated; only the name comes from the frame. */
  #idOf(name: string): EngineID {
    return addressOf(this.id, name, undefined)
  }
}
