import { existsSync } from 'node:fs'
import { SeededRandom } from '../src/simulation/random.ts'
import { newKeyFile } from '../src/vault.ts'
import { inspect, passphraseOf } from './aftermath.ts'
import { describe, Doing } from './doing.ts'
import { Journal, journalPath } from './journal.ts'
import type { Wrong } from './journal.ts'
import { job } from './job.ts'
import { KillPoints } from './kill-points.ts'
import { Model } from './model.ts'
import { operations } from './operations.ts'
import { keyPath, openWorld } from './world.ts'
import type { Faults } from './world.ts'

// The program of a child process: opens what the one before it left, looks whether all is there, goes on with something, and is killed. Its argument is a `Job`.

const { folder, seed, at, operations: names, faults: module } = job.parse(JSON.parse(process.argv[2] ?? ''))
const isOpening = names[0] === 'open' || names[0] === 'create'
const journal = new Journal(journalPath(folder))
const model = Model.of(journal.read())
const random = new SeededRandom(seed)
const points = new KillPoints(journal, () => random.below(1000) / 1000)
const wrong = (what: Wrong, text: string) => journal.write({ entry: 'wrong', wrong: what, text })

try {
  const { faults }: { readonly faults: Faults } = module === undefined ? { faults: {} } : await import(module)
  if (!existsSync(keyPath(folder))) await newKeyFile(keyPath(folder))
  points.watchFiles()
  // Its points are those of opening. What comes of it, the next child sees.
  if (isOpening && at !== undefined) points.arm(at)
  let opensWith = ''
  const world = await openWorld(folder, points, faults, async vault => {
    opensWith = await passphraseOf(vault, folder, model, wrong)
  }).catch((error: unknown) => {
    wrong('halfThere', `it does not open: ${describe(error)}`)
    process.exit(0)
  })
  // Above all numbers of the lives before it.
  const doing = new Doing({ world, model, points, random, journal, number: journal.read().length * 10 })
  await inspect(doing, opensWith, names[0] !== 'connect')
  const prepare = () => names.map(name => operations[name] ?? missing(name))
  const prepared = async () => {
    doing.busy.clear()
    const acts: (() => Promise<void>)[] = []
    for (const operation of prepare()) acts.push(await operation(doing))
    return acts
  }
  if (at === undefined) {
    let acts = await prepared()
    points.arm(0)
    process.stdout.write('armed')
    for (;;) {
      await Promise.all(acts.map(act => act()))
      acts = await prepared()
    }
  }
  const acts = await prepared()
  if (!isOpening) points.arm(at)
  await Promise.all(acts.map(act => act()))
  points.kill('end')
} catch (error) {
  wrong('unexpected', `${describe(error)} ${error instanceof Error ? error.stack ?? '' : ''}`)
  process.exit(0)
}

function missing(name: string): never {
  throw new Error(`there is no operation ${name}`)
}
