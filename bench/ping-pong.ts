import { createNode } from '../src/index.ts'
import { players } from './engines/player.ts'
import { contest } from './peers/peer.ts'
import type { Peer } from './peers/peer.ts'
import type { Row } from './report.ts'
import type { Effort } from './rounds.ts'
import { GAME, played } from './work.ts'

/** `ping-pong`: two engines, one message between them at any time. */
export async function pingPong(effort: Effort, peers: readonly Peer[]): Promise<readonly Row[]> {
  await using node = await createNode()
  const client = node.client('bench')
  const player = await players(node, client)
  return await contest(effort, 'ping-pong', GAME, played(async hits => hits - (await client.ask(player, { type: 'PlayRequest', hits })).left), peers)
}
