import { bytesToHex } from '@noble/hashes/utils.js'
import { IpseError } from '../src/index.ts'
import type { ExternalIdentity } from '../src/index.ts'
import type { SeededRandom } from '../src/simulation/random.ts'
import type { Deed, Entry, Journal, Made } from './journal.ts'
import type { KillPoints } from './kill-points.ts'
import type { Model } from './model.ts'
import type { World } from './world.ts'

/** What operations are done with. Everything that is asked for, and all that is acknowledged, is written down first. */
export class Doing {
  readonly world: World
  readonly model: Model
  readonly points: KillPoints
  readonly random: SeededRandom
  /** Names of identities that an operation uses. */
  readonly busy = new Set<string>()
  readonly #journal: Journal
  #number: number

  /** `number` is above all that were given out in this world. */
  constructor(parts: { readonly world: World; readonly model: Model; readonly points: KillPoints; readonly random: SeededRandom; readonly journal: Journal; readonly number: number }) {
    const { world, model, points, random, journal, number } = parts
    this.world = world
    this.model = model
    this.points = points
    this.random = random
    this.#journal = journal
    this.#number = number
  }

  /** Has never been answered in this world. */
  number(): number {
    return ++this.#number
  }

  note(entry: Entry): void {
    this.#journal.write(entry)
    this.model.add(entry)
  }

  /** `act` answers what a generate made. What is refused with a code of `mayBe` is whole, and not known; anything else is wrong. */
  async does(deed: Deed, act: () => Promise<ExternalIdentity | void>, mayBe: readonly string[] = []): Promise<void> {
    const id = String(this.number())
    this.note({ entry: 'intent', id, deed })
    try {
      const made = await act()
      this.note({ entry: 'done', id, ...made && { made: toMade(made) } })
      this.points.pass('acknowledged')
    } catch (error) {
      const code = error instanceof IpseError ? error.code : 'none'
      this.note({ entry: 'refused', id, code })
      if (!mayBe.includes(code)) this.note({ entry: 'wrong', wrong: 'unexpected', text: `${deed.does}: ${describe(error)}` })
    }
  }
}

export function toMade({ name, bundle }: ExternalIdentity): Made {
  return { name, ...bundle && { bundle: bytesToHex(bundle) } }
}

/** With its causes. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = error instanceof IpseError ? `${error.code}: ` : ''
  return `${code}${error.message}${error.cause === undefined ? '' : ` (${describe(error.cause)})`}`
}
