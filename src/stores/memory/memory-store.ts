import { Fault } from '../../core/errors.ts'
import { Table } from '../../core/table.ts'
import { changesByKey, textAfter, textOfKey, textOfRange } from '../arguments.ts'
import type { Change, KeyRange, Row, Store } from '../store.ts'

/** Rows in the memory of this process, by their keys as text. Every change is O(log n), and made at the call. */
export class MemoryStore implements Store {
  readonly capabilities = Object.freeze({ persistent: false, compacts: false })
  #rows = Table.empty<Row>()
  #isClosed = false

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#checkOpen()
    return this.#rows.get(textOfKey(key))?.value.slice()
  }

  async *range(range: KeyRange): AsyncGenerator<Row> {
    const { from, to } = textOfRange(range)
    for (let at = from; ;) {
      this.#checkOpen()
      const entry = this.#rows.atOrAfter(at)
      if (entry === undefined || entry[0] >= to) return
      const [text, { key, value }] = entry
      yield { key: key.slice(), value: value.slice() }
      at = textAfter(text)
    }
  }

  async write(changes: readonly Change[]): Promise<void> {
    this.#checkOpen()
    for (const [text, { key, value }] of changesByKey(changes)) {
      this.#rows = value === undefined ? this.#rows.delete(text) : this.#rows.set(text, { key, value })
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#rows = Table.empty()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new Fault('store-closed', 'The store was closed: make another')
  }
}
