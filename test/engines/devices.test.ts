import { describe, expect, test } from 'vitest'
import { Fault } from '../../src/core/errors.ts'
import type { FaultCode } from '../../src/core/errors.ts'
import { backendCodes } from '../../src/engines/backend-failure.ts'
import { TestBackend, utf8, World } from './test-backend.ts'
import type { Operation } from './test-backend.ts'

// What engines pass on to backends that ask a person, and from them.

const data = utf8('data')
const codes = backendCodes.map(code => [code, code] as const)
const HIDDEN: readonly (readonly [FaultCode, string])[] = [['locked', 'backend-failed'], ['not-found', 'backend-failed'], ['store-failed', 'backend-failed']]

describe.each<readonly [FaultCode, string]>([...codes, ...HIDDEN])('a backend that fails with %s', (code, answered) => {
  const fail = (operation: Operation, backend: TestBackend) => {
    backend.on[operation] = () => { throw new Fault(code, 'the reason') }
  }
  const refusal = { err: `${answered === 'not-available' ? 'Capabilities not available' : 'Backend failed'}: the reason`, code: answered }

  test(`is answered for as ${answered}, by each engine, and nothing changed`, async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const me = await world.generate(alice)
    for (const operation of ['generate', 'sign', 'decrypt'] as const) fail(operation, world.backend)
    const before = await world.state(alice)
    expect(await alice.askRaw(world.im, { type: 'GenerateIdentityRequest', backend: world.backend.name, params: 'Ed25519', capabilities: 'Commit' })).toEqual(refusal)
    expect(await alice.askRaw(me.commitmentEngine, { type: 'CommitmentRequest', data })).toEqual(refusal)
    expect(await alice.askRaw(me.commitmentEngine, { type: 'CommitmentBatchRequest', data: [data] })).toEqual({ commitments: [refusal] })
    expect(await alice.askRaw(me.decryptionEngine, { type: 'DecryptionRequest', data })).toEqual(refusal)
    expect(await world.state(alice)).toEqual(before)
  })
})

describe('S86: a backend hears for whom it is asked', () => {
  test('by the name that the runtime knows, whatever the message says', async () => {
    await using world = await World.make()
    const [alice, bob] = [world.node.client('alice'), world.node.client('bob')]
    const me = await world.generate(alice)
    await alice.ask(world.im, { type: 'GrantIdentityRequest', externalIdentity: me.externalIdentity, grantee: bob.id, capabilities: 'CommitAndDecrypt' })
    const lent = await bob.ask(world.im, { type: 'ConnectIdentityRequest', externalIdentity: me.externalIdentity, backend: world.backend.name, capabilities: 'CommitAndDecrypt' })
    await bob.ask(lent.commitmentEngine, { type: 'CommitmentRequest', data })
    await alice.ask(me.commitmentEngine, { type: 'CommitmentBatchRequest', data: [data, data] })
    await bob.ask(lent.decryptionEngine, { type: 'DecryptionRequest', data: world.backend.encrypt(me.externalIdentity.name, data) })
    await world.delete(alice, me.externalIdentity)
    expect(world.backend.askers).toEqual([
      'generate for alice', 'sign for bob', 'sign for alice', 'sign for alice', 'decrypt for bob', 'delete for alice',
    ])
  })
})
