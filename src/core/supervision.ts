import { isRecord } from './data.ts'
import type { Fault } from './errors.ts'

/** How an engine deals with a child that crashes, after Erlang/OTP's supervisors. What is left out is as its family has it, or as said here. */
export interface Supervision {
  /** What a crash leads to, `restart` unless told. `stop` ends the child; `escalate` ends it, and its parent crashes with its error. */
  readonly crash?: 'restart' | 'stop' | 'escalate'
  /** How many restarts the child has `within` that time, a whole number from 0: 3 unless told. Each child has its own. */
  readonly restarts?: number
  /** Milliseconds: 5,000 unless told. */
  readonly within?: number
  /** What comes when the child has had its restarts: `escalate` unless told, or `stop`. */
  readonly exhausted?: 'escalate' | 'stop'
  /**
   * Milliseconds from the crash to the new life: `first`, 10 unless told, then twice as much each time, up to `longest`, 10,000. Waits so
   * long that fewer than `restarts` fit `within` that time never use the restarts up.
   */
  readonly backoff?: { readonly first: number; readonly longest: number }
}

/** Who restarts when a child does: it alone; all children of that parent; it and those that were spawned after it. */
export type Strategy = 'one-for-one' | 'one-for-all' | 'rest-for-one'

/** Which of its lives an engine begins. An environment that numbers children begins at `nextChild`, since names are never reused. */
export interface Life {
  /** The lowest number that no child of it has had: 0 at first. */
  readonly nextChild: number
  /** How often it has restarted, attempts that failed included: 0 at first. */
  readonly restarts: number
}

/** A {@link Supervision} with nothing left out. */
export interface Policy {
  readonly crash: 'restart' | 'stop' | 'escalate'
  readonly restarts: number
  readonly within: number
  readonly exhausted: 'escalate' | 'stop'
  readonly backoff: { readonly first: number; readonly longest: number }
}

export const DEFAULT_POLICY: Policy = { crash: 'restart', restarts: 3, within: 5_000, exhausted: 'escalate', backoff: { first: 10, longest: 10_000 } }

const STRATEGIES: readonly unknown[] = ['one-for-one', 'one-for-all', 'rest-for-one'] satisfies Strategy[]

/** Checks a supervision, and fills in what it leaves out from `base`. Throws what `fault` makes of a problem. */
export function policyOf(supervision: unknown, base: Policy, fault: (problem: string) => Fault): Policy {
  if (supervision === undefined) return base
  if (!hasFields(supervision)) throw fault('supervision must be a plain object, such as { crash: "stop" }')
  const stray = Object.keys(supervision).find(field => !Object.hasOwn(base, field))
  if (stray !== undefined) throw fault(`supervision has no field ${JSON.stringify(stray)}; it has ${Object.keys(base).join(', ')}`)
  const { crash = base.crash, restarts = base.restarts, within = base.within, exhausted = base.exhausted, backoff = base.backoff } = supervision
  if (crash !== 'restart' && crash !== 'stop' && crash !== 'escalate') throw fault('supervision.crash must be "restart", "stop" or "escalate"')
  if (exhausted !== 'escalate' && exhausted !== 'stop') throw fault('supervision.exhausted must be "escalate" or "stop"')
  if (typeof restarts !== 'number' || !Number.isSafeInteger(restarts) || restarts < 0) throw fault('supervision.restarts must be a whole number from 0')
  if (!isDuration(within) || within === 0) throw fault('supervision.within must be a positive, finite number of milliseconds')
  if (!hasFields(backoff)) throw fault('supervision.backoff must be { first, longest }')
  const { first, longest } = backoff
  if (!isDuration(first) || !isDuration(longest) || longest < first) {
    throw fault('supervision.backoff must be { first, longest }: finite numbers of milliseconds from 0, longest no less than first')
  }
  return { crash, restarts, within, exhausted, backoff: { first, longest } }
}

export function isStrategy(value: unknown): value is Strategy {
  return STRATEGIES.includes(value)
}

function hasFields(value: unknown): value is { readonly [field: string]: unknown } {
  return isRecord(value)
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < Infinity
}
