import { createActor, createMachine } from 'xstate'
import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, AnyStateNode, EventObject, ExecutableActionObject } from 'xstate'
import { Fault } from '../core/errors.ts'
import { Gathering, NO_WAITS } from './deeds.ts'
import type { Declared } from './deeds.ts'
import { SEND_PARENT, SPAWN, notHosted } from './refusals.ts'
import { Snapshots } from './snapshots.ts'
import type { Deed, MachineState } from './state.ts'
import { Targetless } from './targetless.ts'
import type { Act } from './targetless.ts'

const NOTHING: readonly Deed[] = []

/** What an event made of a state. */
export interface Transition {
  readonly state: MachineState
  readonly deeds: readonly Deed[]
  readonly event: EventObject
}

/**
 * A machine as a pure function of state and event. It calls what XState's `transition()` calls, with one scope for all events in
 * place of an actor for each, so that neither the context's factory nor the initial state is gone through again. What changes the
 * context at most does without it.
 */
export class HostedMachine {
  readonly #machine: AnyStateMachine
  readonly #snapshots: Snapshots
  readonly #declared: Declared
  readonly #scope: AnyActorScope
  readonly #targetless: Targetless
  #actions: ExecutableActionObject[] = []

  constructor(machine: AnyStateMachine, nodes: readonly AnyStateNode[], deadlines: Declared['deadlines']) {
    this.#machine = machine
    this.#snapshots = new Snapshots(machine, nodes)
    this.#declared = {
      actions: machine.implementations.actions, invocations: new Set(nodes.flatMap(node => node.invoke.map(({ id }) => id))), deadlines,
    }
    const self = createActor(createMachine({}))
    const system = new Proxy(self.system, { get: (target, property) => isOwn(property) ? Reflect.get(target, property) : refuseSystem(property) })
    this.#scope = {
      self: new Proxy(self, { get: (_target, property) => property === 'system' ? system : refuseSelf(property) }),
      system, id: '', sessionId: '', logger() {}, defer() {}, emit() {}, stopChild() {},
      actionExecutor: action => void this.#actions.push(action),
    }
    this.#targetless = new Targetless(machine, nodes, this.#scope)
  }

  /** The initial state. What it wants done waits in `first` until the engine has started. */
  initial(input: unknown): MachineState {
    const actions: ExecutableActionObject[] = this.#actions = []
    const snapshot: AnyMachineSnapshot = this.#machine.getInitialSnapshot(this.#scope, input)
    const gathering = new Gathering(NO_WAITS, this.#declared)
    const { waits } = this.#gather(gathering, actions, snapshot, undefined)
    return this.#snapshots.first(snapshot, waits, gathering.deeds)
  }

  /** The initial state again, once what it wants done is being done. */
  started(state: MachineState): Transition {
    return { state: this.#snapshots.started(state), deeds: state.first ?? [], event: { type: 'xstate.init' } }
  }

  /** Answers `undefined` when the machine has no transition for the event in this state. */
  next(state: MachineState, event: EventObject): Transition | undefined {
    if (state.place.status !== 'active') return undefined
    const previous = this.#snapshots.of(state)
    const acts = this.#targetless.select(previous, event)
    if (acts === undefined) return this.#next(state, previous, event, undefined)
    return acts.length === 0 ? undefined : this.#inPlace(state, previous, event, acts)
  }

  /** The event of a timer that has run out. */
  elapsed(state: MachineState, handle: string): Transition | undefined {
    const gathering = new Gathering(state.place.waits, this.#declared)
    const event = gathering.elapsed(handle)
    return event === undefined ? undefined : this.#next(state, this.#snapshots.of(state), event, gathering)
  }

  /** The event of a task that has ended, unless the state that invoked it has been left. */
  ended(state: MachineState, key: string, eventOf: (id: string) => EventObject): Transition | undefined {
    const gathering = new Gathering(state.place.waits, this.#declared)
    const id = gathering.ended(key)
    return id === undefined ? undefined : this.#next(state, this.#snapshots.of(state), eventOf(id), gathering)
  }

  /** A transition that changes the context at most. */
  #inPlace(before: MachineState, previous: AnyMachineSnapshot, event: EventObject, acts: readonly Act[]): Transition {
    const deeds: Deed[] = []
    let context: object = previous.context
    for (const act of acts) context = act(context, event, deeds)
    const state = context === previous.context ? before : this.#snapshots.next({ ...previous, context }, before.place.waits, before, previous)
    return { state, deeds, event }
  }

  #next(before: MachineState, previous: AnyMachineSnapshot, event: EventObject, signalled: Gathering | undefined): Transition | undefined {
    const actions: ExecutableActionObject[] = this.#actions = []
    const snapshot: AnyMachineSnapshot = this.#machine.transition(previous, event, this.#scope)
    if (actions.length === 0 && signalled === undefined && snapshot.status === 'active') {
      if (snapshot === previous) return previous.can(event) ? { state: before, deeds: NOTHING, event } : undefined
      if (snapshot.children !== previous.children) throw notHosted(SPAWN)
      return { state: this.#snapshots.next(snapshot, before.place.waits, before, previous), deeds: NOTHING, event }
    }
    if (snapshot.status === 'error') {
      throw new Fault('invalid-effect', `The machine ${this.#machine.id} has no transition for ${event.type}: add onError to what invokes the task`, { cause: snapshot.error })
    }
    const gathering = signalled ?? new Gathering(before.place.waits, this.#declared)
    const { waits, deeds } = this.#gather(gathering, actions, snapshot, previous)
    return { state: this.#snapshots.next(snapshot, waits, before, previous), deeds, event }
  }

  #gather(gathering: Gathering, actions: readonly ExecutableActionObject[], { children, status }: AnyMachineSnapshot, previous: AnyMachineSnapshot | undefined): Gathering {
    for (const action of actions) gathering.add(action)
    // An actor that no invocation made was spawned by an assign, or by the factory of the context. XState would never start it.
    const isOurs = (id: string, actor: unknown) => gathering.invoked.has(actor) || actor === previous?.children[id]
    if (children !== previous?.children && !Object.entries(children).every(([id, actor]) => isOurs(id, actor))) throw notHosted(SPAWN)
    if (status === 'done') gathering.end()
    return gathering
  }
}

function refuseSelf(property: string | symbol): never {
  throw notHosted(property === '_parent' ? SEND_PARENT
    : `"self", nor its ${String(property)}: an engine's own EngineID is "self" in the scene of a named action, and raise sends to the machine itself`)
}

/** What XState itself has of a system, by its convention. */
function isOwn(property: string | symbol): boolean {
  return typeof property === 'string' && property.startsWith('_')
}

function refuseSystem(property: string | symbol): never {
  throw notHosted(`"system", nor its ${String(property)}: engines are addressed by EngineIDs, which messages, the config and the context may hold`)
}
