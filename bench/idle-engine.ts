import { start, stop } from 'nact'
import { child, createNode } from '../src/index.ts'
import type { Client, EngineRef, Node } from '../src/index.ts'
import { breed } from './engines/nursery.ts'
import type { ChickProtocol } from './engines/nursery.ts'
import { heldBytes } from './garbage.ts'
import { populate } from './peers/nact.ts'
import { judged, rounded } from './report.ts'
import type { Row } from './report.ts'
import { assertComplete } from './rounds.ts'
import type { Effort } from './rounds.ts'
import { BROOD } from './work.ts'

const POPULATION = 200_000
/** Questions that are asked together. */
const TOGETHER = 1_000

/**
 * `idle-engine`: bytes of heap for each engine that lives, has answered a question, and has nothing to do; spawned by an engine, and
 * by the host. Without the names: as much as the same strings take by themselves is subtracted. What an engine's environment holds
 * is its family's affair, and here one frozen object for all. Memory is not noisy, so it is measured once.
 */
export async function idleEngine({ divisor }: Effort): Promise<readonly Row[]> {
  const count = POPULATION / divisor
  const theirs = await bytesOfActors(count)
  const rows: Row[] = []
  for (const [by, spawnAll] of [['', byEngine], [', spawned by the host', byHost]] as const) {
    for (const doors of ['open', 'closed'] as const) {
      const ours = await bytesOfEngines(count, doors, spawnAll)
      rows.push(judged({
        name: 'idle-engine', variant: `${doors}${by}`, peer: 'nact', ours: Math.round(ours), theirs: Math.round(theirs), ratio: rounded(theirs / ours), unit: 'bytes',
      }))
    }
  }
  return rows
}

/** Spawns that many, and answers how the one of a number is found. */
type SpawnAll = (node: Node, client: Client, count: number, doors: 'open' | 'closed') => Promise<(i: number) => EngineRef<ChickProtocol>>

async function byEngine(node: Node, client: Client, count: number, doors: 'open' | 'closed'): ReturnType<SpawnAll> {
  const { nursery, chick } = breed(doors)
  const parent = await node.spawn(nursery, { name: 'spawned', acquaintances: [client] })
  const known = doors === 'closed' ? [client.id] : []
  for (let alive = 0; alive < count; alive += BROOD) await client.ask(parent, { type: 'HatchRequest', count: BROOD, known })
  return i => child(chick, parent, i)
}

async function byHost(node: Node, client: Client, count: number, doors: 'open' | 'closed'): ReturnType<SpawnAll> {
  const { chick } = breed(doors)
  const acquaintances = doors === 'closed' ? [client] : []
  let some: EngineRef<ChickProtocol> | undefined
  for (let alive = 0; alive < count; alive += TOGETHER) {
    const spawned = await Promise.all(Array.from({ length: TOGETHER }, (_, i) => node.spawn(chick, { name: `spawned-${alive + i}`, acquaintances })))
    some = spawned[0]
  }
  if (some === undefined) throw new Error('idle-engine: there is none')
  const one = some
  return i => ({ ...one, name: `spawned-${i}` })
}

async function bytesOfEngines(count: number, doors: 'open' | 'closed', spawnAll: SpawnAll): Promise<number> {
  await using node = await createNode()
  const client = node.client('bench')
  const strings = bytesOfStrings(count, i => `spawned-${i}`)
  const before = heldBytes()
  const engine = await spawnAll(node, client, count, doors)
  for (let asked = 0; asked < count; asked += TOGETHER) {
    const answers = await Promise.all(Array.from({ length: TOGETHER }, (_, i) => client.ask(engine(asked + i), { type: 'PeepRequest' })))
    assertComplete('idle-engine', answers.length, TOGETHER)
  }
  return (heldBytes() - before - strings) / count
}

async function bytesOfActors(count: number): Promise<number> {
  const system = start()
  const strings = bytesOfStrings(count, i => `idle-${i}`)
  const before = heldBytes()
  assertComplete('idle-engine: nact', await populate(system, count), count)
  const bytes = (heldBytes() - before - strings) / count
  stop(system)
  return bytes
}

/** Of flat strings, the least that they can take. */
function bytesOfStrings(count: number, nameOf: (i: number) => string): number {
  const names = Array.from({ length: count }, () => '')
  const before = heldBytes()
  for (let i = 0; i < count; i++) names[i] = Buffer.from(nameOf(i)).toString('latin1')
  const bytes = heldBytes() - before
  assertComplete('idle-engine: names', names.length, count)
  return bytes
}
