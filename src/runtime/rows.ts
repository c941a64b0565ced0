import * as z from 'zod'
import { assertData } from '../core/data.ts'
import { decodeData, packData } from '../core/encoding.ts'
import { isEngineName, isNodeID } from '../core/engine-id.ts'
import { Fault } from '../core/errors.ts'
import { keyOf, keysUnder } from '../stores/key.ts'
import type { Change } from '../stores/store.ts'

// The rows of a node and its durable engines. Each names itself, so that it can be read without its key (docs/formats.md, "Rows of a node").

const text = z.string().min(1)
/** What is `undefined` is left out. */
const data = z.unknown().optional()
const count = z.int().min(0)
const time = z.number()
const nodeID = text.refine(isNodeID)
const engineName = text.refine(isEngineName)
const engineID = z.strictObject({ node: text, name: text })
const missed = z.enum(['fire-once', 'skip', 'catch-up'])

const rows = {
  /** Below `ids`, numbers of requests and messages may have been given out. */
  node: z.strictObject({ row: z.literal('node'), version: z.literal(1), id: text, ids: count }),
  /** A durable engine of the host that can be resumed, and which tells must not be stored for it. */
  root: z.strictObject({ row: z.literal('root'), name: text, sensitive: z.array(z.string()) }),
  /** The numbers of the last stored message to another node, and of the last one from it. */
  peer: z.strictObject({ row: z.literal('peer'), node: nodeID, sent: count, received: count }),
  /** A message to a durable engine of another node, which has not acknowledged it. */
  out: z.strictObject({ row: z.literal('out'), node: nodeID, n: z.int().min(1), from: engineName, to: engineName, mailbox: count, msg: z.unknown() }),
  /** An engine, its parent if it has one, and how many numbers its children had. One that ended leaves this behind, since they are never given anew. */
  self: z.strictObject({
    row: z.literal('self'), family: text, version: z.int().min(1), config: data, supervision: data, lastChild: z.int().min(-1), ended: z.boolean(),
  }),
  /** The fields of its environment, but for tables, which are named. */
  state: z.strictObject({ row: z.literal('state'), fields: z.record(z.string(), z.unknown()), tables: z.array(z.string()) }),
  entry: z.strictObject({ row: z.literal('entry'), table: z.string(), key: z.string(), value: data }),
  child: z.strictObject({ row: z.literal('child'), name: text }),
  task: z.strictObject({ row: z.literal('task'), name: text, key: text, input: data, deadline: z.number().exactOptional() }),
  timer: z.strictObject({ row: z.literal('timer'), handle: text, due: time, every: z.number().positive().exactOptional(), missed }),
  ask: z.strictObject({ row: z.literal('ask'), key: text }),
  message: z.strictObject({ row: z.literal('message'), id: count, sender: engineID, from: engineID, mailbox: count, msg: z.unknown() }),
  acquaintance: z.strictObject({ row: z.literal('acquaintance'), id: engineID }),
}

export type NodeRow = z.infer<typeof rows.node>
export type RootRow = z.infer<typeof rows.root>
export type PeerRow = z.infer<typeof rows.peer>
export type OutRow = z.infer<typeof rows.out>
export type SelfRow = z.infer<typeof rows.self>
export type StateRow = z.infer<typeof rows.state>
export type EntryRow = z.infer<typeof rows.entry>
export type TaskRow = z.infer<typeof rows.task>
export type TimerRow = z.infer<typeof rows.timer>
export type MessageRow = z.infer<typeof rows.message>
export type EngineRow =
  | SelfRow | StateRow | EntryRow | TaskRow | TimerRow | MessageRow
  | z.infer<typeof rows.child> | z.infer<typeof rows.ask> | z.infer<typeof rows.acquaintance>

const { node, root, peer, out, ...ofEngines } = rows
const beginningRow = z.discriminatedUnion('row', [root, peer, out])
const engineRow = z.discriminatedUnion('row', [
  ofEngines.self, ofEngines.state, ofEngines.entry, ofEngines.child, ofEngines.task, ofEngines.timer, ofEngines.ask, ofEngines.message, ofEngines.acquaintance,
])

export const NODE_KEY = keyOf('node')

export function nodeChange(row: NodeRow): Change {
  return { key: NODE_KEY, value: packData(row) }
}

/** Throws `store-damaged`. */
export function readNodeRow(value: Uint8Array): NodeRow {
  return read(node, value, 'of the node')
}

/** What a life of a node begins with, beside its own row. */
export const BEGINNING = [keysUnder('root'), keysUnder('peer'), keysUnder('out')]

/** Reads a row of {@link BEGINNING}. Throws `store-damaged`. */
export function readBeginning(value: Uint8Array): RootRow | PeerRow | OutRow {
  return read(beginningRow, value, 'of the node')
}

export function rootChange(row: RootRow): Change {
  return { key: keyOf('root', row.name), value: packData(row) }
}

export function rootRemoval(name: string): Change {
  return { key: keyOf('root', name), value: undefined }
}

export function peerChange(row: PeerRow): Change {
  return { key: keyOf('peer', row.node), value: packData(row) }
}

/** In order of their numbers, for each node. */
export function outChange(row: OutRow): Change & { readonly value: Uint8Array } {
  return { key: outKey(row.node, row.n), value: packData(row) }
}

export function outRemoval(node: string, n: number): Change {
  return { key: outKey(node, n), value: undefined }
}

function outKey(node: string, n: number): Uint8Array {
  return keyOf('out', node, inOrder(n))
}

/** Throws `store-damaged`. */
export function readEngineRow(value: Uint8Array, engine: string): EngineRow {
  return read(engineRow, value, `of the engine ${engine}`)
}

/** Puts a row of an engine. */
export function put(engine: string, row: EngineRow): Change {
  return { key: keyOf('engine', engine, ...placeOf(row)), value: packData(row) }
}

/** Removes the row of an engine whose place this one has: what else it holds does not matter. */
export function remove(engine: string, ...place: readonly string[]): Change {
  return { key: keyOf('engine', engine, ...place), value: undefined }
}

/** Where a row stands among those of its engine. */
export function placeOf(row: EngineRow): readonly string[] {
  switch (row.row) {
    case 'self': case 'state': return [row.row]
    case 'entry': return [row.row, row.table, row.key]
    case 'child': return [row.row, row.name]
    case 'task': case 'ask': return [row.row, row.key]
    case 'timer': return [row.row, row.handle]
    case 'message': return messagePlace(row.id)
    case 'acquaintance': return [row.row, `${row.id.node}/${row.id.name}`]
  }
}

/** In order of their numbers. */
export function messagePlace(id: number): readonly string[] {
  return ['message', inOrder(id)]
}

function inOrder(n: number): string {
  return n.toString(16).padStart(14, '0')
}

function read<S extends z.ZodType>(schema: S, value: Uint8Array, what: string): z.infer<S> {
  try {
    const [row] = decodeData(value, 1)
    // Here, row by row: as part of an environment of many, they would be looked at in one go.
    assertData(row, 'it')
    return schema.parse(row)
  } catch (cause) {
    throw new Fault('store-damaged', `A row ${what} can't be read: see the cause`, { cause })
  }
}
