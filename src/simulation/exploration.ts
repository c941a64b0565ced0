import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { Fault } from '../core/errors.ts'
import { NodeNames } from './node-names.ts'
import { SeededRandom } from './random.ts'
import { Simulation } from './simulation.ts'
import type { SimulationOptions } from './simulation.ts'
import { Transcript } from './transcript.ts'

/** A whole number from 0 to `count` − 1. */
export type Choose = (count: number) => number

/** A scenario to be tried under many seeds. */
export interface Scenario<O> {
  /** The operations of one schedule: what is to be done, faults too, as data. */
  plan(choose: Choose): readonly O[]
  /** Does them on a simulation that is new. Rejects when something did not hold that must. */
  perform(simulation: Simulation, operations: readonly O[]): Promise<void>
  /** Operations that are simpler than this one, the simplest first, for making what went wrong small. None unless told. */
  simpler?(operation: O): Iterable<O>
}

/** A schedule in which something did not hold, made small. */
export interface Finding<O> {
  /** Gives this schedule as the first one. */
  readonly seed: number
  /** What went wrong in the schedule as it was drawn. */
  readonly error: unknown
  /** The operations that are left when no more can be left out: with them alone something goes wrong still. */
  readonly operations: readonly O[]
  /** What goes wrong then. */
  readonly smallError: unknown
  /** All that is observed then, as lines to read. */
  readonly transcript: readonly string[]
}

/** What came of the schedules that were tried. */
export interface Explored<O> {
  /** How many were tried: fewer than asked for when something was found. */
  readonly runs: number
  /** How many steps engines took in them. */
  readonly steps: number
  /** SHA-256, in hexadecimal, over the trace hashes of all of them, in order. */
  readonly traceHash: string
  readonly finding: Finding<O> | undefined
}

/** What came of one schedule. */
export interface Attempt {
  readonly steps: number
  readonly traceHash: string
  readonly failure: { readonly error: unknown } | undefined
}

/** What is done until a schedule is given up: one that is fine does a hundredth. */
const LIMIT = 300_000
/** How many smaller schedules are tried at most. */
const PATIENCE = 600

/** Tries a scenario under seeds drawn from one, until something is found. */
export class Exploration<O> {
  readonly #scenario: Scenario<O>
  readonly #breathe: SimulationOptions['breathe']
  readonly #names = new NodeNames()

  constructor(scenario: Scenario<O>, breathe: SimulationOptions['breathe']) {
    this.#scenario = scenario
    this.#breathe = breathe
  }

  async explore(seed: number, runs: number): Promise<Explored<O>> {
    if (!Number.isSafeInteger(runs) || runs < 1) throw new Fault('invalid-argument', 'runs must be a whole number from 1')
    const hashes: string[] = []
    let steps = 0
    for (const each of seedsOf(seed, runs)) {
      const attempt = await this.attempt(each, this.plan(each))
      hashes.push(attempt.traceHash)
      steps += attempt.steps
      if (attempt.failure !== undefined) {
        return { runs: hashes.length, steps, traceHash: combined(hashes), finding: await this.shrink(each, attempt.failure.error) }
      }
    }
    return { runs, steps, traceHash: combined(hashes), finding: undefined }
  }

  /** The operations that this seed gives. */
  plan(seed: number): readonly O[] {
    const random = new SeededRandom(seed).fork()
    return this.#scenario.plan(count => random.below(count))
  }

  async attempt(seed: number, operations: readonly O[], transcript?: Transcript): Promise<Attempt> {
    const simulation = new Simulation({ seed, time: 0, breathe: this.#breathe, names: this.#names })
    if (transcript !== undefined) simulation.observe((node, event) => transcript.add(node, event))
    let failure: Attempt['failure']
    try {
      await simulation.run(() => this.#scenario.perform(simulation, operations), { limit: LIMIT })
    } catch (error) {
      failure = { error }
    }
    // What an observer threw says more than what came of it.
    if (simulation.reported.length > 0) failure = { error: simulation.reported[0] }
    return { steps: simulation.steps, traceHash: simulation.traceHash(), failure }
  }

  /** Leaves out of a schedule in which something goes wrong whatever can be left out. */
  async shrink(seed: number, error: unknown): Promise<Finding<O>> {
    let operations = this.plan(seed)
    let left = PATIENCE
    const fails = async (smaller: readonly O[]) => {
      if (left-- <= 0 || (await this.attempt(seed, smaller)).failure === undefined) return false
      operations = smaller
      return true
    }
    let before: number
    do {
      before = operations.length
      for (let size = Math.ceil(operations.length / 2); size >= 1; size = Math.floor(size / 2)) {
        for (let at = 0; at < operations.length;) {
          if (!await fails(operations.toSpliced(at, size))) at += size
        }
      }
      for (let at = 0; at < operations.length; at++) while (await this.#simplify(operations, at, fails)) { /* simpler still */ }
    } while (operations.length < before)
    const transcript = new Transcript(0)
    const last = await this.attempt(seed, operations, transcript)
    return { seed, error, operations, smallError: last.failure?.error, transcript: transcript.lines() }
  }

  async #simplify(operations: readonly O[], at: number, fails: (smaller: readonly O[]) => Promise<boolean>): Promise<boolean> {
    const operation = operations[at]
    if (operation === undefined) return false
    for (const simpler of this.#scenario.simpler?.(operation) ?? []) if (await fails(operations.with(at, simpler))) return true
    return false
  }
}

/** The seeds of so many schedules: the first is `seed` itself, so that each of them can be had again alone. */
export function seedsOf(seed: number, runs: number): readonly number[] {
  const random = new SeededRandom(seed)
  return Array.from({ length: runs }, (_, run) => run === 0 ? seed : random.bits() * 0x10000 + random.below(0x10000))
}

/** One hash for the trace hashes of many schedules. */
export function combined(hashes: readonly string[]): string {
  return bytesToHex(sha256(utf8ToBytes(hashes.join())))
}
