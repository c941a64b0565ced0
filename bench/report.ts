import { median } from './rounds.ts'
import type { Rounds } from './rounds.ts'

/** One comparison. `ours` and `theirs` are medians over the rounds; above 1, `ratio` says that ours is faster. */
export interface Row {
  readonly name: string
  readonly peer: string
  readonly ours: number
  readonly theirs: number
  readonly ratio: number
  readonly unit: string
  /** Of a commitment: what the way through client and engine adds to the bare signature. */
  readonly addedMicroseconds?: number
}

export function rowOf(name: string, peer: string, { ours, theirs }: Rounds): Row {
  const [a, b] = [median(ours), median(theirs)]
  return { name, peer, ours: Math.round(a), theirs: Math.round(b), ratio: rounded(a / b), unit: '1/s' }
}

export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

const COLUMNS = ['name', 'peer', 'ours (1/s)', 'theirs (1/s)', 'ratio']

/** A table, and a sentence wherever ours is slower. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(({ name, peer, ours, theirs, ratio }) => [name, peer, ours.toLocaleString('en'), theirs.toLocaleString('en'), ratio.toFixed(2)])
  const widths = COLUMNS.map((column, i) => Math.max(column.length, ...cells.map(row => row[i]?.length ?? 0)))
  const line = (row: readonly string[]) => row.map((cell, i) => i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)).join('  ')
  return [line(COLUMNS), line(widths.map(width => '-'.repeat(width))), ...cells.map(line), '', ...rows.flatMap(remarks)].join('\n')
}

/** The most that a commitment through an engine may cost beside the bare signature, in microseconds. */
const ADDED_TARGET = 10

function remarks({ name, peer, ratio, addedMicroseconds: added }: Row): readonly string[] {
  if (added === undefined) return ratio < 1 ? [`${name}: ours is SLOWER than ${peer}, by a factor of ${(1 / ratio).toFixed(2)}.`] : []
  return [`${name}: an engine adds ${added.toFixed(1)} µs to a ${peer}'s commitment; the target, at most ${ADDED_TARGET} µs, is ${added <= ADDED_TARGET ? 'met' : 'MISSED'}.`]
}
