import { parseArgs } from 'node:util'
import { commandLine } from '../scripts/command-line.ts'
import { mutants } from './mutants.ts'
import { shrink } from './search.ts'
import { findMutants, simulateAll } from './threads.ts'
import type { Found } from './threads.ts'

const USAGE = `usage: npm run simulate -- [--seed N] [--runs N] [--json]
       npm run simulate -- --mutants [--seed N] [--json]
Runs schedules of three nodes, drawn from a seed (1 unless told), 1000 unless told, and looks whether what is guaranteed holds.
With --mutants it plants defects in the library, one at a time, and tells how many schedules it took to find each.
Ends with 1 when something does not hold, or a mutant survives; with 2 for arguments that it does not know.`

interface Arguments {
  readonly seed: number
  readonly runs: number
  readonly json: boolean
  readonly mutants: boolean
  readonly help: boolean
}

function parse(): Arguments | string {
  const { values } = parseArgs({ args: withValues(process.argv.slice(2)), options: {
    seed: { type: 'string', default: '1' }, runs: { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false }, mutants: { type: 'boolean', default: false }, help: { type: 'boolean', default: false },
  } })
  const { json, mutants, help } = values
  const [seed, runs] = [wholeNumber(values.seed), wholeNumber(values.runs)]
  if (seed === undefined) return `--seed takes a whole number from 0, not ${JSON.stringify(values.seed)}`
  if (runs === undefined || runs < 1) return `--runs takes a whole number from 1, not ${JSON.stringify(values.runs)}`
  return { seed, runs, json, mutants, help }
}

/** Joins an option that takes a number to what follows it: else one that begins with a dash is taken for an option of its own. */
function withValues(args: readonly string[]): string[] {
  const joined: string[] = []
  for (const arg of args) {
    const option = joined.at(-1)
    if (arg.startsWith('-') && (option === '--seed' || option === '--runs')) joined.splice(-1, 1, `${option}=${arg}`)
    else joined.push(arg)
  }
  return joined
}

function wholeNumber(text: string): number | undefined {
  const number = Number(text)
  return /^\d+$/.test(text) && Number.isSafeInteger(number) ? number : undefined
}

async function simulate({ seed, runs, json }: Arguments): Promise<boolean> {
  const result = await simulateAll(seed, runs)
  const [first] = result.violations
  const shrunk = first && await shrink(first)
  if (json) {
    const violations = result.violations.map(violation => violation === first ? { ...violation, shrunk } : violation)
    console.log(JSON.stringify({ ...result, violations }))
    return first === undefined
  }
  console.log(`${runs} schedules of seed ${seed}, ${result.steps} steps, ${result.schedulesPerMinute} schedules a minute, trace ${result.traceHash.slice(0, 16)}`)
  if (first === undefined || shrunk === undefined) {
    console.log('Everything held.')
    return true
  }
  console.log(`${result.violations.length} violations. The first is seed ${first.seed}: ${first.guarantee ?? ''} ${first.problem}`)
  console.log(`\nWhat is left when all that can be left out is: ${shrunk.problem}`)
  for (const line of shrunk.operations) console.log(`  ${line}`)
  console.log('\nWhat was observed:')
  for (const line of shrunk.trace) console.log(`  ${line}`)
  console.log(`\nAgain: npm run simulate -- --seed ${first.seed} --runs 1`)
  return false
}

async function hunt({ seed, json }: Arguments): Promise<boolean> {
  const line = ({ mutant, schedules, within, violation }: Found) => schedules === null
    ? `SURVIVED  ${mutant} (${within} schedules)`
    : `${String(schedules).padStart(8)}  ${mutant}: ${violation?.guarantee ?? ''} ${violation?.problem ?? ''}`
  const found = await findMutants(mutants, seed, one => void (json || console.log(line(one))))
  if (json) console.log(JSON.stringify({ seed, mutants: found }))
  return found.every(({ schedules }) => schedules !== null)
}

await commandLine(USAGE, parse, args => args.mutants ? hunt(args) : simulate(args))
