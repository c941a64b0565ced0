import type * as z from 'zod'
import type { Host } from '../core/clock.ts'
import type { Client } from '../core/client.ts'
import { isRecord } from '../core/data.ts'
import { engineIDOf, isEngineID, isHostGivenName, isNodeID } from '../core/engine-id.ts'
import type { EngineID, EngineRef, NodeID } from '../core/engine-id.ts'
import { EngineFamily } from '../core/engine.ts'
import type { Engine } from '../core/engine.ts'
import { Fault } from '../core/errors.ts'
import { DEFAULT_POLICY, policyOf } from '../core/supervision.ts'
import type { Supervision } from '../core/supervision.ts'
import type { Family, Needed, ServicesOf } from '../core/family.ts'
import { HostClient } from './client.ts'
import { parseConfig } from './config.ts'
import { Deadlines } from './deadlines.ts'
import { Delivery } from './delivery.ts'
import { Durability } from './durability.ts'
import { Journal } from './journal.ts'
import { endLife } from './life.ts'
import type { NodeLife } from './life.ts'
import { loadEngine } from './stored-engine.ts'
import type { StoredEngine } from './stored-engine.ts'
import type { Counters } from './counters.ts'
import type { DeliveryParts } from './delivery.ts'
import type { EngineInstance } from './instance.ts'
import { Lifecycle } from './lifecycle.ts'
import type { Cryptography, NodeDescription } from './cryptography.ts'
import { settings } from './node-options.ts'
import type { NodeOptions } from './node-options.ts'
import { Observation } from './observation.ts'
import type { Observer } from './observation.ts'
import { Peers } from './peers.ts'
import { Scheduler } from './scheduler.ts'
import { Steps } from './steps.ts'
import { Tasks } from './tasks.ts'

/**
 * `config` is as its family's schema takes it, and is copied. `services` are live objects, handed as they are to the engine's task
 * handlers, to its `acquire` and to its children.
 */
export type SpawnOptions<F extends Family> = {
  /** One segment of at most 128 printable characters, without white space or "/"; given once in a node's life. */
  readonly name: string
  /** From whom it accepts messages, unless its family is open. */
  readonly acquaintances?: readonly (Client | EngineID)[]
  /** What becomes of it when it crashes. The host has nobody to escalate to: what would be, stops it. */
  readonly supervision?: Supervision
} & Needed<'config', z.input<F['config']>> & Needed<'services', ServicesOf<F>>

/** A process's own node: engines live on it, host code speaks to them as clients. */
export interface Node extends AsyncDisposable {
  readonly id: NodeID
  /**
   * Host code as a principal. The same name is the same principal, and the same handle until it is closed. Throws
   * `invalid-argument` for what is no name, `name-taken` for an engine's, `node-stopped`.
   */
  client(name: string): Client
  /**
   * Resolves when the engine has started. Rejects with `invalid-argument` (family, name, config, acquaintances,
   * supervision), `not-encodable` (config), `name-taken`, `node-stopped`, `portable-crypto` (see {@link NodeOptions}); with `start-failed`, its reason as `cause`, when it ended before that:
   * the name is used up then.
   */
  spawn<F extends Family>(engine: Engine<F>, options: SpawnOptions<F>): Promise<EngineRef<F['protocol']>>
  /**
   * Makes `acquaintance` one from whom the engine accepts. The host is the parent of the engines it spawned: it grants, revokes and
   * stops. Throws `not-found` for any other engine and one that has ended, `invalid-argument` (acquaintance), `node-stopped`.
   */
  grant(engine: EngineID, acquaintance: Client | EngineID): void
  /** Takes that back, for messages that already wait too. Revoking nothing does nothing. Throws as `grant` does. */
  revoke(engine: EngineID, acquaintance: Client | EngineID): void
  /**
   * Hears of each message, step, dead letter, spawn, restart and end, after the step that caused it was committed. Returns what ends it. All
   * observers get the same frozen event, whose `msg` is a redacted copy. What one throws is reported as an uncaught error of the
   * process (in a simulation, in `reported`). Throws `invalid-argument` for what is no function.
   */
  observe(observer: Observer): () => void
  /**
   * What it is made of: who it is, whether others reach it, and which code computes what. Loads the native packages that were not needed yet.
   * Throws `not-available` where IPSE_CRYPTO=native asks for what is not there, `invalid-argument` where IPSE_CRYPTO is something else.
   */
  describe(): NodeDescription
  /** The counts so far, also of a node that has stopped. A copy. */
  counters(): Counters
  /**
   * Stops one engine that the host spawned, and its children; without one, all, and the node. Resolves when they have ended: an
   * engine waits at most `releaseDeadline` for its tasks, and again for its `release`. What is stored of a durable engine stays, and `spawn` resumes it under its name; with
   * `forget`, it goes for good, its children's with it. With an engine it rejects with `not-found` for
   * one that the host did not spawn or that has ended, and with `node-stopped`.
   */
  stop(engine?: EngineID, options?: { readonly forget?: boolean }): Promise<void>
}

interface RuntimeParts {
  readonly id: NodeID
  /** Tells this life of the node from its others: 128 random bits, in hexadecimal. */
  readonly boot: string
  readonly host: Host
  /** What its earlier lives left in its store: see `beginLife`. */
  readonly life?: NodeLife
  readonly options?: NodeOptions
  /** Without it, nothing is known of algorithms, and nothing is refused for their sake. */
  readonly cryptography?: Cryptography
  /** Freezes messages and environments, so that an engine that changes one crashes. For tests. */
  readonly freeze?: boolean
}

/** What is stored waits for its node to come back, however long that takes. */
const STORED_FOR_A_MESSAGE = 16
const NO_LIFE: NodeLife = { ids: 0, roots: [], peers: [], out: [] }

/** A node that executes effects on the given host. It knows no engine family, no backend, no algorithm. */
export class RuntimeNode implements Node {
  readonly id: NodeID
  readonly #parts: DeliveryParts
  readonly #delivery: Delivery
  readonly #lifecycle: Lifecycle
  readonly #askDeadline: number
  readonly #boot: string
  readonly #cryptography: Cryptography | undefined
  /** Whether what signs and decrypts must be native here. */
  readonly #isNativeOnly: boolean
  /** The schemes that have portable code alone, once that was asked. */
  #portable: readonly string[] | undefined
  readonly #peers: Peers | undefined
  readonly #clients = new Map<string, HostClient>()
  /** Names that engines of the host had; with those of engines that live, all that were ever given to one: none is given twice. */
  readonly #endedNames = new Set<string>()
  readonly #clientNames = new Set<string>()
  /** Names of engines that are being read from the store. */
  readonly #loading = new Set<string>()
  readonly #durability: Durability | undefined
  /** What its store failed with. */
  #failure: unknown
  /** What waits for engines of the host to start. */
  readonly #starting = new Map<EngineInstance, (error: unknown) => void>()
  #stopping: Promise<void> | undefined

  constructor({ id, boot, host, life = NO_LIFE, options = {}, cryptography, freeze = false }: RuntimeParts) {
    if (!isNodeID(id)) throw new Fault('invalid-argument', 'A NodeID must be the multikey of an Ed25519 public key')
    const { askDeadline, outbox, ...patience } = settings(options)
    const deadlines = new Deadlines(host)
    const observation = new Observation(host)
    const scheduler: Scheduler = new Scheduler(host, instance => steps.step(instance), {
      before: () => observation.flush(),
      isWaiting: () => observation.isWaiting,
      after: () => deadlines.settle(),
    })
    const parts: DeliveryParts = { node: id, host, deadlines, observation, scheduler, freeze }
    const delivery = new Delivery(parts)
    if (options.store !== undefined) {
      const journal = new Journal(options.store, host, error => this.#fail(error))
      delivery.durability = this.#durability = new Durability({
        journal, node: id, life, limit: outbox * STORED_FOR_A_MESSAGE, find: engine => delivery.find(engine), hasRemote: () => delivery.remote !== undefined,
      })
    }
    const tasks = new Tasks(deadlines, delivery, scheduler)
    const lifecycle = new Lifecycle(parts, delivery, tasks, patience, {
      started: (root, error) => {
        this.#starting.get(root)?.(error)
        this.#starting.delete(root)
      },
      ended: ({ id }, isGone) => { if (isGone) this.#endedNames.add(id.name) },
    })
    const steps = new Steps(parts, delivery, lifecycle, tasks, askDeadline, family => this.#assertNative(family))
    this.id = id
    this.#parts = parts
    this.#delivery = delivery
    this.#lifecycle = lifecycle
    this.#askDeadline = askDeadline
    this.#boot = boot
    this.#cryptography = cryptography
    this.#isNativeOnly = options.transport !== undefined && options.portableCrypto !== true
    if (options.transport !== undefined) {
      this.#peers = new Peers(parts, delivery, options.transport, boot, outbox)
      delivery.remote = this.#peers
    }
  }

  /** Opens the node's transport. Throws, or rejects, as that does. */
  open(): void | Promise<void> {
    return this.#peers?.open()
  }

  client(name: string): Client {
    this.#assertOpen()
    const open = this.#clients.get(name)
    if (open !== undefined) return open
    assertName(name, 'client')
    if (this.#wasGiven(name)) throw nameTaken(name)
    this.#clientNames.add(name)
    const client = new HostClient(engineIDOf(this.id, name), {
      delivery: this.#delivery,
      askDeadline: this.#askDeadline,
      settle: work => this.#parts.scheduler.settle(work),
      assertOpen: () => this.#assertOpen(),
      forget: () => this.#clients.delete(name),
    })
    this.#clients.set(name, client)
    return client
  }

  spawn<F extends Family>(engine: Engine<F>, options: SpawnOptions<F>): Promise<EngineRef<F['protocol']>>
  async spawn(engine: object, options: AnySpawnOptions): Promise<EngineID> {
    this.#assertOpen()
    if (!(engine instanceof EngineFamily)) throw new Fault('invalid-argument', 'What is spawned must be made by defineEngine')
    const { name, config, services = {}, acquaintances = [], supervision } = options
    assertName(name, 'engine')
    if (!isRecord(services)) throw new Fault('invalid-argument', 'services must be a plain object, such as { backends }: its fields are handed to the tasks')
    if (this.#wasGiven(name) || this.#clientNames.has(name)) throw nameTaken(name)
    this.#assertNative(engine)
    const parsed = parseConfig(engine, config)
    const known = acquaintances.map(principalID)
    const policy = policyOf(supervision, DEFAULT_POLICY, problem => new Fault('invalid-argument', problem))
    const stored = engine.durable === undefined || this.#durability === undefined ? undefined : await this.#load(name, engine, this.#durability)
    const dormant = stored && this.#durability?.wake(stored.record, engine)
    const instance = stored === undefined ? this.#lifecycle.spawn(name, engine, undefined, parsed, services, policy)
      : this.#lifecycle.spawnStored(name, stored, undefined, parsed, services, policy)
    for (const acquaintance of known) this.#acquaint(instance, acquaintance)
    if (stored !== undefined) this.#lifecycle.deliverStored(instance, stored, dormant?.waiting)
    await new Promise<void>((resolve, reject) => {
      this.#starting.set(instance, error => {
        if (error === undefined) resolve()
        else reject(new Fault('start-failed', `The engine ${name} could not start: ${error instanceof Error ? error.message : 'unknown error'}`, { cause: error }))
      })
    })
    return instance.id
  }

  grant(engine: EngineID, acquaintance: Client | EngineID): void {
    this.#acquaint(this.#root(engine), principalID(acquaintance))
  }

  revoke(engine: EngineID, acquaintance: Client | EngineID): void {
    const root = this.#root(engine)
    const id = principalID(acquaintance)
    root.revoke(id)
    if (root.record !== undefined) this.#durability?.revoke(root.record, id)
  }

  #acquaint(root: EngineInstance, acquaintance: EngineID): void {
    root.grant(acquaintance)
    if (root.record !== undefined) this.#durability?.grant(root.record, acquaintance)
  }

  observe(observer: Observer): () => void {
    if (typeof observer !== 'function') throw new Fault('invalid-argument', 'An observer must be a function')
    return this.#parts.observation.add(observer)
  }

  describe(): NodeDescription {
    return { node: this.id, boot: this.#boot, transport: this.#peers !== undefined, crypto: this.#cryptography?.describe() ?? {} }
  }

  counters(): Counters {
    let queued = 0
    let deferred = 0
    for (const { mailboxes } of this.#delivery.engines.values()) {
      for (const mailbox of mailboxes) {
        deferred += mailbox.deferred
        for (const item of mailbox) if (item.kind !== 'signal') queued++
      }
    }
    queued += (this.#peers?.queued ?? 0) + (this.#durability?.dormant.queued ?? 0) - deferred
    return { ...this.#delivery.counters, queued, deferred, handedToTransport: 0, uncertain: 0, ...this.#peers?.counters }
  }

  async stop(engine?: EngineID, options?: { readonly forget?: boolean }): Promise<void> {
    if (engine !== undefined) {
      await this.#end(this.#root(engine), options?.forget === true)
      return this.#durability?.journal.settled()
    }
    if (this.#stopping === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>()
      // Set first: what stopping calls (release hooks, abort listeners) must find the node closed.
      this.#stopping = promise
      await this.#stopAll()
      resolve()
    }
    return this.#stopping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** What is stored of an engine of the host; of one that never was, a new one. */
  async #load(name: string, engine: EngineFamily, { journal }: Durability): Promise<StoredEngine> {
    this.#loading.add(name)
    try {
      await journal.settled()
      const stored = await loadEngine(journal.store, name, engine)
      if (stored.changes.length > 0) await journal.store.write(stored.changes)
      this.#assertOpen()
      return stored
    } finally {
      this.#loading.delete(name)
    }
  }

  /** Its store has failed: what its engines did can't be kept, so it does no more. */
  #fail(error: unknown): void {
    this.#failure = error
    void this.stop()
  }

  async #stopAll(): Promise<void> {
    // What was committed before is told to whoever waits for it.
    if (this.#durability !== undefined) await this.#durability.journal.settled()
    await Promise.all(Array.from(this.#delivery.engines.values()).filter(isRoot).map(root => this.#end(root)))
    for (const client of this.#clients.values()) client.close()
    await this.#peers?.stop()
    await this.#durability?.journal.settled()
    if (this.#durability !== undefined) endLife(this.#durability.journal.store)
    this.#parts.deadlines.clear()
    this.#parts.observation.flush()
  }

  /** Portable code is slow, and takes a time that may tell of keys to who measures it: others may not ask for it unless the host says so. */
  #assertNative(engine: EngineFamily): void {
    if (!this.#isNativeOnly || this.#cryptography?.serves(engine) !== true) return
    // What is chosen is chosen for the life of the process.
    const portable = this.#portable ??= Object.entries(this.#cryptography.describe()).filter(([, { path }]) => path === 'portable').map(([scheme]) => scheme)
    if (portable.length === 0) return
    throw new Fault('portable-crypto', `This node can be reached by others, and has only portable code for ${portable.join(', ')}. `
      + 'Install the optional packages (secp256k1, @chainsafe/blst) under Node.js 24.7 or later and leave IPSE_CRYPTO unset, or make it with createNode({ portableCrypto: true })')
  }

  /** Whether an engine of the host has or had that name. */
  #wasGiven(name: string): boolean {
    return this.#delivery.engines.has(name) || this.#endedNames.has(name) || this.#loading.has(name)
  }

  #end(root: EngineInstance, forgets = false): Promise<void> {
    return new Promise(resolve => {
      ;(root.own.onEnded ??= []).push(resolve)
      this.#lifecycle.stop(root, forgets)
    })
  }

  #root(engine: EngineID): EngineInstance {
    this.#assertOpen()
    const instance = this.#delivery.find(engine)
    if (instance !== undefined && isRoot(instance)) return instance
    throw new Fault('not-found', `The host spawned no engine ${JSON.stringify(engine.name)} that is still there. A child is its parent's to grant, revoke and stop`)
  }

  #assertOpen(): void {
    if (this.#failure !== undefined) throw new Fault('node-stopped', 'This node has stopped, since its store failed: see the cause. Open the store anew, and make another with createNode()', { cause: this.#failure })
    if (this.#stopping !== undefined) throw new Fault('node-stopped', 'This node has stopped. Make another with createNode()')
  }
}

/** Whether the host spawned it. */
function isRoot(instance: EngineInstance): boolean {
  return instance.parent === undefined
}

interface AnySpawnOptions {
  readonly name: string
  readonly config?: unknown
  readonly services?: object
  readonly acquaintances?: readonly (Client | EngineID)[]
  readonly supervision?: Supervision
}

function principalID(principal: Client | EngineID): EngineID {
  const id = typeof principal === 'object' && principal !== null && 'id' in principal ? principal.id : principal
  if (isEngineID(id)) return id
  throw new Fault('invalid-argument', 'An acquaintance must be a client or an EngineID: { node, name }')
}

function assertName(name: string, what: string): void {
  if (typeof name === 'string' && isHostGivenName(name)) return
  throw new Fault('invalid-argument',
    `Not a name for a${what === 'engine' ? 'n' : ''} ${what}: ${JSON.stringify(name)}. Use printable characters without white space or "/", and nothing that looks like an external identity`)
}

function nameTaken(name: string): Fault {
  return new Fault('name-taken', `The name ${JSON.stringify(name)} was given before on this node, and names are given once`)
}
