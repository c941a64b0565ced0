import { median } from './rounds.ts'
import { targetOf } from './targets.ts'
import type { Target } from './targets.ts'

/**
 * One comparison. Numbers are medians over the rounds. Of speeds (`1/s`) and of bytes and milliseconds, a `ratio` above 1 says that
 * ours is better; of `ns` it says how much dearer the larger load (`ours`) is than the smaller one (`theirs`).
 */
export interface Row {
  readonly name: string
  readonly peer: string
  /** Which of several measurements of one name and peer. */
  readonly variant?: string
  readonly ours: number
  /** `null` where there is nobody to compare with. */
  readonly theirs: number | null
  readonly ratio: number | null
  readonly unit: '1/s' | 'bytes' | 'ms' | 'ns'
  /** Of a commitment: what the way through client and engine adds to the bare signature. */
  readonly addedMicroseconds?: number
  /** What this row is to reach, if anything, and whether it does. */
  readonly target?: string
  readonly met?: boolean
}

/** The row with its target, if it has one. */
export function judged(row: Row): Row {
  const target = targetOf(row)
  return target === undefined ? row : { ...row, target: `${target.of === 'ratio' ? 'ratio ' : ''}${target.text}`, met: isMet(row, target) }
}

/** The row of a race. */
export function rowOf(name: string, peer: string, ours: readonly number[], theirs: readonly number[]): Row {
  const [a, b] = [median(ours), median(theirs)]
  return judged({ name, peer, ours: Math.round(a), theirs: Math.round(b), ratio: rounded(a / b), unit: '1/s' })
}

export function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

function isMet(row: Row, { of, atLeast = -Infinity, atMost = Infinity }: Target): boolean {
  const value = row[of]
  return typeof value === 'number' && value >= atLeast && value <= atMost
}

const COLUMNS = ['name', 'peer', 'ours', 'theirs', 'unit', 'ratio', 'target', '']

/** What a reader sees of each row. */
export function cellsOf(row: Row): readonly string[] {
  const { name, variant, peer, ours, theirs, ratio, unit, target = '', met, addedMicroseconds: added } = row
  const number = (value: number | null) => value === null ? '' : value.toLocaleString('en', { maximumFractionDigits: unit === 'ms' ? 2 : 0 })
  const verdict = met === undefined ? '' : met ? 'met' : 'MISSED'
  return [
    variant === undefined ? name : `${name}, ${variant}`, peer, number(ours), number(theirs), unit, ratio?.toFixed(2) ?? '', target,
    added === undefined ? verdict : `${verdict} (${added.toFixed(1)} µs)`,
  ]
}

const IS_TEXT = new Set([0, 1, 4, 6, 7])

/** A table, and a sentence wherever ours is worse. */
export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map(cellsOf)
  const widths = COLUMNS.map((column, i) => Math.max(column.length, ...cells.map(row => row[i]?.length ?? 0)))
  const line = (row: readonly string[]) => row.map((cell, i) => IS_TEXT.has(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)).join('  ').trimEnd()
  return [line(COLUMNS), line(widths.map(width => '-'.repeat(width))), ...cells.map(line), '', ...losses(rows)].join('\n')
}

/** The same for Markdown. */
export function markdownOf(rows: readonly Row[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(COLUMNS), line(COLUMNS.map((_, i) => IS_TEXT.has(i) ? '---' : '---:')), ...rows.map(row => line(cellsOf(row)))].join('\n')
}

/** A sentence for each row in which a peer is better. What is compared with a bare loop or signer can only be worse. */
export function losses(rows: readonly Row[]): readonly string[] {
  return rows.flatMap(({ name, variant, peer, ratio, unit, addedMicroseconds }) => {
    if (ratio === null || ratio >= 1 || (unit !== '1/s' && unit !== 'bytes') || addedMicroseconds !== undefined) return []
    return [`${variant === undefined ? name : `${name}, ${variant}`}: ours is ${unit === '1/s' ? 'SLOWER' : 'LARGER'} than ${peer}, by a factor of ${(1 / ratio).toFixed(2)}.`]
  })
}
