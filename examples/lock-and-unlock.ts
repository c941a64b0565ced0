import assert from 'node:assert/strict'
import { identities, identityManagement, memoryStore, verify } from '../src/index.ts'
import { memoryKeyslots, openVault, passphrase } from '../src/vault.ts'
import type { Context } from './context.ts'

/** Locks a vault, so that nothing of it can be used, and unlocks it with a passphrase, which is changed. */
export async function lockAndUnlock({ node, print, sequence }: Context): Promise<void> {
  const data = new TextEncoder().encode('open')
  await using vault = await openVault({ store: memoryStore(), keyslots: memoryKeyslots(), unlock: passphrase('correct horse') })
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [vault.backend] } })
  const me = await identities(node.client('alice'), im).generate({ params: 'P256', capabilities: 'Commit' })

  await vault.lock()
  await sequence('Signing while it is locked', () => assert.rejects(me.commit(data), { code: 'backend-failed', message: /locked/ }))
  await assert.rejects(vault.unlock(passphrase('wrong horse')), { code: 'wrong-passphrase' })
  print('Locked: no key is in memory, nothing signs, and a wrong passphrase opens nothing.')

  await vault.unlock(passphrase('correct horse'))
  const commitment = await sequence('Signing again', () => me.commit(data))
  assert.ok(await verify(me.externalIdentity, data, commitment))
  print('Unlocked: the same handle signs again.')

  await vault.changePassphrase(passphrase('correct horse'), passphrase('battery staple'))
  await vault.rotate()
  await vault.lock()
  await assert.rejects(vault.unlock(passphrase('correct horse')), { code: 'wrong-passphrase' })
  await vault.unlock(passphrase('battery staple'))
  assert.ok(await verify(me.externalIdentity, data, await me.commit(data)))
  print('The passphrase was changed and all was sealed anew under another root key: what the old one opened before is of no use.')
  await node.stop()
}
