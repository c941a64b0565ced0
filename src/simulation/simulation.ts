import { bytesToHex } from '@noble/hashes/utils.js'
import type { NodeID } from '../core/engine-id.ts'
import { Fault } from '../core/errors.ts'
import { isPromise } from '../core/promise.ts'
import { lifeOf } from '../runtime/life.ts'
import type { NodeLife } from '../runtime/life.ts'
import { RuntimeNode } from '../runtime/node.ts'
import type { Node } from '../runtime/node.ts'
import type { NodeOptions } from '../runtime/node-options.ts'
import type { Observed } from '../runtime/observation.ts'
import { BEGINNING, NODE_KEY } from '../runtime/rows.ts'
import type { Store } from '../stores/store.ts'
import { Agenda } from './agenda.ts'
import { SeededHost } from './host.ts'
import { SeededNetwork } from './network.ts'
import type { NetworkOptions, Port } from './network.ts'
import { NodeNames } from './node-names.ts'
import { SeededRandom } from './random.ts'
import { SeededStore } from './store.ts'
import { TraceHash } from './trace.ts'

export interface SimulationOptions {
  /** Decides everything that is left to chance: the same seed gives the same run. */
  readonly seed: number
  /** The virtual time to begin at, in milliseconds since the Unix epoch. */
  readonly time?: number
  /** Lets the event loop have a turn, so that promises that wait on each other get on. */
  readonly breathe: () => Promise<void>
  /** Shared by simulations, since making a name takes longer than many a run. */
  readonly names?: NodeNames
}

/** A network that nodes of one simulation join. */
export interface Network {
  /** Carries otherwise from now on, as far as it is told. Throws `invalid-argument`. */
  change(options: NetworkOptions): void
  /**
   * Cuts these nodes off from all others until {@link heal}: what is under way is lost, links close after a while, dials fail. Several
   * partitions add up. Throws `invalid-argument` for a node that never joined this network.
   */
  partition(nodes: Iterable<Node>): void
  /** Ends all partitions. Links that were cut stay closed: nodes dial again. */
  heal(): void
}

/** Settings of a simulated node: those of any, and the network that it joins, unless it is given a transport. */
export interface SimulatedNodeOptions extends NodeOptions {
  readonly network?: Network
}

/** Something that was done to the nodes from outside. */
export interface Fate {
  readonly kind: 'crash' | 'restart' | 'partition' | 'heal' | 'network'
  /** Milliseconds since the Unix epoch. */
  readonly time: number
  readonly detail: string
}

/** Hears of everything, in the order it happened: which node it was at, `node-1` for the first, and what it was. */
export type Witness = (node: string, event: Observed | Fate) => void

/** One life of a node. */
interface Life {
  readonly label: string
  readonly host: SeededHost
  readonly options: SimulatedNodeOptions
  readonly port: Port | undefined
}

/** A simulation's nodes are named from here on, one after the other. */
const NAMES = 64
/** At most so many things are done before the event loop has a turn. */
const BURST = 8

/**
 * Nodes on virtual time, where after each step anything may come next, by the seed. Messages and environments are frozen, so
 * that an engine which changes one crashes. What engines and scenarios await must be promises alone: work that a thread or
 * the network finishes (WebCrypto, and so HPKE) comes back in an order that no seed decides.
 */
export class Simulation {
  readonly #random: SeededRandom
  readonly #agenda: Agenda
  readonly #trace = new TraceHash()
  readonly #breathe: () => Promise<void>
  readonly #names: NodeNames
  readonly #firstName: number
  readonly #lives = new WeakMap<Node, Life>()
  readonly #witnesses = new Set<Witness>()
  /** What a witness threw. */
  #broken: { readonly error: unknown } | undefined
  #nodes = 0
  #steps = 0

  constructor({ seed, time = 1_700_000_000_000, breathe, names = new NodeNames() }: SimulationOptions) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new Fault('invalid-argument', 'A seed must be a whole number from 0')
    this.#random = new SeededRandom(seed)
    this.#agenda = new Agenda(this.#random, time)
    this.#breathe = breathe
    this.#names = names
    this.#firstName = this.#random.below(NAMES)
  }

  /** Virtual time, in milliseconds since the Unix epoch. */
  get time(): number {
    return this.#agenda.time
  }

  /** How many steps the engines of all nodes have taken. */
  get steps(): number {
    return this.#steps
  }

  /** What observers threw. */
  get reported(): readonly unknown[] {
    return this.#agenda.reported
  }

  /** A node of this simulation, under a NodeID that the seed decides. Throws `invalid-argument` for its settings. */
  createNode(options: SimulatedNodeOptions = {}): Node {
    const id = this.#names.name(this.#firstName + this.#nodes)
    return this.#live(options, `node-${++this.#nodes}`, id)
  }

  /** A network for nodes of this simulation. Throws `invalid-argument`. */
  network(options: NetworkOptions = {}): Network {
    const tell = (kind: Fate['kind'], detail: string) => this.#tell('network', { kind, time: this.time, detail })
    return new SeededNetwork(this.#agenda, this.#random.fork(), options, tell)
  }

  /** A store for one node of this simulation: `createNode({ store })`. A crash of the node leaves all that was acknowledged, and perhaps more. */
  store(): Store & { fail(): void } {
    return new SeededStore(this.#agenda, this.#random.fork())
  }

  /**
   * Ends a node's life as a power cut does: nothing of it runs any more, and nobody is told. Promises that it owes stay open. Throws
   * `not-found` for a node that is none of this simulation, or has crashed.
   */
  crash(node: Node): void {
    const life = this.#lifeOf(node)
    life.host.end()
    life.port?.close()
    if (life.options.store instanceof SeededStore) life.options.store.crash()
    this.#tell(life.label, { kind: 'crash', time: this.time, detail: '' })
  }

  /**
   * A new life under the same NodeID, with nothing on it but what its store holds, on the same network. The old one crashes, if it has not. Throws `not-found`
   * for a node that is none of this simulation.
   */
  restart(node: Node): Node {
    const life = this.#lives.get(node)
    if (life === undefined) throw unknownNode()
    if (life.host.isAlive) this.crash(node)
    this.#tell(life.label, { kind: 'restart', time: this.time, detail: '' })
    return this.#live(life.options, life.label, node.id)
  }

  /** A whole number from 0 to `count` − 1, from the seed: for a scenario's own choices. */
  choose(count: number): number {
    return this.#random.below(count)
  }

  /** Has `witness` hear of everything that happens from now on. Returns what ends it. What it throws ends the run with it. */
  observe(witness: Witness): () => void {
    this.#witnesses.add(witness)
    return () => void this.#witnesses.delete(witness)
  }

  /**
   * Runs a scenario to its end, letting virtual time pass whenever nothing else can happen. Rejects as the scenario does,
   * as a witness throws, and with `not-available` when it waits for something that nothing in the simulation will bring, or more than `limit` things were
   * done: ten million unless told.
   */
  async run<T>(scenario: () => Promise<T>, { limit = 10_000_000 }: { readonly limit?: number } = {}): Promise<T> {
    let isOver = false
    let left = limit
    const running = scenario().finally(() => { isOver = true })
    // Looked at by the caller, through `running`; here only its end matters.
    running.catch(() => {})
    for (;;) {
      await this.#breathe()
      if (this.#broken !== undefined) throw this.#broken.error
      if (isOver) return running
      // A promise may get on after each thing that is done, or only after some: the seed decides.
      const burst = 1 + this.#random.below(BURST)
      let done = 0
      while (done < burst && this.#broken === undefined && this.#agenda.runOne()) done++
      if (done === 0 && this.#broken === undefined && !this.#agenda.skip()) {
        throw new Fault('not-available', 'The scenario waits for something that no engine, timer or promise here will bring')
      }
      left -= done
      if (left < 0) throw new Fault('not-available', `The scenario goes on and on: ${limit} things were done and it has not ended`)
    }
  }

  /**
   * Does all that happens within so many milliseconds of virtual time, before it returns. Fast, for engines whose tasks answer at
   * once: no promise gets on meanwhile.
   */
  advance(milliseconds: number): void {
    const end = this.#agenda.time + milliseconds
    do {
      while (this.#agenda.time <= end && this.#broken === undefined && this.#agenda.runOne()) { /* until nothing is left to be done now */ }
    } while (this.#broken === undefined && this.#agenda.skip(end))
  }

  /** Resolves when so many milliseconds of virtual time have passed. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise(resolve => void this.#agenda.appoint(this, this.#agenda.read() + milliseconds, resolve))
  }

  /**
   * SHA-256, in hexadecimal, over all that the nodes were seen to do so far and what was done to them. The same seed and program give
   * the same one.
   */
  traceHash(): string {
    return this.#trace.digest()
  }

  #live(options: SimulatedNodeOptions, label: string, id: NodeID): Node {
    const host = new SeededHost(this.#agenda)
    const { network, ...settings } = options
    const port = network === undefined ? undefined : this.#own(network).port(id, host)
    const boot = bytesToHex(this.#random.bytes(16))
    const life = beginSeeded(settings.store, id)
    const node = new RuntimeNode({ id, boot, host, ...life && { life }, options: port === undefined ? settings : { transport: port, ...settings }, freeze: true })
    this.#lives.set(node, { label, host, options, port })
    if (isPromise(node.open())) throw new Fault('invalid-argument', 'In a simulation a transport must open at once')
    node.observe(event => {
      if (event.kind === 'step') this.#steps++
      this.#tell(label, event)
    })
    return node
  }

  #own(network: Network): SeededNetwork {
    if (!(network instanceof SeededNetwork)) throw new Fault('invalid-argument', 'network must be what simulation.network() answers')
    if (network.isOn(this.#agenda)) return network
    throw new Fault('invalid-argument', 'This network is of another simulation: a node joins one that network() of its own simulation made')
  }

  #lifeOf(node: Node): Life {
    const life = this.#lives.get(node)
    if (life?.host.isAlive) return life
    throw unknownNode()
  }

  #tell(label: string, event: Observed | Fate): void {
    this.#trace.add(label, event)
    for (const witness of this.#witnesses) {
      try {
        witness(label, event)
      } catch (error) {
        this.#broken ??= { error }
      }
    }
  }
}

/** As `beginLife`, at once: nothing that is stored later can be there without this. */
function beginSeeded(store: Store | undefined, id: NodeID): NodeLife | undefined {
  if (store === undefined) return undefined
  if (!(store instanceof SeededStore)) throw new Fault('invalid-argument', 'In a simulation a store must be what simulation.store() answers')
  const { life, change } = lifeOf(store.peek(NODE_KEY), BEGINNING.flatMap(range => store.rows(range)), id)
  // Should it fail, so does all that is written after it.
  store.write([change]).catch(() => {})
  return life
}

function unknownNode(): Fault {
  return new Fault('not-found', 'No node of this simulation that is alive')
}
