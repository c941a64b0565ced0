import { rowOf } from '../report.ts'
import type { Row } from '../report.ts'
import { race } from '../rounds.ts'
import type { Effort, Lane } from '../rounds.ts'

/** Another runtime, doing the same work. */
export interface Peer {
  readonly name: string
  /** By the name of a row. Where a peer has nothing that compares, it has no lane. */
  readonly lanes: { readonly [row: string]: Lane }
  close(): unknown
}

/** Races ours against every peer that has a lane of that name: a row for each. */
export async function contest(effort: Effort, name: string, batch: number, ours: Lane, peers: readonly Peer[]): Promise<readonly Row[]> {
  const others = peers.flatMap(peer => {
    const lane = peer.lanes[name]
    return lane === undefined ? [] : [{ peer, lane }]
  })
  const [mine = [], ...theirs] = await race(effort, batch, [ours, ...others.map(({ lane }) => lane)])
  return others.map(({ peer }, i) => rowOf(name, peer.name, mine, theirs[i] ?? []))
}
