import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '../src/simulation/random.ts'
import type { Job } from './job.ts'
import { Journal, journalPath } from './journal.ts'
import type { Entry } from './journal.ts'
import { bundleChild } from './program.ts'
import { Result } from './result.ts'
import { Schedule } from './schedule.ts'
import type { Plan } from './schedule.ts'

export interface TortureOptions {
  readonly seed: number
  /** How many children are killed. */
  readonly runs: number
  readonly operations: readonly string[]
  /** A module that exports defects, as `faults`: see `Faults`. */
  readonly faults?: string
  progress?(line: string): void
}

/** Kills in one world, before the next is made. */
const KILLS_PER_WORLD = 10
/** Milliseconds, after which a child that still lives hangs. */
const PATIENCE = 60_000
/** The longest that a child which is killed from outside lives on, in milliseconds. */
const OUTSIDE = 40

/** Kills children, as many as `runs`, and has each looked after by the next one. */
export async function torture(options: TortureOptions): Promise<Result> {
  const base = await mkdtemp(join(tmpdir(), 'ipse-torture-'))
  const result = new Result(options)
  try {
    const program = await bundleChild(join(base, 'program'))
    const schedule = new Schedule(options)
    const lanes = Array.from({ length: availableParallelism() + 1 }, async (_, lane) => {
      const one = new Lane(options, result, { base: join(base, String(lane)), program, cache: join(base, 'cache') })
      for (let plan = schedule.next(); plan !== undefined; plan = schedule.next()) schedule.learn(plan, await one.run(plan))
      await one.retire()
    })
    await Promise.all(lanes)
    return result
  } finally {
    await rm(base, { recursive: true, force: true })
  }
}

/** Where children follow one another. */
class Lane {
  readonly #options: TortureOptions
  readonly #result: Result
  readonly #places: { readonly base: string; readonly program: string; readonly cache: string }
  #folder: string | undefined
  #worlds = 0
  #kills = 0
  #read = 0

  constructor(options: TortureOptions, result: Result, places: { readonly base: string; readonly program: string; readonly cache: string }) {
    this.#options = options
    this.#result = result
    this.#places = places
  }

  /** Answers what the child wrote of its end. */
  async run(plan: Plan): Promise<Extract<Entry, { entry: 'killed' }> | undefined> {
    if (this.#kills >= KILLS_PER_WORLD || plan.operations[0] === 'create') await this.retire()
    const folder = this.#folder ??= await this.#begin()
    this.#kills++
    const { seed, operations, at } = plan
    const { entries, problem } = await this.#child({ folder, seed, operations, ...at !== undefined && { at }, ...this.#options.faults !== undefined && { faults: this.#options.faults } })
    const killed = entries.findLast(entry => entry.entry === 'killed')
    const found = this.#result.add(plan, entries, problem)
    for (const line of found) this.#options.progress?.(`seed ${seed}, ${operations.join(' with ')}: ${line}`)
    // What is wrong stays so, and would be found again and again.
    if (found.length > 0) await this.#leave()
    return killed
  }

  /** Looks once more at the world, and leaves it. */
  async retire(): Promise<void> {
    if (this.#folder === undefined || this.#read === 0) return this.#leave()
    const kills = this.#kills
    this.#kills = 0
    if (kills > 0) await this.run({ seed: 0, operations: ['open'], at: Number.MAX_SAFE_INTEGER, isCounted: false })
    await this.#leave()
  }

  async #begin(): Promise<string> {
    const folder = join(this.#places.base, String(this.#worlds++))
    await mkdir(folder, { recursive: true })
    this.#read = 0
    this.#kills = 0
    return folder
  }

  async #leave(): Promise<void> {
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true })
    this.#folder = undefined
  }

  /** What it wrote, and what is wrong with how it ended. */
  async #child(job: Job): Promise<{ readonly entries: readonly Entry[]; readonly problem: string | undefined }> {
    const child = spawn(process.execPath, [this.#places.program, JSON.stringify(job)], {
      stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_OPTIONS: '', NODE_COMPILE_CACHE: this.#places.cache },
    })
    let errors = ''
    child.stderr.on('data', (text: Buffer) => { errors += text.toString() })
    const random = new SeededRandom(job.seed).fork()
    child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), random.below(OUTSIDE)))
    let isHanging = false
    const patience = setTimeout(() => {
      isHanging = true
      child.kill('SIGKILL')
    }, PATIENCE)
    await once(child, 'close')
    clearTimeout(patience)
    const all = new Journal(journalPath(job.folder)).read()
    const entries = all.slice(this.#read)
    this.#read = all.length
    const isKilled = child.signalCode === 'SIGKILL' && entries.some(({ entry }) => entry === 'armed')
    const isTold = entries.some(({ entry }) => entry === 'wrong')
    const problem = isHanging ? 'it hangs' : isKilled || isTold ? undefined : `it ended with ${child.signalCode ?? child.exitCode ?? 'nothing'}: ${errors.slice(-500)}`
    return { entries, problem }
  }
}
