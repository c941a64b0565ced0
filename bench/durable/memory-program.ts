import { argv, stdout } from 'node:process'
import { createNode, identities, identityManagement, localMemory } from '../../src/index.ts'
import type { Identities } from '../../src/index.ts'
import { collect } from '../garbage.ts'
import { assertComplete } from '../rounds.ts'
import { generateMany, openPlaceVault, openStore } from './place.ts'

// What identities take in a process of its own: prints a line of JSON, the `report` of memory.ts. Its arguments are a folder, and how many identities are there.

const [, , folder = '', count = ''] = argv
const data = new Uint8Array(32).fill(7)

const store = await openStore(folder)
const vault = await openPlaceVault(folder, store)
const node = await createNode({ store })
const memory = await createNode()
const inMemoryFrom = identities(memory.client('bench'), await memory.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } }))
// What is used for the first time, all use: code, and tables of algorithms.
await use(inMemoryFrom)
const begun = bytes()
const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [vault.backend] } })
const asleep = bytes()
const of = identities(node.client('bench'), im)
const known = (await of.list()).map(({ externalIdentity }) => externalIdentity)
assertComplete('identity-memory', known.length, Number(count))
const listed = bytes()
for (const one of known) await (await of.connect(one, 'CommitAndDecrypt')).commit(data)
const awake = bytes()
await generateMany(inMemoryFrom, known.length, 1)
await use(inMemoryFrom)
const inMemory = bytes()
await node.stop()
await vault.close()
await store.close()
await memory.stop()
stdout.write(JSON.stringify({ dormant: between(begun, asleep), active: plus(between(begun, asleep), between(listed, awake)), inMemory: between(awake, inMemory) }))

async function use(one: Identities): Promise<void> {
  await (await one.generate({ params: 'Ed25519' })).commit(data)
}

interface Bytes {
  readonly held: number
  readonly resident: number
}

function bytes(): Bytes {
  collect()
  collect()
  const { heapUsed, external, rss } = process.memoryUsage()
  return { held: heapUsed + external, resident: rss }
}

function between(a: Bytes, b: Bytes): Bytes {
  return { held: b.held - a.held, resident: b.resident - a.resident }
}

function plus(a: Bytes, b: Bytes): Bytes {
  return { held: a.held + b.held, resident: a.resident + b.resident }
}
