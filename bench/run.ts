import { parseArgs } from 'node:util'
import { commandLine } from '../scripts/command-line.ts'
import { benchmarks, openPeers } from './benchmarks.ts'
import { document } from './document.ts'
import { tableOf } from './report.ts'
import type { Row } from './report.ts'
import { QUICK, THOROUGH } from './rounds.ts'

const USAGE = `usage: npm run bench -- [NAME ...] [--quick] [--json]
       npm run bench -- --document [--json]
Measures, beside other runtimes, and prints a table: all, or what is named of ${Object.keys(benchmarks).join(', ')}.
With --quick in fewer and shorter rounds, with --json one object a line. With --document it writes docs/performance.md, of a whole run.
Ends with 2 for arguments that it does not know.`

interface Arguments {
  readonly names: readonly string[]
  readonly json: boolean
  readonly quick: boolean
  readonly document: boolean
  readonly help: boolean
}

function parse(): Arguments | string {
  const { values, positionals: names } = parseArgs({ allowPositionals: true, options: {
    json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false }, document: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  } })
  const unknown = names.filter(name => !Object.hasOwn(benchmarks, name))
  if (unknown.length > 0) return `There is no benchmark ${unknown.join(', ')}`
  if (values.document && (values.quick || names.length > 0)) return 'What is documented is a whole run: leave out --quick and names'
  return { names, ...values }
}

async function measure({ names, json, quick, document: documented }: Arguments): Promise<boolean> {
  const rows: Row[] = []
  const peers = openPeers()
  try {
    for (const [name, benchmark] of Object.entries(benchmarks)) {
      if (names.length > 0 && !names.includes(name)) continue
      const measured = await benchmark(quick ? QUICK : THOROUGH, peers)
      if (json) for (const row of measured) console.log(JSON.stringify(row))
      rows.push(...measured)
    }
  } finally {
    for (const peer of peers) await peer.close()
  }
  if (!json) console.log(tableOf(rows))
  if (documented) document(rows)
  return true
}

await commandLine(USAGE, parse, measure)
