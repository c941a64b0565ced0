import { join } from 'node:path'
import { createNode, identities, identityManagement, keysUnder } from '../src/index.ts'
import type { Client, EngineRef, Identities, IdentityManagementProtocol, KeyRange, Node, Store } from '../src/index.ts'
import { lmdbStore } from '../src/lmdb.ts'
import { fileKeyslots, keyFile, openVault } from '../src/vault.ts'
import type { KeyslotFile, Unlocker, Vault } from '../src/vault.ts'
import type { KillPoints } from './kill-points.ts'
import { tally } from './tally.ts'
import type { TallyProtocol } from './tally.ts'

/** The least that Argon2id may cost: see `ARGON2_BOUNDS`. */
export const ARGON2 = { memory: 19_456, passes: 2, lanes: 1 }

/** Defects that a test plants, to see whether they are found. */
export interface Faults {
  store?(store: Store): Store | Promise<Store>
  keyslots?(file: KeyslotFile): KeyslotFile
}

/** A client and what it sees of identities. */
export interface Principal {
  readonly client: Client
  readonly identities: Identities
}

/** All that outlasts a kill, opened. */
export interface World {
  readonly folder: string
  readonly store: Store
  readonly vault: Vault
  readonly node: Node
  readonly im: EngineRef<IdentityManagementProtocol>
  /** Who owns identities, and whom they are granted to. */
  readonly owner: Principal
  readonly other: Principal
  readonly poster: EngineRef<TallyProtocol>
  readonly counter: EngineRef<TallyProtocol>
}

/** Opens, or makes, the world in that folder, which has a key file. `unlocked` is called before anything uses the vault. */
export async function openWorld(folder: string, points: KillPoints, faults: Faults, unlocked: (vault: Vault) => Promise<void>): Promise<World> {
  const lmdb = await lmdbStore({ path: join(folder, 'store') })
  const store = points.store(await faults.store?.(lmdb) ?? lmdb)
  const file = fileKeyslots(join(folder, 'keyslots'))
  const vault = await openVault({ store, keyslots: points.keyslots(faults.keyslots?.(file) ?? file), unlock: unlocker({ folder }), argon2: ARGON2 })
  await unlocked(vault)
  const node = await createNode({ store })
  const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [vault.backend] } })
  const principal = (name: string): Principal => {
    const client = node.client(name)
    return { client, identities: identities(client, im) }
  }
  return {
    folder, store, vault, node, im, owner: principal('owner'), other: principal('other'),
    poster: await node.spawn(tally, { name: 'poster', config: { other: 'counter' } }),
    counter: await node.spawn(tally, { name: 'counter', config: { other: 'poster' } }),
  }
}

/** The names of what the vault holds, and whether each is deleted. */
export async function held({ vault }: World): Promise<ReadonlyMap<string, { readonly isDeleted: boolean }>> {
  const found = new Map<string, { readonly isDeleted: boolean }>()
  for await (const { externalIdentity, deleted } of vault.identities()) found.set(externalIdentity.name, { isDeleted: deleted !== undefined })
  return found
}

/** What opens the vault, and backups of it, without the cost of a passphrase. */
export function unlocker({ folder }: Pick<World, 'folder'>): Unlocker {
  return keyFile(keyPath(folder))
}

export function keyPath(folder: string): string {
  return join(folder, 'key')
}

/** The rows of engines, by the engine's name and what they are. */
export async function engineRows({ store }: World): Promise<readonly { readonly engine: string; readonly kind: string }[]> {
  const rows: { readonly engine: string; readonly kind: string }[] = []
  for (const key of await keysIn(store, keysUnder('engine'))) {
    const [, engine = '', kind = ''] = new TextDecoder().decode(key).split('\u0000\u0001')
    rows.push({ engine, kind })
  }
  return rows
}

async function keysIn(store: Store, range: KeyRange): Promise<readonly Uint8Array[]> {
  const keys: Uint8Array[] = []
  for await (const { key } of store.range(range)) keys.push(key)
  return keys
}
