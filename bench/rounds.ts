import { collectYoung } from './garbage.ts'

/** How much is measured. */
export interface Effort {
  /** How many rounds count: at least five, of which the median is told. */
  readonly rounds: number
  /** About how many milliseconds a lane runs in each round. */
  readonly lane: number
  /** For how many milliseconds the event loop is watched in each round. */
  readonly watch: number
  /** What the sizes of populations, backlogs and the rounds of commitments are divided by. */
  readonly divisor: number
}

export const THOROUGH: Effort = { rounds: 7, lane: 250, watch: 1000, divisor: 1 }
export const QUICK: Effort = { rounds: 5, lane: 40, watch: 200, divisor: 5 }

/** Does `operations` operations, checks that all were done, and answers how many milliseconds they took. */
export type Lane = (operations: number) => Promise<number>

/**
 * All lanes in turn, each round beginning with another one: A, B, C, B, C, A, … Answers each lane's operations a second, of each
 * round. A lane does as many operations (a multiple of `batch`) as take it about `effort.lane` milliseconds, which it finds out while
 * it warms up: the same number for all would be over too soon for the fast and last too long for the slow.
 */
export async function race(effort: Effort, batch: number, lanes: readonly Lane[]): Promise<readonly (readonly number[])[]> {
  // The first lanes warm up what the later ones use too, so that all are timed again when all are warm.
  for (const lane of lanes) await warmedUp(lane, batch, effort.lane)
  const runners: Runner[] = []
  for (const lane of lanes) runners.push(await warmedUp(lane, batch, effort.lane))
  for (let round = 0; round < effort.rounds; round++) {
    const first = round % runners.length
    for (const { lane, operations, speeds } of [...runners.slice(first), ...runners.slice(0, first)]) {
      // What the last lane left behind is not this one's to collect.
      collectYoung()
      speeds.push(operations / (await lane(operations) / 1000))
    }
  }
  return runners.map(({ speeds }) => speeds)
}

interface Runner {
  readonly lane: Lane
  readonly operations: number
  readonly speeds: number[]
}

async function warmedUp(lane: Lane, batch: number, milliseconds: number): Promise<Runner> {
  let operations = batch
  for (;;) {
    const time = await lane(operations)
    const fitting = batch * Math.max(1, Math.round(operations * milliseconds / time / batch))
    if (time > milliseconds / 2) return { lane, operations: fitting, speeds: [] }
    operations = Math.min(fitting, operations * 8)
  }
}

/** How many milliseconds `work` takes. */
export async function timed(work: () => unknown): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[sorted.length >> 1]
  const lower = sorted[(sorted.length - 1) >> 1]
  if (upper === undefined || lower === undefined) throw new Error('There is no median of nothing')
  return (lower + upper) / 2
}

/** Throws unless all that was sent has arrived: a number from a benchmark that lost messages says nothing. */
export function assertComplete(what: string, arrived: number, sent: number): void {
  if (arrived !== sent) throw new Error(`${what}: of ${sent}, ${arrived} arrived`)
}
