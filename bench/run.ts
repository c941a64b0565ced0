import { parseArgs } from 'node:util'
import { benchmarks, openPeers } from './benchmarks.ts'
import { document } from './document.ts'
import { tableOf } from './report.ts'
import type { Row } from './report.ts'
import { QUICK, THOROUGH } from './rounds.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, quick: { type: 'boolean', default: false }, document: { type: 'boolean', default: false } },
})
const unknown = positionals.filter(name => benchmarks[name] === undefined)
if (unknown.length > 0) throw new Error(`There is no benchmark ${unknown.join(', ')}: there are ${Object.keys(benchmarks).join(', ')}`)
if (values.document && (values.quick || positionals.length > 0)) throw new Error('What is documented is a whole run: leave out --quick and names')

const rows: Row[] = []
const peers = openPeers()
try {
  for (const [name, benchmark] of Object.entries(benchmarks)) {
    if (positionals.length > 0 && !positionals.includes(name)) continue
    const measured = await benchmark(values.quick ? QUICK : THOROUGH, peers)
    if (values.json) for (const row of measured) console.log(JSON.stringify(row))
    rows.push(...measured)
  }
} finally {
  for (const peer of peers) await peer.close()
}
if (!values.json) console.log(tableOf(rows))
if (values.document) document(rows)
