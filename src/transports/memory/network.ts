import { isNodeID } from '../../core/engine-id.ts'
import type { NodeID } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import type { Link, LinkEvents, Transport, TransportEvents } from '../transport.ts'

/** Nodes of one process that can reach each other. */
export interface MemoryNetwork {
  /** A transport for one node. It takes the node's word for its NodeID, which no other may have at the same time. */
  transport(): Transport
}

/**
 * A network in this process's memory. Frames arrive in microtasks, whole, in order and once. `buffer` is how many bytes may be on their way
 * in one direction of a link before `send` answers `false`: 1 MiB unless told. Throws `invalid-argument` unless it is a number from 0.
 */
export function memoryNetwork({ buffer = 1 << 20 }: { readonly buffer?: number } = {}): MemoryNetwork {
  if (!(buffer >= 0)) throw new Fault('invalid-argument', `buffer must be a number of bytes, not ${buffer}`)
  const network: Network = { buffer, open: new Map() }
  return { transport: () => new MemoryTransport(network) }
}

interface Network {
  readonly buffer: number
  /** Who can be dialed. */
  readonly open: Map<NodeID, MemoryTransport>
}

/** Does `work` when the current call has returned. */
function soon(work: () => void): void {
  void Promise.resolve().then(work)
}

class MemoryTransport implements Transport {
  readonly #network: Network
  readonly #ends = new Set<End>()
  #self: NodeID | undefined
  #events: TransportEvents | undefined

  constructor(network: Network) {
    this.#network = network
  }

  open(self: NodeID, events: TransportEvents): void {
    if (!isNodeID(self)) throw new Fault('invalid-argument', 'A transport is opened for a NodeID: the multikey of an Ed25519 public key')
    if (this.#self !== undefined) throw new Fault('invalid-argument', 'This transport was opened before: each node needs its own')
    if (this.#network.open.has(self)) throw new Fault('invalid-argument', 'There is such a node on this network already')
    this.#self = self
    this.#events = events
    this.#network.open.set(self, this)
  }

  dial(peer: NodeID): void {
    soon(() => {
      const self = this.#self
      if (self === undefined || this.#events === undefined) return
      const other = this.#network.open.get(peer)
      if (other === undefined || other === this) this.#events.unreachable(peer, 'there is no such node on this network')
      else join(new End(peer, this, this.#network.buffer), new End(self, other, this.#network.buffer))
    })
  }

  close(): void {
    if (this.#self === undefined || this.#events === undefined) return
    this.#network.open.delete(this.#self)
    this.#events = undefined
    for (const end of this.#ends) end.close()
  }

  /** Tells the node of its end of a link. */
  attach(end: End, dialed: boolean): LinkEvents | undefined {
    this.#ends.add(end)
    return this.#events?.linked(end, dialed)
  }

  detach(end: End): void {
    this.#ends.delete(end)
  }
}

/** Both are told before anything passes: what they send while they are told waits until both know. */
function join(dialing: End, dialed: End): void {
  dialing.other = dialed
  dialed.other = dialing
  dialed.attach(false)
  dialing.attach(true)
}

/** One end of a link: what is on its way to it, and who hears of it. */
class End implements Link {
  readonly peer: NodeID
  other: End | undefined = undefined
  readonly #home: MemoryTransport
  readonly #buffer: number
  #events: LinkEvents | undefined
  #incoming: Uint8Array[] = []
  /** How many bytes are on their way here. */
  #size = 0
  /** Whether the other end was told to send no more. */
  #isFull = false
  #isClosed = false
  /** Whether the other end has closed: told after all that it had sent. */
  #isOver = false
  #isSoon = false

  constructor(peer: NodeID, home: MemoryTransport, buffer: number) {
    this.peer = peer
    this.#home = home
    this.#buffer = buffer
  }

  attach(dialed: boolean): void {
    this.#events = this.#home.attach(this, dialed)
    if (this.#events === undefined) this.close()
    else this.#pumpSoon()
  }

  send(frame: Uint8Array): boolean {
    return this.#isClosed || this.other === undefined ? true : this.other.take(new Uint8Array(frame))
  }

  close(): void {
    if (this.#isClosed) return
    this.#end()
    this.other?.hangUp()
  }

  /** Takes a frame of the other end. Answers whether it may send more. */
  take(frame: Uint8Array): boolean {
    if (this.#isClosed) return true
    this.#incoming.push(frame)
    this.#size += frame.length
    if (this.#size > this.#buffer) this.#isFull = true
    this.#pumpSoon()
    return !this.#isFull
  }

  /** The other end has closed. */
  hangUp(): void {
    this.#isOver = true
    this.#pumpSoon()
  }

  #pumpSoon(): void {
    if (this.#isSoon || this.#events === undefined) return
    this.#isSoon = true
    soon(() => {
      this.#isSoon = false
      this.#pump()
    })
  }

  /** Delivers what was on its way when this began; what is sent meanwhile comes later. */
  #pump(): void {
    const frames = this.#incoming
    this.#incoming = []
    for (const frame of frames) {
      if (this.#isClosed) return
      this.#size -= frame.length
      this.#events?.received(frame)
    }
    if (this.#isClosed) return
    if (this.#isFull && this.#size <= this.#buffer) {
      this.#isFull = false
      this.other?.resume()
    }
    if (!this.#isOver || this.#incoming.length > 0) return
    const events = this.#events
    this.#end()
    events?.closed('the other end has closed it')
  }

  /** The other end has room again. */
  resume(): void {
    soon(() => { if (!this.#isClosed) this.#events?.drained() })
  }

  #end(): void {
    this.#isClosed = true
    this.#incoming = []
    this.#home.detach(this)
  }
}
