import type { Entry, Wrong } from './journal.ts'
import type { Plan } from './schedule.ts'

interface OfOperation {
  /** Children that were killed while they did it. */
  kills: number
  /** The different points at which it was killed, alone. */
  readonly points: Set<number>
}

/** What all children have come to. */
export class Result {
  readonly #seed: number
  readonly #operations: ReadonlyMap<string, OfOperation>
  readonly #wrong: Record<Wrong, number> = { lost: 0, halfThere: 0, resurrected: 0, repeated: 0, unexpected: 0 }
  readonly #texts: string[] = []
  /** How many were killed where, by the names of points. */
  readonly #places = new Map<string, number>()
  #runs = 0
  #starts = 0
  #fromOutside = 0
  #together = 0
  #acknowledged = 0

  constructor({ seed, operations }: { readonly seed: number; readonly operations: readonly string[] }) {
    this.#seed = seed
    this.#operations = new Map(operations.map(name => [name, { kills: 0, points: new Set() }]))
  }

  /** Answers what is wrong, in words. */
  add({ operations: [operation = '', ...others], at, isCounted }: Plan, entries: readonly Entry[], problem: string | undefined): readonly string[] {
    const found = entries.flatMap(entry => entry.entry === 'wrong' ? [{ wrong: entry.wrong, text: entry.text }] : [])
    if (problem !== undefined) found.push({ wrong: 'unexpected', text: problem })
    for (const { wrong } of found) this.#wrong[wrong]++
    const lines = found.map(({ wrong, text }) => `${wrong}: ${text}`)
    this.#texts.push(...lines)
    this.#starts++
    this.#acknowledged += entries.filter(({ entry }) => entry === 'done').length
    if (!isCounted || !entries.some(({ entry }) => entry === 'armed')) return lines
    this.#runs++
    if (others.length > 0) this.#together++
    const killed = entries.findLast(entry => entry.entry === 'killed')
    if (killed === undefined) this.#fromOutside++
    const place = killed?.point ?? 'from outside'
    this.#places.set(place, (this.#places.get(place) ?? 0) + 1)
    const known = this.#operations.get(operation)
    if (known !== undefined && killed?.point !== 'end') {
      known.kills++
      if (at !== undefined && others.length === 0) known.points.add(at)
    }
    return lines
  }

  /** The operations that no kill has met. */
  get spared(): readonly string[] {
    return [...this.#operations].filter(([, { kills }]) => kills === 0).map(([name]) => name)
  }

  get isGood(): boolean {
    return this.#runs > 0 && this.spared.length === 0 && Object.values(this.#wrong).every(count => count === 0)
  }

  summary() {
    return {
      seed: this.#seed,
      killPoints: [...this.#operations.values()].reduce((sum, { points }) => sum + points.size, 0),
      runs: this.#runs,
      acknowledged: this.#acknowledged,
      ...this.#wrong,
      starts: this.#starts,
      together: this.#together,
      fromOutside: this.#fromOutside,
      operations: Object.fromEntries([...this.#operations].map(([name, { kills, points }]) => [name, { kills, killPoints: points.size }])),
      places: Object.fromEntries([...this.#places].toSorted(([a], [b]) => a < b ? -1 : 1)),
      spared: this.spared,
      texts: this.#texts.slice(0, 20),
    }
  }
}
