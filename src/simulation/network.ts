import { isRecord } from '../core/data.ts'
import type { NodeID } from '../core/engine-id.ts'
import { Fault } from '../core/errors.ts'
import type { Link, LinkEvents, Transport, TransportEvents } from '../transports/transport.ts'
import type { Agenda } from './agenda.ts'
import type { SeededHost } from './host.ts'
import type { SeededRandom } from './random.ts'

/** How a network carries. All of it is decided by the seed. */
export interface NetworkOptions {
  /** Milliseconds that a frame, a dial or the news of an end takes, from the first to the second: from 1 to 10 unless told. */
  readonly delay?: readonly [least: number, most: number]
  /** Which part of the frames is lost, from 0 to 1: 0 unless told. */
  readonly loss?: number
  /** Which part of the frames arrives twice, from 0 to 1: 0 unless told. */
  readonly duplication?: number
  /** How many frames may be under way on a link before it takes no more for now, at least 1: 64 unless told. */
  readonly window?: number
}

type Conditions = Required<NetworkOptions>

const CALM: Conditions = { delay: [1, 10], loss: 0, duplication: 0, window: 64 }

/** A network whose links lose, repeat and delay frames, and break, by the seed and in virtual time. It keeps their order. */
export class SeededNetwork {
  readonly #agenda: Agenda
  readonly #random: SeededRandom
  readonly #ports = new Map<NodeID, Port>()
  /** All that ever were on it: a node that crashed may be cut off before its next life. */
  readonly #members = new Set<NodeID>()
  readonly #tell: (kind: 'partition' | 'heal' | 'network', detail: string) => void
  readonly #sides: ReadonlySet<NodeID>[] = []
  #conditions: Conditions

  /** `tell` hears of what is done to it. */
  constructor(agenda: Agenda, random: SeededRandom, options: NetworkOptions, tell: (kind: 'partition' | 'heal' | 'network', detail: string) => void) {
    this.#agenda = agenda
    this.#random = random
    this.#tell = tell
    this.#conditions = conditionsOf(CALM, options)
  }

  /** Carries otherwise from now on, as far as it is told. Throws `invalid-argument`. */
  change(options: NetworkOptions): void {
    this.#conditions = conditionsOf(this.#conditions, options)
    this.#tell('network', JSON.stringify(options))
  }

  get window(): number {
    return this.#conditions.window
  }

  /**
   * Cuts these nodes off from all others until {@link heal}: what is under way is lost, links close after a while, dials fail. Throws
   * `invalid-argument` for a node that never joined.
   */
  partition(nodes: Iterable<{ readonly id: NodeID }>): void {
    if (typeof nodes?.[Symbol.iterator] !== 'function') throw new Fault('invalid-argument', 'What is cut off is a list of nodes, such as partition([node])')
    const side = new Set(Array.from(nodes, node => node?.id))
    for (const id of side) {
      if (!this.#members.has(id)) throw new Fault('invalid-argument', `Only nodes that joined this network, by createNode({ network }), can be cut off from it, and not ${id}`)
    }
    this.#sides.push(side)
    this.#tell('partition', [...side].join(', '))
    for (const port of this.#ports.values()) port.cut(peer => !this.#isOpen(port.self, peer))
  }

  /** Ends all partitions. Links that were cut stay closed. */
  heal(): void {
    this.#sides.length = 0
    this.#tell('heal', '')
  }

  /** Whether it is a network of the simulation with that agenda. */
  isOn(agenda: Agenda): boolean {
    return this.#agenda === agenda
  }

  /** A transport for one life of that node. */
  port(self: NodeID, host: SeededHost): Port {
    return new Port(self, host, this)
  }

  // ── for its ports ────────────────────────────────────────────────────────────────────────────────────────────

  /** Throws `invalid-argument` while another life of that node is there. */
  enter(port: Port): void {
    if (this.#ports.has(port.self)) throw new Fault('invalid-argument', 'That node is on this network already')
    this.#ports.set(port.self, port)
    this.#members.add(port.self)
  }

  leave(port: Port): void {
    if (this.#ports.get(port.self) === port) this.#ports.delete(port.self)
  }

  /** The port of that node, if a dial from here would get there now. */
  reach(from: NodeID, to: NodeID): Port | undefined {
    return this.#isOpen(from, to) ? this.#ports.get(to) : undefined
  }

  /** Has `act` done at that port, a delay from now and not before `earliest`. Answers when. */
  later(port: Port, act: () => void, earliest = 0): number {
    const [least, most] = this.#conditions.delay
    const time = Math.max(earliest, this.#agenda.time + least + (most - least) * this.#random.below(1 << 16) / (1 << 16))
    if (port.host.isAlive) this.#agenda.appoint(port.host, time, act)
    return time
  }

  /** How many times the next frame arrives. */
  copies(): number {
    const { loss, duplication } = this.#conditions
    if (loss > 0 && this.#random.chance(loss)) return 0
    return duplication > 0 && this.#random.chance(duplication) ? 2 : 1
  }

  #isOpen(a: NodeID, b: NodeID): boolean {
    return this.#sides.every(side => side.has(a) === side.has(b))
  }
}

/** Where one life of a node is attached to the network. */
export class Port implements Transport {
  readonly self: NodeID
  readonly host: SeededHost
  readonly #network: SeededNetwork
  readonly #ends = new Set<End>()
  #events: TransportEvents | undefined
  #isClosed = false

  constructor(self: NodeID, host: SeededHost, network: SeededNetwork) {
    this.self = self
    this.host = host
    this.#network = network
  }

  open(self: NodeID, events: TransportEvents): void {
    if (self !== this.self) throw new Fault('invalid-argument', 'This transport speaks for another node')
    if (this.#events !== undefined || this.#isClosed) throw new Fault('invalid-argument', 'A transport serves one node, once')
    this.#network.enter(this)
    this.#events = events
  }

  dial(peer: NodeID): void {
    // At the dialer's expense: if it ends meanwhile, nobody dials any more.
    this.#network.later(this, () => {
      const other = this.#network.reach(this.self, peer)
      if (this.#isClosed) return
      if (other === undefined || other === this) this.unreachable(peer, 'there is no way to that node')
      else this.#link(other)
    })
  }

  close(): void {
    this.#isClosed = true
    this.#events = undefined
    this.#network.leave(this)
    for (const end of this.#ends) end.close()
  }

  /** Breaks the links to those peers: both ends learn of it. */
  cut(isCut: (peer: NodeID) => boolean): void {
    for (const end of this.#ends) if (isCut(end.peer)) end.cut()
  }

  #link(other: Port): void {
    const here = new End(this, other.self, true, this.#network)
    const there = new End(other, this.self, false, this.#network)
    here.other = there
    there.other = here
    this.#ends.add(here)
    other.#ends.add(there)
    there.attach()
    here.attach()
  }

  /** Tells the node of a link, and answers who listens. */
  linked(end: End, dialed: boolean): LinkEvents | undefined {
    return this.#events?.linked(end, dialed)
  }

  unlinked(end: End): void {
    this.#ends.delete(end)
  }

  unreachable(peer: NodeID, reason: string): void {
    this.#events?.unreachable(peer, reason)
  }
}

/** One end of a link. */
class End implements Link {
  readonly peer: NodeID
  other: End | undefined
  readonly #port: Port
  readonly #network: SeededNetwork
  readonly #dialed: boolean
  #listener: LinkEvents | undefined
  #isOpen = true
  #isAttached = false
  /** When the last of what is under way to here arrives. */
  #busyUntil = 0
  /** How many frames from here are under way. */
  #underWay = 0
  #isFull = false

  constructor(port: Port, peer: NodeID, dialed: boolean, network: SeededNetwork) {
    this.#port = port
    this.peer = peer
    this.#dialed = dialed
    this.#network = network
  }

  /** Tells the node of this link, a delay from now. */
  attach(): void {
    this.#arrive(() => {
      this.#isAttached = true
      const listener = this.#port.linked(this, this.#dialed)
      // It may have closed the link at once.
      if (this.#isOpen) this.#listener = listener
    })
  }

  send(frame: Uint8Array): boolean {
    const { other } = this
    if (!this.#isOpen || other === undefined) return false
    this.#underWay++
    for (let copies = this.#network.copies(), first = true; copies > 0; copies--, first = false) {
      const bytes = first ? frame : frame.slice()
      other.#arrive(() => other.#listener?.received(bytes))
    }
    this.#network.later(this.#port, () => this.#acknowledged())
    this.#isFull ||= this.#underWay >= this.#network.window
    return !this.#isFull
  }

  close(): void {
    if (!this.#isOpen) return
    this.#end()
    const { other } = this
    if (other !== undefined) other.#arrive(() => other.#closed('the other end closed the link'))
  }

  /** What is under way is lost, and both ends learn of it in their time. */
  cut(): void {
    for (const end of [this, this.other]) {
      if (end === undefined || !end.#isOpen) continue
      end.#isOpen = false
      this.#network.later(end.#port, () => end.#closed('the network between is cut'), end.#busyUntil)
    }
  }

  #acknowledged(): void {
    this.#underWay--
    if (!this.#isFull || !this.#isOpen || this.#underWay > this.#network.window / 2) return
    this.#isFull = false
    this.#listener?.drained()
  }

  /** Has something happen at this end, after all that is under way to it. */
  #arrive(act: () => void): void {
    this.#busyUntil = this.#network.later(this.#port, () => { if (this.#isOpen) act() }, this.#busyUntil)
  }

  #closed(reason: string): void {
    const listener = this.#listener
    this.#end()
    if (this.#isAttached) listener?.closed(reason)
    else if (this.#dialed) this.#port.unreachable(this.peer, reason)
  }

  #end(): void {
    this.#isOpen = false
    this.#listener = undefined
    this.#port.unlinked(this)
  }
}

function conditionsOf(before: Conditions, options: NetworkOptions): Conditions {
  if (!isRecord(options)) throw new Fault('invalid-argument', 'What a network is told must be a plain object, such as { loss: 0.1 }')
  const stray = Object.keys(options).find(field => !Object.hasOwn(CALM, field))
  if (stray !== undefined) throw new Fault('invalid-argument', `A network has no setting ${JSON.stringify(stray)}; it has ${Object.keys(CALM).join(', ')}`)
  const { delay, loss, duplication, window } = { ...before, ...options }
  const [least, most] = Array.isArray(delay) ? delay : [NaN, NaN]
  if (!(least >= 0 && most >= least && most < Infinity)) throw new Fault('invalid-argument', 'A delay is two numbers of milliseconds, the second not below the first')
  if (!(loss >= 0 && loss <= 1 && duplication >= 0 && duplication <= 1)) throw new Fault('invalid-argument', 'Loss and duplication are parts of all frames: from 0 to 1')
  if (!Number.isSafeInteger(window) || window < 1) throw new Fault('invalid-argument', 'A window is a whole number of frames from 1')
  return { delay, loss, duplication, window }
}
