import type { AnyStateMachine, AnyStateNode } from 'xstate'
import { Fault } from '../core/errors.ts'
import { isPlaceholder } from './placeholders.ts'
import { isBuiltIn } from './queues.ts'
import { HOSTED_ACTIONS, INLINE, delayOf, insteadOf } from './refusals.ts'

/** What the engine has for a machine: names only. */
export interface Offered {
  readonly actions: ReadonlySet<string>
  readonly tasks: ReadonlySet<string>
}

/** All states of a machine, in document order. */
export function nodesOf(machine: AnyStateMachine): readonly AnyStateNode[] {
  const nodes: AnyStateNode[] = []
  const visit = (node: AnyStateNode) => {
    nodes.push(node)
    for (const child of Object.values(node.states)) visit(child)
  }
  visit(machine.root)
  return nodes
}

/** Refuses what a machine has and an engine can't host, as far as its definition shows it. Throws `invalid-definition`. */
export function admit(machine: AnyStateMachine, nodes: readonly AnyStateNode[], offered: Offered): void {
  const admission = new Admission(machine, offered)
  for (const node of nodes) admission.node(node)
  admission.implementations()
}

class Admission {
  readonly #machine: AnyStateMachine
  readonly #offered: Offered

  constructor(machine: AnyStateMachine, offered: Offered) {
    this.#machine = machine
    this.#offered = offered
  }

  node(node: AnyStateNode): void {
    const where = `state ${node.id}`
    for (const action of [...node.entry, ...node.exit]) this.#action(action, where)
    if (node.type === 'compound') for (const action of node.initial.actions) this.#action(action, where)
    const transitions = [...node.transitions].flatMap(([, each]) => each)
    for (const { actions, guard } of [...transitions, ...node.always ?? []]) {
      for (const action of actions) this.#action(action, where)
      if (guard !== undefined) this.#guard(guard, where)
    }
    for (const invoke of listOf(node.config.invoke)) this.#invoke(invoke, where)
  }

  /** Named actions of XState's own kinds, which are looked at whether or not a state names them. */
  implementations(): void {
    const { actions, guards, delays } = this.#machine.implementations
    for (const [name, action] of Object.entries(actions)) {
      const where = `the action ${name}`
      if (isPlaceholder(action) || action === undefined) continue
      if (!isBuiltIn(action)) throw this.#fault(`${where} has an implementation, which would never run: declare it with hostedAction(), and give its effects in the "actions" of the engine`)
      if (this.#offered.actions.has(name)) throw this.#fault(`${where} is implemented twice, by the machine and in "actions": remove one`)
      this.#action(action, where)
    }
    for (const [name, guard] of Object.entries(guards)) this.#guard(guard, `the guard ${name}`)
    for (const [name, delay] of Object.entries(delays)) {
      if (typeof delay !== 'function' && typeof delay !== 'number') throw this.#fault(`the delay ${name} must be a number of milliseconds or a function`)
      this.#delay(delay, `the delay ${name}`)
    }
  }

  #action(action: unknown, where: string): void {
    const name = nameOf(action)
    if (name !== undefined) {
      if (this.#offered.actions.has(name) || isBuiltIn(this.#machine.implementations.actions[name])) return
      throw this.#fault(`${where} names the action ${name}, which is not there: give its effects in the "actions" of the engine`)
    }
    if (!isBuiltIn(action)) throw this.#fault(`${where} has ${INLINE}`)
    if (!HOSTED_ACTIONS.has(action.type)) throw this.#fault(`${where} has ${insteadOf(action)}`)
    if ('delay' in action) this.#delay(action.delay, where)
  }

  /** XState takes a delay that it does not find for none at all, and goes on at once. */
  #delay(delay: unknown, where: string): void {
    if (typeof delay === 'number' && (Number.isNaN(delay) || delay === Infinity)) throw this.#fault(`${where} has ${delayOf(delay)}`)
    if (typeof delay !== 'string' || this.#machine.implementations.delays[delay] !== undefined) return
    throw this.#fault(`${where} names the delay ${delay}, which is not there: add it to the "delays" of the machine's setup`)
  }

  #guard(guard: unknown, where: string): void {
    const name = nameOf(guard)
    if (name !== undefined && this.#machine.implementations.guards[name] === undefined) {
      throw this.#fault(`${where} names the guard ${name}, which is not there: add it to the "guards" of the machine's setup`)
    }
    if (typeof guard === 'function' && 'guards' in guard) for (const each of listOf(guard.guards)) this.#guard(each, where)
  }

  #invoke(invoke: { readonly src?: unknown; readonly systemId?: unknown; readonly onSnapshot?: unknown }, where: string): void {
    const { src, systemId, onSnapshot } = invoke
    if (typeof src !== 'string') {
      throw this.#fault(`${where} invokes an actor that has no name (a machine, callback, observable or promise): declare it in setup with hostedTask(), and give its handler in the "tasks" of the engine`)
    }
    if (!this.#offered.tasks.has(src)) throw this.#fault(`${where} invokes ${src}, which is no task: give its handler in the "tasks" of the engine`)
    const actor: unknown = this.#machine.implementations.actors[src]
    if (actor !== undefined && !isPlaceholder(actor)) {
      throw this.#fault(`${where} invokes ${src}, whose logic would never run: declare it with hostedTask(), and give its handler in the "tasks" of the engine`)
    }
    if (systemId !== undefined) throw this.#fault(`${where} gives ${src} a systemId: engines are addressed by EngineIDs, and a task by nobody`)
    if (onSnapshot !== undefined) throw this.#fault(`${where} has onSnapshot: a task has no snapshots. Use onDone, or messages from an engine`)
  }

  #fault(problem: string): Fault {
    return new Fault('invalid-definition', `The machine ${this.#machine.id} can't be hosted: ${problem}`)
  }
}

/** The name that an action or a guard is referred to by. */
function nameOf(reference: unknown): string | undefined {
  if (typeof reference === 'string') return reference
  return typeof reference === 'object' && reference !== null && 'type' in reference && typeof reference.type === 'string' ? reference.type : undefined
}

function listOf<T>(value: T | readonly T[] | undefined): readonly T[] {
  if (value === undefined) return []
  return isList(value) ? value : [value]
}

function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value)
}
