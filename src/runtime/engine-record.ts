import { isRecord } from '../core/data.ts'
import type { EngineFamily } from '../core/engine.ts'
import { Fault } from '../core/errors.ts'
import { Table } from '../core/table.ts'
import type { Change } from '../stores/store.ts'
import type { Envelope } from './envelope.ts'
import { placeOf, put, remove, rootRemoval } from './rows.ts'
import type { EngineRow, SelfRow } from './rows.ts'
import { StoredMessages } from './stored-messages.ts'

/**
 * What is stored of one durable engine, as far as it takes to say what a step changes. It is ahead of the store by what the journal holds. Nothing here
 * is carried out: it answers changes, to be written in the order they were asked for.
 */
export class EngineRecord {
  readonly name: string
  /** Its durable children that live or are to be spawned. */
  readonly children = new Map<string, EngineRecord>()
  /** Whether nothing is stored of it any more, nor will be: it ends, or is about to. */
  isOver = false
  /** Whether it has ended for now: what is told to it is not stored. */
  isAway = false
  /** How many of its steps are committed whose outputs are held back. */
  held = 0
  #self: SelfRow
  #environment: object | undefined
  /** The fields of it that are not stored. */
  readonly #passing: ReadonlySet<string>
  /** What it waits for, by the place of its row. */
  readonly #work = new Map<string, readonly string[]>()
  /** Those for it that were not handled yet. */
  readonly messages: StoredMessages

  constructor(name: string, family: EngineFamily, self: SelfRow, environment: object | undefined) {
    this.name = name
    this.messages = new StoredMessages(name, message => family.message(message)?.redact !== undefined)
    this.#passing = new Set(family.durable?.passing)
    this.#self = self
    this.#environment = environment
  }

  /** What is stored of an engine before its first step. */
  static selfOf(family: EngineFamily, config: unknown, supervision: unknown, lastChild: number): SelfRow {
    return { row: 'self', family: family.id, version: family.durable?.version ?? 1, config, supervision, lastChild, ended: false }
  }

  /** Whether an environment of it is stored. */
  get isStored(): boolean {
    return this.#environment !== undefined
  }

  self(): Change {
    return put(this.name, this.#self)
  }

  /** Takes over rows that are stored already. */
  adopt(rows: Iterable<EngineRow>): void {
    for (const row of rows) this.#note(placeOf(row))
  }

  /**
   * What a step changes: the environment (of tables, the entries that differ), and rows that come and go, in this order. Throws
   * `not-encodable`, and then nothing is noted.
   */
  step(next: object, deeds: readonly Deed[], consumed?: Envelope): readonly Change[] {
    if (this.isOver) return []
    const changes = next === this.#environment ? [] : changesTo(this.name, this.#environment, next, this.#passing)
    const before = changes.length
    // What was set and is ended again is not stored yet: then it is noted only here that there is something to remove.
    const added = new Set<string>()
    for (const deed of deeds) {
      if ('row' in deed) {
        added.add(workKey(placeOf(deed)))
        changes.push(put(this.name, deed))
      } else if (this.#work.has(workKey(deed.ended)) || added.has(workKey(deed.ended))) {
        changes.push(remove(this.name, ...deed.ended))
      }
    }
    this.#environment = next
    if (changes.length > before) {
      for (const deed of deeds) {
        if ('row' in deed) this.#note(placeOf(deed))
        else this.#work.delete(workKey(deed.ended))
      }
    }
    if (consumed !== undefined) changes.push(...this.messages.release(consumed))
    return changes
  }

  add(row: EngineRow): readonly Change[] {
    if (this.isOver) return []
    const change = put(this.name, row)
    this.#note(placeOf(row))
    return [change]
  }

  /** Removes the row of that place, if there is one. */
  drop(...place: readonly string[]): readonly Change[] {
    return this.#work.delete(workKey(place)) ? [remove(this.name, ...place)] : []
  }

  /** Notes the highest number that a child was given. */
  lastChild(lastChild: number): Change {
    this.#self = { ...this.#self, lastChild }
    return this.self()
  }

  /** Removes the tasks, timers and requests of a life that is over, and its children unless they are kept. */
  dropWork(keepsChildren: boolean): readonly Change[] {
    const work = this.#dropAll('task', 'timer', 'ask')
    const children = keepsChildren ? [] : [...this.children.keys()].flatMap(name => this.dropChild(name))
    return [...work, ...children]
  }

  /** Removes who was let send to it. */
  dropAcquaintances(): readonly Change[] {
    return this.#dropAll('acquaintance')
  }

  #dropAll(...kinds: readonly EngineRow['row'][]): readonly Change[] {
    return Array.from(this.#work.values()).filter(([kind]) => kinds.some(known => known === kind)).flatMap(place => this.drop(...place))
  }

  /** Removes a child, if there is one of that name. */
  dropChild(name: string): readonly Change[] {
    const child = this.children.get(name)
    if (child === undefined) return []
    this.children.delete(name)
    return [...child.end(false), ...this.drop('child', name)]
  }

  /** Removes all of it, its children with it. Of an engine of the host, the numbers of its children stay, which are given once; a child's are its parent's to know. */
  end(isRoot: boolean): readonly Change[] {
    if (this.isOver) return []
    this.isOver = true
    const changes = [
      ...Array.from(this.children.values()).flatMap(child => child.end(false)),
      ...changesTo(this.name, this.#environment, {}, this.#passing),
      remove(this.name, 'state'),
      ...[...this.#work.values()].map(place => remove(this.name, ...place)),
      ...this.messages.empty(),
    ]
    this.children.clear()
    this.#work.clear()
    this.#environment = undefined
    this.#self = { ...this.#self, config: null, supervision: null, ended: true }
    return isRoot ? [...changes, this.self(), rootRemoval(this.name)] : [...changes, remove(this.name, 'self')]
  }

  #note(place: readonly string[]): void {
    if (place[0] !== 'self' && place[0] !== 'state' && place[0] !== 'entry') this.#work.set(workKey(place), place)
  }
}

/** A row that a step makes, or the place of one that it ends, if there is one. */
export type Deed = EngineRow | { readonly ended: readonly string[] }

function workKey(place: readonly string[]): string {
  return place.join(' ')
}

/** What another environment changes, but for its passing fields. */
function changesTo(engine: string, before: object | undefined, next: object, passing: ReadonlySet<string>): Change[] {
  if (!isRecord(next)) throw new Fault('not-encodable', 'The environment of a durable engine must be a plain object, of which the fields are stored')
  const changes: Change[] = []
  const fields: Record<string, unknown> = {}
  const tables: string[] = []
  let isSame = before !== undefined
  for (const [name, value] of Object.entries(next)) {
    if (value === undefined || passing.has(name)) continue
    const old = fieldOf(before, name)
    if (value instanceof Table) {
      tables.push(name)
      if (!(old instanceof Table)) isSame = false
      addTable(changes, engine, name, value, old)
    } else {
      fields[name] = value
      if (!Object.is(value, old)) isSame = false
    }
  }
  for (const [name, old] of Object.entries(before ?? {})) {
    if (passing.has(name)) continue
    const value = fieldOf(next, name)
    if (old !== undefined && value === undefined) isSame = false
    if (old instanceof Table && !(value instanceof Table)) addTable(changes, engine, name, Table.empty(), old)
  }
  if (!isSame) changes.push(put(engine, { row: 'state', fields, tables }))
  return changes
}

function addTable(changes: Change[], engine: string, table: string, next: Table<unknown>, before: unknown): void {
  const old: Table<unknown> | undefined = before instanceof Table ? before : undefined
  if (next === old) return
  old?.eachNew(next, key => {
    if (!next.has(key)) changes.push(remove(engine, 'entry', table, key))
  })
  next.eachNew(old, (key, value) => changes.push(put(engine, { row: 'entry', table, key, value })))
}

function fieldOf(value: object | undefined, name: string): unknown {
  return value !== undefined && isRecord(value) && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
}
