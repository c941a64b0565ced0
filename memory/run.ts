import { parseArgs } from 'node:util'
import { commandLine } from '../scripts/command-line.ts'
import type { Path } from '../src/crypto/suite.ts'
import { look } from './look.ts'
import type { End } from './plan.ts'
import { countsOf, sees, tableOf } from './report.ts'
import type { Count } from './report.ts'

const USAGE = `usage: npm run memory -- [--identities N] [--uses N] [--json]
Counts the copies of secrets in the memory of a program that uses a vault: while it is in use, after it was locked, and after all identities were deleted and
purged; with native and with portable cryptography. N identities (4 unless told) of each params sign and decrypt N times (8 unless told).
Needs Linux, and the right to debug one's own programs. Ends with 1 when it does not find what was planted to be found, or an array or a text that lives has a
secret of an identity, or an old root key; with 2 for arguments that it does not know.`

interface Arguments {
  readonly identities: number
  readonly uses: number
  readonly json: boolean
  readonly help: boolean
}

const PATHS: readonly Path[] = ['native', 'portable']
const ENDS: readonly End[] = ['lock', 'delete']

function parse(): Arguments | string {
  const { values: { json, help, ...numbers } } = parseArgs({ options: {
    identities: { type: 'string', default: '4' }, uses: { type: 'string', default: '8' }, json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
  } })
  const wrong = Object.entries(numbers).find(([, text]) => !/^[1-9]\d{0,2}$/.test(text))
  if (wrong !== undefined) return `--${wrong[0]} takes a whole number from 1 to 999, not ${JSON.stringify(wrong[1])}`
  return { identities: Number(numbers.identities), uses: Number(numbers.uses), json, help }
}

async function measure({ identities, uses, json }: Arguments): Promise<boolean> {
  if (process.platform !== 'linux') {
    console.error('This reads /proc/<pid>/mem, which only Linux has')
    return false
  }
  const counts: Count[] = []
  const held: { readonly path: Path; readonly end: End; readonly arrays: readonly string[]; readonly texts: readonly string[] }[] = []
  for (const path of PATHS) {
    for (const end of ENDS) {
      const seen = await look({ identities, uses, end }, path)
      counts.push(...countsOf(path, end, seen))
      held.push({ path, end, ...seen.held })
    }
  }
  const leaks = held.flatMap(({ arrays, texts }) => [...arrays, ...texts]).filter(isNoPlant)
  if (json) {
    console.log(JSON.stringify({ identities, uses, counts, held }))
  } else {
    console.log(`${identities} identities of each params, each of which signed and decrypted ${uses} times:\n\n${tableOf(counts)}\n`)
    for (const { path, end, arrays, texts } of held) console.log(`Held by what lives, ${path}, ${end}: ${[...arrays, ...texts].filter(isNoPlant).join(', ') || 'nothing'}`)
  }
  if (!sees(counts)) console.error('What was planted was not found, or what was not there was: these counts mean nothing')
  return sees(counts) && leaks.every(label => label === 'new root key')
}

function isNoPlant(label: string): boolean {
  return !label.startsWith('plant: ')
}

await commandLine(USAGE, parse, measure)
