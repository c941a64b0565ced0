import type { AnyStateMachine, ContextFrom, EventFrom, InputFrom, OutputFrom, StateMachine } from 'xstate'
import type * as z from 'zod'
import type { MailboxUpdate, Plain, Reply, Settlement, Settling, Spawned, Started } from '../core/effect.ts'
import type { EngineID, EngineRef } from '../core/engine-id.ts'
import type { Engine, Resource, TaskHandlers } from '../core/engine.ts'
import type { AsksOf, Family, MailboxStateOf, Needed, ResourceOf, ServicesOf } from '../core/family.ts'
import type { Mailboxes } from '../core/mailbox.ts'
import type { MessageName, Protocol, ProtocolDefinition, RequestName, ResponseOf } from '../core/protocol.ts'
import type { Life, Strategy, Supervision } from '../core/supervision.ts'
import type { AnsweredBy, Asked, ReplyTo, Terminated, Told } from '../core/trigger.ts'
import type { MachineState } from './state.ts'

/** The types of a family whose behaviour is a machine, in an interface that its author names. */
export interface MachineFamily {
  readonly protocol: Protocol
  readonly config: z.core.$ZodType
  /** `typeof machine`. Its context is the environment, its actors are the tasks. */
  readonly machine: AnyStateMachine
  readonly services?: object
  readonly resource?: object
  readonly asks?: object
  /** What its mailboxes may have beside messages: data. */
  readonly mailboxState?: unknown
}

/** A machine's family as the runtime knows it: what `node.spawn` and {@link Engine} are typed by. */
export interface Hosted<F extends MachineFamily> extends Family {
  readonly protocol: F['protocol']
  readonly config: F['config']
  readonly environment: MachineState
  readonly services: ServicesOf<F> & object
  readonly resource: ResourceOf<F> & object
  readonly tasks: MachineTasks<F['machine']> & object
  readonly asks: AsksOf<F> & object
  readonly timers: 'after'
  readonly mailboxState: MailboxStateOf<F>
}

type Config<F extends MachineFamily> = z.output<F['config']>
interface Parts<Actor, Action> { readonly actor: Actor; readonly action: Action }
type PartsOf<M> = M extends StateMachine<
  infer _Context, infer _Event, infer _Children, infer Actor, infer Action, infer _Guard, infer _Delay, infer _Value, infer _Tag, infer _Input,
  infer _Output, infer _Emitted, infer _Meta, infer _Schema, infer _TransitionMeta> ? Parts<Actor, Action> : never
type ActorsOf<M> = PartsOf<M>['actor']
/** `{ name: (input) => output }` of the actors that a machine's setup declares with {@link hostedTask}. */
export type MachineTasks<M> = { readonly [A in ActorsOf<M> as A['src']]: (input: InputFrom<A['logic']>) => OutputFrom<A['logic']> }

/**
 * What an action of a machine may give: all effects but those that the machine has in its own words (assign, invoke, after), and `defer`:
 * when the machine comes to an action, it has handled the message.
 */
export type ActionEffect<F extends MachineFamily> =
  | Plain | Exclude<Settlement<Hosted<F>>, Settling | Started<string, unknown>> | Settling<'forward' | 'keep'> | Spawned<Hosted<F>['services']>
  | MailboxUpdate<MailboxStateOf<F>>
  | Reply<ResponseOf<F['protocol'], RequestName<F['protocol']>>>
/** One effect, several, or none. */
export type ActionEffects<F extends MachineFamily> = ActionEffect<F> | readonly ActionEffect<F>[]

/** What an action sees beside its `params`. */
export interface ActionScene<F extends MachineFamily> {
  /** The event that the machine was handling, which may be one that it raised itself. */
  readonly event: EventFrom<F['machine']>
  /** As it was when the machine came to this action. */
  readonly context: ContextFrom<F['machine']>
  readonly config: Config<F>
  readonly self: EngineRef<F['protocol']>
  readonly time: number
  /** Of the message that this step handles, if it is one. */
  readonly sender?: EngineID
  /** Of the request that this step handles, if it is one. */
  readonly replyTo?: ReplyTo<ResponseOf<F['protocol'], RequestName<F['protocol']>>>
}

type Actions<F extends MachineFamily> = {
  readonly [A in PartsOf<F['machine']>['action'] as A['type']]?: (params: A['params'], scene: ActionScene<F>) => ActionEffects<F> }

type ToEvent<F extends MachineFamily, T> = (trigger: T, config: Config<F>) => EventFrom<F['machine']> | undefined
type MessageEvents<F extends MachineFamily> = { readonly [N in MessageName<F['protocol']>]:
  ToEvent<F, N extends RequestName<F['protocol']> ? Asked<F['protocol'], N, MailboxStateOf<F>> : Told<F['protocol'], N, MailboxStateOf<F>>> }
type AnswerEvents<F extends MachineFamily> = { readonly [K in keyof AsksOf<F> & string]: ToEvent<F, AnsweredBy<Hosted<F>, K>> }
type InputPart<F extends MachineFamily> = undefined extends InputFrom<F['machine']>
  ? { readonly input?: (config: Config<F>, life: Life) => InputFrom<F['machine']> }
  : { readonly input: (config: Config<F>, life: Life) => InputFrom<F['machine']> }

type ResourcePart<F extends MachineFamily> = [ResourceOf<F>] extends [never] ? {} : Resource<Hosted<F>, ResourceOf<F>>

/** What `defineMachineEngine` takes. `tasks`, `resource`, `answers` and `input` are required when the family has them. */
export type MachineDefinition<F extends MachineFamily> = {
  /** Names the family: the protocol's id unless told. */
  readonly id?: string
  readonly protocol: ProtocolDefinition & Pick<F['protocol'], 'id' | 'requests' | 'tells'>
  /** The schema that a configuration is checked by at spawn. */
  readonly config: F['config']
  readonly machine: F['machine']
  /** The event that each message is to the machine. `undefined`, or an event without a transition, leaves it unhandled. */
  readonly events: MessageEvents<F>
  /** The event that the end of a watched engine is. */
  readonly terminated?: ToEvent<F, Terminated<F['protocol']>>
  /** What the machine's named actions do: the effects of the step, in the order in which the machine comes to its actions. */
  readonly actions?: Actions<F>
  /** The most milliseconds that a task may take; then its signal aborts, and the machine is told an error. */
  readonly deadlines?: { readonly [N in keyof MachineTasks<F['machine']>]?: number }
  /** What is done when the machine has reached its final state, before the engine stops. */
  readonly done?: (output: OutputFrom<F['machine']>, scene: ActionScene<F>) => ActionEffects<F>
  /** Lives on when the machine is done. Each message after that is unhandled. Unless told, the engine stops. */
  readonly stays?: true
  /** Accepts from everyone. Unless told, an engine accepts only from itself, its parent and its acquaintances. */
  readonly open?: true
  /** Its mailboxes, by MailboxID. Mailbox 0 is always there; replies and signals come in there. */
  readonly mailboxes?: Mailboxes<MailboxStateOf<F>>
  /** The families that its actions may spawn. A function, since families may name each other. */
  readonly children?: () => readonly Engine<never>[]
  /** What becomes of its children that crash, and of those beside them: a spawn may say otherwise for one child, but for the strategy. */
  readonly supervision?: Supervision & { readonly strategy?: Strategy }
  /** Its children live on when it restarts. Unless told, they stop. */
  readonly keepsChildren?: true
} & Needed<'tasks', TaskHandlers<Hosted<F>>> & Needed<'resource', ResourcePart<F>> & Needed<'answers', AnswerEvents<F>> & InputPart<F>
