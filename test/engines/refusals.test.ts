import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createNode, encrypt, identities, identityManagement, localMemory } from '../../src/index.ts'
import type { Client, EngineID, EngineRef, DecryptionProtocol, Node } from '../../src/index.ts'
import { Failed, Fault, Refused } from '../../src/core/errors.ts'
import { askAnything, claimOf, ELSEWHERE, HERE, outcomeOf, promptOutcomeOf, quiet, TestBackend, untyped, utf8, World } from './test-backend.ts'
import type { Made } from './test-backend.ts'

// S34: a refused request changes nothing. Every refusal there is, each checked against all that could have changed.

const data = utf8('data')
const MEMORY = { type: 'LocalMemory' } as const
const HID = { type: 'LocalConnection', subtype: 'hid' } as const

interface Fixture {
  readonly world: World
  readonly alice: Client
  readonly bob: Client
  readonly mallory: Client
  /** Alice's. Bob was granted `Commit` of `both`. */
  readonly both: Made
  readonly commits: Made
  readonly decrypts: Made
  /** One whose Commitment engine never started, and whose Decryption engine crashed. */
  readonly gone: Made
  /** Deleted, on another backend that has it still. Bob was granted it. */
  readonly away: Made
  /** Held by the backend, and nobody's. */
  readonly stray: Pick<Made, 'externalIdentity'>
}

let fixture: Fixture

beforeAll(async () => {
  const backend = new TestBackend()
  const hid = new TestBackend({ name: HID, label: 'hid', params: ['Ed25519'], capabilities: ['Commit'], undoUntil: 2_000_000 })
  const world = await World.make({ backend, backends: [backend, hid] })
  const [alice, bob, mallory] = [world.node.client('alice'), world.node.client('bob'), world.node.client('mallory')]
  const both = await world.generate(alice)
  const commits = await world.generate(alice, 'Commit', 'commits')
  const decrypts = await world.generate(alice, 'Decrypt')
  await quiet()
  await alice.ask(world.im, { type: 'GrantIdentityRequest', externalIdentity: both.externalIdentity, grantee: bob.id, capabilities: 'Commit' })
  await bob.ask(world.im, { type: 'ConnectIdentityRequest', externalIdentity: both.externalIdentity, backend: MEMORY, capabilities: 'Commit' })
  // Opened once, when they are tried out, and never again.
  for (const operation of ['signer', 'decryptor'] as const) {
    let opened = 0
    backend.on[operation] = work => { if (opened++ > 0) throw new Fault('backend-failed', 'not today'); return work() }
  }
  const gone = await world.generate(alice)
  await quiet()
  backend.pass('signer')
  backend.pass('decryptor')
  const away = await alice.ask(world.im, { type: 'GenerateIdentityRequest', backend: HID, params: 'Ed25519', capabilities: 'Commit' })
  await alice.ask(world.im, { type: 'GrantIdentityRequest', externalIdentity: away.externalIdentity, grantee: bob.id, capabilities: 'Commit' })
  await alice.ask(world.im, { type: 'DeleteIdentityRequest', externalIdentity: away.externalIdentity, backend: HID })
  const stray = { externalIdentity: await backend.generate({ key: 'stray', params: 'Ed25519', capabilities: 'Commit' }, new AbortController().signal) }
  fixture = { world, alice, bob, mallory, both, commits, decrypts, gone, away: { ...away, decryptionEngine: untyped(world.im) }, stray }
})

afterAll(async () => { await fixture.world[Symbol.asyncDispose]() })

function stateOf({ world, alice, bob, mallory }: Fixture): Promise<object> {
  return world.state(alice, bob, mallory)
}

interface Case {
  readonly what: string
  readonly code: string
  readonly err: RegExp
  readonly who?: 'bob' | 'mallory'
  readonly to?: (fixture: Fixture) => EngineID
  readonly message: (fixture: Fixture) => unknown
}

async function expectRefused({ code, err, who, to, message }: Omit<Case, 'what'>): Promise<void> {
  const { world } = fixture
  const client = fixture[who ?? 'alice']
  const target: EngineID = to?.(fixture) ?? world.im
  const before = await stateOf(fixture)
  const response: unknown = await askAnything(client, 'askRaw', target, message(fixture))
  expect(response).toEqual({ err: expect.stringMatching(err), code })
  const error: unknown = await askAnything(client, 'ask', target, message(fixture)).then(() => expect.fail('it was not refused'), (reason: unknown) => reason)
  expect(error).toBeInstanceOf(Refused)
  expect(error).toMatchObject({ code, response, message: expect.stringMatching(err) })
  await quiet()
  expect(await stateOf(fixture)).toEqual(before)
  world.assertLawful()
}

const generate = (change: object = {}): object => ({ type: 'GenerateIdentityRequest', backend: MEMORY, params: 'Ed25519', capabilities: 'Commit', ...change })
const connect = ({ externalIdentity }: Made, change: object = {}): object => ({ type: 'ConnectIdentityRequest', externalIdentity, backend: MEMORY, capabilities: 'Commit', ...change })
const grant = ({ externalIdentity }: Made, change: object = {}): object => ({ type: 'GrantIdentityRequest', externalIdentity, grantee: { node: null, name: 'carol' }, capabilities: 'Commit', ...change })
const revoke = ({ externalIdentity }: Made, change: object = {}): object => ({ type: 'RevokeIdentityRequest', externalIdentity, grantee: { node: null, name: 'bob' }, ...change })
const remove = ({ externalIdentity }: Made, change: object = {}): object => ({ type: 'DeleteIdentityRequest', externalIdentity, backend: MEMORY, ...change })
const undelete = ({ externalIdentity }: Made, change: object = {}): object => ({ type: 'UndeleteIdentityRequest', externalIdentity, backend: HID, ...change })
const adopt = ({ externalIdentity }: Pick<Made, 'externalIdentity'>, change: object = {}): object => ({ type: 'AdoptIdentityRequest', externalIdentity, backend: MEMORY, claim: data, ...change })
const NOBODY = { externalIdentity: { node: null, name: 'z6MkNobody' } }

const PHRASES = {
  notFound: /^External identity not found/,
  notAvailable: /^Capabilities not available/,
  doesNotExist: /^Identity does not exist/,
  malformed: /^Malformed request/,
}

describe('S34: refused, and nothing changed:', () => {
  const cases: readonly Case[] = [
    { what: 'generating on a backend that is none', code: 'unknown-backend', err: /^Unknown backend/, message: () => generate({ backend: { type: 'Paper' } }) },
    { what: 'generating on a backend that was not configured', code: 'unknown-backend', err: /^Unknown backend/, message: () => generate({ backend: { type: 'LocalConnection', subtype: 'webauthn' } }) },
    { what: 'generating on a remote backend that was not configured', code: 'unknown-backend', err: /^Unknown backend/, message: () => generate({ backend: { type: 'RemoteConnection', ...NOBODY } }) },
    { what: 'generating with a subtype that is none', code: 'unknown-backend', err: /^Unknown backend/, message: () => generate({ backend: { type: 'LocalConnection', subtype: 'floppy' } }) },
    { what: 'generating with params that are none', code: 'unknown-params', err: /^Unknown params/, message: () => generate({ params: 'RSA' }) },
    { what: 'generating with params that this backend has not', code: 'unknown-params', err: /^Unknown params/, message: () => generate({ params: 'BLS' }) },
    { what: 'generating with params that another backend has', code: 'unknown-params', err: /^Unknown params/, message: () => generate({ backend: HID, params: 'Secp256k1' }) },
    { what: 'generating what the backend is not capable of', code: 'not-available', err: PHRASES.notAvailable, message: () => generate({ backend: HID, capabilities: 'Decrypt' }) },
    { what: 'generating more than the backend is capable of', code: 'not-available', err: PHRASES.notAvailable, message: () => generate({ backend: HID, capabilities: 'CommitAndDecrypt', requestId: 'more' }) },
    { what: 'using a requestId for something else', code: 'request-conflict', err: /^Request conflict/, message: () => generate({ requestId: 'commits', params: 'Secp256k1' }) },

    { what: 'connecting to nobody', code: 'not-found', err: PHRASES.notFound, message: f => connect(f.both, NOBODY) },
    { what: 'connecting to a name of Object.prototype', code: 'not-found', err: PHRASES.notFound, message: f => connect(f.both, { externalIdentity: { node: null, name: '__proto__' } }) },
    { what: 'connecting to an engine as if it were an identity', code: 'not-found', err: PHRASES.notFound, message: f => connect(f.both, { externalIdentity: { node: null, name: f.both.commitmentEngine.name } }) },
    { what: 'connecting through another backend', code: 'not-found', err: PHRASES.notFound, message: f => connect(f.both, { backend: HID }) },
    { what: 'connecting to decrypt with what can only commit', code: 'not-available', err: PHRASES.notAvailable, message: f => connect(f.commits, { capabilities: 'Decrypt' }) },
    { what: 'connecting to commit with what can only decrypt', code: 'not-available', err: PHRASES.notAvailable, message: f => connect(f.decrypts) },
    { what: 'connecting for more than an identity has', code: 'not-available', err: PHRASES.notAvailable, message: f => connect(f.commits, { capabilities: 'CommitAndDecrypt' }) },
    { what: 'connecting without a grant', code: 'not-granted', err: PHRASES.notAvailable, who: 'mallory', message: f => connect(f.both) },
    { what: 'connecting for something else than was granted', code: 'not-granted', err: PHRASES.notAvailable, who: 'bob', message: f => connect(f.both, { capabilities: 'Decrypt' }) },
    { what: 'connecting for more than was granted', code: 'not-granted', err: PHRASES.notAvailable, who: 'bob', message: f => connect(f.both, { capabilities: 'CommitAndDecrypt' }) },
    { what: 'connecting to a Commitment engine that never started', code: 'engine-gone', err: /^Engine gone/, message: f => connect(f.gone) },
    { what: 'connecting to a Decryption engine that never started', code: 'engine-gone', err: /^Engine gone/, message: f => connect(f.gone, { capabilities: 'Decrypt' }) },
    { what: 'connecting to both engines when both are gone', code: 'engine-gone', err: /^Engine gone/, message: f => connect(f.gone, { capabilities: 'CommitAndDecrypt' }) },

    { what: 'granting to an external identity, which is nobody', code: 'malformed', err: PHRASES.malformed, message: f => grant(f.both, { grantee: { node: null, name: `z6Mk${'a'.repeat(44)}` } }) },
    { what: 'granting what is nobody\'s', code: 'not-found', err: PHRASES.notFound, message: f => grant(f.both, NOBODY) },
    { what: 'granting what is another\'s', code: 'not-owner', err: /^Not the owner/, who: 'mallory', message: f => grant(f.both, { grantee: { node: null, name: 'mallory' } }) },
    { what: 'granting on what was granted', code: 'not-owner', err: /^Not the owner/, who: 'bob', message: f => grant(f.both) },
    { what: 'granting more than an identity has', code: 'not-available', err: PHRASES.notAvailable, message: f => grant(f.commits, { capabilities: 'CommitAndDecrypt' }) },
    { what: 'granting what an identity has not', code: 'not-available', err: PHRASES.notAvailable, message: f => grant(f.decrypts) },
    { what: 'revoking what is nobody\'s', code: 'not-found', err: PHRASES.notFound, message: f => revoke(f.both, NOBODY) },
    { what: 'revoking what is another\'s', code: 'not-owner', err: /^Not the owner/, who: 'mallory', message: f => revoke(f.both) },
    { what: 'revoking the owner, as another', code: 'not-owner', err: /^Not the owner/, who: 'bob', message: f => revoke(f.both, { grantee: { node: null, name: 'alice' } }) },
    { what: 'revoking oneself', code: 'not-granted', err: /^Not granted/, message: f => revoke(f.both, { grantee: { node: null, name: 'alice' } }) },

    { what: 'deleting nobody', code: 'not-found', err: PHRASES.doesNotExist, message: f => remove(f.both, NOBODY) },
    { what: 'deleting through another backend', code: 'not-found', err: PHRASES.doesNotExist, message: f => remove(f.both, { backend: HID }) },
    { what: 'deleting what is another\'s', code: 'not-owner', err: /^Not the owner/, who: 'mallory', message: f => remove(f.both) },
    { what: 'deleting what was granted', code: 'not-owner', err: /^Not the owner/, who: 'bob', message: f => remove(f.both) },

    { what: 'undeleting nobody', code: 'not-found', err: PHRASES.doesNotExist, message: f => undelete(f.both, NOBODY) },
    { what: 'undeleting what was not deleted', code: 'not-found', err: PHRASES.doesNotExist, message: f => undelete(f.both) },
    { what: 'undeleting through another backend', code: 'not-found', err: PHRASES.doesNotExist, message: f => undelete(f.away, { backend: MEMORY }) },
    { what: 'undeleting what was another\'s', code: 'not-owner', err: /^Not the owner/, who: 'mallory', message: f => undelete(f.away) },
    { what: 'undeleting what was granted', code: 'not-owner', err: /^Not the owner/, who: 'bob', message: f => undelete(f.away) },
    { what: 'connecting to what was deleted and can be had back', code: 'not-found', err: PHRASES.notFound, message: f => connect(f.away, { backend: HID }) },
    { what: 'granting what was deleted and can be had back', code: 'not-found', err: PHRASES.notFound, message: f => grant(f.away) },
    { what: 'deleting what was deleted and can be had back', code: 'not-found', err: PHRASES.doesNotExist, message: f => remove(f.away, { backend: HID }) },

    { what: 'adopting nobody', code: 'not-found', err: PHRASES.notFound, message: f => adopt(f.both, { ...NOBODY, claim: claimOf('z6MkNobody') }) },
    { what: 'adopting without the right claim', code: 'not-found', err: PHRASES.notFound, message: f => adopt(f.stray) },
    { what: 'adopting with another\'s claim', code: 'not-found', err: PHRASES.notFound, message: f => adopt(f.stray, { claim: claimOf(f.both.externalIdentity.name) }) },
    { what: 'adopting what is another\'s', code: 'exists', err: /^Identity already exists/, who: 'mallory', message: f => adopt(f.both, { claim: claimOf(f.both.externalIdentity.name) }) },
    { what: 'adopting what was granted', code: 'exists', err: /^Identity already exists/, who: 'bob', message: f => adopt(f.both) },
    { what: 'adopting one\'s own through another backend', code: 'not-found', err: PHRASES.notFound, message: f => adopt(f.both, { backend: HID }) },
    { what: 'adopting what was deleted and can be had back', code: 'not-found', err: PHRASES.notFound, message: f => adopt(f.away, { backend: HID, claim: claimOf(f.away.externalIdentity.name) }) },
    { what: 'adopting on a backend that was not configured', code: 'unknown-backend', err: /^Unknown backend/, message: f => adopt(f.stray, { backend: { type: 'LocalConnection', subtype: 'webauthn' } }) },
    { what: 'a claim that is too long', code: 'too-large', err: /^Too large/, message: f => adopt(f.stray, { claim: new Uint8Array(65) }) },

    { what: 'a message without a type', code: 'malformed', err: PHRASES.malformed, message: () => ({}) },
    { what: 'a message of another type', code: 'malformed', err: PHRASES.malformed, message: () => ({ type: 'FormatDiskRequest' }) },
    { what: 'a type of Object.prototype', code: 'malformed', err: PHRASES.malformed, message: () => ({ type: '__proto__' }) },
    { what: 'a response', code: 'malformed', err: PHRASES.malformed, message: f => ({ type: 'GenerateIdentityResponse', externalIdentity: f.both.externalIdentity }) },
    { what: 'a message that is null', code: 'malformed', err: PHRASES.malformed, message: () => null },
    { what: 'a message that is text', code: 'malformed', err: PHRASES.malformed, message: () => 'GenerateIdentityRequest' },
    { what: 'a message that is an array', code: 'malformed', err: PHRASES.malformed, message: () => ['GenerateIdentityRequest'] },
    { what: 'a message for a Commitment engine', code: 'malformed', err: PHRASES.malformed, message: () => ({ type: 'CommitmentRequest', data }) },
    { what: 'a message for Identity Management, at a Commitment engine', code: 'malformed', err: PHRASES.malformed, to: f => f.both.commitmentEngine, message: () => generate() },
    { what: 'a message for a Decryption engine, at a Commitment engine', code: 'malformed', err: PHRASES.malformed, to: f => f.both.commitmentEngine, message: () => ({ type: 'DecryptionRequest', data }) },
    { what: 'a requestId that is empty', code: 'malformed', err: PHRASES.malformed, message: () => generate({ requestId: '' }) },
    { what: 'a requestId that is too long', code: 'malformed', err: PHRASES.malformed, message: () => generate({ requestId: 'a'.repeat(257) }) },
    { what: 'an external identity with a node', code: 'malformed', err: PHRASES.malformed, message: f => connect(f.both, { externalIdentity: { node: HERE, name: f.both.externalIdentity.name } }) },
    { what: 'an external identity with more than a name', code: 'malformed', err: PHRASES.malformed, message: f => connect(f.both, { externalIdentity: { node: null, name: f.both.externalIdentity.name, isOwner: true } }) },
    { what: 'a huge name', code: 'malformed', err: PHRASES.malformed, message: f => connect(f.both, { externalIdentity: { node: null, name: 'a'.repeat(1 << 22) } }) },
    { what: 'a huge name of slow letters', code: 'malformed', err: PHRASES.malformed, message: f => grant(f.both, { grantee: { node: null, name: 'a/'.repeat(1 << 20) } }) },
    { what: 'a grantee of a node that is none', code: 'malformed', err: PHRASES.malformed, message: f => grant(f.both, { grantee: { node: 'here', name: 'bob' } }) },
    { what: 'a grantee whose name has white space', code: 'malformed', err: PHRASES.malformed, message: f => grant(f.both, { grantee: { node: null, name: 'bob\u2028' } }) },

    ...[undefined, null, 'data', 7, 7n, true, [1, 2, 3], { 0: 1, length: 1 }, {}].map((wrong): Case => ({
      what: `data to sign that is ${typeof wrong === 'bigint' ? '7n' : JSON.stringify(wrong)}`, code: 'malformed', err: PHRASES.malformed,
      to: f => f.both.commitmentEngine, message: () => ({ type: 'CommitmentRequest', data: wrong }),
    })),
    { what: 'data to sign with more beside it', code: 'malformed', err: PHRASES.malformed, to: f => f.both.commitmentEngine, message: () => ({ type: 'CommitmentRequest', data, purpose: 'identity' }) },
    { what: 'no data to sign', code: 'malformed', err: PHRASES.malformed, to: f => f.both.commitmentEngine, message: () => ({ type: 'CommitmentRequest' }) },
    { what: 'too much to sign', code: 'too-large', err: /^Too large/, to: f => f.both.commitmentEngine, message: () => ({ type: 'CommitmentRequest', data: new Uint8Array((1 << 20) + 1) }) },
    { what: 'text to decrypt', code: 'malformed', err: PHRASES.malformed, to: f => f.both.decryptionEngine, message: () => ({ type: 'DecryptionRequest', data: 'AQE=' }) },
    { what: 'too much to decrypt', code: 'too-large', err: /^Too large/, to: f => f.both.decryptionEngine, message: () => ({ type: 'DecryptionRequest', data: new Uint8Array((1 << 20) + (1 << 11) + 1) }) },
  ]

  test.each(cases)('$what', async one => { await expectRefused(one) })

  // Every field of every request, with everything that it is not.
  const requests: readonly (readonly [string, (fixture: Fixture) => object])[] = [
    ['generate', () => generate()], ['connect', f => connect(f.both)], ['grant', f => grant(f.both)], ['revoke', f => revoke(f.both)],
    ['delete', f => remove(f.both)], ['undelete', f => undelete(f.away)], ['adopt', f => adopt(f.stray)], ['list', () => ({ type: 'ListIdentitiesRequest' })],
  ]
  const WRONG: readonly unknown[] = [
    undefined, null, 0, -1, NaN, 1n, true, '', 'CommitAndDecrypt ', 'commit', '__proto__', 'constructor', [], ['Commit'], {}, { type: [] }, { type: 'LocalMemory', more: 1 },
    { type: 'LocalConnection' }, { type: 'RemoteConnection', externalIdentity: { node: ELSEWHERE, name: 'x' } }, { node: null }, { name: 'x' }, { node: undefined, name: 'x' },
    { node: null, name: null }, { node: 7, name: 'x' }, { node: null, name: '' }, { node: null, name: '/' }, { node: null, name: 'a//b' }, new Uint8Array(3),
  ]

  test.each(requests)('%s with a field that is missing, wrong, or one too many', async (_, request) => {
    const before = await stateOf(fixture)
    const fields = Object.keys(request(fixture)).filter(field => field !== 'type')
    const messages: object[] = ['more', 'err', 'sender', 'owner', 'constructor', 'toString'].map(extra => ({ ...request(fixture), [extra]: 'x' }))
    for (const field of fields) {
      messages.push(Object.fromEntries(Object.entries(request(fixture)).filter(([name]) => name !== field)))
      // Any few bytes may be a claim.
      for (const wrong of WRONG) if (field !== 'claim' || !(wrong instanceof Uint8Array)) messages.push({ ...request(fixture), [field]: wrong })
    }
    for (const message of messages) {
      const response: unknown = await fixture.mallory.askRaw(fixture.world.im, untyped(message))
      expect(response, JSON.stringify(message, (_key, value: unknown) => typeof value === 'bigint' ? `${value}n` : value)).toEqual({
        err: expect.stringMatching(/^(?:Malformed request|Unknown backend|Unknown params): /), code: expect.stringMatching(/^(?:malformed|unknown-backend|unknown-params)$/),
      })
      expect(Object.keys(Object.prototype)).toEqual([])
    }
    await quiet()
    expect(await stateOf(fixture)).toEqual(before)
    fixture.world.assertLawful()
  })
})

describe('S8: what is no data throws, and nothing changed:', () => {
  const nested = (depth: number): unknown => {
    let value: unknown = 'Commit'
    for (let i = 0; i < depth; i++) value = { value }
    return value
  }
  const cyclic: { self?: unknown } = {}
  cyclic.self = cyclic
  const cases: readonly (readonly [string, unknown])[] = [
    ['a key named __proto__', JSON.parse('{"type":"ListIdentitiesRequest","__proto__":{"isOwner":true}}')],
    ['a key named __proto__, further down', generate({ backend: JSON.parse('{"type":"LocalMemory","__proto__":{"subtype":"hid"}}') })],
    ['huge nesting', generate({ capabilities: nested(100_000) })],
    ['nesting one too deep', generate({ capabilities: nested(65) })],
    ['a cycle', generate({ capabilities: cyclic })],
    ['a function', generate({ capabilities: () => 'Commit' })],
    ['a symbol', generate({ capabilities: Symbol('Commit') })],
    ['a date', generate({ capabilities: new Date(0) })],
    ['a map', generate({ capabilities: new Map() })],
    ['a promise', generate({ capabilities: Promise.resolve('Commit') })],
    ['an instance of a class', generate({ backend: new (class { type = 'LocalMemory' })() })],
    ['another view of bytes', { type: 'CommitmentRequest', data: new DataView(new ArrayBuffer(4)) }],
    ['a buffer', { type: 'CommitmentRequest', data: new ArrayBuffer(4) }],
    ['other numbers', { type: 'CommitmentRequest', data: new Float64Array(4) }],
  ]

  test.each(cases)('%s', async (_, message) => {
    const before = await stateOf(fixture)
    for (const asking of [fixture.alice.askRaw(fixture.world.im, untyped(message)), fixture.alice.ask(fixture.world.im, untyped(message))]) {
      const error: unknown = await asking.then(() => expect.fail('it was accepted'), (reason: unknown) => reason)
      expect(error).toBeInstanceOf(Fault)
      expect(error).toMatchObject({ code: 'not-encodable' })
    }
    expect(() => fixture.alice.tell(fixture.world.im, untyped(message))).toThrow(Fault)
    expect(await stateOf(fixture)).toEqual(before)
    fixture.world.assertLawful()
  })

  test('a getter that throws throws to its owner', async () => {
    const before = await stateOf(fixture)
    const message = Object.defineProperty(generate(), 'capabilities', { enumerable: true, get() { throw new RangeError('mine') } })
    await expect(fixture.alice.askRaw(fixture.world.im, untyped(message))).rejects.toMatchObject({ code: 'not-encodable', cause: { message: 'mine' } })
    expect(await stateOf(fixture)).toEqual(before)
    fixture.world.assertLawful()
  })

  test('a getter is read once, so that what is checked is what is done', async () => {
    let reads = 0
    const message = Object.defineProperty(connect(fixture.both), 'capabilities', { enumerable: true, get: () => ++reads === 1 ? 'Commit' : 'CommitAndDecrypt' })
    expect(await fixture.bob.askRaw(fixture.world.im, untyped(message))).toEqual({ commitmentEngine: fixture.both.commitmentEngine })
    expect(reads).toBe(1)
  })
})

describe('a refusal', () => {
  test('does not repeat megabytes that it was sent', async () => {
    const huge = 'x'.repeat(1 << 22)
    for (const message of [{ type: huge }, { ...generate(), [huge]: 1 }, generate({ params: huge }), generate({ requestId: huge }), generate({ backend: { type: huge } })]) {
      const response: unknown = await fixture.alice.askRaw(fixture.world.im, untyped(message))
      expect.soft(JSON.stringify(response).length).toBeLessThan(2_000)
    }
  })

  test('names places, and never values', async () => {
    const secret = 'correct horse battery staple'
    for (const message of [generate({ params: secret }), generate({ capabilities: secret }), generate({ backend: { type: secret } }), generate({ requestId: [secret] })]) {
      expect(JSON.stringify(await fixture.alice.askRaw(fixture.world.im, untyped(message)))).not.toContain(secret)
    }
  })
})

describe('an EngineID that was forged', () => {
  /** An object that passes for an EngineID made by this library, and whose name is what it likes. */
  function forge(name: () => string): unknown {
    return Object.create(Object.getPrototypeOf(fixture.alice.id), {
      node: { value: null, enumerable: true }, name: { get: name, enumerable: true },
    })
  }

  test('cannot have one name when it is checked and another when it is deleted', async () => {
    await using world = await World.make()
    const [alice, mallory] = [world.node.client('alice'), world.node.client('mallory')]
    const [hers, his] = [await world.generate(alice), await world.generate(mallory)]
    for (let reads = 1; reads < 16; reads++) {
      let read = 0
      const forged = forge(() => ++read <= reads ? his.externalIdentity.name : hers.externalIdentity.name)
      await promptOutcomeOf(mallory.ask(world.im, { type: 'DeleteIdentityRequest', externalIdentity: untyped(forged), backend: MEMORY }))
    }
    expect.soft(world.backend.content).toContain(hers.externalIdentity.name)
    expect.soft(await promptOutcomeOf(alice.ask(hers.commitmentEngine, { type: 'CommitmentRequest', data }))).toBe('done')
    expect(await world.list(alice)).toEqual([`${hers.externalIdentity.name} CommitAndDecrypt owned`])
  })

  test('cannot change its name while the backend is at work', async () => {
    await using world = await World.make()
    const [alice, mallory] = [world.node.client('alice'), world.node.client('mallory')]
    const [hers, his] = [await world.generate(alice), await world.generate(mallory)]
    const calls = world.backend.hold('delete')
    let { name } = his.externalIdentity
    const deleting = outcomeOf(mallory.ask(world.im, { type: 'DeleteIdentityRequest', externalIdentity: untyped(forge(() => name)), backend: MEMORY }))
    await quiet()
    name = hers.externalIdentity.name
    for (const call of calls) call.finish()
    await deleting
    expect(await world.list(alice)).toEqual([`${hers.externalIdentity.name} CommitAndDecrypt owned`])
    expect(await promptOutcomeOf(alice.ask(hers.commitmentEngine, { type: 'CommitmentRequest', data }))).toBe('done')
  })
})

describe('an ask to no one that could answer fails', () => {
  test.each<readonly [string, string, (fixture: Fixture) => unknown]>([
    ['an engine that never was', 'stopped', () => ({ node: null, name: 'im/999' })],
    ['an engine that never was, by its full name', 'stopped', () => ({ node: HERE, name: 'nobody' })],
    ['an external identity', 'stopped', f => f.both.externalIdentity],
    ['a client', 'stopped', f => f.bob.id],
    ['another node', 'unreachable', () => ({ node: ELSEWHERE, name: 'im' })],
    ['an engine one knows of and is no acquaintance of', 'not-acquainted', f => f.both.decryptionEngine],
    ['an engine that ended', 'stopped', f => f.gone.commitmentEngine],
  ])('of %s with %s', async (_, code, target) => {
    const before = await stateOf(fixture)
    const error: unknown = await askAnything(fixture.bob, 'ask', target(fixture), { type: 'DecryptionRequest', data }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Failed)
    expect(error).toMatchObject({ code })
    expect(await stateOf(fixture)).toEqual(before)
    fixture.world.assertLawful()
  })

  test('and what is no EngineID is an invalid-argument', async () => {
    for (const target of [undefined, null, 'im', 7, {}, { name: 'im' }, { node: null, name: 7 }, []]) {
      expect(await outcomeOf(askAnything(fixture.bob, 'ask', target, { type: 'ListIdentitiesRequest' }))).toBe('invalid-argument')
    }
    for (const deadline of [NaN, Infinity, '7']) {
      expect(await outcomeOf(fixture.bob.ask(fixture.world.im, { type: 'ListIdentitiesRequest' }, untyped({ deadline })))).toBe('invalid-argument')
    }
    for (const deadline of [0, -1, -Infinity]) {
      expect(await outcomeOf(fixture.bob.ask(fixture.world.im, { type: 'ListIdentitiesRequest' }, { deadline }))).toBe(deadline === -Infinity ? 'invalid-argument' : 'deadline')
    }
    fixture.world.assertLawful()
  })

  test('S6: a stranger learns nothing of what an engine would have said', async () => {
    for (const message of [{ type: 'CommitmentRequest', data }, { type: 'CommitmentRequest', data: new Uint8Array(1 << 21) }, { type: 'nonsense' }, {}]) {
      expect(await outcomeOf(fixture.mallory.ask(fixture.both.commitmentEngine, untyped(message)))).toBe('not-acquainted')
    }
  })
})

// ── real ciphertexts ─────────────────────────────────────────────────────────────────────────────────────────────

describe('S41: a ciphertext', () => {
  let node: Node
  let alice: Client
  let engine: EngineRef<DecryptionProtocol>
  let ciphertext: Uint8Array
  let foreign: Uint8Array

  beforeAll(async () => {
    node = await createNode()
    alice = node.client('alice')
    const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [localMemory()] } })
    const [one, other] = [await identities(alice, im).generate({ params: 'Ed25519' }), await identities(alice, im).generate({ params: 'Ed25519' })]
    engine = one.decryptionEngine
    ciphertext = await encrypt(one.externalIdentity, data)
    foreign = await encrypt(other.externalIdentity, data)
  })
  afterAll(async () => { await node.stop() })

  async function expectOneError(wrong: Uint8Array, code: 'malformed-ciphertext' | 'decryption-failed'): Promise<void> {
    const err = code === 'decryption-failed' ? 'Decryption failed' : 'Malformed ciphertext'
    expect(await alice.askRaw(engine, { type: 'DecryptionRequest', data: wrong })).toEqual({ err, code })
    const error: unknown = await alice.ask(engine, { type: 'DecryptionRequest', data: wrong }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Refused)
    expect(error).toMatchObject({ code, message: err })
  }

  const changed = (at: number, bit = 1): Uint8Array => ciphertext.map((byte, i) => i === at ? byte ^ bit : byte)

  test('that was not addressed to it does not open', () => expectOneError(foreign, 'decryption-failed'))
  test('that is empty is none', () => expectOneError(new Uint8Array(0), 'malformed-ciphertext'))
  test('that was cut inside its header is none', async () => {
    for (const length of [1, 2, 33, 49]) await expectOneError(ciphertext.subarray(0, length), 'malformed-ciphertext')
  })
  test('that was cut after its header does not open', async () => {
    for (let length = 50; length < ciphertext.length; length++) await expectOneError(ciphertext.subarray(0, length), 'decryption-failed')
  })
  test('that was added to does not open', () => expectOneError(Uint8Array.of(...ciphertext, 0), 'decryption-failed'))
  test('of another version or suite is none', async () => {
    for (const at of [0, 1]) await expectOneError(changed(at), 'malformed-ciphertext')
  })
  test('in which any byte was changed does not open, and nothing is said of which', async () => {
    for (let at = 2; at < ciphertext.length; at++) await expectOneError(changed(at), 'decryption-failed')
  })
  test('whose ephemeral key is of small order does not open', () => expectOneError(ciphertext.map((byte, i) => i >= 2 && i < 34 ? 0 : byte), 'decryption-failed'))
  test('that is as it was opens after all of these', async () => {
    expect((await alice.ask(engine, { type: 'DecryptionRequest', data: ciphertext })).data).toEqual(data)
    const { originated, handled, queued, deadLettered } = node.counters()
    expect(originated).toBe(handled + queued + deadLettered)
  })
})
