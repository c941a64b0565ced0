import assert from 'node:assert/strict'
import { identityManagement, localMemory } from '../src/index.ts'
import type { Context } from './context.ts'

/** The three sequences of Identity Management, in its own messages: generate, connect, delete. */
export async function lifecycle({ node, print, sequence }: Context): Promise<void> {
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const alice = node.client('alice')
  const backend = { type: 'LocalMemory' } as const

  const { externalIdentity, commitmentEngine, decryptionEngine } = await sequence('Generating an identity', () =>
    alice.ask(im, { type: 'GenerateIdentityRequest', backend, params: 'Ed25519', capabilities: 'CommitAndDecrypt' }))
  print(`Its name is ${externalIdentity.name}: whoever has it can verify and encrypt.`)

  const connected = await sequence('Connecting to an existing identity', () =>
    alice.ask(im, { type: 'ConnectIdentityRequest', externalIdentity, backend, capabilities: 'CommitAndDecrypt' }))
  assert.deepEqual(connected, { commitmentEngine, decryptionEngine })
  print('The same two engines answer.')

  await sequence('Deleting an identity', () => alice.ask(im, { type: 'DeleteIdentityRequest', externalIdentity, backend }))
  await assert.rejects(alice.ask(commitmentEngine, { type: 'CommitmentRequest', data: new Uint8Array() }), { code: 'stopped' })
  await assert.rejects(alice.ask(im, { type: 'ConnectIdentityRequest', externalIdentity, backend, capabilities: 'Commit' }), { code: 'not-found' })
  print('Its keys are erased, its engines have stopped, and it is not found any more.')
}
