import { parseArgs } from 'node:util'
import { commandLine } from '../scripts/command-line.ts'
import type { Path } from '../src/crypto/suite.ts'
import { encryptions } from '../src/crypto/encryptions.ts'
import { suites } from '../src/crypto/suites.ts'
import { readVectors } from './files.ts'
import { pathsOf, runSet } from './set.ts'
import type { Report, VectorSet } from './set.ts'
import { sets } from './sets.ts'
import { NoSuite } from './suite-on.ts'

const USAGE = `npm run vectors [-- --json]

Runs every set of published vectors against the native and the portable code, and prints what each accepts and refuses.
  --json   one object a line
Sets lie in ../shared/vectors, or in the folder that IPSE_VECTORS names.`

interface Line extends Report {
  readonly set: string
  readonly path: Path
}

const paths: readonly Path[] = ['native', 'portable']

await commandLine(USAGE, () => {
  const { values: { json = false, help = false } } = parseArgs({ options: { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } })
  return { json, help }
}, async ({ json }) => {
  const lines: Line[] = []
  const read: VectorSet[] = []
  const absent: string[] = []
  if (!json) console.log(`${pad('set', 48)} ${['path', 'cases', 'run', 'accepted', 'refused', 'wrong'].map(head => head.padStart(9)).join('')}`)
  for (const set of sets) {
    const file = readVectors(set.file)
    if (file === undefined) {
      absent.push(`${set.name}: no ${set.file}`)
      continue
    }
    read.push(set)
    const cases = set.read(file)
    for (const path of pathsOf(set)) {
      // oxlint-disable-next-line no-await-in-loop -- sets share the processor, and are printed in order
      const report = await runSet(set, cases, path).catch((error: unknown) => {
        if (error instanceof NoSuite) return error
        throw error
      })
      if (report instanceof NoSuite) {
        absent.push(`${set.name}: ${report.message}`)
        continue
      }
      const line: Line = { set: set.name, path, ...report }
      lines.push(line)
      console.log(json ? JSON.stringify(line) : row(line))
    }
  }
  if (!json) {
    for (const path of paths) console.log(row({ set: 'total', path, ...total(lines.filter(line => line.path === path)) }))
    const stricter = read.flatMap(({ name, refusedHere }) => refusedHere === undefined ? [] : [`${name}: ${refusedHere.ids.length} refused, ${refusedHere.why}`])
    const left = read.flatMap(({ name, inapplicable }) => inapplicable === undefined ? [] : [`${name}: ${inapplicable.ids.length} not run, ${inapplicable.why}`])
    const single = read.flatMap(({ name, only }) => only === undefined ? [] : [`${name}: ${only.path} only, ${only.why}`])
    for (const [heading, texts] of [["By a rule stricter than the set's", stricter], ['Not applicable', left], ['On one path', single]] as const) {
      if (texts.length > 0) console.log(`\n${heading}:\n  ${texts.join('\n  ')}`)
    }
    console.log(`\nIn use: ${[...suites().map(({ params, provider }) => `${params} by ${provider}`), ...encryptions().map(({ name, provider }) => `${name} by ${provider}`)].join(', ')}`)
  }
  for (const text of absent) console.error(text)
  for (const { set, path, wrong } of lines) if (wrong.length > 0) console.error(`${set}, ${path}: decided otherwise: ${wrong.join(', ')}`)
  return absent.length === 0 && lines.every(({ wrong }) => wrong.length === 0)
})

function pad(text: string, width: number): string {
  return text.padEnd(width)
}

function row({ set, path, cases, run, accepted, refused, wrong }: Line): string {
  return `${pad(set, 48)} ${[path, cases, run, accepted, refused, wrong.length].map(cell => `${cell}`.padStart(9)).join('')}`
}

function total(lines: readonly Line[]): Report {
  const sum = (pick: (line: Line) => number) => lines.reduce((all, line) => all + pick(line), 0)
  return {
    cases: sum(line => line.cases), run: sum(line => line.run), accepted: sum(line => line.accepted), refused: sum(line => line.refused),
    wrong: lines.flatMap(({ wrong }) => wrong),
  }
}
