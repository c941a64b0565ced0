import assert from 'node:assert/strict'
import { identities, identityManagement, localMemory, verify } from '../src/index.ts'
import type { Context } from './context.ts'

/** An owner lets somebody else use an identity, and takes that back. The keys stay where they are. */
export async function shareAndRevoke({ node, print, sequence }: Context): Promise<void> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const alice = node.client('alice')
  const bob = node.client('bob')
  const data = new TextEncoder().encode('ship v1')
  const me = await identities(alice, im).generate({ params: 'Ed25519' })

  await sequence('Before: the EngineID alone is no permission', () =>
    assert.rejects(bob.ask(me.commitmentEngine, { type: 'CommitmentRequest', data }), { code: 'not-acquainted' }))

  const borrowed = await sequence('Sharing', async () => {
    await me.grant(bob, 'Commit')
    return identities(bob, im).connect(me.externalIdentity, 'Commit')
  })
  const commitment = await sequence('Bob signs as Alice', () => borrowed.commit(data))
  assert.equal(await verify(me.externalIdentity, data, commitment), true)

  await sequence('Bob asks for more than he was granted', () =>
    assert.rejects(identities(bob, im).connect(me.externalIdentity, 'Decrypt'), { code: 'not-granted' }))

  await sequence('Revoking', () => me.revoke(bob))
  await sequence("After: Bob's handle is dead, Alice's is not", async () => {
    await assert.rejects(borrowed.commit(data), { code: 'not-acquainted' })
    await me.commit(data)
  })
  print('What Bob signed meanwhile stays valid: a signature cannot be taken back.')
}
