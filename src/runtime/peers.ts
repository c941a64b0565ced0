import { engineIDOf, isEngineName, isNodeID } from '../core/engine-id.ts'
import type { EngineID, NodeID } from '../core/engine-id.ts'
import { isPromise } from '../core/promise.ts'
import type { EndReason } from '../core/trigger.ts'
import type { Link, LinkEvents, Transport, TransportEvents } from '../transports/transport.ts'
import type { DeliveryParts, Delivery } from './delivery.ts'
import { Envelope } from './envelope.ts'
import type { EngineInstance } from './instance.ts'
import { Peer } from './peer.ts'
import type { PeerParts } from './peer.ts'
import type { Pending } from './pending.ts'
import type { Remote } from './remote.ts'

/** How many nodes are remembered by their boot epoch alone. */
const IDLE_LIMIT = 1024

/** All other nodes that this one has to do with, over one transport. */
export class Peers implements Remote, TransportEvents {
  readonly counters = { handedToTransport: 0, uncertain: 0 }
  readonly #parts: PeerParts
  readonly #peers = new Map<NodeID, Peer>()
  #isClosed = false

  constructor(parts: DeliveryParts, delivery: Delivery, transport: Transport, boot: string, limit: number) {
    const { node, host, deadlines, observation, scheduler } = parts
    this.#parts = {
      node, host, deadlines, delivery, transport, boot, limit, counters: this.counters,
      observe(peer, state, known, reason) {
        if (!observation.isOn) return
        observation.note(scheduler.now(), { kind: 'link', peer, state, ...known === undefined ? {} : { boot: known }, ...reason === undefined ? {} : { reason } })
        scheduler.wake()
      },
      isAsked: id => [...this.#peers.values()].some(peer => peer.asks.has(id)),
    }
  }

  /** How many messages wait for a link. */
  get queued(): number {
    let queued = 0
    for (const { outbox } of this.#peers.values()) queued += outbox.messages + outbox.stored
    return queued
  }

  // ── for this node ────────────────────────────────────────────────────────────────────────────────────────────

  open(): void | Promise<void> {
    const opening = this.#parts.transport.open(this.#parts.node, this)
    if (isPromise(opening)) return opening.then(() => this.#takeUp())
    this.#takeUp()
  }

  /** Goes on with what earlier lives of this node have stored for others. */
  #takeUp(): void {
    const { delivery } = this.#parts
    for (const { node, n, envelope } of delivery.durability?.correspondence.takeUp() ?? []) {
      delivery.counters.arrived++
      this.#peer(node).postAgain(n, envelope)
    }
  }

  post(envelope: Envelope): void {
    const { delivery } = this.#parts
    const { sender, from, target: { node, name }, mailbox, msg, pending } = envelope
    if (this.#isClosed) return delivery.refuse(envelope, 'unreachable', 'this node has stopped')
    const letter = delivery.durability?.correspondence.post(envelope)
    if (letter === 'refused') return delivery.deadLetter(envelope, 'outbox-full')
    if (letter !== undefined) return this.#peer(letter.node).postStored(letter.n, letter.envelope)
    if (node === null || !isNodeID(node)) return delivery.refuse(envelope, 'unreachable', 'there is no such node')
    if (!isEngineName(name)) return delivery.refuse(envelope, 'stopped', 'there is no such engine')
    // With a target of its own: its sender may change the one it made.
    this.#peer(node).post(new Envelope('message', sender, from, engineIDOf(node, name), mailbox, msg, pending))
  }

  watch(watcher: EngineInstance, engine: EngineID): void {
    const { delivery } = this.#parts
    if (this.#isClosed || engine.node === null || !isNodeID(engine.node)) return delivery.signal(watcher, { on: 'terminated', engine, reason: 'unreachable' })
    if (!isEngineName(engine.name)) return delivery.signal(watcher, { on: 'terminated', engine, reason: 'stopped' })
    this.#peer(engine.node).watch(watcher, engineIDOf(engine.node, engine.name))
  }

  ended(engine: EngineInstance, reason: EndReason): void {
    for (const peer of this.#peers.values()) peer.ended(engine, reason)
  }

  forget(watcher: EngineInstance): void {
    for (const peer of this.#peers.values()) peer.forget(watcher)
  }

  asks(): readonly Pending[] {
    return Array.from(this.#peers.values(), ({ asks }) => Array.from(asks.values())).flat()
  }

  /** Sends what can be sent at once, and closes all links. */
  async stop(): Promise<void> {
    for (const peer of this.#peers.values()) peer.stop()
    this.#isClosed = true
    try {
      await this.#parts.transport.close()
    } catch (error) {
      this.#parts.host.report(error)
    }
  }

  // ── for the transport ────────────────────────────────────────────────────────────────────────────────────────

  linked(link: Link, dialed: boolean): LinkEvents {
    const { peer } = link
    if (!this.#isClosed && isNodeID(peer) && peer !== this.#parts.node) {
      const events = dialed ? this.#peers.get(peer)?.dialed(link) : this.#peer(peer).dialedBy(link)
      if (events !== undefined) return events
    }
    link.close()
    return DEAF
  }

  unreachable(peer: NodeID, reason: string): void {
    if (!this.#isClosed) this.#peers.get(peer)?.unreachable(reason)
  }

  #peer(id: NodeID): Peer {
    let peer = this.#peers.get(id)
    if (peer === undefined) {
      if (this.#peers.size >= IDLE_LIMIT) for (const [other, { isIdle }] of this.#peers) if (isIdle) this.#peers.delete(other)
      this.#peers.set(id, peer = new Peer(id, this.#parts))
    }
    return peer
  }
}

/** Listens to a link that nobody wants. */
const DEAF: LinkEvents = { received() {}, drained() {}, closed() {} }
