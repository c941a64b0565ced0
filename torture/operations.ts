import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { verify } from '../src/index.ts'
import type { ExternalIdentity } from '../src/index.ts'
import { memoryStore } from '../src/stores/memory/index.ts'
import { memoryKeyslots, openVault, passphrase } from '../src/vault.ts'
import type { Deed, Params, State } from './journal.ts'
import type { Doing } from './doing.ts'
import { unlocker } from './world.ts'
import type { Principal } from './world.ts'

/** The rest of an operation, once what it needs is there. */
type Act = () => Promise<void>

/** Prepares an operation, during which nothing is killed. */
export type Operation = (doing: Doing) => Promise<Act>

/** All that a kill must not harm. What they all begin with, opening what is there (`open`) or making it (`create`), the child does itself. */
export const operations: { readonly [name: string]: Operation } = {
  create: async () => async () => {},
  open: async () => async () => {},
  generate: async doing => () => generate(doing),
  async grant(doing) {
    const name = await taken(doing, 'live', false)
    return () => doing.does({ does: 'grant', name }, () => ask(doing, 'GrantIdentityRequest', name))
  },
  async revoke(doing) {
    const name = await taken(doing, 'live', true)
    return () => doing.does({ does: 'revoke', name }, () => ask(doing, 'RevokeIdentityRequest', name))
  },
  async delete(doing) {
    const name = await taken(doing, 'live')
    return () => remove(doing, name)
  },
  async undelete(doing) {
    const name = await taken(doing, 'deleted')
    return () => undelete(doing, name)
  },
  async lock(doing) {
    const name = await taken(doing, 'live')
    const { vault, owner } = doing.world
    const borrowed = await owner.identities.connect(doing.model.externalIdentity(name), 'Commit')
    return async () => {
      // Some of what is under way is refused for it.
      const generating = generate(doing, ['backend-failed'])
      await doing.does({ does: 'lock' }, async () => {
        await vault.lock()
        doing.points.pass('locked')
        await vault.unlock(unlocker(doing.world))
        doing.points.pass('unlocked')
        await borrowed.commit(new Uint8Array(1))
      })
      await generating
    }
  },
  passphrase: async doing => async () => {
    const [before = ''] = doing.model.passphrases
    const to = `passphrase ${doing.number()}`
    await doing.does({ does: 'passphrase', to }, async () => {
      await (before === '' ? doing.world.vault.addSlot(passphrase(to)) : doing.world.vault.changePassphrase(passphrase(before), passphrase(to)))
    })
  },
  rotate: async doing => () => doing.does({ does: 'rotate' }, () => doing.world.vault.rotate()),
  async purge(doing) {
    const name = await taken(doing, 'deleted')
    return () => doing.does({ does: 'purge', name }, async () => void await doing.world.vault.purge([doing.model.externalIdentity(name)]))
  },
  compact: async doing => () => doing.does({ does: 'compact' }, async () => doing.world.store.compact?.()),
  async restore(doing) {
    const file = `donated ${doing.number()}`
    const names = await donate(doing, file)
    return () => doing.does({ does: 'restore', names, file }, () => restore(doing, file))
  },
  async backup(doing) {
    const name = await taken(doing, 'live')
    const file = `backup ${doing.number()}`
    return () => doing.does({ does: 'backup', name, file }, async () => {
      const backup = await doing.world.vault.exportBackup([doing.model.externalIdentity(name)], unlocker(doing.world))
      const path = join(doing.world.folder, file)
      await writeFile(`${path}.new`, backup)
      await rename(`${path}.new`, path)
    })
  },
  /** What an earlier process generated wakes by it. */
  async connect(doing) {
    const name = await taken(doing, 'live', true)
    return () => doing.does({ does: 'connect' }, async () => {
      await Promise.all([commits(doing.world.owner, doing.model.externalIdentity(name)), commits(doing.world.other, doing.model.externalIdentity(name))])
    })
  },
  message: async doing => async () => {
    await Promise.all([0, 1, 2].map(() => {
      const number = doing.number()
      return doing.does({ does: 'message', number }, async () => void await doing.world.owner.client.ask(doing.world.poster, { type: 'PostRequest', number }))
    }))
  },
}

const PARAMS: readonly Params[] = ['Ed25519', 'Ed25519', 'P256', 'MLDSA65']

async function generate(doing: Doing, mayBe: readonly string[] = []): Promise<void> {
  const params = PARAMS[doing.random.below(PARAMS.length)] ?? 'Ed25519'
  const request = `request ${doing.number()}`
  await doing.does({ does: 'generate', request, params }, () => generated(doing, { params, request }), mayBe)
}

export async function generated({ world }: Doing, { params, request }: Pick<Extract<Deed, { does: 'generate' }>, 'params' | 'request'>): Promise<ExternalIdentity> {
  return (await world.owner.identities.generate({ params, requestId: request })).externalIdentity
}

export async function remove(doing: Doing, name: string): Promise<void> {
  const externalIdentity = doing.model.externalIdentity(name)
  const { world: { owner: { client }, im } } = doing
  await doing.does({ does: 'delete', name }, async () => void await client.ask(im, { type: 'DeleteIdentityRequest', externalIdentity, backend: LOCAL_MEMORY }))
}

export async function undelete(doing: Doing, name: string): Promise<void> {
  const identity = doing.model.externalIdentity(name)
  await doing.does({ does: 'undelete', name }, () => doing.world.owner.identities.undelete(identity))
}

const LOCAL_MEMORY = { type: 'LocalMemory' } as const

async function ask(doing: Doing, type: 'GrantIdentityRequest' | 'RevokeIdentityRequest', name: string): Promise<void> {
  const externalIdentity = doing.model.externalIdentity(name)
  const { owner: { client }, other, im } = doing.world
  const grantee = other.client.id
  if (type === 'GrantIdentityRequest') await client.ask(im, { type, externalIdentity, grantee, capabilities: 'Commit' })
  else await client.ask(im, { type, externalIdentity, grantee })
}

/** Signs for real. */
export async function commits({ identities }: Principal, identity: ExternalIdentity): Promise<void> {
  const data = crypto.getRandomValues(new Uint8Array(16))
  const { commit } = await identities.connect(identity, 'Commit')
  if (!await verify(identity, data, await commit(data))) throw new Error('what it signs does not verify')
}

/** An identity in that state, and granted or not, which no other operation uses. */
async function taken(doing: Doing, state: State, isGranted = doing.random.chance(0.5)): Promise<string> {
  const { model, busy } = doing
  const fitting = () => [...model.identities.keys()].filter(one => !busy.has(one) && model.certain(one) !== undefined)
  let name = fitting().find(one => model.certain(one)?.state === state && model.certain(one)?.isGranted === isGranted)
    ?? fitting().find(one => model.certain(one)?.state === 'live')
  if (name === undefined) {
    const before = new Set(model.identities.keys())
    await generate(doing)
    name = fitting().find(one => !before.has(one))
  }
  if (name === undefined) throw new Error('an identity that was generated is not known')
  busy.add(name)
  const found = name
  const { state: before, isGranted: was } = model.certain(found) ?? {}
  if (before === 'live' && was !== isGranted) {
    await doing.does({ does: isGranted ? 'grant' : 'revoke', name: found }, () => ask(doing, isGranted ? 'GrantIdentityRequest' : 'RevokeIdentityRequest', found))
  }
  if (before === 'live' && state === 'deleted') await remove(doing, found)
  return found
}

/** Makes a backup of two identities of another vault. */
async function donate({ world: { folder } }: Doing, file: string): Promise<readonly string[]> {
  const unlock = unlocker({ folder })
  await using donor = await openVault({ store: memoryStore(), keyslots: memoryKeyslots(), unlock })
  const { signal } = new AbortController()
  const made = [1, 2].map(async n => donor.backend.generate({ key: String(n), params: 'Ed25519', capabilities: 'CommitAndDecrypt' }, signal))
  const donated = await Promise.all(made)
  await writeFile(join(folder, file), await donor.exportBackup(donated, unlock))
  return donated.map(({ name }) => name)
}

/** Takes in what a backup holds, and makes the owner its owner. */
export async function restore({ world }: Doing, file: string): Promise<void> {
  const backup = await readFile(join(world.folder, file))
  const imported = await world.vault.importBackup(backup, unlocker(world))
  await Promise.all(imported.map(async ({ externalIdentity, claim, outcome }) => {
    if (claim === undefined) throw new Error(`an identity of a backup is ${outcome}`)
    await world.owner.identities.adopt(externalIdentity, claim)
  }))
}

/** Whether what is in a backup signs. Rejects if it does not open. */
export async function opens({ world }: Doing, file: string, name: string): Promise<void> {
  const unlock = unlocker(world)
  await using vault = await openVault({ store: memoryStore(), keyslots: memoryKeyslots(), unlock })
  const [imported] = await vault.importBackup(await readFile(join(world.folder, file)), unlock)
  if (imported?.externalIdentity.name !== name || imported.outcome !== 'imported') throw new Error('it holds another identity')
  const { signal } = new AbortController()
  const signer = await vault.backend.signer(imported.externalIdentity, signal)
  const data = new Uint8Array(16)
  if (!await verify(imported.externalIdentity, data, await signer.sign(data, signal))) throw new Error('what it signs does not verify')
}
