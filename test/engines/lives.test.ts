import { describe, expect, test } from 'vitest'
import type { Backend } from '../../src/backends/backend.ts'
import { defineEngine } from '../../src/core/engine.ts'
import type { Engine } from '../../src/core/engine.ts'
import { externalIdentityOf } from '../../src/core/engine-id.ts'
import type { Client } from '../../src/core/client.ts'
import type { EngineID, ExternalIdentity } from '../../src/core/engine-id.ts'
import { Fault } from '../../src/core/errors.ts'
import { Table } from '../../src/core/table.ts'
import { commitment } from '../../src/engines/commitment/index.ts'
import { decryption } from '../../src/engines/decryption/index.ts'
import { identityManagementBehaviour, identityManagementTasks } from '../../src/engines/identity-management/behaviour.ts'
import { identityManagementConfig } from '../../src/engines/identity-management/config.ts'
import type { Identity, IdentityManagementEnvironment } from '../../src/engines/identity-management/environment.ts'
import type { IdentityManagement } from '../../src/engines/identity-management/family.ts'
import { identityManagementProtocol } from '../../src/engines/identity-management/messages.ts'
import { adoptOf, ALICE, BACKEND, Bench, BOB, CAROL, connect, deleteOf, generateOf, grantOf, kinds, revokeOf, targets, TIME, undeleteOf } from './bench.ts'
import type { AnyEffect } from './bench.ts'
import { askAnything, BACKEND_DEADLINE, claimOf, HERE, outcomeOf, quiet, TestBackend, untyped, utf8, World } from './test-backend.ts'

// What an Identity Management knows outlasts its engines: what becomes of identities in another life than that in which they were made.

function inputOf({ input }: AnyEffect) {
  return untyped(input)
}

describe('an identity of another life', () => {
  test('S35: costs a new life nothing, is listed, and wakes when its owner connects: with new engines, which it alone may use', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE)
    bench.ask(ALICE, grantOf(identity, BOB, 'Commit'))
    const { identities, serving } = bench.environment
    bench.begin('crashed')
    expect([bench.environment.identities, bench.environment.serving]).toEqual([identities, serving])
    expect(bench.environment.identities).toBe(identities)
    expect(untyped(bench.ask(ALICE, { type: 'ListIdentitiesRequest' }).response).identities).toHaveLength(1)

    const asked = bench.ask(ALICE, connect(identity, 'Decrypt'))
    expect([kinds(asked), asked.changed, inputOf(bench.tasks[0] ?? expect.fail()).capabilities]).toEqual([['task'], false, 'CommitAndDecrypt'])
    const woken = bench.finish()
    expect(kinds(woken)).toEqual(['spawn', 'spawn', 'watch', 'watch', 'grant', 'late-reply'])
    expect(targets(woken, 'grant')).toEqual(['im/3 alice'])
    expect(woken.response).toEqual({ decryptionEngine: expect.objectContaining({ name: 'im/3' }) })
    expect([...bench.environment.serving]).toEqual([['im/2', identity.name], ['im/3', identity.name]])
    // Whom it was granted to connects.
    expect(targets(bench.ask(BOB, connect(identity, 'Commit')), 'grant')).toEqual(['im/2 bob'])
    expect(bench.ask(BOB, connect(identity, 'Decrypt')).response?.code).toBe('not-granted')
  })

  test('S35: wakes once for all who ask at once, each of whom gets its own', () => {
    for (const last of [{ outcome: 'done' }, { outcome: 'failed', reason: 'x' }]) {
      const bench = new Bench()
      const identity = bench.generate(ALICE)
      bench.ask(ALICE, grantOf(identity, BOB, 'Commit'))
      bench.begin('crashed')
      bench.ask(BOB, connect(identity, 'Commit'))
      bench.ask(ALICE, connect(identity, 'CommitAndDecrypt'))
      expect(targets(bench.finish(), 'grant')).toEqual(['im/2 bob'])
      const second = bench.finish(last)
      expect(kinds(second)).toEqual(['grant', 'grant', 'late-reply'])
      expect(targets(second, 'grant')).toEqual(['im/2 alice', 'im/3 alice'])
      expect(bench.living).toEqual(new Set(['im/2', 'im/3']))
    }
  })

  test('S37, S38: whoever may not connect any more when it could wake is refused, and it sleeps on', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE)
    bench.ask(ALICE, grantOf(identity, BOB, 'Commit'))
    bench.begin('crashed')
    bench.ask(BOB, connect(identity, 'Commit'))
    expect(kinds(bench.ask(ALICE, revokeOf(identity, BOB)))).toEqual(['reply'])
    expect(bench.finish()).toMatchObject({ effects: [{ effect: 'late-reply' }], response: { code: 'not-granted' }, changed: false })
    bench.ask(ALICE, connect(identity, 'Commit'))
    bench.ask(ALICE, deleteOf(identity))
    expect(bench.finish()).toMatchObject({ response: { code: 'not-found' }, changed: false })
    expect(kinds(bench.finish())).toEqual(['late-reply'])
    expect([bench.environment.identities.size, bench.environment.serving.size, bench.living.size]).toEqual([0, 0, 0])
  })

  test('S35: who may not connect is refused at once, and nobody is asked', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE, 'Commit')
    bench.begin('resumed')
    for (const [asker, capabilities, code] of [[BOB, 'Commit', 'not-granted'], [ALICE, 'Decrypt', 'not-available']] as const) {
      expect(bench.ask(asker, connect(identity, capabilities))).toMatchObject({ effects: [{ effect: 'reply' }], response: { code } })
    }
    expect(bench.tasks).toEqual([])
  })

  test.each([
    [{ outcome: 'failed', reason: 'The vault is locked', code: 'locked' }, { code: 'backend-failed', err: 'Backend failed: The vault is locked' }],
    [{ outcome: 'deadline', reason: 'x' }, { code: 'backend-failed' }],
    [{ outcome: 'done', output: { err: 'Engine gone', code: 'engine-gone' } }, { code: 'engine-gone' }],
  ])('S34: sleeps on if its backend does not open it: %j', (end, response) => {
    const bench = new Bench()
    const identity = bench.generate(ALICE)
    bench.begin('crashed')
    bench.ask(ALICE, connect(identity, 'Commit'))
    expect(bench.finish(end)).toMatchObject({ effects: [{ effect: 'late-reply' }], response, changed: false })
    bench.ask(ALICE, connect(identity, 'Commit'))
    expect(bench.finish().response?.code).toBeUndefined()
  })

  test('has both engines again, also one that it had lost; an engine of another life is not missed', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE)
    const [first, second] = ['im/0', 'im/1'].map((name): EngineID => ({ node: HERE, name }))
    bench.terminate(first ?? expect.fail())
    expect(bench.ask(ALICE, connect(identity, 'Commit')).response?.code).toBe('engine-gone')
    bench.begin('crashed')
    expect(bench.terminate(second ?? expect.fail())).toBeUndefined()
    bench.ask(ALICE, connect(identity, 'CommitAndDecrypt'))
    expect(targets(bench.finish(), 'grant')).toEqual(['im/2 alice', 'im/3 alice'])
    expect(bench.terminate(second ?? expect.fail())).toBeUndefined()
  })

  test('S39: is given for its requestId, woken or awake', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE, 'CommitAndDecrypt', 'once')
    bench.begin('resumed')
    expect(kinds(bench.ask(ALICE, generateOf('CommitAndDecrypt', 'once')))).toEqual(['task'])
    const woken = bench.finish()
    expect(woken.response).toEqual({ externalIdentity: identity, commitmentEngine: expect.objectContaining({ name: 'im/2' }), decryptionEngine: expect.objectContaining({ name: 'im/3' }) })
    expect(targets(woken, 'grant')).toEqual(['im/2 alice', 'im/3 alice'])
    bench.ask(ALICE, grantOf(identity, BOB, 'Commit'))
    bench.begin('crashed')
    bench.ask(BOB, connect(identity, 'Commit'))
    bench.finish()
    // Another woke it: its owner may use it from now on.
    expect(targets(bench.ask(ALICE, generateOf('CommitAndDecrypt', 'once')), 'grant')).toEqual(['im/4 alice', 'im/5 alice'])
  })
})

describe('an attempt of another life', () => {
  test('S39: begins anew when its asker asks again, if a crash dropped it', () => {
    const bench = new Bench()
    bench.ask(ALICE, generateOf('Commit', 'once'))
    bench.begin('crashed')
    expect(kinds(bench.ask(ALICE, generateOf('Commit', 'once')))).toEqual(['task'])
    expect(bench.ask(ALICE, generateOf('Decrypt', 'once')).response?.code).toBe('request-conflict')
    expect(kinds(bench.ask(ALICE, generateOf('Commit', 'once')))).toEqual(['keep'])
    expect(bench.finish().effects.filter(({ effect }) => effect === 'late-reply').map(({ to }) => untyped(to).id)).toEqual([2, 4])
  })

  test('S39: comes to its end in a process that resumes it, for all who will ask', () => {
    const bench = new Bench()
    bench.ask(ALICE, generateOf('Commit', 'once'))
    bench.begin('resumed')
    expect(kinds(bench.finish())).toEqual(['spawn', 'watch', 'grant', 'late-reply'])
    expect(bench.ask(ALICE, generateOf('Commit', 'once')).response).toMatchObject({ externalIdentity: { name: 'identity-1' } })
  })

  test('S39, S40: asked for again while it is under way, it gives one identity; the other one is erased', () => {
    for (const order of [[0, 0], [1, 0]] as const) {
      for (const stale of [{ outcome: 'done' }, { outcome: 'deadline', reason: 'x' }]) {
        const bench = new Bench()
        bench.ask(ALICE, generateOf('Commit', 'once'))
        bench.begin('resumed')
        bench.ask(ALICE, generateOf('Commit', 'once'))
        // Under a key of its own: what is left of the first is erased by that key, and must not be what the second gave.
        const keys = bench.tasks.map(task => String(inputOf(task).key))
        expect(new Set(keys).size).toBe(2)
        const isFirst = order[0] === 0
        const outcomes = isFirst ? [bench.finish(stale, 0), bench.finish({ outcome: 'done' }, 0)] : [bench.finish({ outcome: 'done' }, 1), bench.finish(stale, 0)]
        const [dropped, given] = isFirst ? outcomes : outcomes.toReversed()
        expect(given?.effects.find(({ effect }) => effect === 'late-reply')?.['to']).toMatchObject({ id: 2 })
        expect(dropped?.response?.code).toBe('backend-failed')
        const erased = bench.tasks.filter(({ task }) => task === 'discard')
        expect(erased).toHaveLength(stale.outcome === 'done' ? 1 : 0)
        expect(bench.environment.identities.size).toBe(1)
        for (const task of erased) expect(bench.environment.identities.has(inputOf(task).externalIdentity.name)).toBe(false)
        expect([bench.ask(ALICE, generateOf('Commit', 'once')).response?.code, bench.environment.identities.size]).toEqual([undefined, 1])
      }
    }
  })
})

test('S43: a backend that answers an attempt that nobody waits for with an identity that exists is not asked to erase it', () => {
  const bench = new Bench()
  const identity = bench.generate(BOB)
  bench.ask(ALICE, generateOf('Commit', 'once'))
  bench.begin('resumed')
  bench.ask(ALICE, generateOf('Commit', 'once'))
  expect(kinds(bench.finish({ outcome: 'done', output: identity }))).toEqual(['late-reply'])
  bench.ask(BOB, deleteOf(identity))
  bench.finish({ outcome: 'done', output: { undoUntil: TIME } }, 1)
  bench.begin('resumed')
  bench.ask(ALICE, generateOf('Commit', 'once'))
  expect(kinds(bench.finish({ outcome: 'done', output: identity }))).toEqual(['late-reply'])
})

describe('a delete of another life', () => {
  test('S38: that a crash dropped is none: its identity connects, and is deleted when asked again', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE)
    bench.ask(ALICE, deleteOf(identity))
    bench.begin('crashed')
    expect(untyped(bench.ask(ALICE, { type: 'ListIdentitiesRequest' }).response).identities).toHaveLength(1)
    bench.ask(ALICE, connect(identity, 'Commit'))
    expect(bench.finish().response?.code).toBeUndefined()
    bench.ask(ALICE, deleteOf(identity))
    expect(kinds(bench.finish())).toEqual(['late-reply', 'stop', 'stop'])
    expect([bench.environment.identities.size, bench.environment.serving.size]).toEqual([0, 0])
  })

  test('S38: comes to its end in a process that resumes it, whether its identity has woken or not', () => {
    for (const wakes of [true, false]) {
      const bench = new Bench()
      const identity = bench.generate(ALICE)
      bench.ask(ALICE, deleteOf(identity))
      bench.begin('resumed')
      if (wakes) {
        bench.ask(ALICE, connect(identity, 'Commit'))
        bench.finish({ outcome: 'done' }, 1)
      }
      expect(kinds(bench.finish())).toEqual(['late-reply', ...wakes ? ['stop', 'stop'] : []])
      expect([bench.environment.identities.size, bench.environment.serving.size, bench.living.size]).toEqual([0, 0, 0])
    }
  })

  test('S38: asked for again while it is under way, the last one decides', () => {
    for (const outcome of ['done', 'failed']) {
      const bench = new Bench()
      const identity = bench.generate(ALICE)
      bench.ask(ALICE, deleteOf(identity))
      bench.begin('resumed')
      bench.ask(ALICE, deleteOf(identity))
      expect(bench.finish({ outcome, reason: 'x' })).toMatchObject({ effects: [{ effect: 'late-reply' }], changed: false })
      expect(bench.ask(ALICE, connect(identity, 'Commit')).response?.code).toBe('not-found')
      bench.finish()
      expect(bench.environment.identities.size).toBe(0)
    }
  })
})

describe('a delete that can be taken back', () => {
  const UNDO = { outcome: 'done', output: { undoUntil: TIME + 500 } }

  test('S38: says until when, is not found meanwhile, and comes back dormant, with its grants and its requestId', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE, 'CommitAndDecrypt', 'once')
    bench.ask(ALICE, grantOf(identity, BOB, 'Commit'))
    bench.ask(ALICE, deleteOf(identity))
    const deleted = bench.finish(UNDO)
    expect([deleted.response, kinds(deleted)]).toEqual([{ undoUntil: TIME + 500 }, ['late-reply', 'timer', 'stop', 'stop']])
    // Longer than the backend, so that an undelete that it does in time is heard of.
    expect([...bench.timers]).toEqual([[`forget/${identity.name}`, 550]])
    for (const msg of [connect(identity, 'Commit'), deleteOf(identity), grantOf(identity, CAROL, 'Commit'), generateOf('CommitAndDecrypt', 'once')]) {
      expect(bench.ask(ALICE, msg)).toMatchObject({ changed: false, response: { code: 'not-found' } })
    }
    expect(untyped(bench.ask(ALICE, { type: 'ListIdentitiesRequest' }).response).identities).toEqual([])
    expect(bench.ask(BOB, undeleteOf(identity)).response?.code).toBe('not-owner')

    bench.begin('resumed')
    expect(kinds(bench.ask(ALICE, undeleteOf(identity)))).toEqual(['task'])
    const restored = bench.finish()
    expect([restored.response, kinds(restored), bench.timers.size, bench.environment.deleted.size]).toEqual([{}, ['late-reply', 'cancel'], 0, 0])
    expect(bench.ask(ALICE, undeleteOf(identity)).response?.code).toBe('not-found')
    expect(kinds(bench.ask(BOB, connect(identity, 'Commit')))).toEqual(['task'])
    expect(targets(bench.finish(), 'grant')).toEqual(['im/2 bob'])
    expect(bench.ask(ALICE, generateOf('CommitAndDecrypt', 'once')).response).toMatchObject({ externalIdentity: identity })
  })

  test('is forgotten when its time is over, and the timer of one that is over runs out at once', () => {
    for (const undoUntil of [TIME + 500, 0, -1]) {
      const bench = new Bench()
      const identity = bench.generate(ALICE)
      bench.ask(ALICE, deleteOf(identity))
      bench.finish({ outcome: 'done', output: { undoUntil } })
      expect(bench.timers.get(`forget/${identity.name}`)).toBe(undoUntil > TIME ? 550 : 50)
      bench.elapse(`forget/${identity.name}`)
      expect(bench.environment.deleted.size).toBe(0)
      expect(bench.ask(ALICE, undeleteOf(identity)).response?.code).toBe('not-found')
    }
  })

  test('is taken back once by all who ask at once; not by one that was meant for an earlier delete', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE)
    bench.ask(ALICE, deleteOf(identity))
    bench.finish(UNDO)
    for (let i = 0; i < 3; i++) bench.ask(ALICE, undeleteOf(identity))
    expect([bench.finish().response, bench.finish().response]).toEqual([{}, {}])
    bench.ask(ALICE, deleteOf(identity))
    bench.finish(UNDO, 1)
    expect(bench.finish()).toMatchObject({ changed: false, response: { code: 'not-found' } })
    expect(bench.environment.deleted.size).toBe(1)
  })

  test('S34: stays deleted if the backend fails to take it back, or to whoever names another bundle', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE)
    bench.ask(ALICE, deleteOf(identity))
    bench.finish(UNDO)
    bench.ask(ALICE, undeleteOf(identity))
    expect(bench.finish({ outcome: 'failed', reason: 'x' })).toMatchObject({ changed: false, response: { code: 'backend-failed' } })
    expect(bench.ask(ALICE, undeleteOf(externalIdentityOf(identity.name, utf8('bundle')))).response?.code).toBe('not-found')
    bench.ask(ALICE, undeleteOf(identity))
    expect(bench.finish().response).toEqual({})
  })
})

describe('an identity that comes by another way', () => {
  test('S34: is nobody\'s to adopt while it is deleted, nor to generate', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE)
    bench.ask(ALICE, deleteOf(identity))
    bench.finish({ outcome: 'done', output: { undoUntil: TIME + 500 } })
    for (const asker of [ALICE, BOB]) expect(bench.ask(asker, adoptOf(identity))).toMatchObject({ effects: [{ effect: 'reply' }], changed: false, response: { code: 'not-found' } })
    bench.ask(BOB, generateOf('Commit'))
    expect(bench.finish({ outcome: 'done', output: identity })).toMatchObject({ changed: false, response: { code: 'exists' } })
  })

  test('S39: is not given for the requestId of who had it before', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE, 'CommitAndDecrypt', 'once')
    bench.ask(ALICE, deleteOf(identity))
    bench.finish()
    bench.ask(BOB, adoptOf(identity))
    expect(bench.finish()).toMatchObject({ response: { capabilities: 'CommitAndDecrypt' }, changed: true })
    expect(bench.ask(ALICE, generateOf('CommitAndDecrypt', 'once'))).toMatchObject({ effects: [{ effect: 'reply' }], response: { code: 'not-found' } })
  })

  test('S34: is the first one\'s when two adopt it at once; a failure changes nothing', () => {
    const bench = new Bench()
    const identity = externalIdentityOf('stray')
    for (const asker of [ALICE, BOB, BOB, ALICE]) bench.ask(asker, adoptOf(identity))
    expect(bench.finish({ outcome: 'failed', reason: 'x' })).toMatchObject({ changed: false, response: { code: 'backend-failed' } })
    expect([bench.finish().response, bench.finish().response, bench.finish().response?.code]).toEqual([{ capabilities: 'CommitAndDecrypt' }, { capabilities: 'CommitAndDecrypt' }, 'exists'])
  })
})

// ── on a node ────────────────────────────────────────────────────────────────────────────────────────────────────

/** An engine that begins with what one of another life knew. */
function resuming(environment: IdentityManagementEnvironment): Engine<IdentityManagement> {
  return defineEngine<IdentityManagement>({
    protocol: identityManagementProtocol, config: identityManagementConfig, environment: () => environment, behaviour: identityManagementBehaviour,
    tasks: identityManagementTasks, children: () => [commitment, decryption], supervision: { exhausted: 'stop' }, open: true, durable: { version: 1 },
  })
}

/** A node whose Identity Management knows one dormant identity, of alice, who granted `Commit` to bob. */
async function resumed(backend = new TestBackend()) {
  const made = backend.generate({ key: 'k', params: 'Ed25519', capabilities: 'CommitAndDecrypt' }, new AbortController().signal)
  const externalIdentity = made instanceof Promise ? await made : made
  const [owner, bob] = ['alice', 'bob'].map((name): EngineID => ({ node: HERE, name }))
  const identity: Identity = {
    externalIdentity, backend: BACKEND, capabilities: 'CommitAndDecrypt', owner: owner ?? expect.fail(), deletion: null,
    engines: { life: 1, commitmentEngine: untyped({ node: HERE, name: 'im/0' }), decryptionEngine: untyped({ node: HERE, name: 'im/1' }) },
    grants: Table.from([[`${HERE}/${bob?.name}`, 'Commit']]),
  }
  const { name } = externalIdentity
  const engine = resuming({
    life: 1, children: 2, identities: Table.from([[name, identity]]), deleted: Table.empty(), serving: Table.from([['im/0', name], ['im/1', name]]), attempts: Table.empty(),
  })
  const world = await World.make({ backend, engine })
  return { world, backend, externalIdentity, alice: world.node.client('alice'), bob: world.node.client('bob') }
}

const data = utf8('data')

function connecting(world: World, client: Client, externalIdentity: ExternalIdentity) {
  return client.ask(world.im, { type: 'ConnectIdentityRequest', externalIdentity, backend: BACKEND, capabilities: 'Commit' })
}

describe('an Identity Management that was resumed', () => {
  test('S35: wakes its identity once for all who connect at once; each uses what it may', async () => {
    const { world, backend, externalIdentity, alice, bob } = await resumed()
    await using _ = world
    const calls = backend.hold('signer')
    const [hers, again, his] = [connecting(world, alice, externalIdentity), connecting(world, alice, externalIdentity), connecting(world, bob, externalIdentity)]
    await quiet()
    expect([calls.length, world.engines]).toEqual([3, ['im']])
    backend.pass('signer')
    for (const call of calls) call.finish()
    const connected = await Promise.all([hers, again, his])
    for (const { commitmentEngine } of connected) expect(commitmentEngine.name).toBe('im/2')
    expect(world.engines).toEqual(['im', 'im/2', 'im/3'])
    for (const client of [alice, bob]) {
      const { commitment: made } = await client.ask(connected[0].commitmentEngine, { type: 'CommitmentRequest', data })
      expect(backend.verify(externalIdentity.name, data, made)).toBe(true)
    }
    expect(await outcomeOf(askAnything(bob, 'ask', { node: HERE, name: 'im/3' }, { type: 'DecryptionRequest', data }))).toBe('not-acquainted')
    expect(backend.open).toBe(2)
  })

  test.each([
    ['a backend that is locked', 'backend-failed', () => { throw new Fault('locked', 'The vault is locked') }],
    ['a backend that has lost the keys', 'engine-gone', () => { throw new Fault('not-found', 'no such identity') }],
    ['a backend that fails', 'backend-failed', () => { throw new Error('a secret') }],
  ] as const)('S34: says why %s does not open it: %s; and can be asked again', async (_what, code, fail) => {
    const { world, backend, externalIdentity, alice } = await resumed()
    await using _ = world
    backend.on.decryptor = fail
    await expect(connecting(world, alice, externalIdentity)).rejects.toMatchObject({ code, message: expect.not.stringContaining('secret') })
    expect([world.engines, backend.open]).toEqual([['im'], 0])
    backend.pass('decryptor')
    expect(await outcomeOf(connecting(world, alice, externalIdentity))).toBe('done')
  })

  test('S37, S38: grants, revokes and deletes while it sleeps, and while it wakes', async () => {
    const { world, backend, externalIdentity, alice, bob } = await resumed()
    await using _ = world
    const carol = world.node.client('carol')
    expect(await outcomeOf(alice.ask(world.im, { type: 'GrantIdentityRequest', externalIdentity, grantee: carol.id, capabilities: 'Commit' }))).toBe('done')
    const calls = backend.hold('signer')
    const [his, hers] = [outcomeOf(connecting(world, bob, externalIdentity)), outcomeOf(connecting(world, carol, externalIdentity))]
    expect(await outcomeOf(alice.ask(world.im, { type: 'RevokeIdentityRequest', externalIdentity, grantee: bob.id }))).toBe('done')
    calls[0]?.finish()
    expect(await his).toBe('not-granted')
    expect(await world.delete(alice, externalIdentity)).toEqual({})
    calls[1]?.finish()
    expect(await hers).toBe('not-found')
    expect([world.engines, backend.open, backend.content]).toEqual([['im'], 0, []])
  })

  test('a backend that does not answer is given up, and what it opens later is closed', async () => {
    const { world, backend, externalIdentity, alice } = await resumed()
    await using _ = world
    const calls = backend.hold('signer')
    const asking = outcomeOf(connecting(world, alice, externalIdentity))
    await quiet()
    world.host.advance(BACKEND_DEADLINE)
    expect(await asking).toBe('backend-failed')
    for (const call of calls) call.finish()
    await quiet()
    expect([world.engines, backend.open]).toEqual([['im'], 0])
  })
})

describe('deletes and claims on a node', () => {
  const undelete = (world: World, client: Client, externalIdentity: ExternalIdentity) =>
    client.ask(world.im, { type: 'UndeleteIdentityRequest', externalIdentity, backend: BACKEND })
  const adopt = (world: World, client: Client, externalIdentity: ExternalIdentity, claim = claimOf(externalIdentity.name)) =>
    client.ask(world.im, { type: 'AdoptIdentityRequest', externalIdentity, backend: BACKEND, claim })

  test('S38: a delete is taken back, and its identity signs again', async () => {
    await using world = await World.make({ backend: new TestBackend({ undoUntil: 1_005_000 }) })
    const alice = world.node.client('alice')
    const { externalIdentity, commitmentEngine } = await world.generate(alice)
    expect(await world.delete(alice, externalIdentity)).toEqual({ undoUntil: 1_005_000 })
    expect(await outcomeOf(alice.ask(commitmentEngine, { type: 'CommitmentRequest', data }))).toBe('stopped')
    expect(await undelete(world, alice, externalIdentity)).toEqual({})
    const connected = await connecting(world, alice, externalIdentity)
    const { commitment: made } = await alice.ask(connected.commitmentEngine, { type: 'CommitmentRequest', data })
    expect(world.backend.verify(externalIdentity.name, data, made)).toBe(true)
    // The timer of the first delete is not heard of.
    world.host.advance(60_000)
    await quiet()
    expect(await world.list(alice)).toHaveLength(1)
  })

  test('S38: when the time is over nothing is remembered, but for a little while', async () => {
    await using world = await World.make({ backend: new TestBackend({ undoUntil: 1_005_000 }) })
    const alice = world.node.client('alice')
    const { externalIdentity } = await world.generate(alice)
    await world.delete(alice, externalIdentity)
    world.host.advance(5_000)
    await quiet()
    expect(await outcomeOf(undelete(world, alice, externalIdentity))).toBe('done')
    await world.delete(alice, externalIdentity)
    world.host.advance(BACKEND_DEADLINE)
    await quiet()
    expect(await outcomeOf(undelete(world, alice, externalIdentity))).toBe('not-found')
    expect(world.backend.count.undelete).toBe(1)
  })

  test('S34: a claim makes an owner, once; whoever comes later is refused', async () => {
    const backend = new TestBackend()
    const made = backend.generate({ key: 'k', params: 'Ed25519', capabilities: 'Commit' }, new AbortController().signal)
    const externalIdentity = made instanceof Promise ? await made : made
    await using world = await World.make({ backend })
    const [alice, bob] = [world.node.client('alice'), world.node.client('bob')]
    expect(await outcomeOf(connecting(world, alice, externalIdentity))).toBe('not-found')
    const refusals = await Promise.all([
      alice.askRaw(world.im, { type: 'AdoptIdentityRequest', externalIdentity, backend: BACKEND, claim: utf8('no claim') }),
      alice.askRaw(world.im, { type: 'AdoptIdentityRequest', externalIdentity: externalIdentityOf('nobody'), backend: BACKEND, claim: claimOf('nobody') }),
    ])
    expect(refusals[0]).toMatchObject({ code: 'not-found' })
    expect(refusals[1]).toEqual(refusals[0])
    const both = await Promise.all([outcomeOf(adopt(world, alice, externalIdentity)), outcomeOf(adopt(world, bob, externalIdentity))])
    expect(both).toEqual(['done', 'exists'])
    // Once more is harmless, and needs no claim.
    expect(await adopt(world, alice, externalIdentity, utf8('x'))).toEqual({ capabilities: 'Commit' })
    expect(await outcomeOf(adopt(world, bob, externalIdentity))).toBe('exists')
    const connected = await connecting(world, alice, externalIdentity)
    const { commitment: signed } = await alice.ask(connected.commitmentEngine, { type: 'CommitmentRequest', data })
    expect(backend.verify(externalIdentity.name, data, signed)).toBe(true)
    expect(await world.list(alice)).toEqual([`${externalIdentity.name} Commit owned`])
    expect(await outcomeOf(world.delete(bob, externalIdentity))).toBe('not-owner')
  })

  test('S34: what is deleted, or on another backend, or answered by a backend that tells no truth, is not adopted', async () => {
    await using world = await World.make({ backend: new TestBackend({ undoUntil: 2_000_000 }) })
    const alice = world.node.client('alice')
    const { externalIdentity } = await world.generate(alice)
    await world.delete(alice, externalIdentity)
    expect(await outcomeOf(adopt(world, alice, externalIdentity))).toBe('not-found')
    const stranger = externalIdentityOf('stranger')
    for (const answer of [undefined, null, {}, { capabilities: 'All' }, { capabilities: 'Commit', bundle: 7 }]) {
      world.backend.on.adopt = () => untyped(answer)
      expect(await outcomeOf(adopt(world, alice, stranger))).toBe('backend-failed')
    }
    expect(await world.list(alice)).toEqual([])
    world.backend.on.adopt = () => untyped({ params: 'Ed25519', capabilities: 'Commit', format: 'framed', bundle: utf8('bundle') })
    await adopt(world, alice, stranger)
    // The bundle that was left out is there.
    expect((await alice.ask(world.im, { type: 'ListIdentitiesRequest' })).identities).toMatchObject([{ externalIdentity: { bundle: utf8('bundle') } }])
    expect(await outcomeOf(adopt(world, alice, externalIdentityOf('stranger', utf8('another'))))).toBe('not-found')
    world.backend.on.adopt = () => untyped({ params: 'Ed25519', capabilities: 'Commit', format: 'framed' })
    await adopt(world, alice, externalIdentityOf('given', utf8('given')))
    expect((await alice.ask(world.im, { type: 'ListIdentitiesRequest' })).identities).toMatchObject([{ externalIdentity: { bundle: utf8('given') } }, {}])
  })

  test('S40: what nobody was told of is erased', async () => {
    const backend = new TestBackend()
    const { signal } = new AbortController()
    const made = backend.generate({ key: 'k', params: 'Ed25519', capabilities: 'Commit' }, signal)
    const externalIdentity = made instanceof Promise ? await made : made
    expect(await identityManagementTasks.discard({ backend: BACKEND, externalIdentity }, { backends: [backend] }, signal)).toBeNull()
    expect(backend.content).toEqual([])
  })

  test('a backend that says until when, and takes nothing back, has erased too', async () => {
    const whole = new TestBackend({ undoUntil: 2_000_000 })
    const backend: Backend = {
      name: whole.name, params: whole.params, capabilities: whole.capabilities, generate: (options, signal) => whole.generate(options, signal),
      delete: (identity, signal) => whole.delete(identity, signal), signer: (identity, signal) => whole.signer(identity, signal), decryptor: (identity, signal) => whole.decryptor(identity, signal),
    }
    await using world = await World.make({ backend: whole, backends: [backend] })
    const alice = world.node.client('alice')
    const { externalIdentity } = await world.generate(alice)
    await world.delete(alice, externalIdentity)
    expect(await outcomeOf(undelete(world, alice, externalIdentity))).toBe('not-found')
  })

  test('a backend that answers a delete with nonsense has erased', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    for (const answer of [true, 7, {}, { undoUntil: 'later' }, { undoUntil: Infinity }, { undoUntil: NaN }]) {
      const { externalIdentity } = await world.generate(alice)
      world.backend.on.delete = async work => { await work(); return untyped(answer) }
      expect(await world.delete(alice, externalIdentity)).toEqual({})
      expect(await outcomeOf(undelete(world, alice, externalIdentity))).toBe('not-found')
    }
  })
})
