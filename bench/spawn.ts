import { createNode } from '../src/index.ts'
import type { Client, Node } from '../src/index.ts'
import { breed } from './engines/nursery.ts'
import { contest } from './peers/peer.ts'
import type { Peer } from './peers/peer.ts'
import type { Row } from './report.ts'
import { assertComplete, timed } from './rounds.ts'
import type { Effort, Lane } from './rounds.ts'
import { BROOD } from './work.ts'

/** `spawn`: an engine spawns children and sends each its first message, of which the child tells its parent. They are stopped untimed. */
export async function spawn(effort: Effort, peers: readonly Peer[]): Promise<readonly Row[]> {
  await using node = await createNode()
  return await contest(effort, 'spawn', BROOD, hatched(node, node.client('bench'), BROOD), peers)
}

/** A lane of parents, each of which ends when it has had `family` children. */
export function hatched(node: Node, client: Client, family: number): Lane {
  const { nursery } = breed('closed')
  let parents = 0
  return async operations => {
    let time = 0
    for (let alive = 0; alive < operations; alive += family) {
      const parent = await node.spawn(nursery, { name: `nursery-${family}-${parents++}`, acquaintances: [client] })
      time += await timed(async () => {
        for (let count = BROOD; count <= family; count += BROOD) {
          assertComplete('spawn', (await client.ask(parent, { type: 'HatchRequest', count: BROOD, known: [] })).hatched, BROOD)
        }
      })
      await node.stop(parent)
    }
    return time
  }
}
