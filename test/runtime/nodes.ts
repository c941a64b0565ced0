import { memoryNetwork, reply } from '../../src/index.ts'
import type { Client, EngineID, EngineRef, MemoryNetwork, Node, NodeID, NodeOptions, Observed } from '../../src/index.ts'
import { formatIdentityName } from '../../src/crypto/identity-name.ts'
import { portableEd25519 } from '../../src/crypto/suites/ed25519/portable.ts'
import { simulate } from '../../src/simulation.ts'
import type { Simulation } from '../../src/simulation.ts'
import { readFrame, writeHello, writeItem, writeItems, writeWelcome } from '../../src/runtime/frames.ts'
import type { Frame, Item } from '../../src/runtime/frames.ts'
import type { Link, LinkEvents, Transport, TransportEvents } from '../../src/transports/transport.ts'
import { Tapped } from '../transports/tapped.ts'
import type { BoxProtocol, BoxRules } from './box.ts'
import { lawOf } from './law.ts'

/** A node on a network, and what it was seen to do. */
export interface Place {
  readonly node: Node
  readonly transport: Tapped
  readonly host: Client
  readonly events: Observed[]
  /** `name reason` of each dead letter. */
  readonly dead: string[]
  /** `state reason` of each link. */
  readonly links: string[]
}

export function place(sim: Simulation, network: MemoryNetwork, options: NodeOptions = {}): Place {
  const transport = new Tapped(network.transport())
  const node = sim.createNode({ transport, ...options })
  const events: Observed[] = []
  const dead: string[] = []
  const links: string[] = []
  node.observe(event => {
    events.push(event)
    if (event.kind === 'dead-letter') dead.push(`${event.name} ${event.reason}`)
    if (event.kind === 'link') links.push(event.reason === undefined ? event.state : `${event.state} ${event.reason}`)
  })
  return { node, transport, host: node.client('host'), events, dead, links }
}

/** Two nodes that can reach each other. */
export function pair(seed: number, options: { readonly here?: NodeOptions; readonly there?: NodeOptions } = {}) {
  const sim = simulate({ seed })
  const network = memoryNetwork()
  return { sim, network, here: place(sim, network, options.here), there: place(sim, network, options.there) }
}

/** What the counting law leaves over, on each node. */
export function laws(...places: readonly Place[]): readonly number[] {
  return places.map(({ node }) => lawOf(node))
}

/** Answers with twice the number. */
export const double: BoxRules = { get: t => reply({ n: t.msg.n * 2 }) }

/** A box of that name on that engine's node, as data. */
export function refTo(engine: EngineID, name: string): EngineRef<BoxProtocol> {
  return JSON.parse(JSON.stringify({ node: engine.node, name }))
}

/** A NodeID, the same for the same number. */
export function nodeID(n: number): NodeID {
  return formatIdentityName({ sign: { suite: portableEd25519, publicKey: portableEd25519.publicKey(new Uint8Array(32).fill(n)) } })
}

export const BOOT = 'b0'.repeat(16)

/** Somebody on the network who speaks frames by hand: a node of another make, or one that means ill. */
export class Stranger implements TransportEvents {
  readonly id: NodeID
  readonly frames: Frame[] = []
  /** The link that it dialed, and the one by which it was dialed. */
  out: Link | undefined
  back: Link | undefined
  readonly closed: string[] = []
  /** Whether it welcomes who dials it. */
  boot = BOOT
  isPolite = true
  readonly #transport: Transport
  #n = 0

  constructor(id: NodeID, network: MemoryNetwork) {
    this.id = id
    this.#transport = network.transport()
    void this.#transport.open(id, this)
  }

  linked(link: Link, dialed: boolean): LinkEvents {
    if (dialed) {
      this.out = link
      this.#n = 0
    } else {
      this.back = link
    }
    return {
      received: bytes => {
        const frame = readFrame(bytes)
        this.frames.push(frame)
        if (frame.kind === 'hello' && this.isPolite) link.send(writeWelcome(this.boot, frame.boot))
      },
      drained() {},
      closed: () => void this.closed.push(dialed ? 'out' : 'back'),
    }
  }

  unreachable(): void {}

  dial(peer: NodeID): void {
    this.#transport.dial(peer)
  }

  hello(known: string | null = null): void {
    this.out?.send(writeHello(this.boot, known))
  }

  /** Sends a frame of items, numbered as it should be. */
  say(...items: readonly Item[]): void {
    this.out?.send(writeItems(++this.#n, items.map(writeItem)))
  }

  /** The items that it was sent. */
  items(): readonly Item[] {
    return this.frames.flatMap(frame => frame.kind === 'items' ? frame.items : [])
  }

  close(): void {
    void this.#transport.close()
  }
}

export function message(to: string, msg: unknown, from = 'mallory', asks?: { readonly id: number; readonly left: number }): Item {
  return { kind: 'message', to, mailbox: 0, from, msg, asks }
}

