import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { losses, markdownOf } from './report.ts'
import type { Row } from './report.ts'

const PAGE = join(import.meta.dirname, '../docs/performance.md')
const [FROM, TO] = ['<!-- measured: npm run bench -- --document -->', '<!-- end of what was measured -->']

/** Writes what was measured, and on what, in place of what `docs/performance.md` has between its two marks. */
export function document(rows: readonly Row[]): void {
  const page = readFileSync(PAGE, 'utf8')
  const [before, rest] = page.split(FROM)
  const after = rest?.split(TO)[1]
  if (before === undefined || after === undefined) throw new Error(`${PAGE} has lost the marks between which the numbers stand: ${FROM} and ${TO}`)
  writeFileSync(PAGE, `${before}${FROM}\n${measuredOn()}\n\n${markdownOf(rows)}\n\n${lost(rows)}\n${TO}${after}`)
}

function measuredOn(): string {
  const day = new Date().toISOString().slice(0, 10)
  return `${day}, ${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${availableParallelism()} cores, Node.js ${process.version} (V8 ${process.versions.v8}), ${process.platform} ${process.arch}.`
}

function lost(rows: readonly Row[]): string {
  const sentences = losses(rows)
  return sentences.length === 0 ? 'No peer was better in any row.' : ['Where a peer was better:', '', ...sentences.map(sentence => `- ${sentence}`)].join('\n')
}
