import type { AnyMachineSnapshot, AnyStateMachine, AnyStateNode, StateValue } from 'xstate'
import { Fault } from '../core/errors.ts'
import type { Deed, MachineState, Place, Waits } from './state.ts'

/**
 * Turns XState's snapshots into data and back. The snapshot that a state was made from is remembered beside it, so that going back
 * costs nothing; without it the same one is made anew.
 */
export class Snapshots {
  readonly #machine: AnyStateMachine
  readonly #nodes: ReadonlyMap<string, AnyStateNode>
  /** Of engines whose turn it is not: a weak map costs more than all else here, so the last state stands apart. */
  readonly #others = new WeakMap<MachineState, AnyMachineSnapshot>()
  #last: MachineState | undefined
  #lastSnapshot: AnyMachineSnapshot | undefined

  constructor(machine: AnyStateMachine, nodes: readonly AnyStateNode[]) {
    this.#machine = machine
    this.#nodes = new Map(nodes.map(node => [node.id, node]))
  }

  /** The state before the first one: nothing of it is kept. */
  first(snapshot: AnyMachineSnapshot, waits: Waits, first: readonly Deed[]): MachineState {
    const { value, context, output, _nodes: nodes, historyValue } = snapshot
    const place = { status: statusOf(snapshot), value, output, nodes: idsOf(nodes), history: historyOf(historyValue), waits }
    return this.#remembered({ context, place, first }, snapshot, undefined)
  }

  /** The state after `before`, whose snapshot was `previous`. What did not change stays the same object. */
  next(snapshot: AnyMachineSnapshot, waits: Waits, before: MachineState, previous: AnyMachineSnapshot): MachineState {
    const { value, context, output, _nodes: nodes, historyValue } = snapshot
    const status = statusOf(snapshot)
    const there = before.place
    const place = nodes === previous._nodes && historyValue === previous.historyValue && status === there.status && waits === there.waits ? there : {
      status, value, output,
      nodes: nodes === previous._nodes ? there.nodes : idsOf(nodes),
      history: historyValue === previous.historyValue ? there.history : historyOf(historyValue),
      waits,
    }
    return this.#remembered({ context, place }, snapshot, before)
  }

  /** The same state, under way. */
  started(before: MachineState): MachineState {
    const { first: _done, ...state } = before
    return this.#remembered(state, this.of(before), before)
  }

  /** `before` is a state that is over. */
  #remembered(state: MachineState, snapshot: AnyMachineSnapshot, before: MachineState | undefined): MachineState {
    if (this.#last !== before && this.#last !== undefined && this.#lastSnapshot !== undefined) this.#others.set(this.#last, this.#lastSnapshot)
    this.#last = state
    this.#lastSnapshot = snapshot
    return state
  }

  of(state: MachineState): AnyMachineSnapshot {
    return (state === this.#last ? this.#lastSnapshot : this.#others.get(state)) ?? this.#revived(state)
  }

  #revived(state: MachineState): AnyMachineSnapshot {
    const { context, place } = state
    const { status, output } = place
    const nodes = this.#nodesOf(place.nodes)
    const value = valueOf(this.#machine.root, withAncestors(nodes))
    const historyValue = Object.fromEntries(Object.entries(place.history).map(([id, past]) => [id, this.#nodesOf(past)]))
    const resolved: AnyMachineSnapshot = this.#machine.resolveState({ value, context, status, output, historyValue })
    // XState finds the nodes in an order of its own, and has no actors: of ours it needs no more than their ids, to stop them.
    const children = Object.fromEntries(Object.keys(place.waits.invoked).map(id => [id, { id }]))
    const snapshot = Object.assign(resolved, { _nodes: nodes, value, children })
    this.#remembered(state, snapshot, undefined)
    return snapshot
  }

  #nodesOf(ids: readonly string[]): AnyStateNode[] {
    return ids.map(id => {
      const node = this.#nodes.get(id)
      if (node === undefined) throw new Fault('invalid-definition', `The machine ${this.#machine.id} has no state ${id}`)
      return node
    })
  }
}

/** The state value of active nodes. Its keys have the nodes' order, which a store need not keep. */
function valueOf(node: AnyStateNode, nodes: readonly AnyStateNode[]): StateValue {
  const active = nodes.filter(({ parent }) => parent === node)
  const [first] = active
  if (node.type === 'compound' && first !== undefined && (first.type === 'atomic' || first.type === 'final')) return first.key
  return Object.fromEntries(active.map(child => [child.key, valueOf(child, nodes)]))
}

/** XState may leave a state active whose parents it does not count as active: its value has them, after all others. */
function withAncestors(nodes: readonly AnyStateNode[]): readonly AnyStateNode[] {
  const all = new Set(nodes)
  for (const { parent } of nodes) for (let node = parent; node !== undefined; node = node.parent) all.add(node)
  return [...all]
}

function statusOf({ status, error }: AnyMachineSnapshot): Place['status'] {
  if (status === 'active' || status === 'done') return status
  throw error ?? new Fault('invalid-effect', 'The machine was sent xstate.stop: an engine ends by the effect stop()')
}

type Identified = readonly { readonly id: string }[]

function idsOf(nodes: Identified): readonly string[] {
  return nodes.map(({ id }) => id)
}

function historyOf(history: { readonly [id: string]: Identified }): Place['history'] {
  return Object.fromEntries(Object.entries(history).map(([id, nodes]) => [id, idsOf(nodes)]))
}
