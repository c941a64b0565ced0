import { execFile } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import type { ExternalIdentity } from '../../src/index.ts'
import { judged, rounded } from '../report.ts'
import type { Row } from '../report.ts'
import { median } from '../rounds.ts'
import type { Effort } from '../rounds.ts'
import { connecting } from './connecting.ts'
import { newPlace, populate } from './place.ts'

/** Milliseconds: the whole, its parts in their order, and the longest that the event loop had to wait meanwhile. */
const restart = z.strictObject({ whole: z.number(), store: z.number(), vault: z.number(), engine: z.number(), connect: z.number(), block: z.number() })
type Restart = z.infer<typeof restart>

const PARTS: readonly (readonly [keyof Restart, string])[] = [
  ['store', ', the store'], ['vault', ', the vault'], ['engine', ', node and engine'], ['connect', ', the first connect'], ['block', ', longest without a turn'],
]

/** A place, how many identities are there, and one of them. */
export interface Populated {
  readonly folder: string
  readonly count: number
  readonly one: ExternalIdentity
}

/**
 * `restart`: milliseconds from a store that nobody has open to the answer of Identity Management to its first connect, which wakes an identity: among few and
 * among many, beside a store with one. Each restart is a process of its own, whose start is not counted; the file is in the system's cache.
 *
 * `connect-after-restart`, `growth-durable`: see connecting.ts. They use the same places, since it takes a while to make them.
 */
export async function restarting(effort: Effort): Promise<readonly Row[]> {
  await using alone = await populated(1)
  await using few = await populated(10_000 / effort.divisor)
  await using many = await populated(100_000 / effort.divisor, few)
  const rounds = new Map<Populated, Restart[]>([[alone, []], [few, []], [many, []]])
  for (let round = 0; round < effort.rounds; round++) for (const [place, measured] of rounds) measured.push(await restarted(place))
  const of = (place: Populated, part: keyof Restart) => median((rounds.get(place) ?? []).map(times => times[part]))
  const row = (place: Populated, part: keyof Restart, what: string): Row => {
    const [ours, theirs] = [of(place, part), of(alone, part)]
    return judged({
      name: 'restart', variant: `${place.count.toLocaleString('en')} identities${what}`, peer: 'one identity',
      ours: rounded(ours), theirs: rounded(theirs), ratio: rounded(theirs / ours), unit: 'ms',
    })
  }
  await using fewest = await populated(1_000 / effort.divisor)
  return [row(few, 'whole', ''), row(many, 'whole', ''), ...PARTS.map(([part, what]) => row(many, part, what)), ...await connecting(effort, fewest, many)]
}

/** A place with so many identities, those of another among them. */
async function populated(count: number, first?: Populated): Promise<Populated & AsyncDisposable> {
  const place = await newPlace()
  if (first !== undefined) await cp(first.folder, place.folder, { recursive: true })
  const one = await populate(place.folder, count - (first?.count ?? 0))
  return { ...place, count, one }
}

async function restarted({ folder, count, one }: Populated): Promise<Restart> {
  const program = join(import.meta.dirname, 'restart-program.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [program, folder, `${count}`, one.name])
  return restart.parse(JSON.parse(stdout))
}
