import { formatEngineID } from '../core/engine-id.ts'
import type { EngineID, NodeID } from '../core/engine-id.ts'
import type { EngineFamily } from '../core/engine.ts'
import { DEFAULT_POLICY } from '../core/supervision.ts'
import type { Policy } from '../core/supervision.ts'
import type { MailboxID } from '../core/trigger.ts'
import { Affairs, NONE } from './affairs.ts'
import type { EngineRecord } from './engine-record.ts'
import { Signal } from './envelope.ts'
import type { Envelope, Item, Principal, SignalBody } from './envelope.ts'
import { Mailbox, MailboxCluster } from './mailbox.ts'
import type { Pending } from './pending.ts'

/** The environment and the services of an engine that has none. */
export const NOTHING: object = Object.freeze({})

/**
 * `starting` and `stopping` wait for a resource, and so may `restarting`, which then waits for its time; `spawned` follows. Only a
 * running engine takes steps, only a stopping or ended one refuses messages.
 */
type Status = 'spawned' | 'starting' | 'running' | 'restarting' | 'stopping' | 'ended'

/** An engine that lives on this node: its configuration, environment and mailbox, and what it owes and is owed. */
export class EngineInstance implements Principal {
  readonly id: EngineID
  /** What delivers to it: tells its node from others in the process. */
  readonly home: object
  readonly family: EngineFamily
  parent: EngineInstance | undefined
  config: unknown
  /** What its spawner gave it; its children inherit this, and not its resource. */
  services: object
  environment: object = NOTHING
  status: Status = 'spawned'
  /** Whether it has ever run. Until then it does not restart. */
  hasRun = false

  /** Mailbox 0, which replies and signals come in. */
  readonly #mailbox = new Mailbox()
  /** All mailboxes, when it has several. */
  readonly #cluster: MailboxCluster | undefined
  /** How many signals in mailbox 0 go before everything else. */
  #urgent = 0
  /** Whether it is in line for the scheduler. */
  isReady = false
  /** Requests that wait for its answer, the newest first. */
  owed: Pending | undefined = undefined
  /** The names from whom it accepts, unless it is open. Most have one or none. */
  #acquaintances: string | Set<string> | undefined = undefined
  /** The acquaintance that was looked up last: most messages come from the one that the message before came from. */
  #lastKnown: Principal | undefined = undefined
  #affairs: Affairs | undefined = undefined

  /** `name` makes the EngineID that leads back to this instance. */
  constructor(name: (instance: EngineInstance) => EngineID, home: object, family: EngineFamily, parent: EngineInstance | undefined, config: unknown, services: object) {
    this.id = name(this)
    this.home = home
    this.family = family
    this.parent = parent
    this.config = config
    this.services = services
    this.#cluster = family.mailboxes.length > 1 ? new MailboxCluster(family.mailboxes, this.#mailbox) : undefined
  }

  /** What it has only at times, to be read. */
  get affairs(): Readonly<Affairs> {
    return this.#affairs ?? NONE
  }

  /** The same, to be changed. */
  get own(): Affairs {
    return this.#affairs ??= new Affairs()
  }

  /** What is stored of it, if it is durable and its node has a store. */
  get record(): EngineRecord | undefined {
    return this.#affairs?.record
  }

  get policy(): Policy {
    return this.affairs.policy ?? this.parent?.family.policy ?? DEFAULT_POLICY
  }

  /** Lets go of everything: an EngineID leads here for as long as anybody holds it. */
  forget(): void {
    this.#affairs = this.#acquaintances = this.#lastKnown = this.parent = this.config = undefined
    this.environment = this.services = NOTHING
  }

  // ── mailboxes ────────────────────────────────────────────────────────────────────────────────────────────────

  get hasNext(): boolean {
    return !this.#mailbox.isEmpty || (this.#cluster !== undefined && !this.#cluster.isEmpty)
  }

  /** What the next step is for. */
  take(): Item | undefined {
    if (this.#urgent > 0) {
      this.#urgent--
      const signal = this.#mailbox.shift()
      this.#cluster?.passOver()
      return signal
    }
    return this.#cluster === undefined ? this.#mailbox.take() : this.#cluster.take()
  }

  mailbox(id: MailboxID): Mailbox | undefined {
    return id === 0 ? this.#mailbox : this.#cluster?.get(id)
  }

  get mailboxes(): Iterable<Mailbox> {
    return this.#cluster ?? [this.#mailbox]
  }

  /** Takes in a reply, which is exempt from capacity. */
  receive(reply: Envelope): void {
    this.#mailbox.push(reply)
  }

  /** Takes in a signal; an urgent one goes before all else. */
  signal(body: SignalBody, isUrgent: boolean): void {
    if (isUrgent) {
      this.#urgent++
      this.#mailbox.unshift(new Signal(body))
    } else {
      this.#mailbox.push(new Signal(body))
    }
  }

  /** Lets what was deferred under that key wait for its turn again. */
  release(key: string): void {
    for (const mailbox of this.mailboxes) mailbox.release(key)
  }

  mailboxState(id: MailboxID): unknown {
    const states = this.#affairs?.mailboxStates
    return states === undefined ? this.family.mailboxes[id]?.state : states[id]
  }

  updateMailbox(id: MailboxID, state: unknown): void {
    const states = this.own.mailboxStates ??= this.family.mailboxes.map(definition => definition?.state)
    states[id] = state
  }

  /** Takes out the replies and signals that a former life waited for, and forgets what it kept with mailboxes. Messages stay. */
  takeAnswers(): readonly Item[] {
    this.#urgent = 0
    if (this.affairs.mailboxStates !== undefined) this.own.mailboxStates = undefined
    const answers: Item[] = []
    this.#mailbox.retain(item => {
      if (item.kind !== 'message') answers.push(item)
      return item.kind === 'message'
    })
    return answers
  }

  /** Empties all mailboxes of what they hold, deferred or not. */
  *takeAll(): Generator<Item> {
    for (const mailbox of this.mailboxes) yield* mailbox.takeAll()
    this.#urgent = 0
  }

  // ── access ───────────────────────────────────────────────────────────────────────────────────────────────────

  get accepts(): boolean {
    return this.status !== 'stopping' && this.status !== 'ended'
  }

  /** Whether it takes messages from that principal: everyone, if open; itself, its parent and its acquaintances, if not. */
  knows(principal: Principal): boolean {
    if (this.family.open || principal === this.#lastKnown || principal === this || principal === this.parent) return true
    if (!this.#isAcquaintance(principal.id)) return false
    this.#lastKnown = principal
    return true
  }

  #isAcquaintance(id: EngineID): boolean {
    if (this.#acquaintances === undefined) return false
    const name = acquaintanceName(id, this.id.node)
    return typeof this.#acquaintances === 'string' ? this.#acquaintances === name : this.#acquaintances.has(name)
  }

  grant(acquaintance: EngineID): void {
    const name = acquaintanceName(acquaintance, this.id.node)
    if (this.#acquaintances === undefined) this.#acquaintances = name
    else if (typeof this.#acquaintances === 'string') this.#acquaintances = new Set([this.#acquaintances, name])
    else this.#acquaintances.add(name)
  }

  revoke(acquaintance: EngineID): void {
    this.#lastKnown = undefined
    const name = acquaintanceName(acquaintance, this.id.node)
    if (typeof this.#acquaintances === 'object') this.#acquaintances.delete(name)
    else if (this.#acquaintances === name) this.#acquaintances = undefined
  }
}

/** A neighbour's own name, so that checking it builds no text; a stranger's in full. No local name begins with a NodeID. */
function acquaintanceName(id: EngineID, here: NodeID | null): string {
  return id.node === here || id.node === null ? id.name : formatEngineID(id)
}
