import { setImmediate } from 'node:timers'
import { Exploration, seedsOf } from '../src/simulation/exploration.ts'
import { describeOperation } from './operations.ts'
import { LEAST_STEPS, scenarioOf } from './scenario.ts'
import { Violated } from './violations.ts'

/** What one thread found in its part of the schedules. */
export interface Part {
  /** By number of schedule, as far as they are of this part. */
  readonly hashes: readonly (readonly [run: number, hash: string])[]
  readonly steps: number
  readonly violations: readonly Violation[]
}

/** A schedule in which something did not hold. */
export interface Violation {
  readonly run: number
  /** `npm run simulate -- --seed THIS --runs 1` is this schedule alone. */
  readonly seed: number
  /** The number of the guarantee in docs/semantics.md; absent when the schedule broke off in another way. */
  readonly guarantee?: string
  readonly problem: string
}

/** A violation's schedule without all that can be left out. */
export interface Shrunk {
  readonly problem: string
  readonly operations: readonly string[]
  readonly trace: readonly string[]
}

/** The longest trace that is worth reading: its end, where something went wrong. */
const LONGEST_TRACE = 400

const breathe = () => new Promise<void>(resolve => void setImmediate(resolve))
const exploration = new Exploration(scenarioOf(LEAST_STEPS), breathe)
/** Without what is done only to make it long enough. */
const brief = new Exploration(scenarioOf(0), breathe)

/** Runs every `threads`th of the schedules, from `thread` on; with `isEnough`, until a violation. */
export async function search(seed: number, runs: number, thread = 0, threads = 1, isEnough = false): Promise<Part> {
  const hashes: [number, string][] = []
  const violations: Violation[] = []
  let steps = 0
  for (const [run, each] of seedsOf(seed, runs).entries()) {
    if (run % threads !== thread) continue
    const attempt = await exploration.attempt(each, exploration.plan(each))
    hashes.push([run, attempt.traceHash])
    steps += attempt.steps
    if (attempt.failure === undefined) continue
    violations.push({ run, seed: each, ...problemOf(attempt.failure.error) })
    if (isEnough) break
  }
  return { hashes, steps, violations }
}

/** Makes the schedule of that seed small. */
export async function shrink({ seed, problem }: Violation): Promise<Shrunk> {
  const isBrief = (await brief.attempt(seed, brief.plan(seed))).failure !== undefined
  const { operations, transcript, smallError } = await (isBrief ? brief : exploration).shrink(seed, problem)
  return { problem: problemOf(smallError).problem, operations: operations.map(describeOperation), trace: transcript.slice(-LONGEST_TRACE) }
}

function problemOf(error: unknown): { readonly problem: string; readonly guarantee?: string } {
  if (error instanceof Violated) return { problem: error.violation.detail, guarantee: error.violation.guarantee }
  return { problem: error instanceof Error ? `${error.name}: ${error.message}` : String(error) }
}
