import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { includes } from '../../src/backends/backend.ts'
import type { Capabilities } from '../../src/backends/backend.ts'
import { engineIDOf, externalIdentityOf, formatEngineID } from '../../src/core/engine-id.ts'
import { commitment } from '../../src/engines/commitment/index.ts'
import { decryption } from '../../src/engines/decryption/index.ts'
import type { IdentityManagementEnvironment } from '../../src/engines/identity-management/environment.ts'
import {
  adoptOf, ALICE, BACKEND, Bench, BOB, CAROL, connect, deleteOf, familyOf, FAR_BOB, generateOf, grantOf, kinds, nameOf, revokeOf, run, SELF, targets, TIME, undeleteOf,
} from './bench.ts'
import { ELSEWHERE, HERE, untyped, utf8 } from './test-backend.ts'

// The three behaviours as what they are: functions from a configuration, an environment and a trigger to effects.

// ── Commitment and Decryption ────────────────────────────────────────────────────────────────────────────────────

describe.each([
  { name: 'Commitment', family: familyOf(commitment), request: 'CommitmentRequest', task: 'sign', answer: (output: unknown) => ({ commitment: output }) },
  { name: 'Decryption', family: familyOf(decryption), request: 'DecryptionRequest', task: 'decrypt', answer: (output: unknown) => ({ data: output }) },
])('$name', ({ family, request, task, answer }) => {
  const config = { backend: BACKEND, identity: externalIdentityOf('x'), backendDeadline: 50 }
  const environment = {}
  const replyTo = { sender: ALICE, id: 7 }

  test('makes one task of a request, with its data, and keeps nothing', () => {
    fc.assert(fc.property(fc.uint8Array(), data => {
      const result = run(family.messages.get(request)?.rules, { self: SELF, time: TIME, sender: ALICE, msg: { type: request, data }, replyTo }, config, environment)
      expect(result?.effects).toEqual([{ effect: 'task', task, input: { data, replyTo }, key: '7', deadline: 50 }])
      expect(result?.environment).toBe(environment)
    }))
  })

  test('answers the one who asked with what the backend gave', () => {
    const output = utf8('output')
    const trigger = { self: SELF, time: TIME, key: '7', input: { data: utf8('input'), replyTo }, outcome: 'done', output }
    expect(run(family.outcomes.get(task), trigger, config, environment)).toEqual({ effects: [{ effect: 'late-reply', response: answer(output), to: replyTo }], environment })
  })

  test.each([
    ['failed', undefined, 'Backend failed'], ['failed', 'backend-failed', 'Backend failed: a secret'],
    ['deadline', undefined, 'Backend failed: it did not answer in time'], ['lost', undefined, 'Backend failed: the request was lost in a restart'],
  ])('refuses when the task %s with code %s, and quotes only errors of this library', (outcome, code, err) => {
    const trigger = { self: SELF, time: TIME, key: '7', input: { data: utf8('input'), replyTo }, outcome, reason: 'a secret', ...code && { code } }
    expect(run(family.outcomes.get(task), trigger, config, environment)?.effects)
      .toEqual([{ effect: 'late-reply', response: { err, code: 'backend-failed' }, to: replyTo }])
  })

  test('hears of no end but its tasks\'', () => expect(family.terminated).toBeUndefined())
  test('is closed to strangers', () => expect(family.open).toBe(false))
})

test('Decryption passes on the two refusals of a ciphertext', () => {
  const family = familyOf(decryption)
  const replyTo = { sender: ALICE, id: 7 }
  for (const output of [{ err: 'Malformed ciphertext', code: 'malformed-ciphertext' }, { err: 'Decryption failed', code: 'decryption-failed' }]) {
    const trigger = { self: SELF, time: TIME, key: '7', input: { data: utf8('input'), replyTo }, outcome: 'done', output }
    expect(run(family.outcomes.get('decrypt'), trigger, {}, {})?.effects).toEqual([{ effect: 'late-reply', response: output, to: replyTo }])
  }
})

// ── Identity Management ──────────────────────────────────────────────────────────────────────────────────────────

describe('Identity Management', () => {
  test('generates by a task, then spawns, watches and opens exactly the engines that were asked for', () => {
    for (const [capabilities, engines] of [['Commit', 1], ['Decrypt', 1], ['CommitAndDecrypt', 2]] as const) {
      const bench = new Bench()
      const asked = bench.ask(ALICE, generateOf(capabilities))
      expect(kinds(asked)).toEqual(['task'])
      expect(asked.changed).toBe(false)
      const done = bench.finish()
      expect(kinds(done).filter(kind => kind === 'spawn')).toHaveLength(engines)
      expect(kinds(done).filter(kind => kind === 'watch')).toHaveLength(engines)
      expect(targets(done, 'grant')).toEqual(Array.from({ length: engines }, (_, i) => `im/${i} alice`))
      expect(bench.environment.children).toBe(engines)
      const config = { backend: BACKEND, identity: externalIdentityOf('identity-1'), backendDeadline: 50 }
      for (const spawned of done.effects.filter(({ effect }) => effect === 'spawn')) expect(spawned['config']).toEqual(config)
    }
  })

  test('names each attempt to the backend by itself, its NodeID and the request', () => {
    const bench = new Bench()
    for (let i = 0; i < 3; i++) bench.ask(ALICE, generateOf('Commit'))
    const keys = bench.tasks.map(({ input }) => typeof input === 'object' && input !== null && 'key' in input ? input.key : '')
    expect(keys).toEqual([1, 2, 3].map(id => `${formatEngineID(SELF)}/${id}`))
  })

  test('S39: a repeated requestId is answered with the same identity, and starts nothing', () => {
    const bench = new Bench()
    const request = generateOf('Commit', 'once')
    bench.ask(ALICE, request)
    expect(kinds(bench.ask(ALICE, request))).toEqual(['keep'])
    expect(bench.tasks).toHaveLength(1)
    const replies = bench.finish().effects.filter(({ effect }) => effect === 'late-reply')
    expect(replies.map(({ to }) => to)).toEqual([{ sender: ALICE, id: 1 }, { sender: ALICE, id: 2 }])
    const again = bench.ask(ALICE, request)
    expect(again).toMatchObject({ effects: [{ effect: 'reply', response: replies[0]?.['response'] }, { effect: 'grant' }], changed: false })
    expect(bench.ask(BOB, request).effects).toMatchObject([{ effect: 'task' }])
    expect(bench.ask(engineIDOf(ELSEWHERE, 'alice'), request).effects).toMatchObject([{ effect: 'task' }])
  })

  test('S39: senders and requestIds do not run together', () => {
    const name = fc.constantFrom('a', 'ab', 'a/b', 'b/0')
    const text = fc.oneof(fc.constantFrom('x', 'bx', '/bx', ' x', 'a x', `${HERE}/a x`), fc.string({ minLength: 1, maxLength: 8 }))
    fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom(HERE, ELSEWHERE), name, text), { maxLength: 12 }), attempts => {
      const bench = new Bench()
      for (const [node, sender, requestId] of attempts) {
        bench.ask(engineIDOf(node, sender), generateOf('Commit', requestId))
      }
      expect(bench.tasks).toHaveLength(new Set(attempts.map(attempt => JSON.stringify(attempt))).size)
    }), { examples: [[[[HERE, 'a', 'bx'], [HERE, 'ab', 'x']]], [[[HERE, 'a', '/bx'], [HERE, 'a/b', 'x']]]] })
  })

  test('S39, S34: an attempt that failed leaves the environment as it was before it', () => {
    for (const end of [{ outcome: 'failed', reason: 'x' }, { outcome: 'deadline', reason: 'x' }, { outcome: 'lost', reason: 'x' }, { outcome: 'done', output: { err: 'Unknown params', code: 'unknown-params' } }]) {
      for (const requestId of [undefined, 'once']) {
        const bench = new Bench()
        bench.generate(BOB)
        const before = bench.environment
        bench.ask(ALICE, generateOf('Commit', requestId))
        const ended = bench.finish(end)
        expect(ended.response?.err).toBeDefined()
        expect(kinds(ended)).toEqual(['late-reply'])
        expect(JSON.stringify(bench.environment)).toBe(JSON.stringify(before))
        if (requestId === undefined) expect(bench.environment).toBe(before)
      }
    }
  })

  test('S34: an identity that exists is refused, whoever asked', () => {
    for (const asker of [ALICE, BOB]) {
      const bench = new Bench()
      const output = bench.generate(ALICE)
      const before = bench.environment
      bench.ask(asker, generateOf('Commit'))
      const ended = bench.finish({ outcome: 'done', output })
      expect(ended).toMatchObject({ changed: false, response: { code: 'exists', err: expect.stringMatching(/^Identity already exists/) } })
      expect(kinds(ended)).toEqual(['late-reply'])
      expect(bench.environment).toBe(before)
    }
  })

  test('S37: two grantees of one name on different nodes share nothing', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE)
    bench.ask(ALICE, grantOf(identity, FAR_BOB, 'CommitAndDecrypt'))
    expect(bench.ask(BOB, connect(identity, 'Commit')).response?.code).toBe('not-granted')
    expect(bench.ask(FAR_BOB, connect(identity, 'CommitAndDecrypt')).response?.code).toBeUndefined()
    bench.ask(ALICE, grantOf(identity, BOB, 'Commit'))
    bench.ask(ALICE, revokeOf(identity, FAR_BOB))
    expect(bench.ask(FAR_BOB, connect(identity, 'Commit')).response?.code).toBe('not-granted')
    expect(bench.ask(BOB, connect(identity, 'Commit')).response?.code).toBeUndefined()
    expect(bench.ask(engineIDOf(ELSEWHERE, 'alice'), deleteOf(identity)).response?.code).toBe('not-owner')
    expect(bench.ask(engineIDOf(ELSEWHERE, 'alice'), connect(identity, 'Commit')).response?.code).toBe('not-granted')
  })

  test('S37: grants add up, in any order; a revoke takes all of them and both engines', () => {
    const capabilities = fc.constantFrom<Capabilities[]>('Commit', 'Decrypt', 'CommitAndDecrypt')
    fc.assert(fc.property(fc.array(capabilities, { minLength: 1, maxLength: 4 }), granted => {
      const bench = new Bench()
      const identity = bench.generate(ALICE)
      for (const one of granted) bench.ask(ALICE, grantOf(identity, BOB, one))
      const can = (want: 'Commit' | 'Decrypt') => granted.some(one => includes(one, want))
      expect(bench.ask(BOB, connect(identity, 'Commit')).response?.code).toBe(can('Commit') ? undefined : 'not-granted')
      expect(bench.ask(BOB, connect(identity, 'Decrypt')).response?.code).toBe(can('Decrypt') ? undefined : 'not-granted')
      expect(bench.ask(BOB, connect(identity, 'CommitAndDecrypt')).response?.code).toBe(can('Commit') && can('Decrypt') ? undefined : 'not-granted')
      const revoked = bench.ask(ALICE, revokeOf(identity, BOB))
      expect(targets(revoked, 'revoke')).toEqual(['im/0 bob', 'im/1 bob'])
      for (const want of ['Commit', 'Decrypt', 'CommitAndDecrypt'] as const) expect(bench.ask(BOB, connect(identity, want)).response?.code).toBe('not-granted')
      // Others keep what they have.
      expect(bench.ask(ALICE, connect(identity, 'CommitAndDecrypt')).response?.code).toBeUndefined()
    }))
  })

  test('S38: deletes by a task; until it is done the identity is nobody\'s to find, and comes back if it fails', () => {
    for (const outcome of ['failed', 'deadline', 'lost']) {
      const bench = new Bench()
      const identity = bench.generate(ALICE)
      bench.ask(ALICE, grantOf(identity, BOB, 'Commit'))
      const before = JSON.stringify(bench.environment)
      expect(kinds(bench.ask(ALICE, deleteOf(identity)))).toEqual(['task'])
      for (const asker of [ALICE, BOB]) expect(bench.ask(asker, connect(identity, 'Commit'))).toMatchObject({ changed: false, response: { code: 'not-found' } })
      expect(bench.ask(ALICE, deleteOf(identity))).toMatchObject({ changed: false, response: { code: 'not-found' } })
      expect(bench.finish({ outcome, reason: 'x' }).response?.code).toBe('backend-failed')
      expect(JSON.stringify(bench.environment)).toBe(before)
      expect(bench.ask(BOB, connect(identity, 'Commit')).response?.code).toBeUndefined()
    }
  })

  test('S38: once deleted, both engines stop and nothing is remembered but the requestId', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE, 'CommitAndDecrypt', 'once')
    bench.ask(ALICE, grantOf(identity, BOB, 'Commit'))
    bench.ask(ALICE, deleteOf(identity))
    const done = bench.finish()
    expect(done.effects).toMatchObject([{ effect: 'late-reply', response: {} }, { effect: 'stop', child: { name: 'im/0' } }, { effect: 'stop', child: { name: 'im/1' } }])
    expect([bench.environment.identities.size, bench.environment.serving.size, bench.environment.attempts.size]).toEqual([0, 0, 1])
    // The ends of the engines it stopped itself are no news.
    expect(bench.terminate(engineIDOf(HERE, 'im/0'))).toBeUndefined()
  })

  test('an engine that ended unasked is not given out any more; the other one is', () => {
    const bench = new Bench()
    const identity = bench.generate(ALICE)
    expect(bench.terminate(engineIDOf(HERE, 'im/0'))?.effects).toEqual([])
    expect(bench.ask(ALICE, connect(identity, 'Commit'))).toMatchObject({ changed: false, response: { code: 'engine-gone' } })
    expect(bench.ask(ALICE, connect(identity, 'CommitAndDecrypt')).response?.code).toBe('engine-gone')
    expect(bench.ask(ALICE, connect(identity, 'Decrypt')).response).toMatchObject({ decryptionEngine: { name: 'im/1' } })
    expect(bench.terminate(engineIDOf(HERE, 'im/7'))).toBeUndefined()
    bench.ask(ALICE, deleteOf(identity))
    expect(bench.finish().effects).toMatchObject([{ effect: 'late-reply' }, { effect: 'stop', child: { name: 'im/1' } }])
  })

  const principals = fc.constantFrom(ALICE, BOB, CAROL, FAR_BOB)
  const capabilities = fc.constantFrom<Capabilities[]>('Commit', 'Decrypt', 'CommitAndDecrypt')
  const identity = fc.nat(4).map(n => externalIdentityOf(`identity-${n}`))
  const request = fc.oneof(
    fc.record({ type: fc.constant('GenerateIdentityRequest'), backend: fc.constant(BACKEND), params: fc.constant('Ed25519'), capabilities, requestId: fc.constantFrom('one', 'two') }),
    fc.record({ type: fc.constant('GenerateIdentityRequest'), backend: fc.constant(BACKEND), params: fc.constant('Ed25519'), capabilities }),
    fc.record({ type: fc.constant('ConnectIdentityRequest'), externalIdentity: identity, backend: fc.constant(BACKEND), capabilities }),
    fc.record({ type: fc.constant('ConnectIdentityRequest'), externalIdentity: identity, backend: fc.constant(BACKEND), capabilities }),
    fc.record({ type: fc.constant('GrantIdentityRequest'), externalIdentity: identity, grantee: principals, capabilities }),
    fc.record({ type: fc.constant('RevokeIdentityRequest'), externalIdentity: identity, grantee: principals }),
    fc.record({ type: fc.constant('DeleteIdentityRequest'), externalIdentity: identity, backend: fc.constant(BACKEND) }),
    identity.map(undeleteOf),
    identity.map(adoptOf),
    fc.record({ type: fc.constant('ListIdentitiesRequest') }),
  )
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ sender: principals, request }) },
    { weight: 3, arbitrary: fc.record({ end: fc.constantFrom({ outcome: 'done' }, { outcome: 'done' }, { outcome: 'failed', reason: 'x' }, { outcome: 'deadline', reason: 'x' }), which: fc.nat(), undoable: fc.boolean() }) },
    { weight: 1, arbitrary: fc.record({ ended: fc.nat(6) }) },
    { weight: 1, arbitrary: fc.record({ life: fc.constantFrom('crashed' as const, 'resumed' as const) }) },
    { weight: 1, arbitrary: fc.record({ elapsed: fc.nat() }) },
  )

  /** What engine: one of an identity, of a kind that whoever may use it now may use. */
  function expectMay({ identities }: IdentityManagementEnvironment, engine: string, acquaintance: unknown): void {
    const known = [...identities].map(([, entry]) => entry).find(({ engines }) => engines?.commitmentEngine?.name === engine || engines?.decryptionEngine?.name === engine)
    const who = untyped(acquaintance)
    const may = known === undefined ? undefined : formatEngineID(known.owner) === formatEngineID(who) ? known.capabilities : known.grants.get(formatEngineID(who))
    expect(may !== undefined && includes(may, known?.engines?.commitmentEngine?.name === engine ? 'Commit' : 'Decrypt')).toBe(true)
  }

  test('over any steps and lives: a refusal changes nothing, a connect grants what was granted and no more, the tables agree', () => {
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const bench = new Bench()
      for (const one of steps) {
        const before = bench.environment
        if ('ended' in one) {
          bench.terminate(engineIDOf(HERE, `im/${one.ended}`))
        } else if ('life' in one) {
          bench.begin(one.life)
        } else if ('elapsed' in one) {
          const handles = [...bench.timers.keys()]
          if (handles.length > 0) bench.elapse(handles[one.elapsed % handles.length] ?? '')
        } else if ('end' in one) {
          if (bench.tasks.length === 0) continue
          const which = one.which % bench.tasks.length
          const undo = one.undoable && one.end.outcome === 'done' && bench.tasks[which]?.['task'] === 'delete' ? { output: { undoUntil: 5_000 } } : {}
          const ended = bench.finish({ ...one.end, ...undo }, which)
          for (const { effect, child, acquaintance } of ended.effects) if (effect === 'grant') expectMay(bench.environment, nameOf(child), acquaintance)
        } else {
          const tried = bench.ask(one.sender, one.request)
          // One thing becomes of a request, and it is said first.
          expect(['reply', 'task', 'keep']).toContain(tried.effects[0]?.effect)
          expect(kinds(tried).filter(kind => kind === 'reply' || kind === 'task' || kind === 'keep')).toHaveLength(1)
          if (tried.response?.err !== undefined) {
            expect(tried.changed).toBe(false)
            expect(tried.effects).toHaveLength(1)
            expect(Object.keys(tried.response).toSorted()).toEqual(['code', 'err'])
          }
          if (one.request.type === 'ConnectIdentityRequest' || one.request.type === 'ListIdentitiesRequest') expect(bench.environment).toBe(before)
          for (const { effect, child, acquaintance } of tried.effects) {
            if (effect !== 'grant') continue
            expect(acquaintance).toBe(one.sender)
            expectMay(before, nameOf(child), acquaintance)
          }
        }
        const { identities, serving, children, attempts, deleted } = bench.environment
        for (const [name, { externalIdentity, engines, capabilities: can, grants, owner }] of identities) {
          const { commitmentEngine, decryptionEngine } = engines ?? {}
          expect(externalIdentity.name).toBe(name)
          expect(deleted.has(name)).toBe(false)
          if (commitmentEngine) expect([serving.get(commitmentEngine.name), includes(can, 'Commit')]).toEqual([name, true])
          if (decryptionEngine) expect([serving.get(decryptionEngine.name), includes(can, 'Decrypt')]).toEqual([name, true])
          for (const [grantee, granted] of grants) expect([includes(can, granted), grantee !== formatEngineID(owner)]).toEqual([true, true])
        }
        for (const [engine, name] of serving) {
          expect(identities.has(name)).toBe(true)
          expect(Number(engine.slice('im/'.length))).toBeLessThan(children)
        }
        // Each that can be had back is forgotten some day.
        expect(Array.from(deleted, ([name]) => `forget/${name}`)).toEqual([...bench.timers.keys()].toSorted())
        expect(children).toBeGreaterThanOrEqual(before.children)
        for (const [, attempt] of attempts) if (attempt.state === 'generating') expect(attempt.waiting.size).toBeGreaterThan(0)
      }
    }), { numRuns: 300 })
  })
})
