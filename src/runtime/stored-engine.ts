import { assertData } from '../core/data.ts'
import type { EngineFamily } from '../core/engine.ts'
import { Fault } from '../core/errors.ts'
import { DEFAULT_POLICY, policyOf } from '../core/supervision.ts'
import type { Policy } from '../core/supervision.ts'
import { Table } from '../core/table.ts'
import { keyOf, keysUnder } from '../stores/key.ts'
import type { Change, Store } from '../stores/store.ts'
import { parseConfig } from './config.ts'
import { EngineRecord } from './engine-record.ts'
import { readEngineRow } from './rows.ts'
import type { EngineRow, MessageRow, SelfRow, StateRow, TaskRow, TimerRow } from './rows.ts'

/** A durable engine as its last life left it, ready to go on. */
export interface StoredEngine {
  readonly name: string
  readonly family: EngineFamily
  readonly record: EngineRecord
  readonly lastChild: number
  /** What it was spawned with: for a child, since the host gives an engine of its own another. */
  readonly config: unknown
  readonly policy: Policy
  /** None, if it ended before it had started, or for good. */
  readonly environment: object | undefined
  readonly acquaintances: readonly { readonly node: string; readonly name: string }[]
  readonly tasks: readonly TaskRow[]
  readonly timers: readonly TimerRow[]
  readonly asks: readonly string[]
  readonly messages: readonly MessageRow[]
  readonly children: readonly StoredEngine[]
  /** What has to be written for it and its children to be stored in their families' versions. */
  readonly changes: readonly Change[]
}

/**
 * Reads what is stored of an engine and of its children, and migrates it. One that never was is a new one. Rejects with `store-newer`, `store-damaged`,
 * `invalid-argument` (a child's stored config does not fit any more), `start-failed` (there is no way from the stored version, or none to the stored family).
 */
export async function loadEngine(store: Store, name: string, family: EngineFamily, parent?: EngineFamily): Promise<StoredEngine> {
  const rows = await rowsOf(store, name)
  const { self } = rows
  // One that ended is another from now on, whose children go on where those of the first left off. It may have been told something before its first step was stored.
  if (self === undefined || self.ended) return newEngine(name, family, self?.lastChild, rows.messages)
  if (self.family !== family.id) {
    throw new Fault('start-failed', `What is stored as ${name} is an engine of the family ${self.family}, and not of ${family.id}: give this one another name`)
  }
  const before = rows.state === undefined ? undefined : environmentOf(rows.state, rows.entries)
  const environment = before === undefined ? undefined : migrated(name, family, self.version, before)
  const children: StoredEngine[] = []
  for (const child of rows.children) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other, as their rows lie
    const stored = await loadChild(store, child, family)
    if (stored !== undefined) children.push(stored)
  }
  return storedEngine(name, family, self, parent, rows, children, environment === undefined ? [] : [{ before, environment }])
}

/** One of which no step is stored yet. */
function newEngine(name: string, family: EngineFamily, lastChild = -1, messages: readonly MessageRow[] = []): StoredEngine {
  return {
    name, family, lastChild, record: new EngineRecord(name, family, EngineRecord.selfOf(family, null, null, lastChild), undefined), config: undefined, policy: DEFAULT_POLICY,
    environment: undefined, acquaintances: [], tasks: [], timers: [], asks: [], messages, children: [], changes: [],
  }
}

async function loadChild(store: Store, name: string, parent: EngineFamily): Promise<StoredEngine | undefined> {
  const id = await familyOf(store, name)
  if (id === undefined) return undefined
  const family = parent.child(id)
  if (family?.durable === undefined) {
    throw new Fault('start-failed', `What is stored as ${name} is an engine of the family ${id}, which ${parent.id} does not list among its children, or which is not durable any more`)
  }
  return loadEngine(store, name, family, parent)
}

/** What is stored of one engine, sorted. */
interface Rows {
  self: SelfRow | undefined
  state: StateRow | undefined
  readonly entries: Map<string, [string, unknown][]>
  readonly children: string[]
  readonly tasks: TaskRow[]
  readonly timers: TimerRow[]
  readonly asks: string[]
  readonly messages: MessageRow[]
  readonly acquaintances: { readonly node: string; readonly name: string }[]
  /** What its record has to know of. */
  readonly noted: EngineRow[]
}

async function rowsOf(store: Store, name: string): Promise<Rows> {
  const rows: Rows = { self: undefined, state: undefined, entries: new Map(), children: [], tasks: [], timers: [], asks: [], messages: [], acquaintances: [], noted: [] }
  for await (const { value } of store.range(keysUnder('engine', name))) add(rows, readEngineRow(value, name))
  return rows
}

async function familyOf(store: Store, name: string): Promise<string | undefined> {
  const value = await store.get(keyOf('engine', name, 'self'))
  const row = value === undefined ? undefined : readEngineRow(value, name)
  return row?.row === 'self' ? row.family : undefined
}

function add(rows: Rows, row: EngineRow): void {
  if (row.row !== 'entry') rows.noted.push(row)
  switch (row.row) {
    case 'self': rows.self = row; return
    case 'state': rows.state = row; return
    case 'entry': {
      const entries = rows.entries.get(row.table) ?? []
      rows.entries.set(row.table, entries)
      entries.push([row.key, row.value])
      return
    }
    case 'child': rows.children.push(row.name); return
    case 'task': rows.tasks.push(row); return
    case 'timer': rows.timers.push(row); return
    case 'ask': rows.asks.push(row.key); return
    case 'message': rows.messages.push(row); return
    case 'acquaintance': rows.acquaintances.push(row.id)
  }
}

function environmentOf({ fields, tables }: StateRow, entries: ReadonlyMap<string, readonly (readonly [string, unknown])[]>): { readonly [field: string]: unknown } {
  return { ...fields, ...Object.fromEntries(tables.map(table => [table, Table.from(entries.get(table) ?? [])])) }
}

function migrated(name: string, family: EngineFamily, version: number, environment: { readonly [field: string]: unknown }): object {
  const { durable } = family
  if (durable === undefined || version === durable.version) return environment
  if (version > durable.version) {
    throw new Fault('store-newer', `The state of the engine ${name} is stored in version ${version} of ${family.id}, and this is version ${durable.version}`)
  }
  if (durable.migrate === undefined) throw new Fault('start-failed', `The state of the engine ${name} is stored in version ${version} of ${family.id}, which has no migrate to version ${durable.version}`)
  try {
    const next: unknown = durable.migrate({ version, environment })
    if (typeof next !== 'object' || next === null) throw new Fault('invalid-definition', 'migrate must answer an environment, an object')
    assertData(next, 'the migrated environment')
    return next
  } catch (cause) {
    throw new Fault('start-failed', `The state of the engine ${name} could not be migrated from version ${version} of ${family.id}: see the cause`, { cause })
  }
}

function storedEngine(
  name: string, family: EngineFamily, self: SelfRow, parent: EngineFamily | undefined, rows: Rows, children: readonly StoredEngine[],
  [step]: readonly { readonly before: object | undefined; readonly environment: object }[],
): StoredEngine {
  const version = family.durable?.version ?? self.version
  const record = new EngineRecord(name, family, { ...self, version, ended: false }, step?.before)
  record.adopt(rows.noted)
  for (const child of children) record.children.set(child.name, child.record)
  const isMigrated = version !== self.version && step !== undefined
  const { lastChild } = self
  const { tasks, timers, asks, messages, acquaintances } = rows
  return {
    name, family, record, lastChild, acquaintances, tasks, timers, asks, messages, children,
    environment: step?.environment,
    config: parent === undefined ? undefined : parseConfig(family, self.config),
    policy: parent === undefined ? DEFAULT_POLICY : policyOf(self.supervision ?? undefined, parent.policy, problem => new Fault('store-damaged', `The supervision stored of ${name}: ${problem}`)),
    changes: [...isMigrated ? [...record.step(step.environment, []), record.self()] : [], ...children.flatMap(child => child.changes)],
  }
}
