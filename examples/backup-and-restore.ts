import assert from 'node:assert/strict'
import { createNode, encrypt, identities, identityManagement, memoryStore, verify } from '../src/index.ts'
import type { Node } from '../src/index.ts'
import { memoryKeyslots, openVault, passphrase } from '../src/vault.ts'
import type { Vault } from '../src/vault.ts'
import type { Context } from './context.ts'

interface Machine {
  readonly node: Node
  readonly vault: Vault
}

/** A machine with a vault of its own. In memory here: a service has `lmdbStore` and `fileKeyslots`. */
async function machine(): Promise<Machine> {
  const store = memoryStore()
  return { node: await createNode({ store }), vault: await openVault({ store, keyslots: memoryKeyslots(), unlock: passphrase('of this machine') }) }
}

async function managing({ node, vault }: Machine, client: string) {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [vault.backend] } })
  return identities(node.client(client), im)
}

/** Moves an identity to another machine by an encrypted backup, with the help of both hosts. */
export async function backupAndRestore({ observe, print, sequence }: Context): Promise<void> {
  const data = new TextEncoder().encode('moved')
  const first = await machine()
  observe(first.node)
  const alice = await managing(first, 'alice')
  const { externalIdentity } = await sequence('Generating', () => alice.generate({ params: 'MLDSA65' }))
  const backup = await first.vault.exportBackup([externalIdentity], passphrase('of the backup'))
  await first.node.stop()
  print(`A backup of one identity has ${backup.length} bytes.`)

  const second = await machine()
  observe(second.node)
  await assert.rejects(second.vault.importBackup(backup, passphrase('another')), { code: 'wrong-passphrase' })
  const [imported] = await second.vault.importBackup(backup, passphrase('of the backup'))
  assert.equal(imported?.outcome, 'imported')
  const [again] = await second.vault.importBackup(backup, passphrase('of the backup'))
  assert.equal(again?.outcome, 'present')
  print('It was restored, twice, which does no harm.')

  // Keys are there, and nobody's. Whoever the host hands the claim to becomes the owner.
  const alicia = await managing(second, 'alicia')
  assert.ok(again.claim !== undefined)
  await assert.rejects(alicia.connect(externalIdentity, 'Commit'), { code: 'not-found' })
  const { claim } = again
  const identity = await sequence('Adopting what was restored', async () => {
    await alicia.adopt(externalIdentity, claim)
    return alicia.connect(externalIdentity, 'CommitAndDecrypt')
  })
  assert.ok(await verify(externalIdentity, data, await identity.commit(data)))
  assert.deepEqual(await identity.decrypt(await encrypt(externalIdentity, data)), data)
  print('It signs and decrypts there, under the name it had.')
  await second.node.stop()
  await Promise.all([first.vault.close(), second.vault.close()])
}
