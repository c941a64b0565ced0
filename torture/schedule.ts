import { SeededRandom } from '../src/simulation/random.ts'
import type { Entry } from './journal.ts'

/** What is done to one child. */
export interface Plan {
  readonly seed: number
  /** What it is doing. The first is the one that it is killed for; the others are done at the same time. */
  readonly operations: readonly string[]
  /** At which point; without one, it is killed from outside. */
  readonly at?: number
  /** Whether it is one of the runs, or counts points. */
  readonly isCounted: boolean
}

/** Which child is killed where: each operation once, and then at each of its points before any of them again, in a random order; in between some at the same time, or from outside. */
export class Schedule {
  readonly #operations: readonly string[]
  readonly #random: SeededRandom
  /** How many points there were in each, last. */
  readonly #points = new Map<string, number>()
  readonly #counting: string[]
  /** What is to come, operations done alone, before all is done again. */
  readonly #round: { readonly operation: string; readonly at: number }[] = []
  #left: number
  #run = 0

  constructor({ seed, runs, operations }: { readonly seed: number; readonly runs: number; readonly operations: readonly string[] }) {
    this.#operations = operations
    this.#random = new SeededRandom(seed)
    this.#left = runs
    this.#counting = [...operations]
  }

  next(): Plan | undefined {
    const seed = this.#random.bits()
    const counting = this.#counting.shift()
    if (counting !== undefined) return { seed, operations: [counting], at: Number.MAX_SAFE_INTEGER, isCounted: false }
    if (this.#left === 0) return undefined
    this.#left--
    const run = this.#run++
    const operation = this.#operations[run % this.#operations.length] ?? ''
    if (run < this.#operations.length) return { seed, operations: [operation], at: 1, isCounted: true }
    const isOpening = operation === 'open' || operation === 'create'
    if (!isOpening && this.#random.chance(TOGETHER_SHARE)) {
      const operations = [operation, ...this.#others(operation)]
      const isOutside = this.#random.chance(OUTSIDE_SHARE)
      return { seed, operations, ...!isOutside && { at: 1 + this.#random.below(2 * this.#countOf(operation) + 8) }, isCounted: true }
    }
    const next = this.#draw()
    return { seed, operations: [next.operation], at: next.at, isCounted: true }
  }

  /** Notes how many points there were. */
  learn({ operations: [operation = '', ...others] }: Plan, killed: Extract<Entry, { entry: 'killed' }> | undefined): void {
    if (killed?.point === 'end' && others.length === 0) this.#points.set(operation, killed.passed)
  }

  /** A child that counts may be under way still. */
  #countOf(operation: string): number {
    return Math.max(1, this.#points.get(operation) ?? 1)
  }

  #draw(): { readonly operation: string; readonly at: number } {
    const round = this.#round
    if (round.length === 0) {
      for (const operation of this.#operations) for (let at = 1; at <= this.#countOf(operation); at++) round.push({ operation, at })
    }
    const [next] = round.splice(this.#random.below(round.length), 1)
    return next ?? { operation: this.#operations[0] ?? '', at: 1 }
  }

  /** One to three that go together with it. While the vault is locked, nothing goes that needs it. */
  #others(operation: string): readonly string[] {
    if (operation === 'lock') return ['message']
    const fitting = TOGETHER.filter(one => one !== operation)
    return Array.from({ length: 1 + this.#random.below(3) }, () => fitting.splice(this.#random.below(fitting.length), 1)).flat()
  }
}

/** How many of the runs have several operations under way, and how many of those are killed from outside. */
const TOGETHER_SHARE = 0.3
const OUTSIDE_SHARE = 0.4

const TOGETHER: readonly string[] = ['generate', 'grant', 'revoke', 'connect', 'delete', 'undelete', 'passphrase', 'rotate', 'purge', 'compact', 'restore', 'backup', 'message']
