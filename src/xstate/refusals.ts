import { Fault } from '../core/errors.ts'

/** XState's own actions that a hosted machine may have. */
export const HOSTED_ACTIONS: ReadonlySet<string> = new Set(['xstate.assign', 'xstate.raise', 'xstate.cancel', 'xstate.emit', 'xstate.enqueueActions'])

/** What `sendParent` sends to. */
export const PARENT = '#_parent'
const SEND = 'use a named action that gives the effect send(to, message)'
export const SEND_PARENT = `sendParent: ${SEND}`

/** What to use in place of XState's other actions. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ['xstate.sendTo', `sendTo or forwardTo: ${SEND}`],
  ['xstate.spawnChild', 'spawnChild: invoke a task by its name, or use a named action that gives the effect spawn(engine, { as })'],
  ['xstate.stopChild', 'stopChild: leave the state that invokes the task, or use a named action that gives the effect stop(child)'],
  ['xstate.log', 'log: use emit, which observers hear'],
])

export const INLINE = 'a function as an action: name it, declare it in setup with hostedAction(), and give its effects in the "actions" of the engine'
export const SPAWN = 'spawn: invoke a task by its name, or use a named action that gives the effect spawn(engine, { as })'

/** What is wrong with an action of XState's own, and what to use. */
export function insteadOf({ type, to }: { readonly type: string; readonly to?: unknown }): string {
  if (type === 'xstate.sendTo' && to === PARENT) return SEND_PARENT
  return INSTEAD.get(type) ?? type
}

/** What is wrong with a delay that never ends, or is none. */
export function delayOf(delay: number): string {
  return `a delay of ${delay}: give a finite number of milliseconds`
}

/** Crashes the step: what could not be seen at definition. */
export function notHosted(what: string): Fault {
  return new Fault('invalid-effect', `A hosted machine can't have ${what}`)
}
