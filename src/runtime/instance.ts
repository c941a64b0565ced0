import { formatEngineID } from '../core/engine-id.ts'
import type { EngineID, NodeID } from '../core/engine-id.ts'
import type { EngineFamily } from '../core/engine.ts'
import type { EndReason, MailboxID } from '../core/trigger.ts'
import { Signal } from './envelope.ts'
import type { Envelope, Item, Principal, SignalBody } from './envelope.ts'
import { Mailbox, MailboxCluster } from './mailbox.ts'
import type { Policy } from '../core/supervision.ts'
import type { Pending } from './pending.ts'
import type { Restart } from './restart.ts'
import type { TaskRun } from './tasks.ts'
import type { Elapsing } from './timers.ts'

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
  readonly parent: EngineInstance | undefined
  readonly config: unknown
  /** What its spawner gave it; its children inherit this, and not its resource. */
  readonly services: object
  /** What its task handlers get: services and resource. */
  live: object
  resource: unknown = undefined
  environment: object = {}
  status: Status = 'spawned'

  /** Mailbox 0, which replies and signals come in. */
  readonly #mailbox = new Mailbox()
  /** All mailboxes, when it has several. */
  readonly #cluster: MailboxCluster | undefined
  /** How many signals in mailbox 0 go before everything else. */
  #urgent = 0
  /** What the family keeps with mailboxes, by MailboxID, once a step has changed it. */
  #mailboxStates: unknown[] | undefined = undefined
  /** Whether it is in line for the scheduler. */
  isReady = false

  /** The names from whom it accepts, unless it is open. Made when the first is granted. */
  acquaintances: Set<string> | undefined = undefined
  children: Set<EngineInstance> | undefined = undefined
  /** The highest number that a child was given. */
  lastChild = -1
  watchers: Set<EngineInstance> | undefined = undefined
  watching: Set<EngineInstance> | undefined = undefined
  /** Requests that wait for its answer, the newest first. */
  owed: Pending | undefined = undefined
  /** Its own requests, by key. */
  asks: Map<string, Pending> | undefined = undefined
  timers: Map<string, Elapsing> | undefined = undefined
  tasks: Map<string, TaskRun> | undefined = undefined
  /** Work outside of steps that has not come to its end: task handlers, an acquire. */
  running: Set<Promise<unknown>> | undefined = undefined
  /** Aborts an acquire when the engine stops. */
  acquiring: AbortController | undefined = undefined
  /** What its supervisor does when it crashes. */
  readonly policy: Policy
  /** Whether it has ever run. Until then it does not restart. */
  hasRun = false
  restarts = 0
  /** When it was restarted, as far back as its policy looks. */
  restartTimes: readonly number[] | undefined = undefined
  /** What it waits for while it restarts. */
  restart: Restart | undefined = undefined
  /** Whether nothing is left of its last life, as before its first. */
  isDown = true
  /** What it crashed with, or could not release, until its new life begins. */
  failure: unknown = undefined
  /** Why it ends, once it does. */
  ending: { readonly reason: EndReason; readonly error: unknown } | undefined = undefined
  onStarted: ((error: unknown) => void) | undefined = undefined
  onEnded: (() => void)[] | undefined = undefined

  /** `name` makes the EngineID that leads back to this instance. */
  constructor(name: (instance: EngineInstance) => EngineID, home: object, family: EngineFamily, parent: EngineInstance | undefined, config: unknown, services: object, policy: Policy) {
    this.id = name(this)
    this.home = home
    this.family = family
    this.parent = parent
    this.config = config
    this.services = services
    this.live = services
    this.#cluster = family.mailboxes.length > 1 ? new MailboxCluster(family.mailboxes, this.#mailbox) : undefined
    this.policy = policy
  }

  // ── mailboxes ────────────────────────────────────────────────────────────────────────────────────────────────

  get hasNext(): boolean {
    return !this.#mailbox.isEmpty || (this.#cluster !== undefined && !this.#cluster.isEmpty)
  }

  /** What the next step is for. */
  take(): Item | undefined {
    if (this.#urgent > 0) {
      this.#urgent--
      return this.#mailbox.queue.shift()
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
    this.#mailbox.queue.push(reply)
  }

  /** Takes in a signal; an urgent one goes before all else. */
  signal(body: SignalBody, isUrgent: boolean): void {
    if (isUrgent) {
      this.#urgent++
      this.#mailbox.queue.unshift(new Signal(body))
    } else {
      this.#mailbox.queue.push(new Signal(body))
    }
  }

  /** Lets what was deferred under that key wait for its turn again. */
  release(key: string): void {
    for (const mailbox of this.mailboxes) mailbox.release(key)
  }

  mailboxState(id: MailboxID): unknown {
    return this.#mailboxStates === undefined ? this.family.mailboxes[id]?.state : this.#mailboxStates[id]
  }

  updateMailbox(id: MailboxID, state: unknown): void {
    this.#mailboxStates ??= this.family.mailboxes.map(definition => definition?.state)
    this.#mailboxStates[id] = state
  }

  /** Takes out the replies and signals that a former life waited for, and forgets what it kept with mailboxes. Messages stay. */
  takeAnswers(): readonly Item[] {
    this.#urgent = 0
    this.#mailboxStates = undefined
    const answers: Item[] = []
    this.#mailbox.queue.retain(item => {
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
    return this.family.open || principal === this || principal === this.parent
      || (this.acquaintances !== undefined && this.acquaintances.has(acquaintanceName(principal.id, this.id.node)))
  }

  grant(acquaintance: EngineID): void {
    this.acquaintances ??= new Set()
    this.acquaintances.add(acquaintanceName(acquaintance, this.id.node))
  }

  revoke(acquaintance: EngineID): void {
    this.acquaintances?.delete(acquaintanceName(acquaintance, this.id.node))
  }
}

/** A neighbour's own name, so that checking it builds no text; a stranger's in full. No local name begins with a NodeID. */
function acquaintanceName(id: EngineID, here: NodeID | null): string {
  return id.node === here || id.node === null ? id.name : formatEngineID(id)
}
