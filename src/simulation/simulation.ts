import { bytesToHex } from '@noble/hashes/utils.js'
import type { Host } from '../core/clock.ts'
import { Fault } from '../core/errors.ts'
import { isPromise } from '../core/promise.ts'
import { formatIdentityName } from '../crypto/identity-name.ts'
import { ed25519Suite } from '../crypto/suites/ed25519.ts'
import { RuntimeNode } from '../runtime/node.ts'
import type { Node, NodeOptions } from '../runtime/node.ts'
import { SeededHost } from './host.ts'
import { SeededRandom } from './random.ts'
import { TraceHash } from './trace.ts'

export interface SimulationOptions {
  /** Decides everything that is left to chance: the same seed gives the same run. */
  readonly seed: number
  /** The virtual time to begin at, in milliseconds since the Unix epoch. */
  readonly time?: number
  /** Lets the event loop have a turn, so that promises that wait on each other get on. */
  readonly breathe: () => Promise<void>
}

/**
 * Nodes on virtual time, where after each step anything may come next, by the seed. Messages and environments are frozen, so
 * that an engine which changes one crashes. What engines and scenarios await must be promises alone: work that a thread or
 * the network finishes (WebCrypto, and so HPKE) comes back in an order that no seed decides.
 */
export class Simulation {
  readonly #random: SeededRandom
  readonly #host: SeededHost
  readonly #trace = new TraceHash()
  readonly #breathe: () => Promise<void>
  #nodes = 0
  #steps = 0

  constructor({ seed, time = 1_700_000_000_000, breathe }: SimulationOptions) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new Fault('invalid-argument', 'A seed must be a whole number from 0')
    this.#random = new SeededRandom(seed)
    this.#host = new SeededHost(this.#random, time)
    this.#breathe = breathe
  }

  /** Virtual time, in milliseconds since the Unix epoch. */
  get time(): number {
    return this.#host.time
  }

  /** How many things were done: steps of engines, and what the event loop would have done. */
  get steps(): number {
    return this.#steps
  }

  /** What observers threw. */
  get reported(): readonly unknown[] {
    return this.#host.reported
  }

  /** A node of this simulation, under a NodeID that the seed decides. Throws `invalid-argument` for its settings. */
  createNode(options: NodeOptions = {}): Node {
    const publicKey = ed25519Suite.publicKey(this.#random.bytes(ed25519Suite.secretKeyLength))
    const host: Host = this.#host
    const boot = bytesToHex(this.#random.bytes(16))
    const node = new RuntimeNode({ id: formatIdentityName({ sign: { suite: ed25519Suite, publicKey } }), boot, host, options, freeze: true })
    if (isPromise(node.open())) throw new Fault('invalid-argument', 'In a simulation a transport must open at once')
    const label = `node-${++this.#nodes}`
    node.observe(event => this.#trace.add(label, event))
    return node
  }

  /** A whole number from 0 to `count` − 1, from the seed: for a scenario's own choices. */
  choose(count: number): number {
    return this.#random.below(count)
  }

  /**
   * Runs a scenario to its end, letting virtual time pass whenever nothing else can happen. Rejects as the scenario does,
   * and with `not-available` when it waits for something that nothing in the simulation will bring.
   */
  async run<T>(scenario: () => Promise<T>): Promise<T> {
    let isOver = false
    const running = scenario().finally(() => { isOver = true })
    // Looked at by the caller, through `running`; here only its end matters.
    running.catch(() => {})
    for (;;) {
      await this.#breathe()
      if (isOver) return running
      if (this.#host.runOne()) this.#steps++
      else if (!this.#host.skip()) throw new Fault('not-available', 'The scenario waits for something that no engine, timer or promise here will bring')
    }
  }

  /** Resolves when so many milliseconds of virtual time have passed. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise(resolve => void this.#host.wake(this.#host.now() + milliseconds, resolve))
  }

  /**
   * SHA-256, in hexadecimal, over the deterministic CBOR (RFC 8949, section 4.2.1) of all that the nodes were seen to do so far. The
   * same seed and program give the same one.
   */
  traceHash(): string {
    return this.#trace.digest()
  }
}
