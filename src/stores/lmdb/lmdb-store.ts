import { scheduler } from 'node:timers/promises'
import { Fault } from '../../core/errors.ts'
import { Table } from '../../core/table.ts'
import { changesByKey, textAfter, textOfKey, textOfRange } from '../arguments.ts'
import type { Change, KeyRange, Row, Store } from '../store.ts'
import { damagedRow } from './damage.ts'
import { openEnvironment } from './environment.ts'
import type { Environment, Item } from './environment.ts'
import { headerItem, isSound, itemKey, keyAfter, keyOfItem, minus, plus, rowItem, valueOfItem } from './format.ts'
import type { Header, Tally } from './format.ts'
import type { Lock } from './lock.ts'
import { PAGE, replaceData, storedRows, writeNext } from './rewriting.ts'

/** Changes that were asked for together, by the text of their key; or, without any, a compaction. */
interface Job {
  readonly changes: ReadonlyMap<string, Unwritten> | undefined
  resolve(): void
  reject(error: unknown): void
}

/** The row as LMDB will have it, or that it will have none. */
type Unwritten = Item<Uint8Array | undefined>

/** How many changes one transaction takes, if more than one batch is waiting: what they cost the event loop at a time. */
const GROUP = 1000

export interface Opened {
  readonly folder: string
  readonly environment: Environment
  readonly header: Header
  readonly lock: Lock
  /** Whether it was opened with damage in it. Then a damaged row is read as an empty one, and ends nothing. */
  readonly isDamaged: boolean
}

/**
 * Rows in an LMDB file. One transaction is on its way to the disk at a time; what is asked for meanwhile waits, and goes together in the next. Until then it
 * is read from the table of what is not written yet.
 */
export class LmdbStore implements Store {
  readonly capabilities = Object.freeze({ persistent: true, compacts: true })
  readonly #folder: string
  readonly #header: Header
  readonly #lock: Lock
  readonly #isDamaged: boolean
  readonly #jobs: Job[] = []
  #environment: Environment
  #tally: Tally
  #unwritten = Table.empty<Unwritten>()
  #working: Promise<void> | undefined
  /** While the file is being replaced: there is none to read. */
  #replacing: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #failure: Fault | undefined

  constructor({ folder, environment, header, lock, isDamaged }: Opened) {
    this.#folder = folder
    this.#environment = environment
    this.#header = header
    this.#tally = header.tally
    this.#lock = lock
    this.#isDamaged = isDamaged
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    this.#checkOpen()
    const text = textOfKey(key)
    const found = itemKey(key)
    if (this.#replacing !== undefined) await this.#readable()
    const unwritten = this.#unwritten.get(text)
    const bytes = unwritten === undefined ? this.#read(environment => environment.get(found)) : unwritten.bytes?.slice()
    return bytes && this.#row({ key: found, bytes }).value
  }

  async *range(range: KeyRange): AsyncGenerator<Row> {
    const { from: first, to } = textOfRange(range)
    let from = first
    let start = itemKey(range.from)
    const end = itemKey(range.to)
    while (from < to) {
      this.#checkOpen()
      // oxlint-disable-next-line no-await-in-loop -- a page comes after the other
      if (this.#replacing !== undefined) await this.#readable()
      const items = this.#read(environment => environment.page(start, end, PAGE))
      const last = items.length < PAGE ? undefined : items.at(-1)
      const until = last === undefined ? to : textAfter(textOfKey(keyOfItem(last)))
      // Before the rows are their reader's.
      const next = last && keyAfter(last.key)
      for (const item of this.#merged(items, from, until)) {
        yield this.#row(item)
        this.#checkOpen()
      }
      if (next === undefined) return
      from = until
      start = next
      // oxlint-disable-next-line no-await-in-loop -- others get their turn
      await scheduler.yield()
    }
  }

  async write(changes: readonly Change[]): Promise<void> {
    this.#checkOpen()
    const unwritten = new Map(Array.from(changesByKey(changes), ([text, { key, value }]) => (
      [text, value === undefined ? { key: itemKey(key), bytes: undefined } : rowItem(key, value)]
    )))
    for (const [text, item] of unwritten) this.#unwritten = this.#unwritten.set(text, item)
    return this.#enqueue(unwritten)
  }

  async compact(): Promise<void> {
    this.#checkOpen()
    return this.#enqueue(undefined)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new Fault('store-closed', 'The store was closed: open it anew')
    if (this.#failure !== undefined) throw this.#failure
  }

  /** What ends the use of this store; but for a damaged row, where damage was accepted. */
  #fail(cause: unknown): Fault {
    if (cause instanceof Fault && cause.code === 'store-damaged') {
      if (!this.#isDamaged) this.#failure ??= cause
      return cause
    }
    this.#failure ??= new Fault('store-failed', `The store in ${this.#folder} can't be read or written any more, see cause: mend that, and open it anew`, { cause })
    return this.#failure
  }

  async #readable(): Promise<void> {
    await this.#replacing
    this.#checkOpen()
  }

  #read<T>(read: (environment: Environment) => T): T {
    try {
      return read(this.#environment)
    } catch (error) {
      throw this.#fail(error)
    }
  }

  #row(item: Item): Row {
    const key = keyOfItem(item)
    if (isSound(item)) return { key, value: valueOfItem(item) }
    if (this.#isDamaged) return { key, value: new Uint8Array() }
    throw this.#fail(damagedRow(key))
  }

  /** A page of LMDB's, with what is not written yet. */
  #merged(items: readonly Item[], from: string, until: string): Iterable<Item> {
    let entry = this.#unwritten.atOrAfter(from)
    if (entry === undefined || entry[0] >= until) return items
    let merged = Table.from(items.map((item): [string, Item] => [textOfKey(keyOfItem(item)), item]))
    for (; entry !== undefined && entry[0] < until; entry = this.#unwritten.atOrAfter(textAfter(entry[0]))) {
      const [text, { key, bytes }] = entry
      // Copies: what is read is the reader's, and these are still to be written.
      merged = bytes === undefined ? merged.delete(text) : merged.set(text, { key: key.slice(), bytes: bytes.slice() })
    }
    return Array.from(merged, ([, item]) => item)
  }

  #enqueue(changes: Job['changes']): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ changes, resolve, reject })
      this.#working ??= this.#work()
    })
  }

  async #work(): Promise<void> {
    // What is asked for in the same turn goes together.
    await scheduler.yield()
    /* oxlint-disable no-await-in-loop -- one transaction after the other */
    for (let jobs = this.#nextJobs(); jobs.length > 0; jobs = this.#nextJobs()) {
      try {
        if (this.#failure !== undefined) throw this.#failure
        if (jobs[0]?.changes === undefined) await this.#compact()
        else await this.#commit(jobs)
        for (const { resolve } of jobs) resolve()
      } catch (error) {
        const failure = this.#fail(error)
        for (const { reject } of jobs) reject(failure)
      }
      await scheduler.yield()
    }
    /* oxlint-enable no-await-in-loop */
    this.#working = undefined
  }

  /** The next compaction, or the batches before it that go into one transaction. */
  #nextJobs(): readonly Job[] {
    let count = 0
    let changes = 0
    for (const job of this.#jobs) {
      if (job.changes === undefined || (count > 0 && changes + job.changes.size > GROUP)) break
      changes += job.changes.size
      count++
    }
    return this.#jobs.splice(0, Math.max(count, 1))
  }

  async #commit(jobs: readonly Job[]): Promise<void> {
    const items = new Map<string, Unwritten>()
    for (const { changes } of jobs) for (const [text, item] of changes ?? []) items.set(text, item)
    if (items.size === 0) return
    let tally = this.#tally
    for (const { key, bytes } of items.values()) {
      const before = this.#environment.peek(key)
      if (before !== undefined) tally = minus(tally, before)
      if (bytes !== undefined) tally = plus(tally, bytes)
    }
    await this.#environment.commit([...items.values(), headerItem({ ...this.#header, tally })])
    this.#tally = tally
    // What was changed again meanwhile is still to be written.
    for (const [text, item] of items) if (this.#unwritten.get(text) === item) this.#unwritten = this.#unwritten.delete(text)
  }

  async #compact(): Promise<void> {
    const tally = await writeNext(this.#folder, this.#header, storedRows(this.#environment))
    this.#replacing = this.#replace()
    try {
      await this.#replacing
      this.#tally = tally
    } finally {
      this.#replacing = undefined
    }
  }

  async #replace(): Promise<void> {
    try {
      await this.#environment.close()
      await replaceData(this.#folder)
      this.#environment = await openEnvironment(this.#folder, { readOnly: false })
    } catch (error) {
      throw this.#fail(error)
    }
  }

  async #close(): Promise<void> {
    while (this.#working !== undefined) await this.#working // oxlint-disable-line no-await-in-loop -- a compaction may be followed by writes
    try {
      await this.#environment.close()
    } catch (error) {
      // After a failure it may be closed already.
      if (this.#failure === undefined) throw this.#fail(error)
    } finally {
      this.#lock.release()
    }
  }
}
