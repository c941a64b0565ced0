import type { Effect, Reply, Settlement } from './effect.ts'
import { Fault } from './errors.ts'
import type { ConfigOf, Family } from './family.ts'
import type { ReplyTo } from './trigger.ts'

declare const phantom: unique symbol

/** What an action answers: an effect, several, or `undefined` when it declines. */
export type Step<F extends Family> = Effect<F> | readonly Effect<F>[] | undefined
/** A request's first action says first what becomes of the request: a forgotten reply does not compile. */
export type RequestStep<F extends Family, R> = Reply<R> | Settlement<F> | readonly [Reply<R> | Settlement<F>, ...Effect<F>[]] | undefined
type FirstStep<F extends Family, T> = [T] extends [{ readonly replyTo: ReplyTo<infer R> }] ? RequestStep<F, R> : Step<F>

/**
 * How a family answers one kind of trigger. Made by {@link rule}, {@link always}, {@link firstOf} and {@link allOf}, which throw
 * `invalid-definition` for what is no function or no rule.
 */
export interface Rules<F extends Family, T> {
  readonly [phantom]: (family: F, trigger: T) => void
}

/** A guard, and the actions that follow when it answers anything but `undefined`; its answer is their first argument. */
export function rule<F extends Family, T, A>(
  guard: (trigger: T, config: ConfigOf<F>, environment: F['environment']) => A | undefined,
  action: (args: A, trigger: T, config: ConfigOf<F>, environment: F['environment']) => FirstStep<F, T>,
  ...then: readonly ((args: A, trigger: T, config: ConfigOf<F>, environment: F['environment']) => Step<F>)[]): Rules<F, T>
export function rule(guard: Guard, ...actions: readonly Action[]): object {
  return new RuleTree('rule', guard, actions.map(assertFunction), [])
}

/** An action without a guard. */
export function always<F extends Family, T>(
  action: (trigger: T, config: ConfigOf<F>, environment: F['environment']) => FirstStep<F, T>): Rules<F, T>
export function always(action: UnguardedAction): object {
  return new RuleTree('always', undefined, [], [], assertFunction(action))
}

/** The first rule whose guard holds. */
export function firstOf<F extends Family, T>(...rules: readonly Rules<F, T>[]): Rules<F, T>
export function firstOf(...rules: readonly object[]): object {
  return new RuleTree('firstOf', undefined, [], rules.map(assertRule))
}

/** Every rule whose guard holds in the step's first environment, in this order; the environment is handed from one to the next. */
export function allOf<F extends Family, T>(...rules: readonly Rules<F, T>[]): Rules<F, T>
export function allOf(...rules: readonly object[]): object {
  return new RuleTree('allOf', undefined, [], rules.map(assertRule))
}

type Guard = (trigger: unknown, config: unknown, environment: unknown) => unknown
export type Action = (args: unknown, trigger: unknown, config: unknown, environment: unknown) => unknown
type UnguardedAction = (trigger: unknown, config: unknown, environment: unknown) => unknown

/** Rules as the runtime reads them: without the types that their authors wrote them under. */
export class RuleTree {
  readonly kind: 'rule' | 'always' | 'firstOf' | 'allOf'
  readonly guard: Guard | undefined
  readonly actions: readonly Action[]
  readonly rules: readonly RuleTree[]
  /** The action of `always`. */
  readonly unguarded: UnguardedAction | undefined

  constructor(kind: RuleTree['kind'], guard: Guard | undefined, actions: readonly Action[], rules: readonly RuleTree[], unguarded?: UnguardedAction) {
    if (kind === 'rule') assertFunction(guard)
    this.kind = kind
    this.guard = guard
    this.actions = actions
    this.rules = rules
    this.unguarded = unguarded
  }
}

export function assertRule(rule: unknown): RuleTree {
  if (rule instanceof RuleTree) return rule
  throw new Fault('invalid-definition', 'A rule must be made by rule, always, firstOf or allOf')
}

function assertFunction<T>(part: T): T {
  if (typeof part === 'function') return part
  throw new Fault('invalid-definition', 'Guards and actions must be functions')
}
