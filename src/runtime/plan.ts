import { assertChangedData, assertData, freezeData } from '../core/data.ts'
import { fixedNames } from '../core/engine-id.ts'
import type { EngineID } from '../core/engine-id.ts'
import { Fault } from '../core/errors.ts'
import { nameIn } from '../core/family.ts'
import type { EngineFamily } from '../core/engine.ts'
import { policyOf } from '../core/supervision.ts'
import { isPromise } from '../core/promise.ts'
import type { MailboxID } from '../core/trigger.ts'
import { parseConfig } from './config.ts'
import { Envelope, nameOf } from './envelope.ts'
import type { Gatherer } from './evaluation.ts'
import { Few } from './few.ts'
import { NOTHING } from './instance.ts'
import type { EngineInstance } from './instance.ts'
import type { Granting, Outgoing, ReplyAddress, Spawning, Starting, TaskStart } from './planned.ts'

/** The fields that effects may have, of types not known yet: whatever an action answers may be read so. */
interface Fields {
  readonly effect?: unknown
  readonly environment?: unknown
  readonly to?: unknown
  readonly msg?: unknown
  readonly mailbox?: unknown
  readonly response?: unknown
  readonly key?: unknown
  readonly deadline?: unknown
  readonly family?: unknown
  readonly as?: unknown
  readonly config?: unknown
  readonly supervision?: unknown
  readonly engine?: unknown
  readonly event?: unknown
  readonly child?: unknown
  readonly acquaintance?: unknown
  readonly handle?: unknown
  readonly after?: unknown
  readonly every?: unknown
  readonly missed?: unknown
  readonly task?: unknown
  readonly input?: unknown
  readonly state?: unknown
}

/**
 * What a step will do. It takes effects as actions answer them, checks each and puts it where it is carried out from; nothing is carried
 * out before {@link StepPlan.finish} has seen the whole. One plan serves all steps of a node, one after the other: a step's own
 * lists would cost more than the rest of it.
 */
export class StepPlan implements Gatherer {
  environment: object = NOTHING
  readonly releases: string[] = []
  readonly mailboxStates: { readonly mailbox: MailboxID; readonly state: unknown }[] = []
  readonly spawns: Spawning[] = []
  readonly grants: Granting[] = []
  readonly messages: (Envelope | Outgoing)[] = []
  readonly starts: Starting[] = []
  readonly tasks: TaskStart[] = []
  /** Children to be stopped; `undefined` stands for the engine itself. */
  readonly stops: (EngineID | undefined)[] = []
  /** The key under which the message is deferred. */
  deferral: string | undefined
  /** Whether the request being handled leaves this engine in this step: it is replied to, or forwarded. */
  isGone = false

  readonly #freeze: boolean
  readonly #assertMayHost: (family: EngineFamily) => void
  #engine: EngineInstance | undefined
  /** The id of the request being handled. */
  #request: number | undefined
  #isMessage = false
  #count = 0
  #isUpdated = false
  #isAnswered = false
  #isSettled = false
  /** The highest number of a child, once this step spawns one. */
  #spawned: number | undefined
  /** The keys that this step starts to use. */
  readonly #requestKeys = new Few<string>()
  readonly #taskKeys = new Few<string>()
  /** The requests of earlier steps that this one answers. */
  readonly #late = new Few<number>()
  readonly #others: readonly unknown[][] = [this.releases, this.mailboxStates, this.spawns, this.grants, this.starts, this.tasks, this.stops]
  /** What effects name as a child. */
  #children: { readonly child: EngineID; readonly what: string }[] | undefined

  /** With `freeze`, an action that changes the environment which another left is found out. `assertMayHost` throws for families that must not live here. */
  constructor(freeze: boolean, assertMayHost: (family: EngineFamily) => void) {
    this.#freeze = freeze
    this.#assertMayHost = assertMayHost
  }

  /** Begins a step of that engine. */
  begin(instance: EngineInstance, isMessage: boolean, request: number | undefined): void {
    this.environment = instance.environment
    this.#engine = instance
    this.#request = request
    this.#isMessage = isMessage
  }

  /** Forgets the step, so that nothing of it is held. */
  clear(): void {
    // Most steps have an environment and a message or two: the rest is looked at only when there was more.
    empty(this.messages)
    if (this.#count > 0) {
      for (const list of this.#others) empty(list)
      this.#requestKeys.clear()
      this.#taskKeys.clear()
      this.#late.clear()
      this.deferral = this.#children = this.#spawned = undefined
      this.#count = 0
    }
    this.isGone = this.#isUpdated = this.#isAnswered = this.#isSettled = false
    this.environment = NOTHING
    this.#engine = undefined
  }

  /** Whether there is more to carry out than an environment, tells and a reply. */
  get hasMore(): boolean {
    return this.#count > 0
  }

  /** The engine whose step it is. */
  get #instance(): EngineInstance {
    if (this.#engine === undefined) throw invalid('an effect came when no step was taken')
    return this.#engine
  }

  /**
   * Checks an effect and takes it in. Throws `invalid-effect`, `not-encodable`, `invalid-argument` (a child's config),
   * `invalid-definition` (two children of one id) or `portable-crypto` (a child that signs or decrypts), which crashes the step: nothing of it happens.
   */
  take(effect: Fields | null | undefined): void {
    if (typeof effect !== 'object' || effect === null || typeof effect.effect !== 'string') throw noEffect(effect)
    switch (effect.effect) {
      case 'update':
        if (typeof effect.environment !== 'object' || effect.environment === null) throw invalid('update: the environment must be an object')
        this.environment = effect.environment
        this.#isUpdated = true
        if (this.#freeze) freezeData(effect.environment)
        return
      case 'send': {
        const instance = this.#instance
        this.messages.push(new Envelope(
          'message', instance.id, instance, engine(effect.to, 'send'), mailbox(effect.mailbox, 'send'), effect.msg, undefined))
        return
      }
      case 'reply':
        this.#answer('reply: no request is being handled; to answer one that was kept, say which: reply(response, { to })')
        this.isGone = true
        this.messages.push({ kind: 'answer', response: effect.response })
        return
      default:
        this.#count++
        this.#takeOther(effect)
    }
  }

  #takeOther(effect: Fields): void {
    const { family } = this.#instance
    switch (effect.effect) {
      case 'late-reply': {
        const to = replyToIn(effect.to)
        if (to === undefined) throw invalid('reply: "to" must be the replyTo of a request')
        if (to.id === this.#request) this.#answer('')
        else this.#answerLate(to.id)
        this.messages.push({ kind: 'late-answer', response: effect.response, to })
        return
      }
      case 'forward':
        this.#answer('forward: no request is being handled')
        this.isGone = true
        this.messages.push({ kind: 'forward', to: engine(effect.to, 'forward'), mailbox: mailbox(effect.mailbox, 'forward') })
        return
      case 'keep':
        if (this.#request === undefined || replyToIn(effect.to)?.id !== this.#request) throw invalid('keep: it needs the replyTo of the request being handled')
        this.#isSettled = true
        return
      case 'defer':
        if (!this.#isMessage) throw invalid('defer: no message is being handled')
        this.deferral = text(effect.key, 'defer')
        this.#isSettled = true
        return
      case 'release':
        this.releases.push(text(effect.key, 'release'))
        return
      case 'request':
        return this.#takeRequest(effect)
      case 'task':
        return this.#takeTask(effect)
      case 'spawn':
        return this.#takeSpawn(effect)
      case 'watch':
        if (family.terminated === undefined) throw invalid(`watch: ${family.id} has no rule for "terminated"`)
        this.starts.push({ effect: 'watch', engine: engine(effect.engine, 'watch') })
        return
      case 'grant': case 'revoke':
        this.grants.push({ effect: effect.effect, child: this.#child(effect.child, effect.effect), acquaintance: engine(effect.acquaintance, effect.effect) })
        return
      case 'timer': {
        const { after, every, missed = 'fire-once' } = effect
        if (typeof after !== 'number' || !(after >= 0 && after < Infinity)) throw invalid('timer: "after" must be a number of milliseconds from 0')
        if (every !== undefined && !(typeof every === 'number' && every > 0 && every < Infinity)) throw invalid('timer: "every" must be a positive number of milliseconds')
        if (missed !== 'fire-once' && missed !== 'skip' && missed !== 'catch-up') throw invalid('timer: "missed" must be "fire-once", "skip" or "catch-up"')
        this.starts.push({ effect: 'timer', handle: handle(effect.handle, family), after, every, missed })
        return
      }
      case 'cancel':
        this.starts.push({ effect: 'cancel', handle: handle(effect.handle, family) })
        return
      case 'update-mailbox': {
        const id = mailbox(effect.mailbox, 'updateMailbox')
        if (family.mailboxes[id] === undefined) throw invalid(`updateMailbox: ${family.id} has no mailbox ${id}`)
        this.mailboxStates.push({ mailbox: id, state: effect.state })
        return
      }
      case 'emit':
        this.messages.push({ kind: 'emit', event: effect.event })
        return
      case 'stop':
        this.stops.push(effect.child === undefined ? undefined : this.#child(effect.child, 'stop'))
        return
      default:
        throw invalid(`there is no effect ${String(effect.effect)}`)
    }
  }

  #takeRequest(effect: Fields): void {
    const { family, affairs } = this.#instance
    const key = this.#key(effect.key, 'request', this.#requestKeys, affairs.asks)
    if (!family.answers.has(nameIn(key))) throw invalid(`request: no rule in "answers" for the key ${key}`)
    this.messages.push({
      kind: 'request', to: engine(effect.to, 'request'), mailbox: mailbox(effect.mailbox, 'request'), msg: effect.msg,
      key, deadline: duration(effect.deadline, 'request'),
    })
  }

  #takeTask(effect: Fields): void {
    const { family, affairs } = this.#instance
    if (typeof effect.task !== 'string' || !family.tasks.has(effect.task)) throw invalid(`task: ${family.id} declares no task ${String(effect.task)}`)
    const key = this.#key(effect.key, 'task', this.#taskKeys, affairs.tasks)
    this.tasks.push({ name: effect.task, input: effect.input, key, deadline: duration(effect.deadline, 'task') })
  }

  #takeSpawn(effect: Fields): void {
    const { family, id } = this.#instance
    const as = engine(effect.as, 'spawn')
    const child = typeof effect.family === 'string' ? family.child(effect.family) : undefined
    if (child === undefined) throw invalid(`spawn: ${family.id} does not list ${String(effect.family)} in its children`)
    this.#assertMayHost(child)
    const n = childNumber(id, as)
    if (n === undefined || n <= this.#lastChild) throw invalid(`spawn: ${as.name} must be named by child(), with a number above any used before`)
    this.#spawned = n
    const policy = policyOf(effect.supervision, family.policy, problem => invalid(`spawn: ${problem}`))
    this.spawns.push({ family: child, as, n, config: parseConfig(child, effect.config), policy })
  }

  /**
   * Checks the environment that the step leaves, that all it sends is data, now that no action can change it any more, and what must hold
   * of the step as a whole. Throws as `take` does.
   */
  finish(): void {
    assertChangedData(this.environment, this.#instance.environment, 'the environment')
    for (const message of this.messages) assertSendable(message)
    if (this.#count > 0) this.#finishOthers()
    if (this.#request !== undefined && !this.#isAnswered && !this.#isSettled) {
      throw invalid('a request was neither replied to, forwarded, deferred nor kept, and no task or request was started for it')
    }
  }

  #finishOthers(): void {
    for (const { name, input } of this.tasks) assertData(input, `the input of task ${name}`)
    for (const { state } of this.mailboxStates) assertData(state, 'the state of a mailbox')
    for (const { child, what } of this.#children ?? []) {
      const n = childNumber(this.#instance.id, child)
      if (n === undefined || n > this.#lastChild) throw invalid(`${what}: ${child.name} is no child of this engine`)
    }
    if (this.deferral !== undefined && (this.#count > 1 || this.messages.length > 0 || this.#isUpdated)) {
      throw invalid('defer: a step that puts its message off can do nothing else, since the message was not handled')
    }
  }

  get #lastChild(): number {
    return this.#spawned ?? this.#instance.affairs.lastChild
  }

  #answer(otherwise: string): void {
    if (this.#request === undefined) throw invalid(otherwise)
    if (this.#isAnswered) throw invalid('a request was answered twice in one step')
    this.#isAnswered = true
  }

  #answerLate(id: number): void {
    if (!this.#late.add(id)) throw invalid('a request was answered twice in one step')
  }

  #key(key: unknown, what: string, starting: Few<string>, used: ReadonlyMap<string, unknown> | undefined): string {
    if (typeof key !== 'string' || key === '') throw invalid(`${what}: it needs a key, a text of its own`)
    if (used?.has(key) || !starting.add(key)) throw invalid(`${what}: the key ${key} is in use`)
    this.#isSettled = true
    return key
  }

  #child(value: unknown, what: string): EngineID {
    const child = engine(value, what)
    // Looked at when all effects are known: it may be spawned further on in this step.
    this.#children ??= []
    this.#children.push({ child, what })
    return child
  }
}

/** Not by its length, which would give up what the list has grown to. */
function empty(list: unknown[]): void {
  while (list.length > 0) list.pop()
}

function invalid(problem: string): Fault {
  return new Fault('invalid-effect', problem)
}

/** Says what an action returned instead of an effect, and nothing of what it holds: that may be a secret. */
function noEffect(value: unknown): Fault {
  if (isPromise(value)) return invalid('an action returned a promise: use task for what takes time')
  return invalid(`an action returned ${kindOf(value)}, which is no effect: return what update, send, reply and the like make, one or an array of them`)
}

function kindOf(value: unknown): string {
  // An array by itself is taken apart, and nothing at all declines: these were in one.
  if (Array.isArray(value)) return 'an array in an array'
  if (value === undefined) return 'undefined in an array'
  if (value === null) return 'null'
  return typeof value === 'object' ? 'an object that none of the functions for effects made' : `a ${typeof value}`
}

/** Nothing of it is read again at commit, where code of its maker must not run. */
function engine(value: unknown, what: string): EngineID {
  const id = fixedNames(value)
  if (id === undefined) throw invalid(`${what}: it needs an EngineID`)
  return id
}

function replyToIn(value: unknown): ReplyAddress | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { sender, id }: { readonly sender?: unknown; readonly id?: unknown } = value
  const fixed = fixedNames(sender)
  return fixed !== undefined && typeof id === 'number' ? { sender: fixed, id } : undefined
}

function assertSendable(message: Envelope | Outgoing): void {
  switch (message.kind) {
    case 'message': return assertMessage(message.msg, 'send')
    case 'request': return assertMessage(message.msg, 'request')
    case 'answer': case 'late-answer': return assertObject(message.response, 'reply')
    case 'emit': return assertObject(message.event, 'emit')
  }
}

function assertMessage(msg: unknown, what: string): void {
  assertObject(msg, what)
  if (nameOf(msg) === '') throw invalid(`${what}: a message needs a type`)
}

function assertObject(value: unknown, what: string): void {
  if (typeof value !== 'object' || value === null) throw invalid(`${what}: it needs an object`)
  assertData(value, what)
}

function mailbox(value: unknown, what: string): MailboxID {
  if (value === undefined) return 0
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
  throw invalid(`${what}: a mailbox must be a MailboxID, a whole number from 0`)
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw invalid(`${what}: it needs a key, a text`)
}

function duration(deadline: unknown, what: string): number | undefined {
  if (deadline === undefined || (typeof deadline === 'number' && Number.isFinite(deadline))) return deadline
  throw invalid(`${what}: its deadline must be a number of milliseconds`)
}

function handle(value: unknown, family: EngineFamily): string {
  if (typeof value === 'string' && family.timers.has(nameIn(value))) return value
  throw invalid(`timer: ${family.id} declares no timer ${String(value)}`)
}

/** The `n` of `parent/n`. */
function childNumber(parent: EngineID, id: EngineID): number | undefined {
  if (id.node !== parent.node || !id.name.startsWith(`${parent.name}/`)) return undefined
  const text = id.name.slice(parent.name.length + 1)
  return /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined
}
