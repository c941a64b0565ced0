import { createNode } from '../src/index.ts'
import { asker, echo } from './engines/echo.ts'
import { contest } from './peers/peer.ts'
import type { Peer } from './peers/peer.ts'
import type { Row } from './report.ts'
import { assertComplete, timed } from './rounds.ts'
import type { Effort } from './rounds.ts'
import { answered, ASKS, IN_FLIGHT } from './work.ts'

/** `ask`: host code, one at a time. `ask-100`: a hundred in flight. `request`: an engine asks another, one at a time. */
export async function ask(effort: Effort, peers: readonly Peer[]): Promise<readonly Row[]> {
  await using node = await createNode()
  const client = node.client('bench')
  const from = await node.spawn(asker, { name: 'asker', acquaintances: [client] })
  const to = await node.spawn(echo, { name: 'echo', acquaintances: [client, from] })
  const question = async (n: number) => (await client.ask(to, { type: 'EchoRequest', n })).n
  const request = (operations: number) => timed(async () =>
    assertComplete('request', (await client.ask(from, { type: 'AskRequest', to, times: operations })).right, operations))
  return [
    ...await contest(effort, 'ask', ASKS, answered(1, question), peers),
    ...await contest(effort, `ask-${IN_FLIGHT}`, ASKS, answered(IN_FLIGHT, question), peers),
    ...await contest(effort, 'request', ASKS, request, peers),
  ]
}
