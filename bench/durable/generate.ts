import { createNode, identities, identityManagement, localMemory, verify } from '../../src/index.ts'
import type { Identities } from '../../src/index.ts'
import type { Change, Store } from '../../src/stores/store.ts'
import { randomBytes } from '../../src/crypto.ts'
import { rowOf } from '../report.ts'
import type { Row } from '../report.ts'
import { assertComplete, race, timed } from '../rounds.ts'
import type { Effort, Lane } from '../rounds.ts'
import { generateMany, newPlace, openLife, openStore } from './place.ts'

const IN_FLIGHT = 64

/**
 * `generate-durable`: identities generated through client, Identity Management and sealed vault into LMDB, each answered when it is stored; beside the same on local memory
 * without a store; and beside a bare LMDB store to which are written, one after the other, batches of as many and as long rows as one identity takes.
 */
export async function generateDurable(effort: Effort): Promise<readonly Row[]> {
  await using place = await newPlace()
  await using bare = await newPlace()
  await using life = await openLife(place.folder)
  await using node = await createNode()
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const ofMemory = identities(node.client('bench'), im)
  const batches = await batchesOfOne()
  const store = await openStore(bare.folder)
  try {
    const rows: Row[] = []
    for (const [variant, together] of [['one at a time', 1], [`${IN_FLIGHT} in flight`, IN_FLIGHT]] as const) {
      const [ours = [], memory = [], writes = []] = await race(effort, together, [
        generated(life.identities, together), generated(ofMemory, together), written(store, batches, together),
      ])
      rows.push({ ...rowOf('generate-durable', 'local memory', ours, memory), variant }, { ...rowOf('generate-durable', 'bare store', ours, writes), variant })
    }
    return rows
  } finally {
    await store.close()
  }
}

/** Each lane counts by what is listed in the end, and the last one commits. */
function generated(of: Identities, together: number): Lane {
  const data = new Uint8Array(32).fill(7)
  return async operations => {
    const before = (await of.list()).length
    const time = await timed(() => generateMany(of, operations, together))
    const listed = await of.list()
    assertComplete('generate-durable', listed.length - before, operations)
    const some = listed.at(-1)
    const identity = some && await of.connect(some.externalIdentity, 'Commit')
    if (identity === undefined || !await verify(identity.externalIdentity, data, await identity.commit(data))) throw new Error('generate-durable: what was committed does not verify')
    return time
  }
}

/** The keys and values of a batch, by their lengths. */
type Lengths = readonly { readonly key: number; readonly value: number }[]

/** What is written for one identity, batch by batch. */
async function batchesOfOne(): Promise<readonly Lengths[]> {
  await using place = await newPlace()
  await using life = await openLife(place.folder)
  const batches: Lengths[] = []
  const { store } = life
  const write = store.write.bind(store)
  store.write = (changes: readonly Change[]) => {
    batches.push(changes.map(({ key, value }) => ({ key: key.length, value: value?.length ?? 0 })))
    return write(changes)
  }
  await generateMany(life.identities, 1, 1)
  return batches
}

function written(store: Store, batches: readonly Lengths[], together: number): Lane {
  return async operations => {
    let begun = 0
    let done = 0
    const writer = async () => {
      while (begun++ < operations) {
        for (const batch of batches) await store.write(batch.map(({ key, value }) => ({ key: randomBytes(key), value: randomBytes(value) })))
        done++
      }
    }
    const time = await timed(() => Promise.all(Array.from({ length: together }, writer)))
    assertComplete('bare store', done, operations)
    return time
  }
}
