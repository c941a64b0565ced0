import { isNodeID } from '../core/engine-id.ts'
import type { NodeID } from '../core/engine-id.ts'
import { Fault } from '../core/errors.ts'
import type { Change, Row, Store } from '../stores/store.ts'
import { Durability } from './durability.ts'
import { BEGINNING, NODE_KEY, readBeginning, readNodeRow } from './rows.ts'
import type { OutRow, PeerRow, RootRow } from './rows.ts'

/** What the earlier lives of a node left to the next. */
export interface NodeLife {
  /** The first number of a request or a message that none of them has given out. */
  readonly ids: number
  /** The durable engines of the host that can be resumed. */
  readonly roots: readonly RootRow[]
  /** How far the numbers of stored messages have come, for each other node. */
  readonly peers: readonly PeerRow[]
  /** What other nodes have not acknowledged, in order for each of them. */
  readonly out: readonly OutRow[]
}

/** The stores of nodes that have not stopped: two nodes of one NodeID would undo each other's work. */
const inUse = new WeakSet<Store>()

/**
 * Begins a life of the node that a store is of: of this one, if it is of none. Rejects with `invalid-argument`, `store-damaged`, `store-failed`, `store-closed`.
 */
export async function beginLife(store: Store, id: NodeID): Promise<{ readonly id: NodeID; readonly life: NodeLife }> {
  assertStore(store)
  if (inUse.has(store)) throw new Fault('invalid-argument', 'This store is that of another node, which has not stopped: a node has a store to itself')
  inUse.add(store)
  try {
    const rows: Row[] = []
    for (const range of BEGINNING) for await (const row of store.range(range)) rows.push(row)
    const { change, ...beginning } = lifeOf(await store.get(NODE_KEY), rows, id)
    await store.write([change])
    return beginning
  } catch (error) {
    endLife(store)
    throw error
  }
}

/** Says that the node has stopped: another may have its store. */
export function endLife(store: Store): void {
  inUse.delete(store)
}

/** What a life begins with, by the node's own row and those of {@link BEGINNING}, and what it has to write. Throws `store-damaged`. */
export function lifeOf(stored: Uint8Array | undefined, rows: readonly Row[], otherwise: NodeID): { readonly id: NodeID; readonly life: NodeLife; readonly change: Change } {
  const { id, ids } = stored === undefined ? { id: otherwise, ids: 0 } : readNodeRow(stored)
  if (!isNodeID(id)) throw new Fault('store-damaged', 'The NodeID that the store holds is none')
  const [roots, peers, out]: [RootRow[], PeerRow[], OutRow[]] = [[], [], []]
  for (const { value } of rows) {
    const row = readBeginning(value)
    if (row.row === 'root') roots.push(row)
    else if (row.row === 'peer') peers.push(row)
    else out.push(row)
  }
  return { id, life: { ids, roots, peers, out }, change: Durability.beginning(id, ids) }
}

export function assertStore(store: unknown): void {
  if (typeof store === 'object' && store !== null && ['get', 'range', 'write', 'close'].every(name => typeof Reflect.get(store, name) === 'function')) return
  throw new Fault('invalid-argument', 'store must be a Store, such as memoryStore() answers, or lmdbStore of ipse/stores/lmdb')
}
