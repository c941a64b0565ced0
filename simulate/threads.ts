import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { combined } from '../src/simulation/exploration.ts'
import type { Mutant } from './mutants.ts'
import type { Part, Violation } from './search.ts'

/** What a thread is to do. */
export interface Assignment {
  readonly seed: number
  readonly runs: number
  readonly thread: number
  readonly threads: number
  /** Planted before anything is loaded; the thread ends at the first violation then. */
  readonly mutant?: Mutant
}

/** What came of all schedules: the same for the same seed, on however many threads, but for the time. */
export interface Result {
  readonly seed: number
  readonly runs: number
  /** Of engines, in all schedules. */
  readonly steps: number
  readonly violations: readonly Violation[]
  readonly traceHash: string
  readonly schedulesPerMinute: number
}

/** Runs the schedules on all cores. */
export async function simulateAll(seed: number, runs: number): Promise<Result> {
  const threads = Math.min(availableParallelism(), runs)
  const start = performance.now()
  const parts = await Promise.all(Array.from({ length: threads }, (_, thread) => perform({ seed, runs, thread, threads })))
  const minutes = (performance.now() - start) / 60_000
  const hashes = parts.flatMap(part => part.hashes).toSorted(([a], [b]) => a - b).map(([, hash]) => hash)
  return {
    seed, runs,
    steps: parts.reduce((sum, part) => sum + part.steps, 0),
    violations: parts.flatMap(part => part.violations).toSorted((a, b) => a.run - b.run),
    traceHash: combined(hashes),
    schedulesPerMinute: Math.round(runs / minutes),
  }
}

/** What became of a mutant. */
export interface Found {
  readonly mutant: string
  /** How many schedules it took; `null` when it survived them all. */
  readonly schedules: number | null
  readonly within: number
  readonly violation?: Violation
}

/** Plants each mutant in turn, on all cores. */
export async function findMutants(mutants: readonly Mutant[], seed: number, told: (found: Found) => void = () => {}): Promise<readonly Found[]> {
  const found: Found[] = []
  const left = mutants.entries()
  await Promise.all(Array.from({ length: availableParallelism() }, async () => {
    for (const [place, mutant] of left) {
      const { violations: [violation] } = await perform({ seed, runs: mutant.within, thread: 0, threads: 1, mutant })
      if (violation !== undefined && /^(?:Reference|Syntax|Type)Error/.test(violation.problem)) {
        throw new Error(`The mutant ${mutant.name} is no program: ${violation.problem}`)
      }
      const one: Found = {
        mutant: mutant.name, within: mutant.within, schedules: violation === undefined ? null : violation.run + 1, ...violation && { violation },
      }
      found[place] = one
      told(one)
    }
  }))
  return found
}

function perform(assignment: Assignment): Promise<Part> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData: assignment })
    worker.once('message', resolve)
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('A thread ended without an answer')))
  })
}
