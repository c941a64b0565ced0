import { execFile } from 'node:child_process'
import { parseArgs, promisify } from 'node:util'
import { commandLine } from '../scripts/command-line.ts'
import { benchmarks, openPeers, rowsOf } from './benchmarks.ts'
import { document } from './document.ts'
import { tableOf } from './report.ts'
import type { Row } from './report.ts'
import { QUICK, THOROUGH } from './rounds.ts'

const USAGE = `usage: npm run bench -- [NAME ...] [--quick] [--json]
       npm run bench -- --document [--json]
Measures, beside other runtimes, and prints a table: all, or what is named of ${Object.keys(benchmarks).flatMap(rowsOf).join(', ')}.
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
  const known = new Set(Object.keys(benchmarks).flatMap(rowsOf))
  const unknown = names.filter(name => !known.has(name))
  if (unknown.length > 0) return `There is no benchmark ${unknown.join(', ')}`
  if (values.document && (values.quick || names.length > 0)) return 'What is documented is a whole run: leave out --quick and names'
  return { names, ...values }
}

async function measure({ names, json, quick, document: documented }: Arguments): Promise<boolean> {
  const rows: Row[] = []
  const asked = Object.keys(benchmarks).filter(name => names.length === 0 || rowsOf(name).some(row => names.includes(row)))
  for (const name of asked) {
    const all = asked.length === 1 ? await run(name, quick) : await runApart(name, quick)
    // Who names a benchmark has all its rows.
    const measured = names.length === 0 || names.includes(name) ? all : all.filter(row => names.includes(row.name))
    if (json) for (const row of measured) console.log(JSON.stringify(row))
    rows.push(...measured)
  }
  if (!json) console.log(tableOf(rows))
  if (documented) document(rows)
  return true
}

async function run(name: string, quick: boolean): Promise<readonly Row[]> {
  const peers = openPeers()
  try {
    return await benchmarks[name]?.(quick ? QUICK : THOROUGH, peers) ?? []
  } finally {
    for (const peer of peers) await peer.close()
  }
}

/** In a process of its own: what V8 has learnt from one benchmark, and the heap that it left, are nothing that another should be measured with. */
async function runApart(name: string, quick: boolean): Promise<readonly Row[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [...process.execArgv, import.meta.filename, name, '--json', ...quick ? ['--quick'] : []])
  return stdout.split('\n').filter(line => line !== '').map(line => JSON.parse(line))
}

await commandLine(USAGE, parse, measure)
