import { StateMachine } from 'xstate'
import type { AnyStateMachine, EventObject } from 'xstate'
import type * as z from 'zod'
import { stop, update } from '../core/effect.ts'
import { EngineFamily } from '../core/engine.ts'
import type { Engine, TaskHandler } from '../core/engine.ts'
import { Fault } from '../core/errors.ts'
import type { ProtocolDefinition } from '../core/protocol.ts'
import { RuleTree } from '../core/rule.ts'
import { admit, nodesOf } from './admission.ts'
import type { Hosted, MachineDefinition, MachineFamily } from './family.ts'
import { HostedMachine } from './machine.ts'
import type { Transition } from './machine.ts'
import { hostedTask } from './placeholders.ts'
import { guardQueues, guarded } from './queues.ts'
import type { MachineState, NamedDeed } from './state.ts'

/**
 * Makes an engine family of an XState machine: `defineMachineEngine<MyFamily>({ … })`. Throws `invalid-definition` for what the
 * definition lacks, and for what of XState is not hosted; the text says what to use instead.
 */
export function defineMachineEngine<F extends MachineFamily = never>(definition: MachineDefinition<NoInfer<F>>): Engine<Hosted<F>>
export function defineMachineEngine(definition: AnyDefinition): object {
  return new MachineEngine(definition).family()
}

/** What its author wrote, under types that nothing here knows: called by `Reflect.apply`. */
type Written = (...args: never[]) => unknown

/** A definition without the types it was written under. */
interface AnyDefinition {
  readonly id?: string
  readonly protocol: ProtocolDefinition
  readonly config: z.core.$ZodType
  readonly machine: AnyStateMachine
  readonly events: { readonly [message: string]: Written }
  readonly answers?: { readonly [key: string]: Written }
  readonly terminated?: Written
  readonly actions?: { readonly [name: string]: Written | undefined }
  readonly input?: Written
  readonly done?: Written
  readonly stays?: true
  readonly tasks?: { readonly [name: string]: TaskHandler }
  readonly deadlines?: { readonly [task: string]: number | undefined }
}

/** What a trigger may have, whatever it is. */
interface AnyTrigger {
  readonly self: object
  readonly time: number
  readonly sender?: object
  readonly replyTo?: object
}

interface Scene extends AnyTrigger {
  readonly event: EventObject
  readonly context: object
  readonly config: unknown
}

interface OutcomeTrigger extends AnyTrigger {
  readonly key: string
  readonly outcome: string
  readonly output?: unknown
  readonly reason?: string
  readonly code?: string
}

/** What the machine says in its own words: assign, invoke, after, raise. */
const OWN_WORDS: ReadonlySet<unknown> = new Set(['update', 'task', 'timer', 'cancel'])

class MachineEngine {
  readonly #definition: AnyDefinition
  readonly #machine: HostedMachine

  constructor(definition: AnyDefinition) {
    const { actions = {}, tasks = {}, deadlines = {} } = definition
    if (!(definition.machine instanceof StateMachine)) throw new Fault('invalid-definition', 'A machine engine needs a "machine", made by createMachine of XState 5')
    const machine = complete(definition.machine, Object.keys(tasks))
    const nodes = nodesOf(machine)
    guardQueues(nodes)
    admit(machine, nodes, { actions: new Set(Object.keys(actions)), tasks: new Set(Object.keys(tasks)) })
    this.#definition = definition
    this.#machine = new HostedMachine(machine, nodes, deadlines)
  }

  family(): EngineFamily {
    const { events, answers = {}, terminated, tasks = {}, machine: _machine, actions: _actions, done: _done, stays: _stays, input, ...rest } = this.#definition
    return new EngineFamily({
      ...rest, tasks,
      environment: (config, life) => this.#machine.initial(input && Reflect.apply(input, undefined, [config, life])),
      behaviour: {
        messages: rulesOf(events, toEvent => this.#handling(toEvent)),
        answers: rulesOf(answers, toEvent => this.#handling(toEvent)),
        outcomes: rulesOf(tasks, () => always(this.#outcome)),
        timers: { after: always(this.#elapsed) },
        started: always(this.#start),
        ...terminated && { terminated: this.#handling(terminated) },
      },
    })
  }

  #handling(toEvent: Written): RuleTree {
    const definition = this.#definition
    if (typeof toEvent !== 'function') throw new Fault('invalid-definition', `The machine ${definition.machine.id}: what makes events of messages must be functions`)
    const machine = this.#machine
    return always((trigger: AnyTrigger, config: unknown, state: MachineState) => {
      const event: unknown = Reflect.apply(toEvent, undefined, [trigger, config])
      if (event === undefined) return undefined
      if (!isEvent(event)) throw new Fault('invalid-effect', 'What makes events of messages must answer an event, { type, … }, or undefined')
      const transition = machine.next(state, event)
      return transition && this.#effects(transition, state, trigger, config)
    })
  }

  readonly #start = (trigger: AnyTrigger, config: unknown, state: MachineState): unknown =>
    this.#effects(this.#machine.started(state), undefined, trigger, config)

  readonly #elapsed = (trigger: AnyTrigger & { readonly handle: string }, config: unknown, state: MachineState): unknown => {
    const transition = this.#machine.elapsed(state, trigger.handle)
    return transition && this.#effects(transition, state, trigger, config)
  }

  readonly #outcome = (trigger: OutcomeTrigger, config: unknown, state: MachineState): unknown => {
    const transition = this.#machine.ended(state, trigger.key, id => outcomeEvent(id, trigger))
    return transition && this.#effects(transition, state, trigger, config)
  }

  #effects({ state, deeds, event }: Transition, before: MachineState | undefined, trigger: AnyTrigger, config: unknown): object {
    if (deeds.length === 0 && state.place.status === 'active') return state === before ? [] : update(state)
    const effects: object[] = []
    for (const deed of deeds) {
      if ('effect' in deed) effects.push(deed)
      else for (const effect of this.#named(deed, sceneOf(trigger, config, deed.event, deed.context))) effects.push(effect)
    }
    if (state.place.status === 'done') {
      const { done, stays } = this.#definition
      const last = done === undefined ? [] : Reflect.apply(done, undefined, [state.place.output, sceneOf(trigger, config, event, state.context)])
      for (const effect of listOf(last)) effects.push(own(effect, 'done'))
      if (stays !== true) effects.push(stop())
    }
    return state === before ? effects : [...effects, update(state)]
  }

  #named({ action, params }: NamedDeed, scene: Scene): readonly object[] {
    const effects = this.#definition.actions?.[action]
    if (effects === undefined) throw new Fault('invalid-effect', `There is no action ${action}: give its effects in the "actions" of the engine`)
    return listOf(Reflect.apply(effects, undefined, [params, scene])).map(effect => own(effect, `the action ${action}`))
  }
}

/** Refuses what would go past the machine. The runtime looks at the rest. */
function own(effect: unknown, what: string): object {
  if (typeof effect !== 'object' || effect === null) throw new Fault('invalid-effect', `${what} gave something that is no effect`)
  if (!('effect' in effect)) return effect
  if (effect.effect === 'defer') {
    throw new Fault('invalid-effect', `${what} gave the effect defer, but the machine has handled the message by now: keep what it needs of it in the context, and give keep(replyTo) if it is a request`)
  }
  if (!OWN_WORDS.has(effect.effect)) return effect
  throw new Fault('invalid-effect', `${what} gave the effect ${String(effect.effect)}, which a machine says in its own words: assign, invoke, after, raise or cancel`)
}

function isEvent(event: unknown): event is EventObject {
  return typeof event === 'object' && event !== null && 'type' in event && typeof event.type === 'string'
}

function sceneOf({ self, time, sender, replyTo }: AnyTrigger, config: unknown, event: EventObject, context: object): Scene {
  return { event, context, config, self, time, ...sender && { sender }, ...replyTo && { replyTo } }
}

/** The events that XState has for the end of an actor. */
function outcomeEvent(id: string, { outcome, output, reason = '', code }: OutcomeTrigger): EventObject & { readonly actorId: string } {
  if (outcome === 'done') return Object.assign({ type: `xstate.done.actor.${id}`, actorId: id }, { output })
  const error = { outcome, message: reason, ...code !== undefined && { code } }
  return Object.assign({ type: `xstate.error.actor.${id}`, actorId: id }, { error })
}

/**
 * The machine anew, with guarded queues, and with a stand-in for each task that its setup does not declare, so that XState works out its
 * input.
 */
function complete(machine: AnyStateMachine, tasks: readonly string[]): AnyStateMachine {
  const missing = tasks.filter(name => machine.implementations.actors[name] === undefined)
  const actions = Object.entries(machine.implementations.actions).map(([name, action]) => [name, guarded(action)])
  return machine.provide({ actions: Object.fromEntries(actions), actors: Object.fromEntries(missing.map(name => [name, hostedTask<unknown, unknown>()])) })
}

function listOf(effects: unknown): readonly unknown[] {
  return Array.isArray(effects) ? effects : [effects]
}

function rulesOf<T>(entries: { readonly [name: string]: T }, rule: (entry: T) => RuleTree): { readonly [name: string]: RuleTree } {
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, rule(entry)]))
}

function always(action: (trigger: never, config: unknown, state: MachineState) => unknown): RuleTree {
  const machine = (_args: unknown, trigger: unknown, config: unknown, state: unknown): unknown => Reflect.apply(action, undefined, [trigger, config, state])
  return new RuleTree('always', undefined, [machine], [])
}
