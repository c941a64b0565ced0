import { enqueueActions } from 'xstate'
import type { AnyStateNode } from 'xstate'
import { HOSTED_ACTIONS, PARENT, insteadOf, notHosted } from './refusals.ts'

/** An action of XState's own, as `assign` and the like make it. */
export interface BuiltIn {
  readonly type: string
  readonly delay?: unknown
  readonly to?: unknown
}

export function isBuiltIn(action: unknown): action is BuiltIn {
  return typeof action === 'function' && 'resolve' in action && 'type' in action && typeof action.type === 'string'
}

/**
 * An `enqueueActions` that refuses what a hosted machine can't have when it is enqueued: XState would look for the actor that is meant, or
 * stop it, and what is left of that afterwards does not show who asked for it. All else is answered as it is.
 */
export function guarded(action: unknown): unknown {
  if (!isBuiltIn(action) || action.type !== 'xstate.enqueueActions' || !('collect' in action)) return action
  const { collect } = action
  if (typeof collect !== 'function') return action
  return enqueueActions((scene, params: undefined) => void Reflect.apply(collect, undefined, [{ ...scene, enqueue: refusing(scene.enqueue) }, params]))
}

/** Guards the actions of states, which must be those of a machine that nobody else has. */
export function guardQueues(nodes: readonly AnyStateNode[]): void {
  for (const node of nodes) {
    Object.assign(node, { entry: node.entry.map(guarded), exit: node.exit.map(guarded) })
    const initial = node.type === 'compound' ? [node.initial] : []
    for (const transition of [...initial, ...[...node.transitions.values()].flat(), ...node.always ?? []]) {
      Object.assign(transition, { actions: transition.actions.map(guarded) })
    }
  }
}

function refusing(enqueue: unknown): object {
  if (typeof enqueue !== 'function') throw notHosted('an enqueueActions of this version of XState')
  const add = (action: unknown) => {
    const type = typeOf(action)
    if (type.startsWith('xstate.') && !(isBuiltIn(action) && HOSTED_ACTIONS.has(type))) throw notHosted(insteadOf(isBuiltIn(action) ? action : { type }))
    Reflect.apply(enqueue, undefined, [guarded(action)])
  }
  return Object.assign(add, enqueue, {
    sendTo: refuse('xstate.sendTo'), sendParent: refuse('xstate.sendTo', PARENT), spawnChild: refuse('xstate.spawnChild'), stopChild: refuse('xstate.stopChild'),
  })
}

function refuse(type: string, to?: string): () => never {
  return () => { throw notHosted(insteadOf({ type, to })) }
}

function typeOf(action: unknown): string {
  if (typeof action === 'string') return action
  return (typeof action === 'object' || typeof action === 'function') && action !== null && 'type' in action ? String(action.type) : ''
}
