import type { EventObject, StateValue } from 'xstate'

/** The environment of a hosted machine. All of it is data, and a machine goes on from what is here and nothing else. */
export interface MachineState {
  readonly context: object
  /** Apart from the context, since most steps change that alone, and only what changed is looked at. */
  readonly place: Place
  /** What entering the initial state wants done, until the engine has started. */
  readonly first?: readonly Deed[]
}

/** Where the machine is. */
export interface Place {
  readonly status: 'active' | 'done'
  readonly value: StateValue
  readonly output: unknown
  /** The ids of the active states, in the order in which XState has them: it decides whose transitions come first. */
  readonly nodes: readonly string[]
  /** For each history state that has something to remember, the ids of those states. */
  readonly history: { readonly [id: string]: readonly string[] }
  readonly waits: Waits
}

/** What the machine waits for. */
export interface Waits {
  /** The tasks that are heard of, by key: the invocation that each is for. */
  readonly tasks: { readonly [key: string]: string }
  /** The key of an invocation's task: what leaving its state ends. */
  readonly invoked: { readonly [invocation: string]: string }
  /** By its timer's handle, an event that is on its way: `raise` with a delay, which is also what `after` is. */
  readonly timers: { readonly [handle: string]: { readonly id: string; readonly event: EventObject } }
  /** The timer that `cancel` with this id ends: the last one set under it. */
  readonly cancellable: { readonly [id: string]: string }
  /** Numbers tasks and timers, so that none is taken for an earlier one. */
  readonly count: number
}

/** Something that the machine wants done: a named action of its author's, or an effect. */
export type Deed = NamedDeed | { readonly effect: string }

export interface NamedDeed {
  readonly action: string
  readonly params: unknown
  readonly event: EventObject
  readonly context: object
}
