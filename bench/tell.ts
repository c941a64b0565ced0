import { createNode } from '../src/index.ts'
import { counter, sender } from './engines/counter.ts'
import { contest } from './peers/peer.ts'
import type { Peer } from './peers/peer.ts'
import type { Row } from './report.ts'
import type { Effort } from './rounds.ts'
import { BATCH, counted } from './work.ts'

/** `tell`: from an engine, whose step sends a batch. `tell-client`: from host code, whose messages are copied and checked. The receiver counts. */
export async function tell(effort: Effort, peers: readonly Peer[]): Promise<readonly Row[]> {
  await using node = await createNode()
  const client = node.client('bench')
  const from = await node.spawn(sender, { name: 'sender', acquaintances: [client] })
  const to = await node.spawn(counter, { name: 'counter', acquaintances: [client, from] })
  const count = async () => (await client.ask(to, { type: 'CountRequest' })).count
  return [
    ...await contest(effort, 'tell', BATCH, counted(count, () => client.ask(from, { type: 'BatchRequest', to, count: BATCH })), peers),
    ...await contest(effort, 'tell-client', BATCH, counted(count, () => {
      for (let i = 0; i < BATCH; i++) client.tell(to, { type: 'Add', by: 1 })
    }), peers),
  ]
}
