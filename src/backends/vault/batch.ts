import { bytesToHex } from '@noble/hashes/utils.js'
import { sameBytes } from '../../crypto/bytes.ts'
import type { Change, Store } from '../../stores/store.ts'
import { add, subtract } from './manifest.ts'
import type { Tally } from './manifest.ts'
import type { Session } from './session.ts'

interface Cell {
  readonly key: Uint8Array
  readonly before: Uint8Array | undefined
  after: Uint8Array | undefined
}

/** What several operations, one after the other, make of the rows that they look at. */
export class Batch {
  readonly session: Session
  readonly #store: Store
  readonly #damaged: ReadonlySet<string>
  readonly #cells = new Map<string, Cell>()

  /** `damaged`: rows that the tally leaves out, as hexadecimal keys. */
  constructor(store: Store, session: Session, damaged: ReadonlySet<string>) {
    this.#store = store
    this.session = session
    this.#damaged = damaged
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.#cell(key)).after
  }

  async add(changes: readonly Change[]): Promise<void> {
    const cells = await Promise.all(changes.map(({ key }) => this.#cell(key)))
    for (const [i, cell] of cells.entries()) cell.after = changes[i]?.value
  }

  get isEmpty(): boolean {
    return this.changes.length === 0
  }

  get changes(): readonly Change[] {
    return this.#changed().map(({ key, after }) => ({ key, value: after }))
  }

  /** What `before` is once the changes are made. */
  tally(before: Tally): Tally {
    return this.#changed().reduce((tally, { key, before: old, after }) => {
      const without = old === undefined || this.#damaged.has(bytesToHex(key)) ? tally : subtract(tally, this.session.weigh({ key, value: old }))
      return after === undefined ? without : add(without, this.session.weigh({ key, value: after }))
    }, before)
  }

  #changed(): readonly Cell[] {
    return [...this.#cells.values()].filter(({ before, after }) => before === undefined || after === undefined ? before !== after : !sameBytes(before, after))
  }

  async #cell(key: Uint8Array): Promise<Cell> {
    const name = bytesToHex(key)
    const known = this.#cells.get(name)
    if (known !== undefined) return known
    const before = await this.#store.get(key)
    const cell = { key, before, after: before }
    // Another read of the same operation may have come first.
    const first = this.#cells.get(name)
    if (first === undefined) this.#cells.set(name, cell)
    return first ?? cell
  }
}
