import { bytesToHex } from '@noble/hashes/utils.js'
import { Fault } from '../core/errors.ts'
import { Table } from '../core/table.ts'
import type { Change, KeyRange, Row, Store } from '../stores/store.ts'
import type { Agenda } from './agenda.ts'
import type { SeededRandom } from './random.ts'

/** How long a write may take until nothing undoes it, in milliseconds of virtual time. */
const SLOWEST = 8

interface Batch {
  readonly after: Table<Row>
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/**
 * A store on virtual time. A crash leaves what was acknowledged, and of what was not, as many batches as the seed decides; none of them torn, since a
 * store writes each whole. It outlasts the lives of the node that it is given to.
 */
export class SeededStore implements Store {
  readonly capabilities = { persistent: true, compacts: false }
  readonly #agenda: Agenda
  readonly #random: SeededRandom
  /** By the hexadecimal form of their keys, which is in the order of their bytes. */
  #rows: Table<Row> = Table.empty()
  #durable: Table<Row> = Table.empty()
  #waiting: Batch[] = []
  #failure: Fault | undefined

  constructor(agenda: Agenda, random: SeededRandom) {
    this.#agenda = agenda
    this.#random = random
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#failure === undefined ? Promise.resolve(this.peek(key)) : Promise.reject(this.#failure)
  }

  /** As {@link get}, at once. */
  peek(key: Uint8Array): Uint8Array | undefined {
    const row = this.#rows.get(bytesToHex(key))
    return row && new Uint8Array(row.value)
  }

  async *range(range: KeyRange): AsyncGenerator<Row> {
    for (const row of this.rows(range)) {
      if (this.#failure !== undefined) throw this.#failure
      yield row
    }
  }

  /** As {@link range}, at once. */
  rows({ from, to }: KeyRange): readonly Row[] {
    const [first, end] = [bytesToHex(from), bytesToHex(to)]
    return Array.from(this.#rows).filter(([key]) => key >= first && key < end).map(([, { key, value }]) => ({ key: new Uint8Array(key), value: new Uint8Array(value) }))
  }

  write(changes: readonly Change[]): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    for (const { key, value } of changes) {
      const name = bytesToHex(key)
      this.#rows = value === undefined ? this.#rows.delete(name) : this.#rows.set(name, { key: new Uint8Array(key), value: new Uint8Array(value) })
    }
    return new Promise((done, failed) => {
      this.#waiting.push({ after: this.#rows, done, failed })
      this.#agenda.appoint(this, this.#agenda.time + this.#random.below(SLOWEST), () => this.#flush())
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** Has the disk fail: nothing more is written, and what was not acknowledged never will be. */
  fail(): void {
    this.#failure = new Fault('store-failed', 'The disk has failed, as it was told to')
    this.#agenda.drop(this)
    for (const { failed } of this.#waiting.splice(0)) failed(this.#failure)
  }

  /** What the power leaves when it is cut. */
  crash(): void {
    this.#agenda.drop(this)
    const survivors = this.#random.below(this.#waiting.length + 1)
    this.#durable = this.#waiting[survivors - 1]?.after ?? this.#durable
    this.#rows = this.#durable
    this.#waiting = []
  }

  /** One write at a time, in order. */
  #flush(): void {
    const batch = this.#waiting.shift()
    if (batch === undefined) return
    this.#durable = batch.after
    batch.done()
  }
}
