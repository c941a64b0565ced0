/** How much is measured. */
export interface Effort {
  /** How many rounds count; one more before them warms up. */
  readonly rounds: number
  /** What the operations of a round that counts are divided by. */
  readonly divisor: number
}

export const THOROUGH: Effort = { rounds: 9, divisor: 1 }
export const QUICK: Effort = { rounds: 5, divisor: 4 }

/** Does `operations` operations, checks that all were done, and answers how many milliseconds they took. */
export type Lane = (operations: number) => Promise<number>

/** Operations a second, of each round. */
export interface Rounds {
  readonly ours: readonly number[]
  readonly theirs: readonly number[]
}

/** Both lanes in turn, in one process, each round beginning with the other one; the first round is not counted. */
export async function race(effort: Effort, operations: number, ours: Lane, theirs: Lane): Promise<Rounds> {
  const times: { readonly [lane in keyof Rounds]: number[] } = { ours: [], theirs: [] }
  for (let round = 0; round <= effort.rounds; round++) {
    const count = operationsIn(round, operations, effort)
    const lanes = [{ lane: ours, speeds: times.ours }, { lane: theirs, speeds: times.theirs }]
    for (const { lane, speeds } of round % 2 === 0 ? lanes : lanes.toReversed()) {
      // What the last lane left behind is not this one's to collect.
      globalThis.gc?.()
      const speed = count / (await lane(count) / 1000)
      if (round > 0) speeds.push(speed)
    }
  }
  return times
}

/** The round that warms up does all, so that a short run is not one of code that was never optimised. */
export function operationsIn(round: number, operations: number, { divisor }: Effort): number {
  return round === 0 ? operations : Math.ceil(operations / divisor)
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
