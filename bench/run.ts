import { parseArgs } from 'node:util'
import { ask } from './ask.ts'
import { commit } from './commit.ts'
import { hostedMachine } from './hosted-machine.ts'
import { tableOf } from './report.ts'
import type { Row } from './report.ts'
import { QUICK, THOROUGH } from './rounds.ts'
import type { Effort } from './rounds.ts'
import { tell } from './tell.ts'

const benchmarks: { readonly [name: string]: (effort: Effort) => Promise<readonly Row[]> } = { commit, ask, tell, 'hosted-machine': hostedMachine }

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false } },
})
const unknown = positionals.filter(name => benchmarks[name] === undefined)
if (unknown.length > 0) throw new Error(`There is no benchmark ${unknown.join(', ')}: there are ${Object.keys(benchmarks).join(', ')}`)

const rows: Row[] = []
for (const [name, benchmark] of Object.entries(benchmarks)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue
  const measured = await benchmark(values.quick ? QUICK : THOROUGH)
  if (values.json) for (const row of measured) console.log(JSON.stringify(row))
  rows.push(...measured)
}
if (!values.json) console.log(tableOf(rows))
