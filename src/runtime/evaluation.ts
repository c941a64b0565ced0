import { Fault } from '../core/errors.ts'
import { isPromise } from '../core/promise.ts'
import type { RuleTree } from '../core/rule.ts'

/** What takes the effects of a step as its actions answer them. */
export interface Gatherer {
  /** What the next action sees. */
  readonly environment: object
  take(effect: unknown): void
}

interface Selected {
  readonly rule: RuleTree
  readonly args: unknown
}

/**
 * Selects the rules that hold, and runs their actions in order with the environment handed from one to the next. Answers `false` when
 * no guard holds or every action declines. `trace` takes the names of the guards that were consulted and the actions that ran. Pure
 * if the rules are; what they throw, it throws.
 */
export function evaluate(tree: RuleTree, trigger: object, config: unknown, into: Gatherer, trace?: string[]): boolean {
  // Most rules are single.
  if (tree.kind === 'always') return run(tree, undefined, trigger, config, into, trace)
  const selected: Selected[] = []
  select(tree, trigger, config, into.environment, selected, trace)
  let acted = false
  for (const { rule, args } of selected) if (run(rule, args, trigger, config, into, trace)) acted = true
  return acted
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

/** Answers whether any of the rule's actions did not decline. */
function run(rule: RuleTree, args: unknown, trigger: object, config: unknown, into: Gatherer, trace: string[] | undefined): boolean {
  const { unguarded } = rule
  if (unguarded !== undefined) return gather(unguarded(trigger, config, into.environment), unguarded, into, trace)
  let acted = false
  for (const action of rule.actions) if (gather(action(args, trigger, config, into.environment), action, into, trace)) acted = true
  return acted
}

/** Takes what an action answered. Answers whether it did not decline. */
function gather(result: unknown, action: { readonly name: string }, into: Gatherer, trace: string[] | undefined): boolean {
  if (result === undefined) return false
  // Looked at only if it is asked for: a function's name costs more than the rest of this.
  trace?.push(action.name)
  if (Array.isArray(result)) for (const effect of result) into.take(effect)
  else into.take(result)
  return true
}

/**
 * Adds to an error about an effect whose rule it was, by its action where there is but one. Looked for when a step has failed: to keep track
 * of it would slow down those that don't.
 */
export function located(error: unknown, rules: RuleTree | undefined): unknown {
  if (!(error instanceof Fault) || error.code !== 'invalid-effect') return error
  const name: unknown = (rules?.unguarded ?? (rules?.actions.length === 1 ? rules.actions[0] : undefined))?.name
  if (typeof name !== 'string' || name === '') return error
  const { code, message, cause } = error
  return new Fault(code, `${message} (in the rule with the action ${name})`, cause === undefined ? {} : { cause })
}
