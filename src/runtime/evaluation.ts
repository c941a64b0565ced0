import { Fault } from '../core/errors.ts'
import { isPromise } from '../core/promise.ts'
import type { Action, RuleTree } from '../core/rule.ts'

/** What the rules made of one trigger: effects that nothing has checked yet, and the environment they leave. */
export interface Evaluation {
  readonly effects: unknown[]
  readonly environment: object
}

interface Selected {
  readonly rule: RuleTree
  readonly args: unknown
}

/**
 * Selects the rules that hold, runs their actions in order with the environment handed from one to the next, and gathers
 * their effects. Answers `undefined` when no guard holds or every action declines. `trace` takes the names of the guards that
 * were consulted and the actions that ran. Pure if the rules are; what they throw, it throws.
 */
export function evaluate(tree: RuleTree, trigger: object, config: unknown, environment: object, trace?: string[]): Evaluation | undefined {
  const gathering = new Gathering(trigger, config, environment, trace)
  if (tree.kind === 'always') {
    gathering.run(tree.actions, undefined)
  } else {
    const selected: Selected[] = []
    select(tree, trigger, config, environment, selected, trace)
    for (const { rule, args } of selected) gathering.run(rule.actions, args)
  }
  return gathering.acted ? gathering : undefined
}

/** Adds to `selected` the rules of `tree` that hold in this environment. Answers whether any did. */
function select(tree: RuleTree, trigger: object, config: unknown, environment: object, selected: Selected[], trace: string[] | undefined): boolean {
  switch (tree.kind) {
    case 'always':
      selected.push({ rule: tree, args: undefined })
      return true
    case 'rule': {
      if (tree.guard !== undefined) trace?.push(tree.guard.name)
      const args = tree.guard?.(trigger, config, environment)
      if (isPromise(args)) throw new Fault('invalid-effect', 'A guard returned a promise: guards must answer at once')
      if (args === undefined) return false
      selected.push({ rule: tree, args })
      return true
    }
    case 'firstOf':
      return tree.rules.some(rule => select(rule, trigger, config, environment, selected, trace))
    case 'allOf': {
      const before = selected.length
      for (const rule of tree.rules) select(rule, trigger, config, environment, selected, trace)
      return selected.length > before
    }
  }
}

class Gathering implements Evaluation {
  readonly effects: unknown[] = []
  environment: object
  acted = false
  readonly #trigger: object
  readonly #config: unknown
  readonly #trace: string[] | undefined

  constructor(trigger: object, config: unknown, environment: object, trace: string[] | undefined) {
    this.#trigger = trigger
    this.#config = config
    this.environment = environment
    this.#trace = trace
  }

  run(actions: readonly Action[], args: unknown): void {
    for (const action of actions) {
      const result = action(args, this.#trigger, this.#config, this.environment)
      if (result === undefined) continue
      this.acted = true
      this.#trace?.push(action.name)
      if (Array.isArray(result)) for (const effect of result) this.#add(effect)
      else this.#add(result)
    }
  }

  #add(effect: unknown): void {
    if (isPromise(effect)) throw new Fault('invalid-effect', 'An action returned a promise: use task for what takes time')
    if (typeof effect === 'object' && effect !== null && 'environment' in effect && 'effect' in effect && effect.effect === 'update') {
      if (typeof effect.environment !== 'object' || effect.environment === null) {
        throw new Fault('invalid-effect', 'update: the environment must be an object')
      }
      this.environment = effect.environment
    } else {
      this.effects.push(effect)
    }
  }
}
