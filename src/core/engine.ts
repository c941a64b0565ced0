import * as z from 'zod'
import { isRecord } from './data.ts'
import { Fault } from './errors.ts'
import type { AsksOf, ConfigOf, Family, MailboxStateOf, Needed, ResourceOf, ServicesOf, TasksOf, TimersOf } from './family.ts'
import { mailboxesOf } from './mailbox.ts'
import type { MailboxDefinition, Mailboxes } from './mailbox.ts'
import { answersOf } from './protocol.ts'
import type { MessageName, ProtocolDefinition, RequestName, Shape } from './protocol.ts'
import { assertRule } from './rule.ts'
import type { RuleTree, Rules } from './rule.ts'
import { redactionOf } from './schema-walk.ts'
import type { Rewrite } from './schema-walk.ts'
import { SimpleShape } from './simple-shape.ts'
import { DEFAULT_POLICY, isStrategy, policyOf } from './supervision.ts'
import type { Life, Policy, Strategy, Supervision } from './supervision.ts'
import type { AnsweredBy, Asked, Elapsed, InputOf, Outcome, OutputOf, Terminated, Told, Trigger } from './trigger.ts'

declare const phantom: unique symbol

export type MessageRules<F extends Family> = { readonly [N in MessageName<F['protocol']>]:
  Rules<F, N extends RequestName<F['protocol']> ? Asked<F['protocol'], N, MailboxStateOf<F>> : Told<F['protocol'], N, MailboxStateOf<F>>> }
export type OutcomeRules<F extends Family> = { readonly [N in keyof TasksOf<F>]: Rules<F, Outcome<F, N>> }
export type AnswerRules<F extends Family> = { readonly [K in keyof AsksOf<F> & string]: Rules<F, AnsweredBy<F, K>> }
export type TimerRules<F extends Family> = { readonly [H in TimersOf<F>]: Rules<F, Elapsed<F['protocol'], H>> }

/** A rule for each declared message, task, request and timer, so that none can be forgotten. Rules are pure. */
export type Behaviour<F extends Family> =
  & {
    readonly messages: MessageRules<F>
    readonly terminated?: Rules<F, Terminated<F['protocol']>>
    /** The engine's first step, before any message. */
    readonly started?: Rules<F, Trigger<F['protocol']>>
  }
  & Needed<'outcomes', OutcomeRules<F>> & Needed<'answers', AnswerRules<F>> & Needed<'timers', TimerRules<F>>

type Live<F> = ServicesOf<F> & ([ResourceOf<F>] extends [never] ? {} : ResourceOf<F>)
/**
 * The impure part of a family. `live` has its services and resource. `signal` aborts when nobody will hear the outcome: at the task's
 * deadline, when the engine stops or restarts, when the step for the outcome crashed. What a handler answers must be data.
 */
export type TaskHandlers<F extends Family> = { readonly [N in keyof TasksOf<F>]:
  (input: InputOf<F, N>, live: Live<F>, signal: AbortSignal) => OutputOf<F, N> | Promise<OutputOf<F, N>> }

/** What an engine opens before its first message and closes when it stops, or restarts. */
export interface Resource<F extends Family, R> {
  /** Called once in each of its lives. `signal` aborts when the node's `startDeadline` has passed, or the engine is stopped meanwhile. */
  readonly acquire: (config: ConfigOf<F>, services: ServicesOf<F>, signal: AbortSignal) => R | Promise<R>
  /** Called when the engine's tasks have ended or were waited for in vain. Waited for, up to the node's `releaseDeadline`. */
  readonly release?: (resource: R) => void | Promise<void>
}
type ResourcePart<F extends Family> = [ResourceOf<F>] extends [never] ? {} : Resource<F, ResourceOf<F>>

/** How the environment of a durable engine is read back. */
export interface Durability<E> {
  /** Which shape the environment has, a whole number from 1: to be counted up whenever one that was stored before would not do any more. */
  readonly version: number
  /** Makes an environment of one that was stored with a lower version. When it is absent or throws, the engine ends with `start-failed`, and what is stored stays. */
  readonly migrate?: (stored: StoredEnvironment) => E
  /**
   * Fields that are worth nothing to another process, such as which child does what: they are not stored. Where the engine goes on in another process, they are as in
   * its first environment; after a crash they are what they were, as the others are.
   */
  readonly passing?: readonly (keyof E & string)[]
}

/** An environment as an earlier version of its family left it. */
export interface StoredEnvironment {
  readonly version: number
  readonly environment: { readonly [field: string]: unknown }
}

/** What `defineEngine` takes. `tasks` and `resource` are required when the family declares them. */
export type Definition<F extends Family> = {
  /** Names the family: the protocol's id unless told. Two families of one protocol need two. */
  readonly id?: string
  readonly protocol: ProtocolDefinition & Pick<F['protocol'], 'id' | 'requests' | 'tells'>
  /** The schema that a configuration is checked by at spawn. */
  readonly config: F['config']
  /**
   * Makes the first environment of each life, which must be data. If it throws at first, the engine ends with `start-failed`; at a
   * restart, that is another crash.
   */
  readonly environment: (config: ConfigOf<F>, life: Life) => F['environment']
  readonly behaviour: Behaviour<F>
  /** Accepts from everyone. Unless told, an engine accepts only from itself, its parent and its acquaintances. */
  readonly open?: true
  /** Its mailboxes, by MailboxID. Mailbox 0 is always there; replies and signals come in there. */
  readonly mailboxes?: Mailboxes<MailboxStateOf<F>>
  /** The families that this one may spawn. A function, since families may name each other. */
  readonly children?: () => readonly Engine<never>[]
  /** What becomes of its children that crash, and of those beside them: a spawn may say otherwise for one child, but for the strategy. */
  readonly supervision?: Supervision & { readonly strategy?: Strategy }
  /** Its children live on when it restarts. Unless told, they stop. */
  readonly keepsChildren?: true
  /** Makes its environment outlast a crash; on a node with a store, also the process. Unless told, each life begins with a first environment. */
  readonly durable?: Durability<F['environment']>
} & Needed<'tasks', TaskHandlers<F>> & Needed<'resource', ResourcePart<F>>

/** An engine family, ready to be spawned. */
export interface Engine<in F extends Family> {
  readonly id: string
  readonly [phantom]: (family: F) => void
}

/** Checks a definition and makes a family of it: `defineEngine<MyFamily>({ … })`. Throws `invalid-definition`. */
export function defineEngine<F extends Family = never>(definition: Definition<NoInfer<F>>): Engine<F>
export function defineEngine(definition: AnyDefinition): object {
  return new EngineFamily(definition)
}

/** A definition without the types it was written under. */
interface AnyDefinition {
  readonly id?: string
  readonly protocol: ProtocolDefinition
  readonly config: z.core.$ZodType
  readonly environment: (config: unknown, life: Life) => object
  readonly behaviour: {
    readonly messages: Rulebook
    readonly outcomes?: Rulebook
    readonly answers?: Rulebook
    readonly timers?: Rulebook
    readonly terminated?: object
    readonly started?: object
  }
  readonly open?: true
  readonly mailboxes?: Mailboxes<unknown>
  readonly children?: () => readonly object[]
  readonly supervision?: { readonly strategy?: unknown }
  readonly keepsChildren?: true
  readonly durable?: Durability<object>
  readonly tasks?: { readonly [name: string]: TaskHandler }
  readonly resource?: Partial<AnyResource>
}
type Rulebook = { readonly [name: string]: object }
export type TaskHandler = (input: unknown, live: object, signal: AbortSignal) => unknown
interface AnyResource {
  readonly acquire: (config: unknown, services: object, signal: AbortSignal) => unknown
  readonly release?: (resource: unknown) => unknown
}

/** One message of a family, with what the runtime needs at hand. */
export interface MessageEntry {
  readonly name: string
  readonly rules: RuleTree
  readonly isRequest: boolean
  readonly fields: Shape
  /** Checks a message that comes from outside the node. */
  readonly schema: z.core.$ZodType
  /** Says sooner than the schema that a message fits, if it is a simple one. */
  readonly simple: SimpleShape | undefined
  readonly redact: Rewrite
  /** What a trace calls the answer, and how that is redacted. */
  readonly response: { readonly name: string; readonly redact: Rewrite }
}

/** A family as the runtime reads it. */
export class EngineFamily {
  readonly id: string
  readonly config: z.core.$ZodType
  readonly environment: (config: unknown, life: Life) => object
  readonly messages: ReadonlyMap<string, MessageEntry>
  readonly outcomes: ReadonlyMap<string, RuleTree>
  readonly answers: ReadonlyMap<string, RuleTree>
  readonly timers: ReadonlyMap<string, RuleTree>
  readonly terminated: RuleTree | undefined
  readonly started: RuleTree | undefined
  readonly tasks: ReadonlyMap<string, TaskHandler>
  readonly resource: AnyResource | undefined
  readonly open: boolean
  /** By MailboxID. */
  readonly mailboxes: readonly (MailboxDefinition | undefined)[]
  /** What becomes of a child that crashes, unless its spawn said otherwise. */
  readonly policy: Policy
  readonly strategy: Strategy
  readonly keepsChildren: boolean
  readonly durable: Durability<object> | undefined
  readonly #children: () => readonly object[]
  #lastMessage: MessageEntry | undefined

  constructor(definition: AnyDefinition) {
    const { protocol, behaviour, tasks = {}, resource } = definition
    if (typeof protocol !== 'object' || typeof behaviour?.messages !== 'object' || typeof definition.environment !== 'function' || definition.config === undefined) {
      throw new Fault('invalid-definition', 'An engine family needs a protocol, a config schema, an environment function and a behaviour with messages')
    }
    const fault = (problem: string) => new Fault('invalid-definition', `Engine family ${JSON.stringify(definition.id ?? protocol.id)}: ${problem}`)
    this.id = definition.id ?? protocol.id
    this.config = definition.config
    this.environment = definition.environment
    this.messages = messagesOf(protocol, behaviour.messages, fault)
    this.outcomes = rulesOf(behaviour.outcomes)
    this.answers = rulesOf(behaviour.answers)
    this.timers = rulesOf(behaviour.timers)
    this.terminated = behaviour.terminated === undefined ? undefined : assertRule(behaviour.terminated)
    this.started = behaviour.started === undefined ? undefined : assertRule(behaviour.started)
    this.tasks = new Map(Object.entries(tasks))
    if (resource?.acquire !== undefined) {
      this.resource = resource.release === undefined ? { acquire: resource.acquire } : { acquire: resource.acquire, release: resource.release }
    }
    this.open = definition.open ?? false
    this.mailboxes = mailboxesOf(definition.mailboxes, fault)
    this.#children = definition.children ?? (() => [])
    for (const name of this.tasks.keys()) if (!this.outcomes.has(name)) throw fault(`the task ${name} has no rule in "outcomes"`)
    for (const name of this.outcomes.keys()) if (!this.tasks.has(name)) throw fault(`the outcome ${name} has no handler in "tasks"`)
    if (definition.supervision !== undefined && !isRecord(definition.supervision)) throw fault('supervision must be a plain object, such as { strategy: "one-for-all" }')
    const { strategy = 'one-for-one', ...supervision } = definition.supervision ?? {}
    if (!isStrategy(strategy)) throw fault('supervision.strategy must be "one-for-one", "one-for-all" or "rest-for-one"')
    this.strategy = strategy
    this.policy = policyOf(supervision, DEFAULT_POLICY, fault)
    this.keepsChildren = definition.keepsChildren ?? false
    const { durable } = definition
    if (durable !== undefined && !(Number.isSafeInteger(durable.version) && durable.version > 0)) throw fault('durable.version must be a whole number from 1')
    if (durable?.migrate !== undefined && typeof durable.migrate !== 'function') throw fault('durable.migrate must be a function')
    if (durable?.passing !== undefined && !Array.isArray(durable.passing)) throw fault('durable.passing must be an array of fields of the environment')
    this.durable = durable
  }

  /** What the runtime needs of the message of that name. */
  message(name: string): MessageEntry | undefined {
    // Messages of one name tend to come together, and to compare one text costs less than to look it up.
    if (this.#lastMessage?.name !== name) this.#lastMessage = this.messages.get(name)
    return this.#lastMessage
  }

  /** The family of that id among those that this one may spawn. */
  child(id: string): EngineFamily | undefined {
    const [family, other] = this.#children().filter(child => child instanceof EngineFamily && child.id === id)
    if (other !== undefined) throw new Fault('invalid-definition', `${this.id} lists two families of the id ${id} in its children. Give one an id of its own in its definition`)
    return family instanceof EngineFamily ? family : undefined
  }
}

function rulesOf(rulebook: Rulebook = {}): ReadonlyMap<string, RuleTree> {
  return new Map(Object.entries(rulebook).map(([name, rules]) => [name, assertRule(rules)]))
}

function messagesOf(protocol: ProtocolDefinition, rulebook: Rulebook, fault: (problem: string) => Fault): ReadonlyMap<string, MessageEntry> {
  const entries = new Map<string, MessageEntry>()
  const add = (name: string, fields: Shape, answers: readonly Shape[], isRequest: boolean) => {
    const rules = rulebook[name]
    if (rules === undefined) throw fault(`the message ${name} has no rule`)
    entries.set(name, {
      name, rules: assertRule(rules), isRequest, fields, schema: z.strictObject({ type: z.literal(name), ...fields }), simple: SimpleShape.of(name, fields), redact: redactionOf([fields]),
      response: { name: `${name.replace(/Request$/, '')}Response`, redact: redactionOf(answers) },
    })
  }
  for (const [name, { fields, reply }] of Object.entries(protocol.requests)) add(name, fields, answersOf(reply), true)
  for (const [name, fields] of Object.entries(protocol.tells)) add(name, fields, [], false)
  for (const name of Object.keys(rulebook)) if (!entries.has(name)) throw fault(`there is a rule for ${name}, which its protocol does not have`)
  return entries
}
