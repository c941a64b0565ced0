import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createNode, identities, identityManagement } from '../../src/index.ts'
import type { ExternalIdentity, Identities, Node } from '../../src/index.ts'
import { lmdbStore } from '../../src/lmdb.ts'
import type { Store } from '../../src/stores/store.ts'
import { fileKeyslots, keyFile, newKeyFile, openVault } from '../../src/vault.ts'
import type { Unlocker, Vault } from '../../src/vault.ts'
import { assertComplete } from '../rounds.ts'

/** A temporary folder: a store, with the keyslots and the key file of a vault beside it. */
export interface Place extends AsyncDisposable {
  readonly folder: string
}

export async function newPlace(): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'ipse-bench-'))
  await newKeyFile(keyOf(folder))
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}

export function openStore(folder: string): Promise<Store> {
  return lmdbStore({ path: join(folder, 'store') })
}

/** By the key file, unless told: Argon2 is measured for itself. */
export function openPlaceVault(folder: string, store: Store, unlock: Unlocker = keyFile(keyOf(folder))): Promise<Vault> {
  return openVault({ store, keyslots: fileKeyslots(join(folder, 'keyslots')), unlock })
}

export function keyOf(folder: string): string {
  return join(folder, 'key')
}

/** A process's use of a place: what it generates is sealed and stored. */
export interface Life extends AsyncDisposable {
  readonly store: Store
  readonly vault: Vault
  readonly node: Node
  readonly identities: Identities
}

export async function openLife(folder: string): Promise<Life> {
  const store = await openStore(folder)
  const vault = await openPlaceVault(folder, store)
  const node = await createNode({ store })
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [vault.backend] } })
  return {
    store, vault, node, identities: identities(node.client('bench'), im),
    async [Symbol.asyncDispose]() {
      await node.stop()
      await vault.close()
      await store.close()
    },
  }
}

/** How many are asked for together, and how many by one process: those that were generated are awake, and take memory. */
const TOGETHER = 256
const OF_ONE_LIFE = 10_000

/** Generates so many identities there, which can commit and decrypt, through client and Identity Management. Answers one of them. */
export async function populate(folder: string, count: number): Promise<ExternalIdentity> {
  let some: ExternalIdentity | undefined
  for (let made = 0; made < count; made += OF_ONE_LIFE) {
    await using life = await openLife(folder)
    ;[some] = await generateMany(life.identities, Math.min(OF_ONE_LIFE, count - made), TOGETHER)
  }
  if (some === undefined) throw new Error('A place is populated with one identity at least')
  return some
}

/** So many identities, as many at a time as told. None is there twice. */
export async function generateMany(of: Identities, count: number, together: number): Promise<readonly ExternalIdentity[]> {
  const made: ExternalIdentity[] = []
  let asked = 0
  await Promise.all(Array.from({ length: Math.min(together, count) }, async () => {
    while (asked++ < count) made.push((await of.generate({ params: 'Ed25519' })).externalIdentity)
  }))
  assertComplete('generate', new Set(made.map(({ name }) => name)).size, count)
  return made
}
