import type { AnyStateMachine, ContextFrom, EventFrom, InputFrom, OutputFrom, StateMachine } from 'xstate'
import type * as z from 'zod'
import type { Plain, Reply, Settlement, Spawned, Started } from '../core/effect.ts'
import type { EngineID, EngineRef } from '../core/engine-id.ts'
import type { Definition, Resource, TaskHandlers } from '../core/engine.ts'
import type { AsksOf, Family, Needed, ResourceOf, ServicesOf } from '../core/family.ts'
import type { MessageName, Protocol, RequestName, ResponseOf } from '../core/protocol.ts'
import type { Life } from '../core/supervision.ts'
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
}

/** A machine's family as the runtime knows it: what `node.spawn` and `Engine` are typed by. */
export interface Hosted<F extends MachineFamily> extends Family {
  readonly protocol: F['protocol']
  readonly config: F['config']
  readonly environment: MachineState
  readonly services: ServicesOf<F> & object
  readonly resource: ResourceOf<F> & object
  readonly tasks: MachineTasks<F['machine']> & object
  readonly asks: AsksOf<F> & object
  readonly timers: 'after'
}

type Config<F extends MachineFamily> = z.output<F['config']>
interface Parts<Actor, Action> { readonly actor: Actor; readonly action: Action }
type PartsOf<M> = M extends StateMachine<
  infer _Context, infer _Event, infer _Children, infer Actor, infer Action, infer _Guard, infer _Delay, infer _Value, infer _Tag, infer _Input,
  infer _Output, infer _Emitted, infer _Meta, infer _Schema, infer _TransitionMeta> ? Parts<Actor, Action> : never
type ActorsOf<M> = PartsOf<M>['actor']
/** `{ name: (input) => output }` of the actors that a machine's setup declares with {@link hostedTask}. */
export type MachineTasks<M> = { readonly [A in ActorsOf<M> as A['src']]: (input: InputFrom<A['logic']>) => OutputFrom<A['logic']> }

/** What an action of a machine may give: all effects but those that the machine has in its own words (assign, invoke, after). */
export type ActionEffect<F extends MachineFamily> =
  | Plain | Exclude<Settlement<Hosted<F>>, Started<string, unknown>> | Spawned<Hosted<F>['services']>
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
  ToEvent<F, N extends RequestName<F['protocol']> ? Asked<F['protocol'], N> : Told<F['protocol'], N>> }
type AnswerEvents<F extends MachineFamily> = { readonly [K in keyof AsksOf<F> & string]: ToEvent<F, AnsweredBy<Hosted<F>, K>> }
/** The machine's input at the beginning of each life. Children are numbered from `life.nextChild` on. */
type ToInput<F extends MachineFamily> = (config: Config<F>, life: Life) => InputFrom<F['machine']>
type InputPart<F extends MachineFamily> = undefined extends InputFrom<F['machine']>
  ? { readonly input?: ToInput<F> } : { readonly input: ToInput<F> }

type ResourcePart<F extends MachineFamily> = [ResourceOf<F>] extends [never] ? {} : Resource<Hosted<F>, ResourceOf<F>>

/** What a definition of any engine may say of one whose behaviour is a machine. */
type Usual = 'id' | 'protocol' | 'config' | 'open' | 'mailboxes' | 'children' | 'supervision' | 'keepsChildren'

/** What `defineMachineEngine` takes. `tasks`, `resource`, `answers` and `input` are required when the family has them. */
export type MachineDefinition<F extends MachineFamily> = Pick<Definition<Hosted<F>>, Usual> & {
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
} & Needed<'tasks', TaskHandlers<Hosted<F>>> & Needed<'resource', ResourcePart<F>> & Needed<'answers', AnswerEvents<F>> & InputPart<F>
