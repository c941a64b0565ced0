import { describe, expect, test } from 'vitest'
import type { Client } from '../../src/core/client.ts'
import { externalIdentityOf } from '../../src/core/engine-id.ts'
import { Failed, Fault, Refused } from '../../src/core/errors.ts'
import { ASK_DEADLINE, BACKEND_DEADLINE, ELSEWHERE, HERE, outcomeOf, promptOutcomeOf, quiet, RELEASE_DEADLINE, TestBackend, untyped, utf8, World } from './test-backend.ts'
import type { Made, Operation } from './test-backend.ts'

// What happens at once, too late, or not at all. Every world that a test makes checks at its end that the counting law holds,
// that everything ended, and that no signer was closed twice.

const data = utf8('data')

function commit(client: Client, { commitmentEngine }: Made): Promise<{ readonly commitment: Uint8Array }> {
  return client.ask(commitmentEngine, { type: 'CommitmentRequest', data })
}

function decrypt(world: World, client: Client, { decryptionEngine, externalIdentity }: Made): Promise<{ readonly data: Uint8Array }> {
  return client.ask(decryptionEngine, { type: 'DecryptionRequest', data: world.backend.encrypt(externalIdentity.name, data) })
}

function grantTo(world: World, owner: Client, { externalIdentity }: Made, grantee: Client): Promise<object> {
  return owner.ask(world.im, { type: 'GrantIdentityRequest', externalIdentity, grantee: grantee.id, capabilities: 'CommitAndDecrypt' })
}

function revokeFrom(world: World, owner: Client, { externalIdentity }: Made, grantee: Client): Promise<object> {
  return owner.ask(world.im, { type: 'RevokeIdentityRequest', externalIdentity, grantee: grantee.id })
}

function connect(world: World, client: Client, { externalIdentity }: Made): Promise<object> {
  return client.ask(world.im, { type: 'ConnectIdentityRequest', externalIdentity, backend: world.backend.name, capabilities: 'CommitAndDecrypt' })
}

/** Both engines of an identity serve its owner, and the signatures are its own. */
async function expectAlive(world: World, client: Client, made: Made): Promise<void> {
  const { commitment } = await commit(client, made)
  expect(world.backend.verify(made.externalIdentity.name, data, commitment)).toBe(true)
  expect((await decrypt(world, client, made)).data).toEqual(data)
}

describe('generating', () => {
  test('S33: many at once give as many identities, each its owner\'s', async () => {
    await using world = await World.make()
    const clients = ['alice', 'bob', 'carol'].map(name => world.node.client(name))
    const made = await Promise.all(Array.from({ length: 300 }, (_, i) => world.generate(clients[i % 3] ?? expect.fail())))
    expect(new Set(made.map(({ externalIdentity }) => externalIdentity.name)).size).toBe(300)
    expect(world.engines).toHaveLength(601)
    expect(world.backend.content).toHaveLength(300)
    for (const client of clients) expect(await world.list(client)).toHaveLength(100)
    await Promise.all(made.map((one, i) => expectAlive(world, clients[i % 3] ?? expect.fail(), one)))
    for (const [i, one] of made.entries()) expect(await outcomeOf(commit(clients[(i + 1) % 3] ?? expect.fail(), one))).toBe('not-acquainted')
  })

  test('S39: the same requestId at once gives one identity to all who wait', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const calls = world.backend.hold('generate')
    const asks = Array.from({ length: 50 }, () => world.generate(alice, 'CommitAndDecrypt', 'once'))
    await quiet()
    expect(calls).toHaveLength(1)
    calls[0]?.finish()
    const made = await Promise.all(asks)
    for (const one of made) expect(one).toEqual(made[0])
    expect(await world.list(alice)).toHaveLength(1)
    expect(world.engines).toHaveLength(3)
    expect(await world.generate(alice, 'CommitAndDecrypt', 'once')).toEqual(made[0])
  })

  test('S39: two senders\' equal requestIds are two attempts', async () => {
    await using world = await World.make()
    const [alice, bob] = [world.node.client('alice'), world.node.client('bob')]
    const [hers, his] = await Promise.all([world.generate(alice, 'Commit', 'once'), world.generate(bob, 'Commit', 'once')])
    expect(hers.externalIdentity.name).not.toBe(his.externalIdentity.name)
    expect(await outcomeOf(commit(alice, his))).toBe('not-acquainted')
    expect(await outcomeOf(commit(bob, hers))).toBe('not-acquainted')
  })

  test('S39: a requestId for something else is refused, while the first is under way and after', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const calls = world.backend.hold('generate')
    const first = world.generate(alice, 'Commit', 'once')
    expect(await outcomeOf(world.generate(alice, 'Decrypt', 'once'))).toBe('request-conflict')
    calls[0]?.finish()
    await first
    expect(await outcomeOf(world.generate(alice, 'Decrypt', 'once'))).toBe('request-conflict')
    expect(world.backend.content).toHaveLength(1)
  })

  test('S39: whoever stopped waiting does not keep the others from their answer', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const calls = world.backend.hold('generate')
    const stop = new AbortController()
    const gone = alice.ask(world.im, { type: 'GenerateIdentityRequest', backend: world.backend.name, params: 'Ed25519', capabilities: 'Commit', requestId: 'once' }, { signal: stop.signal })
    const stays = world.generate(alice, 'Commit', 'once')
    await quiet()
    stop.abort()
    expect(await outcomeOf(gone)).toBe('aborted')
    calls[0]?.finish()
    const { externalIdentity } = await stays
    expect(await world.list(alice)).toEqual([`${externalIdentity.name} Commit owned`])
    expect(world.deadLetters).toEqual([expect.stringContaining('late-reply')])
  })

  test('S39: an attempt that failed fails for all who wait, and leaves the requestId free', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const calls = world.backend.hold('generate')
    const asks = Array.from({ length: 5 }, () => outcomeOf(world.generate(alice, 'Commit', 'once')))
    await quiet()
    calls[0]?.fail(new Error('out of order'))
    expect(new Set(await Promise.all(asks))).toEqual(new Set(['backend-failed']))
    world.backend.pass('generate')
    // Also for another wish: a refused request changed nothing.
    await expectAlive(world, alice, await world.generate(alice, 'CommitAndDecrypt', 'once'))
  })

  test('an asker that gave up before its backend finds its identity with the same requestId, and in its list', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const calls = world.backend.hold('generate')
    const asking = alice.ask(world.im,
      { type: 'GenerateIdentityRequest', backend: world.backend.name, params: 'Ed25519', capabilities: 'CommitAndDecrypt', requestId: 'once' }, { deadline: 10 })
    await quiet()
    world.host.advance(10)
    expect(await outcomeOf(asking)).toBe('deadline')
    calls[0]?.finish()
    await quiet()
    const made = await world.generate(alice, 'CommitAndDecrypt', 'once')
    expect(await world.list(alice)).toEqual([`${made.externalIdentity.name} CommitAndDecrypt owned`])
    await expectAlive(world, alice, made)
  })
})

// ── deleting ─────────────────────────────────────────────────────────────────────────────────────────────────────

describe('while a delete is under way', () => {
  test('S38: nobody connects, nobody grants, nobody revokes, nobody deletes, and it is in no list', async () => {
    await using world = await World.make()
    const [alice, bob] = [world.node.client('alice'), world.node.client('bob')]
    const made = await world.generate(alice)
    await grantTo(world, alice, made, bob)
    const calls = world.backend.hold('delete')
    const deleting = world.delete(alice, made.externalIdentity)
    expect(await outcomeOf(connect(world, alice, made))).toBe('not-found')
    expect(await outcomeOf(connect(world, bob, made))).toBe('not-found')
    expect(await outcomeOf(grantTo(world, alice, made, bob))).toBe('not-found')
    expect(await outcomeOf(revokeFrom(world, alice, made, bob))).toBe('not-found')
    expect(await outcomeOf(world.delete(alice, made.externalIdentity))).toBe('not-found')
    expect([await world.list(alice), await world.list(bob)]).toEqual([[], []])
    // Those that have its engines use them, until the keys are gone.
    await expectAlive(world, alice, made)
    calls[0]?.finish()
    await deleting
    expect(world.backend.content).toEqual([])
    expect(calls).toHaveLength(1)
    expect(await outcomeOf(connect(world, alice, made))).toBe('not-found')
    expect(await outcomeOf(commit(alice, made))).toBe('stopped')
    expect(await outcomeOf(decrypt(world, alice, made))).toBe('stopped')
  })

  test('S38: one that the backend fails leaves the identity as it was, with its grants and its connections', async () => {
    await using world = await World.make()
    const [alice, bob] = [world.node.client('alice'), world.node.client('bob')]
    const made = await world.generate(alice)
    await grantTo(world, alice, made, bob)
    await connect(world, bob, made)
    const before = await world.state(alice, bob)
    const calls = world.backend.hold('delete')
    const deleting = world.delete(alice, made.externalIdentity)
    await quiet()
    calls[0]?.fail(new Error('the device is busy'))
    expect(await outcomeOf(deleting)).toBe('backend-failed')
    expect(await world.state(alice, bob)).toEqual(before)
    for (const client of [alice, bob]) await expectAlive(world, client, made)
    await connect(world, bob, made)
    world.backend.pass('delete')
    await world.delete(alice, made.externalIdentity)
    expect(world.backend.content).toEqual([])
  })

  test('S38: two at once are one', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const { externalIdentity } = await world.generate(alice)
    const outcomes = await Promise.all([1, 2, 3].map(() => outcomeOf(world.delete(alice, externalIdentity))))
    expect(outcomes.toSorted()).toEqual(['done', 'not-found', 'not-found'])
    expect(world.backend.count.delete).toBe(1)
    expect(world.ends).toEqual(['im/0 stopped', 'im/1 stopped'])
  })

  test('what is queued behind it is answered or told why not', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice)
    const deleting = world.delete(alice, made.externalIdentity)
    const outcomes = Promise.all(Array.from({ length: 200 }, () => outcomeOf(commit(alice, made))))
    await deleting
    const late = await Promise.all(Array.from({ length: 10 }, () => outcomeOf(commit(alice, made))))
    for (const outcome of await outcomes) expect(['done', 'backend-failed', 'stopped']).toContain(outcome)
    expect(new Set(late)).toEqual(new Set(['stopped']))
  })

  test('what an engine is doing when it is over is told so, and its answer goes nowhere', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice)
    const [signing, decrypting] = [world.backend.hold('sign'), world.backend.hold('decrypt')]
    const asks = [outcomeOf(commit(alice, made)), outcomeOf(decrypt(world, alice, made))]
    await quiet()
    await world.delete(alice, made.externalIdentity)
    expect(await Promise.all(asks)).toEqual(['stopped', 'stopped'])
    for (const call of [...signing, ...decrypting]) {
      expect(call.signal.aborted).toBe(true)
      call.answer(data)
    }
    await quiet()
    expect(world.backend.open).toBe(0)
    expect(world.engines).toEqual(['im'])
  })

  test('S39: its requestId gives what it gives for a deleted identity', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice, 'CommitAndDecrypt', 'once')
    const calls = world.backend.hold('delete')
    const deleting = world.delete(alice, made.externalIdentity)
    // A handle given now would be dead at once; connecting is refused too.
    expect.soft(await outcomeOf(world.generate(alice, 'CommitAndDecrypt', 'once'))).toBe('not-found')
    calls[0]?.finish()
    await deleting
    expect(await outcomeOf(world.generate(alice, 'CommitAndDecrypt', 'once'))).toBe('not-found')
  })

  test('one that ends after its deadline is refused, and succeeds when asked again', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice)
    const calls = world.backend.hold('delete')
    const deleting = outcomeOf(world.delete(alice, made.externalIdentity))
    await quiet()
    world.host.advance(BACKEND_DEADLINE)
    expect(await deleting).toBe('backend-failed')
    expect(calls[0]?.signal.aborted).toBe(true)
    await expectAlive(world, alice, made)
    calls[0]?.finish()
    world.backend.pass('delete')
    expect(await outcomeOf(commit(alice, made))).toBe('backend-failed')
    await world.delete(alice, made.externalIdentity)
    expect(await outcomeOf(commit(alice, made))).toBe('stopped')
    expect(await world.list(alice)).toEqual([])
  })

  test('one that is asked again while the first, given up, is still under way', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice)
    const calls = world.backend.hold('delete')
    const first = outcomeOf(world.delete(alice, made.externalIdentity))
    await quiet()
    world.host.advance(BACKEND_DEADLINE)
    expect(await first).toBe('backend-failed')
    const second = outcomeOf(world.delete(alice, made.externalIdentity))
    await quiet()
    calls[0]?.finish()
    calls[1]?.finish()
    expect(await second).toBe('done')
    expect(world.engines).toEqual(['im'])
  })
})

// ── revoking ─────────────────────────────────────────────────────────────────────────────────────────────────────

describe('revoking in mid-use', () => {
  test('S37: what was started is answered; what still waits is refused', async () => {
    await using world = await World.make()
    const [alice, bob] = [world.node.client('alice'), world.node.client('bob')]
    const made = await world.generate(alice)
    await grantTo(world, alice, made, bob)
    await connect(world, bob, made)
    const signing = world.backend.hold('sign')
    const started = commit(bob, made)
    await quiet()
    expect(signing).toHaveLength(1)
    // Accepted into the mailbox before the revoke is handled, and handled after it.
    const revoking = revokeFrom(world, alice, made, bob)
    const waiting = outcomeOf(commit(bob, made))
    await revoking
    expect(await waiting).toBe('not-acquainted')
    expect(signing).toHaveLength(1)
    signing[0]?.finish()
    expect(world.backend.verify(made.externalIdentity.name, data, (await started).commitment)).toBe(true)
    world.backend.pass('sign')
    expect(await outcomeOf(commit(bob, made))).toBe('not-acquainted')
    expect(await outcomeOf(connect(world, bob, made))).toBe('not-granted')
    expect(world.deadLetters).toEqual(['CommitmentRequest not-acquainted', 'CommitmentRequest not-acquainted'])
    await expectAlive(world, alice, made)
  })

  test('S37: a connect sent after the revoke is refused, one sent before it gives what is taken back', async () => {
    await using world = await World.make()
    const [alice, bob] = [world.node.client('alice'), world.node.client('bob')]
    const made = await world.generate(alice)
    await grantTo(world, alice, made, bob)
    const outcomes = await Promise.all([connect(world, bob, made), revokeFrom(world, alice, made, bob), connect(world, bob, made)].map(outcomeOf))
    expect(outcomes).toEqual(['done', 'done', 'not-granted'])
    expect(await outcomeOf(commit(bob, made))).toBe('not-acquainted')
    expect(await outcomeOf(decrypt(world, bob, made))).toBe('not-acquainted')
  })

  test('S37: granting again gives no access back until its grantee connects again', async () => {
    await using world = await World.make()
    const [alice, bob] = [world.node.client('alice'), world.node.client('bob')]
    const made = await world.generate(alice)
    await grantTo(world, alice, made, bob)
    await connect(world, bob, made)
    await revokeFrom(world, alice, made, bob)
    await grantTo(world, alice, made, bob)
    expect(await outcomeOf(commit(bob, made))).toBe('not-acquainted')
    await connect(world, bob, made)
    await expectAlive(world, bob, made)
  })
})

// ── backends that fail ───────────────────────────────────────────────────────────────────────────────────────────

const SECRET = 'correct horse battery staple'
const FAILURES: readonly (readonly [string, unknown])[] = [
  ['an Error whose text holds a secret', new Error(SECRET)],
  ['an Error whose cause holds a secret', new Error('ask the cause', { cause: SECRET })],
  ['a text', SECRET],
  ['nothing', undefined],
  ['null', null],
  ['a number', 7],
  ['a symbol', Symbol(SECRET)],
  ['an object that pretends to be a refusal', { err: SECRET, code: 'exists' }],
  ['a frozen object without a prototype', Object.freeze(Object.create(null))],
]

describe.each(FAILURES)('a backend that fails with %s', (_, failure) => {
  describe.each(['throws', 'rejects'] as const)('and %s it', how => {
    function arm(world: World, operation: Operation): void {
      world.backend.on[operation] = <T>(): Promise<T> => {
        if (how === 'throws') throw failure
        return Promise.reject(failure)
      }
    }

    async function refusal(asking: Promise<unknown>): Promise<void> {
      const error: unknown = await asking.then(() => expect.fail('it was not refused'), (reason: unknown) => reason)
      if (!(error instanceof Refused)) return expect.fail(`no refusal: ${String(error)}`)
      expect(error.code).toBe('backend-failed')
      expect(error.response.err).toMatch(/^Backend failed/)
      expect(`${error.stack}${JSON.stringify(error.response)}`).not.toContain(SECRET)
      expect(error.cause).toBeUndefined()
    }

    test('S34: generating is refused, leaves nothing behind, and works again later', async () => {
      await using world = await World.make()
      const alice = world.node.client('alice')
      const before = await world.state(alice)
      arm(world, 'generate')
      await refusal(world.generate(alice, 'CommitAndDecrypt', 'once'))
      expect(await world.state(alice)).toEqual(before)
      world.backend.pass('generate')
      await expectAlive(world, alice, await world.generate(alice, 'CommitAndDecrypt', 'once'))
    })

    test('S34: deleting, committing and decrypting are refused, and work again later', async () => {
      await using world = await World.make()
      const alice = world.node.client('alice')
      const made = await world.generate(alice)
      const before = await world.state(alice)
      for (const operation of ['delete', 'sign', 'decrypt'] as const) arm(world, operation)
      await refusal(world.delete(alice, made.externalIdentity))
      await refusal(commit(alice, made))
      await refusal(decrypt(world, alice, made))
      expect(await world.state(alice)).toEqual(before)
      for (const operation of ['delete', 'sign', 'decrypt'] as const) world.backend.pass(operation)
      await expectAlive(world, alice, made)
      await world.delete(alice, made.externalIdentity)
    })

    test('an engine that gets no signer or decryptor ends alone; its identity can be deleted', async () => {
      await using world = await World.make()
      const alice = world.node.client('alice')
      const other = await world.generate(alice)
      await expectAlive(world, alice, other)
      for (const operation of ['signer', 'decryptor'] as const) {
        // Nobody is given an identity whose engines could not start.
        arm(world, operation)
        await refusal(world.generate(alice))
        expect(world.backend.content).toEqual([other.externalIdentity.name])
        world.backend.pass(operation)
      }
      for (const operation of ['signer', 'decryptor'] as const) {
        // What opens when it is tried out, and then no more.
        let opened = 0
        world.backend.on[operation] = work => { if (opened++ > 0) throw new Error('gone'); return work() }
      }
      const made = await world.generate(alice)
      await quiet()
      expect(world.engines).toEqual(['im', 'im/0', 'im/1'])
      for (const asking of [commit(alice, made), decrypt(world, alice, made)]) expect(await outcomeOf(asking)).toBe('stopped')
      expect(await outcomeOf(connect(world, alice, made))).toBe('engine-gone')
      await expectAlive(world, alice, other)
      await world.delete(alice, made.externalIdentity)
      expect(world.backend.content).toEqual([other.externalIdentity.name])
    })

    test('a signer that fails to close ends all the same', async () => {
      await using world = await World.make()
      const alice = world.node.client('alice')
      const made = await world.generate(alice)
      arm(world, 'close')
      await world.delete(alice, made.externalIdentity)
      await quiet()
      expect(world.engines).toEqual(['im'])
    })
  })
})

test.each(['throws', 'rejects'])('a backend that %s an error whose text cannot be read is refused as any other', async how => {
  await using world = await World.make()
  const alice = world.node.client('alice')
  const failure = Object.defineProperty(new Error('x'), 'message', { get() { throw new Error(SECRET) } })
  const made = await world.generate(alice)
  await expectAlive(world, alice, made)
  world.backend.on.sign = <T>(): Promise<T> => {
    if (how === 'throws') throw failure
    return Promise.reject(failure)
  }
  expect(await promptOutcomeOf(commit(alice, made))).toBe('backend-failed')
})

test('a failure of this library\'s own is quoted, its cause is not', async () => {
  await using world = await World.make()
  const alice = world.node.client('alice')
  world.backend.on.generate = () => { throw new Fault('backend-failed', 'The device is locked', { cause: new Error(SECRET) }) }
  const response = await alice.askRaw(world.im, { type: 'GenerateIdentityRequest', backend: world.backend.name, params: 'Ed25519', capabilities: 'Commit' })
  expect(response).toEqual({ err: 'Backend failed: The device is locked', code: 'backend-failed' })
})

describe('a backend that does not answer', () => {
  test('to a generate is refused at its deadline; a later attempt with the same requestId works', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const before = await world.state(alice)
    const calls = world.backend.hold('generate')
    const asking = outcomeOf(world.generate(alice, 'CommitAndDecrypt', 'once'))
    await quiet()
    world.host.advance(BACKEND_DEADLINE - 1)
    expect(calls[0]?.signal.aborted).toBe(false)
    world.host.advance(1)
    expect(await asking).toBe('backend-failed')
    expect(calls[0]?.signal.aborted).toBe(true)
    expect(await world.state(alice)).toEqual(before)
    world.backend.pass('generate')
    await expectAlive(world, alice, await world.generate(alice, 'CommitAndDecrypt', 'once'))
  })

  test('S40: an identity that comes too late is deleted again', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const calls = world.backend.hold('generate')
    const asking = outcomeOf(world.generate(alice, 'CommitAndDecrypt', 'once'))
    await quiet()
    world.host.advance(BACKEND_DEADLINE)
    expect(await asking).toBe('backend-failed')
    world.backend.pass('generate')
    const made = await world.generate(alice, 'CommitAndDecrypt', 'once')
    calls[0]?.finish()
    await quiet()
    expect(world.backend.content).toEqual([made.externalIdentity.name])
    expect(await world.list(alice)).toHaveLength(1)
    await expectAlive(world, alice, made)
  })

  test('S40: one that comes too late and cannot be deleted harms nobody', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const calls = world.backend.hold('generate')
    const asking = outcomeOf(world.generate(alice))
    await quiet()
    world.host.advance(BACKEND_DEADLINE)
    await asking
    world.backend.on.delete = () => { throw new Error('no') }
    calls[0]?.finish()
    await quiet()
    expect(await world.list(alice)).toEqual([])
    expect(world.engines).toEqual(['im'])
  })

  test('to a commit or a decryption is refused at the deadline, what comes later is not heard, the engine goes on', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice)
    const calls = [world.backend.hold('sign'), world.backend.hold('decrypt')]
    const asks = [outcomeOf(commit(alice, made)), outcomeOf(decrypt(world, alice, made))]
    await quiet()
    world.host.advance(BACKEND_DEADLINE)
    expect(await Promise.all(asks)).toEqual(['backend-failed', 'backend-failed'])
    for (const [call] of calls) call?.finish()
    world.backend.pass('sign')
    world.backend.pass('decrypt')
    await expectAlive(world, alice, made)
  })

  test('when an engine asks it for a signer makes that engine end, and closes what comes too late', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    // It was opened once before, when it was tried out.
    const calls = world.backend.hold('signer', 1)
    const made = await world.generate(alice)
    const asking = outcomeOf(commit(alice, made))
    await quiet()
    world.host.advance(BACKEND_DEADLINE)
    expect(await asking).toBe('stopped')
    expect(calls[0]?.signal.aborted).toBe(true)
    world.host.advance(RELEASE_DEADLINE)
    await quiet()
    expect(world.engines).toEqual(['im', 'im/1'])
    calls[0]?.finish()
    await quiet()
    expect(world.backend.open).toBe(1)
    expect((await decrypt(world, alice, made)).data).toEqual(data)
  })

  test('to one commit does not abort the signal under which the signer was opened', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const opened: AbortSignal[] = []
    world.backend.on.signer = (work, signal) => {
      opened.push(signal)
      return work()
    }
    const made = await world.generate(alice, 'Commit')
    world.backend.hold('sign')
    const asking = outcomeOf(commit(alice, made))
    await quiet()
    world.host.advance(BACKEND_DEADLINE)
    expect(await asking).toBe('backend-failed')
    // The signer lives on, so whoever opened it was not given up on.
    expect(opened.map(signal => signal.aborted)).toEqual([false, false])
  })

  test.each(['signer', 'decryptor'] as const)('S40: to a %s when a generate tries it out leaves no identity behind', async operation => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const calls = world.backend.hold(operation)
    const asking = outcomeOf(world.generate(alice))
    await quiet()
    expect(world.backend.content.length).toBe(1)
    world.host.advance(BACKEND_DEADLINE)
    expect(await asking).toBe('backend-failed')
    await quiet()
    expect(world.backend.content).toEqual([])
    for (const call of calls) call.finish()
    await quiet()
    expect([world.backend.open, world.engines]).toEqual([0, ['im']])
  })
})

describe('S43: a backend that answers a generate', () => {
  async function expectUnharmed(answer: unknown, code: string): Promise<void> {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice)
    const before = await world.state(alice)
    world.backend.on.generate = () => untyped(answer)
    expect.soft(await outcomeOf(world.generate(alice, 'CommitAndDecrypt', 'once'))).toBe(code)
    expect(world.ends).toEqual([])
    expect(await world.state(alice)).toEqual(before)
    await expectAlive(world, alice, made)
  }

  test('S34: with an identity that exists is refused, and the one that exists lives on', async () => {
    await using world = await World.make()
    const [alice, bob] = [world.node.client('alice'), world.node.client('bob')]
    const made = await world.generate(alice)
    const before = await world.state(alice, bob)
    world.backend.on.generate = () => untyped(made.externalIdentity)
    const response = await bob.askRaw(world.im, { type: 'GenerateIdentityRequest', backend: world.backend.name, params: 'Ed25519', capabilities: 'CommitAndDecrypt', requestId: 'once' })
    expect(response).toEqual({ err: expect.stringMatching(/^Identity already exists/), code: 'exists' })
    expect(await world.state(alice, bob)).toEqual(before)
    await expectAlive(world, alice, made)
    expect(await outcomeOf(commit(bob, made))).toBe('not-acquainted')
  })

  test('S34: with an identity of another backend is refused', async () => {
    const other = new TestBackend({ name: { type: 'LocalConnection', subtype: 'hid' } })
    const backend = new TestBackend()
    await using world = await World.make({ backend, backends: [backend, other] })
    const [alice, mallory] = [world.node.client('alice'), world.node.client('mallory')]
    const made = await world.generate(alice)
    other.on.generate = () => untyped(made.externalIdentity)
    expect(await outcomeOf(mallory.ask(world.im, { type: 'GenerateIdentityRequest', backend: other.name, params: 'Ed25519', capabilities: 'Commit' }))).toBe('backend-failed')
    await expectAlive(world, alice, made)
  })

  test.each([
    ['nothing', undefined], ['null', null], ['text', 'z6Mk'], ['a number', 7], ['a function', () => {}], ['an empty object', {}],
    ['no name', { node: null }], ['an empty name', { node: null, name: '' }], ['a name with white space', { node: null, name: 'a b' }],
    ['a name that is no text', { node: null, name: 7 }], ['a name that is far too long', { node: null, name: 'a'.repeat(10_000) }],
    ['an engine', { node: HERE, name: 'im' }], ['an engine of another node', { node: ELSEWHERE, name: 'im' }],
    ['more than an identity', { node: null, name: 'abc', secret: 'x' }],
  ])('with %s is refused, and harms no other identity', async (_, answer) => {
    await expectUnharmed(answer, 'backend-failed')
  })
})

describe('S43: a backend that answers', () => {
  test.each([
    ['nothing', undefined], ['null', null], ['text', 'x'], ['a number', 7], ['an array', [1]], ['an empty object', {}], ['half a refusal', { err: 'x' }],
    ['data under a key named __proto__', JSON.parse('{"err":"x","code":"decryption-failed","__proto__":{}}')],
    ['a code that is none', { err: 'x', code: 'success' }],
  ])('a decryption with %s is refused, or its engine ends; no other engine is harmed', async (_, answer) => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const [made, other] = [await world.generate(alice), await world.generate(alice)]
    world.backend.on.decrypt = () => untyped(answer)
    expect.soft(['backend-failed', 'crashed', 'decryption-failed']).toContain(await promptOutcomeOf(decrypt(world, alice, made)))
    world.backend.pass('decrypt')
    await expectAlive(world, alice, other)
    expect(await world.list(alice)).toHaveLength(2)
    await world.delete(alice, made.externalIdentity)
  })

  test.each([
    ['nothing', undefined], ['null', null], ['text', 'x'], ['an object', {}], ['a number', 7],
  ])('a commit with %s is refused, or its engine ends; no other engine is harmed', async (_, answer) => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const [made, other] = [await world.generate(alice), await world.generate(alice)]
    world.backend.on.sign = () => untyped(answer)
    expect.soft(['backend-failed', 'crashed']).toContain(await outcomeOf(commit(alice, made)))
    world.backend.pass('sign')
    await expectAlive(world, alice, other)
    await world.delete(alice, made.externalIdentity)
  })
})

// ── stopping ─────────────────────────────────────────────────────────────────────────────────────────────────────

describe('S30, S31: stopping the node', () => {
  /** A world in which that operation has begun and does not end, and the asks that wait for it. */
  async function midst(operation: Operation) {
    const world = await World.make()
    const alice = world.node.client('alice')
    const before = operation === 'delete' || operation === 'sign' || operation === 'decrypt' || operation === 'close' ? await world.generate(alice) : undefined
    // Engines open theirs after a generate has tried it out.
    const calls = world.backend.hold(operation, operation === 'signer' || operation === 'decryptor' ? 1 : 0)
    const asks: Promise<string>[] = []
    if (before === undefined) asks.push(outcomeOf(world.generate(alice, 'CommitAndDecrypt', 'once')), outcomeOf(world.generate(alice, 'CommitAndDecrypt', 'once')))
    else if (operation === 'sign') asks.push(outcomeOf(commit(alice, before)))
    else if (operation === 'decrypt') asks.push(outcomeOf(decrypt(world, alice, before)))
    else asks.push(outcomeOf(world.delete(alice, before.externalIdentity)))
    await quiet()
    expect(calls.length).toBeGreaterThan(0)
    return { world, calls, asks }
  }

  const operations: readonly Operation[] = ['generate', 'delete', 'signer', 'decryptor', 'sign', 'decrypt', 'close']
  // By then a generate has been answered: its engines start after it. So has the delete whose signers close.
  const isAnswered = (operation: Operation): boolean => operation === 'signer' || operation === 'decryptor' || operation === 'close'

  test.each(operations)('while a %s never ends: nothing runs any more, every ask is settled', async operation => {
    const { world, calls, asks } = await midst(operation)
    await world[Symbol.asyncDispose]()
    expect(new Set(await Promise.all(asks))).toEqual(new Set([isAnswered(operation) ? 'done' : 'stopped']))
    if (operation !== 'close') for (const call of calls) expect(call.signal.aborted).toBe(true)
    const events = world.events.length
    for (const call of calls) call.finish()
    world.backend.pass(operation)
    await quiet()
    // What came after the end is closed, deleted, and not spoken of.
    expect(world.backend.open).toBe(0)
    if (operation === 'generate') expect(world.backend.content).toEqual([])
    expect(world.events).toHaveLength(events)
    world.assertLawful()
  })

  test.each(operations)('while a %s ends just then: nothing is left open', async operation => {
    const { world, calls, asks } = await midst(operation)
    const stopping = world.node.stop()
    for (const call of calls) call.finish()
    world.backend.pass(operation)
    await stopping
    expect(new Set(await Promise.all(asks))).toEqual(new Set([isAnswered(operation) ? 'done' : 'stopped']))
    expect(world.backend.open).toBe(0)
    if (operation === 'generate') expect(world.backend.content).toEqual([])
    await world[Symbol.asyncDispose]()
  })

  test('S40: a backend that never answers about a decryptor keeps no signer open', async () => {
    const world = await World.make()
    const calls = world.backend.hold('decryptor')
    const asking = outcomeOf(world.generate(world.node.client('alice')))
    await quiet()
    expect([calls.length, world.backend.open]).toEqual([1, 1])
    world.host.advance(20_000)
    await quiet()
    // Whichever deadline comes first.
    expect(await asking).toMatch(/^(?:backend-failed|deadline)$/)
    expect(world.backend.open).toBe(0)
    expect(world.backend.complaints).toEqual([])
    await world[Symbol.asyncDispose]()
  })

  test('S40: at any moment of a generate, whoever got no identity left none behind', async () => {
    for (let moment = 0; moment < 25; moment++) {
      const world = await World.make()
      const alice = world.node.client('alice')
      const calls = world.backend.hold('generate')
      const asking = outcomeOf(world.generate(alice))
      await quiet()
      calls[0]?.finish()
      for (let i = 0; i < moment; i++) await Promise.resolve()
      await world[Symbol.asyncDispose]()
      expect(world.backend.content, `stopped ${moment} microtasks after the backend's answer`).toHaveLength(await asking === 'done' ? 1 : 0)
      expect(world.backend.open).toBe(0)
    }
  })

  test('of one engine is the same for what it did, and leaves the node', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice)
    const signing = world.backend.hold('sign')
    const asks = [outcomeOf(commit(alice, made)), outcomeOf(world.list(alice))]
    await quiet()
    const stopping = world.node.stop(world.im)
    signing[0]?.finish()
    await stopping
    expect(await Promise.all(asks)).toEqual(['stopped', 'done'])
    expect(world.engines).toEqual([])
    expect(world.backend.open).toBe(0)
    expect(await outcomeOf(world.list(alice))).toBe('stopped')
  })
})

// ── askers ───────────────────────────────────────────────────────────────────────────────────────────────────────

describe('an asker that goes away', () => {
  test('closing a client fails its open asks, and no one else\'s', async () => {
    await using world = await World.make()
    const [alice, bob] = [world.node.client('alice'), world.node.client('bob')]
    const calls = world.backend.hold('generate')
    const hers = [1, 2, 3].map(() => outcomeOf(world.generate(alice)))
    const his = outcomeOf(world.generate(bob))
    await quiet()
    alice.close()
    expect(await Promise.all(hers)).toEqual(['aborted', 'aborted', 'aborted'])
    expect(await outcomeOf(world.list(alice))).toBe('aborted')
    for (const call of calls) call.finish()
    expect(await his).toBe('done')
    // What was under way stands, and is the principal's when it comes back.
    expect(await world.list(world.node.client('alice'))).toHaveLength(3)
    expect(world.deadLetters).toHaveLength(3)
  })

  test('closing a client before its ask is handled makes it a dead letter, and nothing happens', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const asking = outcomeOf(world.generate(alice))
    alice.close()
    expect(await asking).toBe('aborted')
    await quiet()
    expect(world.backend.count.generate).toBe(0)
    expect(world.deadLetters).toEqual(['GenerateIdentityRequest abandoned'])
  })

  test('an AbortSignal fails the ask with its reason as the cause, once, and is let go of', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice)
    const request = { type: 'CommitmentRequest', data } as const
    const stop = new AbortController()
    const listeners = listenersOf(stop.signal)
    await Promise.all([1, 2, 3].map(() => alice.ask(made.commitmentEngine, request, { signal: stop.signal })))
    expect(listeners.count).toBe(0)
    world.backend.hold('sign')
    const open = [1, 2].map(() => alice.ask(made.commitmentEngine, request, { signal: stop.signal }).catch((error: unknown) => error))
    await quiet()
    expect(listeners.count).toBe(2)
    const reason = new Error('enough')
    stop.abort(reason)
    for (const error of await Promise.all(open)) {
      expect(error).toBeInstanceOf(Failed)
      expect(error).toMatchObject({ code: 'aborted', cause: reason })
    }
    expect(listeners.count).toBe(0)
    const again = await alice.ask(made.commitmentEngine, request, { signal: stop.signal }).catch((error: unknown) => error)
    expect(again).toMatchObject({ code: 'aborted', cause: reason })
    expect(world.backend.count.sign).toBe(5)
  })

  test('its own deadline fails the ask; the answer that comes later is a dead letter', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice)
    const signing = world.backend.hold('sign')
    const asking = outcomeOf(alice.ask(made.commitmentEngine, { type: 'CommitmentRequest', data }, { deadline: 10 }))
    await quiet()
    world.host.advance(10)
    expect(await asking).toBe('deadline')
    signing[0]?.finish()
    await quiet()
    expect(world.deadLetters).toEqual([expect.stringContaining('late-reply')])
  })

  test('the node\'s askDeadline holds where none is given', async () => {
    const backend = new TestBackend()
    await using world = await World.make({ backend, options: { startDeadline: 10 * ASK_DEADLINE } })
    const alice = world.node.client('alice')
    backend.hold('signer', 1)
    const made = await world.generate(alice, 'Commit')
    const asking = outcomeOf(commit(alice, made))
    await quiet()
    world.host.advance(ASK_DEADLINE)
    expect(await asking).toBe('deadline')
  })

  const mine = (): never => { throw new Error('mine') }
  test.each<readonly [string, () => unknown]>([
    ['an object that is none', () => ({ aborted: false, addEventListener() {}, removeEventListener: mine })],
    ['one that was changed', () => Object.assign(new AbortController().signal, { removeEventListener: mine })],
    ['one that takes no listener', () => Object.assign(new AbortController().signal, { addEventListener: mine })],
    ['one that shows no more than its prototype', () => Object.create(AbortSignal.prototype)],
  ])('a forged AbortSignal that throws, %s, harms no one but its forger', async (_, forge) => {
    await using world = await World.make()
    const [alice, mallory] = [world.node.client('alice'), world.node.client('mallory')]
    await world.generate(alice)
    mallory.ask(world.im, { type: 'ListIdentitiesRequest' }, { signal: untyped(forge()) }).catch(() => {})
    await quiet()
    expect(await promptOutcomeOf(world.list(alice))).toBe('done')
    mallory.close()
    // The process may hear of it; the engines do not.
    for (const report of world.host.reports.splice(0)) expect(report).toMatchObject({ message: 'mine' })
  })
})

function listenersOf(signal: AbortSignal): { readonly count: number } {
  let count = 0
  const { addEventListener, removeEventListener } = signal
  Object.assign(signal, {
    addEventListener: (...args: Parameters<AbortSignal['addEventListener']>) => { count++; addEventListener.apply(signal, args) },
    removeEventListener: (...args: Parameters<AbortSignal['removeEventListener']>) => { count--; removeEventListener.apply(signal, args) },
  })
  return { get count() { return count } }
}

test('an identity that nobody generated is nobody\'s', async () => {
  await using world = await World.make()
  const alice = world.node.client('alice')
  expect(await outcomeOf(world.delete(alice, externalIdentityOf('nobody')))).toBe('not-found')
})
