import type { Path } from '../src/crypto/suite.ts'
import { kinds } from './memory-map.ts'
import type { Kind } from './memory-map.ts'
import type { Look, Sight } from './look.ts'
import type { End, Moment } from './plan.ts'

/** How many copies of the secrets under one label were found, all of these secrets together. */
export interface Count {
  readonly path: Path
  readonly end: End
  readonly at: Moment
  readonly label: string
  /** How many secrets there are under it. */
  readonly secrets: number
  /** Of both halves, one after the other. */
  readonly whole: number
  /** Of one half alone. */
  readonly halves: number
  readonly forms: readonly string[]
  readonly where: { readonly [kind in Kind]?: number }
}

/** Counts what was seen, under each label. */
export function countsOf(path: Path, end: End, { sights }: Look): readonly Count[] {
  return sights.flatMap(sight => [...new Set(sight.secrets.map(({ label }) => label))].toSorted().map(label => ({ path, end, at: sight.at, label, ...countOf(sight, label) })))
}

function countOf({ secrets, hits }: Sight, label: string): Pick<Count, 'secrets' | 'whole' | 'halves' | 'forms' | 'where'> {
  const own = hits.filter(({ needle }) => secrets[needle.secret]?.label === label)
  const places = new Set(own.map(({ needle: { secret, half, form }, address }) => `${secret} ${half} ${form} ${address}`))
  // In what lies with its last byte first, the second half comes first.
  const whole = own.filter(({ needle: { secret, half, form, bytes }, address }) =>
    half === 0 && places.has(`${secret} 1 ${form} ${form === 'reversed' ? address - bytes.length : address + bytes.length}`))
  return {
    secrets: secrets.filter(one => one.label === label).length,
    whole: whole.length,
    halves: own.length - 2 * whole.length,
    forms: [...new Set(own.map(({ needle }) => needle.form))],
    where: Object.fromEntries(kinds.map(kind => [kind, own.filter(hit => hit.kind === kind).length] as const).filter(([, count]) => count > 0)),
  }
}

/** Whether everything that was planted was found wherever it was looked for, and what was erased was not: else no count here means anything. */
export function sees(counts: readonly Count[]): boolean {
  const planted = counts.filter(({ label }) => label.startsWith('plant: '))
  return planted.length > 0 && planted.every(({ label, whole, halves }) => label === 'plant: nowhere' ? whole + halves === 0 : label === 'plant: half' ? halves > 0 : whole > 0)
}

/** A table in Markdown: copies that are whole, and halves that lie alone, of what was found at all at one of the moments. */
export function tableOf(counts: readonly Count[]): string {
  const columns = [...new Set(counts.map(columnOf))]
  const rows = [...new Set(counts.map(({ label }) => label))].filter(label => !label.startsWith('plant: ')).map(label => {
    const own = counts.filter(count => count.label === label)
    return [label, `${own[0]?.secrets ?? 0}`, ...columns.map(column => textOf(own.find(count => columnOf(count) === column)))]
  })
  const lines = [['secret', 'how many', ...columns], ['---', '---:', ...columns.map(() => '---:')], ...rows]
  return lines.map(line => `| ${line.join(' | ')} |`).join('\n')
}

function columnOf({ path, end, at }: Count): string {
  return `${path}, ${at === 'in use' ? at : `${end === 'lock' ? 'locked' : 'deleted'}${at === 'collected' ? ', collected' : ''}`}`
}

function textOf(count: Count | undefined): string {
  if (count === undefined) return ''
  return count.halves === 0 ? `${count.whole}` : `${count.whole} + ${count.halves}/2`
}
