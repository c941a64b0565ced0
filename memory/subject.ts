import buffer from 'node:buffer'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { queryObjects, writeHeapSnapshot } from 'node:v8'
import { collect } from '../bench/garbage.ts'
import { openSealedVault } from '../src/backends/vault/vault.ts'
import type { Vault } from '../src/backends/vault/vault.ts'
import { createNode, encrypt, identities, identityManagement } from '../src/index.ts'
import type { Owned, Store } from '../src/index.ts'
import { lmdbStore } from '../src/lmdb.ts'
import { fileKeyslots, keyFile, newKeyFile, passphrase } from '../src/vault.ts'
import { Draws, unmoved } from './masked.ts'
import { params, planSchema } from './plan.ts'
import type { Paused } from './plan.ts'
import { plant } from './plants.ts'

// The program whose memory is looked at: the life of a vault.

type Both = Owned<'CommitAndDecrypt'>

const plan = planSchema.parse(JSON.parse(process.argv[2] ?? ''))
const draws = new Draws()
const data = new TextEncoder().encode('what is signed and decrypted')
const inFolder = (name: string) => join(plan.folder, name)

/** 32 characters that nobody could guess. */
function newPassphrase(label: string): Uint8Array {
  const bytes = globalThis.crypto.getRandomValues(unmoved(32))
  for (const [i, byte] of bytes.entries()) bytes[i] = 0x21 + byte % 94
  draws.note(label, bytes)
  return bytes
}

async function open(store: Store): Promise<Vault> {
  const typed = newPassphrase('passphrase, as bytes')
  const unlock = passphrase(typed)
  typed.fill(0)
  draws.expect('voucher', 'root key', undefined, 'seed of a keyslot')
  // Argon2id at its least: what it costs is not what is measured.
  const options = { store, keyslots: fileKeyslots(inFolder('keyslots')), unlock, argon2: { memory: 19_456, passes: 2, lanes: 1 } }
  const vault = await openSealedVault(options, { random: draws.random, now: Date.now })
  const characters = newPassphrase('passphrase, as text')
  draws.expect(undefined, 'seed of a keyslot')
  await vault.addSlot(passphrase(String.fromCharCode(...characters)))
  characters.fill(0)
  draws.expect('key file', undefined, 'seed of a keyslot')
  await vault.addSlot(await newKeyFile(inFolder('key'), draws.random))
  return vault
}

async function use(mine: readonly Both[]): Promise<void> {
  for (const identity of mine) {
    const ciphertext = await encrypt(identity.externalIdentity, data)
    for (let i = 0; i < plan.uses; i++) {
      await identity.commit(data)
      await identity.decrypt(ciphertext)
    }
  }
}

/** What is garbage is collected, and what that lets go is freed, as far as it ever is. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    collect()
    await new Promise(resolve => setImmediate(resolve))
  }
}

/** Waits while whoever started this looks at its memory. */
async function pause(at: Paused['at'], names: readonly string[]): Promise<void> {
  const paused: Paused = { at, secrets: [...draws.noted], names: [...names] }
  const looked = new Promise(resolve => process.once('message', resolve))
  process.send?.(paused)
  await looked
}

const planted = plant(draws)
const store = await lmdbStore({ path: inFolder('store') })
const vault = await open(store)
const node = await createNode({ store })
const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [vault.backend] } })
const owner = identities(node.client('owner'), im)
const mine: Both[] = []
for (const one of params) {
  for (let i = 0; i < plan.identities; i++) {
    draws.expect(`signing key: ${one}`, `encryption key: ${one}`)
    mine.push(await owner.generate({ params: one }))
  }
}
const names = mine.map(({ externalIdentity: { name } }) => name)
await use(mine)
// Before the one end it is as before the other.
if (plan.end === 'lock') await pause('in use', names)
await vault.lock()
if (plan.end === 'delete') {
  await vault.unlock(keyFile(inFolder('key')))
  await use(mine)
  for (const identity of mine) await identity.delete()
  draws.expect('new root key')
  await vault.purge(mine.map(({ externalIdentity }) => externalIdentity))
}
await pause('ended', names)
await settle()
await pause('collected', names)
// What lives, as anyone finds it who looks by the means of the engine: every array, and every text.
inspect.defaultOptions.maxArrayLength = null
buffer.INSPECT_MAX_BYTES = Infinity
await writeFile(inFolder('arrays.json'), JSON.stringify(queryObjects(Uint8Array, { format: 'summary' })))
writeHeapSnapshot(inFolder('heap.json'))
await vault.close()
await node.stop()
await store.close()
if (planted.length === 0) throw new TypeError('Nothing was planted')
process.disconnect()
