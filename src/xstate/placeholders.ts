import { fromPromise } from 'xstate'
import type { PromiseActorLogic } from 'xstate'
import { Fault } from '../core/errors.ts'

/** Marks what stands in a machine's setup for something that the engine has. */
const placeholder = Symbol('placeholder')

/**
 * Declares, in a machine's setup, an action that takes `P`. What it does is in the `actions` of the engine. Under XState's own
 * `createActor` it does nothing.
 */
export function hostedAction<P = undefined>(): (scene: unknown, params: P) => void {
  const nothing = (_scene: unknown, _params: P) => {}
  return Object.assign(nothing, { [placeholder]: true })
}

/**
 * Declares, in a machine's setup, an actor that is a task: with input `I` and output `O`. Its handler is in the `tasks` of the engine.
 * Under XState's own `createActor` it fails.
 */
export function hostedTask<I = undefined, O = undefined>(): PromiseActorLogic<O, I> {
  const logic = fromPromise<O, I>(() => Promise.reject(new Fault('not-available', 'This actor is a task, which only an engine has: spawn the machine with defineMachineEngine')))
  return Object.assign(logic, { [placeholder]: true })
}

export function isPlaceholder(implementation: unknown): boolean {
  return (typeof implementation === 'function' || typeof implementation === 'object') && implementation !== null && placeholder in implementation
}
