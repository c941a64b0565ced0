import type { AnyActorScope, AnyMachineSnapshot, AnyStateMachine, AnyStateNode, EventObject } from 'xstate'
import { SPAWN, notHosted } from './refusals.ts'
import type { Deed } from './state.ts'

/** What one action of a transition does: answers the context after it, and adds to `deeds` what is wanted done. */
export type Act = (context: object, event: EventObject, deeds: Deed[]) => object

const NONE: readonly Act[] = []

/**
 * Transitions without a target whose actions are all assigns and named ones. XState takes its whole algorithm for them: sets of states to
 * leave and to enter, eventless transitions, a snapshot for each assign. None of that comes to anything, so only the actions are left.
 */
export class Targetless {
  readonly #machine: AnyStateMachine
  readonly #scope: AnyActorScope
  /** By the transition, as XState selects it. */
  readonly #acts = new Map<unknown, readonly Act[]>()
  /** The states that have such transitions: in others it is not worth asking their guards, which XState asks again if this was in vain. */
  readonly #sources = new Set<unknown>()

  constructor(machine: AnyStateMachine, nodes: readonly AnyStateNode[], scope: AnyActorScope) {
    this.#machine = machine
    this.#scope = scope
    for (const node of nodes) for (const transition of [...node.transitions.values()].flat()) {
      const acts = transition.target === undefined ? transition.actions.map(action => this.#actOf(action)) : [undefined]
      if (!acts.every(act => act !== undefined)) continue
      this.#acts.set(transition, acts)
      this.#sources.add(node)
    }
  }

  /**
   * What there is to do for the event, in order; nothing when the machine has no transition for it, or a forbidden one. `undefined`
   * leaves the event to XState.
   */
  select(snapshot: AnyMachineSnapshot, event: EventObject): readonly Act[] | undefined {
    const { _nodes: active } = snapshot
    // Of its own events, XState takes some without a transition.
    if (!this.#mayStay(active) || event.type.startsWith('xstate.')) return undefined
    const [transition, another] = this.#machine.getTransitionData(snapshot, event)
    if (transition === undefined) return NONE
    return another === undefined ? this.#acts.get(transition) : undefined
  }

  #mayStay(active: readonly AnyStateNode[]): boolean {
    let isSource = false
    for (const node of active) {
      // A new context may be what it waited for.
      if (node.always !== undefined) return false
      isSource ||= this.#sources.has(node)
    }
    return isSource
  }

  #actOf(action: unknown): Act | undefined {
    if (typeof action === 'function') return this.#assignOf(action, undefined)
    const { type, params } = referenceOf(action)
    if (type.startsWith('xstate.')) return undefined
    const implementation: unknown = this.#machine.implementations.actions[type]
    if (typeof implementation === 'function' && 'resolve' in implementation) return this.#assignOf(implementation, params)
    return (context, event, deeds) => {
      deeds.push({ action: type, params: given(params, context, event), event, context })
      return context
    }
  }

  #assignOf(action: object, params: unknown): Act | undefined {
    if (!('type' in action) || action.type !== 'xstate.assign' || !('assignment' in action)) return undefined
    const { assignment } = action
    const { self, system } = this.#scope
    if (typeof assignment === 'function') {
      return (context, event) => Object.assign({}, context, Reflect.apply(assignment, undefined, [{ context, event, spawn, self, system }, given(params, context, event)]))
    }
    const fields = Object.entries(Object(assignment))
    return (context, event) => {
      const scene = { context, event, spawn, self, system }
      const args = given(params, context, event)
      const after: { [field: string]: unknown } = { ...context }
      for (const [field, value] of fields) after[field] = typeof value === 'function' ? Reflect.apply(value, undefined, [scene, args]) : value
      return after
    }
  }
}

function spawn(): never {
  throw notHosted(SPAWN)
}

function referenceOf(action: unknown): { readonly type: string; readonly params?: unknown } {
  if (typeof action === 'object' && action !== null && 'type' in action) return { ...action, type: String(action.type) }
  return { type: String(action) }
}

function given(params: unknown, context: object, event: EventObject): unknown {
  return typeof params === 'function' ? Reflect.apply(params, undefined, [{ context, event }]) : params
}
