import { createNode } from '../src/index.ts'
import type { Node } from '../src/index.ts'
import { breed } from './engines/nursery.ts'
import { players } from './engines/player.ts'
import { judged, rounded } from './report.ts'
import type { Row } from './report.ts'
import { assertComplete, median, race } from './rounds.ts'
import type { Effort, Lane } from './rounds.ts'
import { hatched } from './spawn.ts'
import { BROOD, GAME, played } from './work.ts'

/** `growth`: nanoseconds for a message of ping-pong among ever more idle engines, and for a spawn when ever more children are alive. */
export async function growth(effort: Effort): Promise<readonly Row[]> {
  return [...await idleNeighbours(effort), ...await siblings(effort)]
}

async function idleNeighbours(effort: Effort): Promise<readonly Row[]> {
  const sizes = [1_000, 10_000, 100_000]
  const nodes: Node[] = []
  const lanes: Lane[] = []
  for (const size of [0, ...sizes]) {
    const node = await createNode()
    nodes.push(node)
    const client = node.client('bench')
    const parent = await node.spawn(breed('closed').nursery, { name: 'parent', acquaintances: [client] })
    for (let alive = 0; alive < size; alive += BROOD) {
      assertComplete('growth', (await client.ask(parent, { type: 'HatchRequest', count: BROOD, known: [] })).hatched, BROOD)
    }
    const player = await players(node, client)
    lanes.push(played(async hits => hits - (await client.ask(player, { type: 'PlayRequest', hits })).left))
  }
  const [alone = [], ...among] = await race(effort, GAME, lanes)
  await Promise.all(nodes.map(node => node.stop()))
  return sizes.map((size, i) => rowOf(`ping-pong among ${size.toLocaleString('en')} idle engines`, 'none idle', among[i] ?? [], alone))
}

async function siblings(effort: Effort): Promise<readonly Row[]> {
  const [few, many] = [BROOD, 100_000 / effort.divisor]
  await using one = await createNode()
  await using other = await createNode()
  const [ofMany = [], ofFew = []] = await race(effort, many, [hatched(one, one.client('bench'), many), hatched(other, other.client('bench'), few)])
  return [rowOf(`spawn of ${many.toLocaleString('en')} children`, `spawn of ${few.toLocaleString('en')}`, ofMany, ofFew)]
}

function rowOf(variant: string, peer: string, larger: readonly number[], smaller: readonly number[]): Row {
  const [ours, theirs] = [1e9 / median(larger), 1e9 / median(smaller)]
  return judged({ name: 'growth', variant, peer, ours: Math.round(ours), theirs: Math.round(theirs), ratio: rounded(ours / theirs), unit: 'ns' })
}
