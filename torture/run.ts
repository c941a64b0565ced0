import { parseArgs } from 'node:util'
import { commandLine } from '../scripts/command-line.ts'
import { operations } from './operations.ts'
import { torture } from './supervisor.ts'

const USAGE = `usage: npm run torture -- [--seed N] [--runs N] [--operation NAME] [--json]
Kills processes that change identities (SIGKILL), 2000 unless told, at every point at which something is written, and looks at what the next process finds.
NAME is one of ${Object.keys(operations).join(', ')}; all unless told.
Ends with 1 when something is lost, half there, resurrected or repeated, or an operation was never killed; with 2 for arguments that it does not know.`

interface Arguments {
  readonly seed: number
  readonly runs: number
  readonly operation: string | undefined
  readonly json: boolean
  readonly help: boolean
}

function parse(): Arguments | string {
  const { values } = parseArgs({ options: {
    seed: { type: 'string', default: '1' }, runs: { type: 'string', default: '2000' }, operation: { type: 'string' },
    json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
  } })
  const { operation, json, help } = values
  const [seed, runs] = [wholeNumber(values.seed), wholeNumber(values.runs)]
  if (seed === undefined) return `--seed takes a whole number from 0, not ${JSON.stringify(values.seed)}`
  if (runs === undefined || runs < 1) return `--runs takes a whole number from 1, not ${JSON.stringify(values.runs)}`
  if (operation !== undefined && !Object.keys(operations).includes(operation)) return `--operation takes one of ${Object.keys(operations).join(', ')}, not ${JSON.stringify(operation)}`
  return { seed, runs, operation, json, help }
}

function wholeNumber(text: string): number | undefined {
  const number = Number(text)
  return /^\d+$/.test(text) && Number.isSafeInteger(number) ? number : undefined
}

async function run({ seed, runs, operation, json }: Arguments): Promise<boolean> {
  const result = await torture({ seed, runs, operations: operation === undefined ? Object.keys(operations) : [operation], progress: line => console.error(line) })
  const { operations: each, ...sums } = result.summary()
  if (json) {
    console.log(JSON.stringify({ ...sums, operations: each }))
    return result.isGood
  }
  console.log(`${sums.runs} kills at ${sums.killPoints} points, ${sums.fromOutside} of them from outside, ${sums.together} with several operations under way; ${sums.acknowledged} operations acknowledged.`)
  for (const [name, { kills, killPoints }] of Object.entries(each)) console.log(`  ${name.padEnd(12)} killed ${String(kills).padStart(5)} times, at ${killPoints} points`)
  if (sums.spared.length > 0) console.log(`Never killed: ${sums.spared.join(', ')}`)
  console.log(`lost ${sums.lost}, half there ${sums.halfThere}, resurrected ${sums.resurrected}, repeated ${sums.repeated}, otherwise unexpected ${sums.unexpected}`)
  return result.isGood
}

await commandLine(USAGE, parse, run)
