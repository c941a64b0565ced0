import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createNode, encrypt, identities, identityManagement, localMemory, parseExternalIdentity, verify } from '../../src/index.ts'
import type { Capabilities, Client, EngineRef, IdentityManagementProtocol, Node, Observed } from '../../src/index.ts'
import { claimOf, outcomeOf, TestBackend, utf8, World } from './test-backend.ts'

// Identities from their beginning to their end, on a node as a program makes it, with real keys.

const BACKEND = { type: 'LocalMemory' } as const
const data = utf8('data')

let node: Node
let im: EngineRef<IdentityManagementProtocol>
let alice: Client
let bob: Client
const events: Observed[] = []

beforeAll(async () => {
  node = await createNode()
  node.observe(event => events.push(event))
  im = await node.spawn(identityManagement, { name: 'im', services: { backends: [localMemory()] } })
  alice = node.client('alice')
  bob = node.client('bob')
})

afterAll(async () => {
  await node.stop()
  const { originated, arrived, handled, queued, deferred, deadLettered, handedToTransport } = node.counters()
  expect(originated + arrived).toBe(handled + queued + deferred + deadLettered + handedToTransport)
  expect(spawned(0)).toHaveLength(events.filter(({ kind }) => kind === 'ended').length)
})

/** The families of the engines that were spawned since, by name. */
function spawned(since: number): readonly (readonly [string, string])[] {
  return events.slice(since).flatMap(event => event.kind === 'spawned' ? [[event.engine.name, event.family] as const] : [])
}

function ended(since: number): readonly string[] {
  return events.slice(since).flatMap(event => event.kind === 'ended' ? [event.engine.name] : [])
}

const PARAMS = ['Ed25519', 'Secp256k1', 'BLS'] as const
const CAPABILITIES = ['Commit', 'Decrypt', 'CommitAndDecrypt'] as const
const table = PARAMS.flatMap(params => CAPABILITIES.map(capabilities => ({ params, capabilities })))

describe.each(table)('an identity of $params that can $capabilities', ({ params, capabilities }) => {
  const commits = capabilities !== 'Decrypt'
  const decrypts = capabilities !== 'Commit'

  test('S33, S35, S38: is generated, listed, used, connected to and deleted', async () => {
    const before = events.length
    const made = await alice.ask(im, { type: 'GenerateIdentityRequest', backend: BACKEND, params, capabilities })
    expect(Object.keys(made).toSorted()).toEqual([...commits ? ['commitmentEngine'] : [], ...decrypts ? ['decryptionEngine'] : [], 'externalIdentity'])
    const { externalIdentity, commitmentEngine, decryptionEngine } = made
    const listed = { externalIdentity, backend: BACKEND, capabilities, isOwner: true }
    expect((await alice.ask(im, { type: 'ListIdentitiesRequest' })).identities).toEqual([listed])
    expect((await bob.ask(im, { type: 'ListIdentitiesRequest' })).identities).toEqual([])

    // The name binds exactly the keys that it needs, and parses back.
    expect(parseExternalIdentity(externalIdentity.name)).toEqual(externalIdentity)
    expect(externalIdentity.node).toBeNull()
    expect(externalIdentity.name.split('.')).toHaveLength(commits && decrypts ? 2 : 1)

    // Exactly the engines that were asked for.
    expect(spawned(before)).toEqual([
      ...commitmentEngine ? [[commitmentEngine.name, 'ipse/commitment']] : [],
      ...decryptionEngine ? [[decryptionEngine.name, 'ipse/decryption']] : [],
    ])

    if (commitmentEngine === undefined) {
      expect(await outcomeOf(verify(externalIdentity, data, data))).toBe('not-available')
    } else {
      const { commitment } = await alice.ask(commitmentEngine, { type: 'CommitmentRequest', data })
      expect(await verify(externalIdentity, data, commitment)).toBe(true)
      expect(await verify(externalIdentity, utf8('date'), commitment)).toBe(false)
      expect(await outcomeOf(bob.ask(commitmentEngine, { type: 'CommitmentRequest', data }))).toBe('not-acquainted')
    }
    if (decryptionEngine === undefined) {
      expect(await outcomeOf(encrypt(externalIdentity, data))).toBe('not-available')
    } else {
      const ciphertext = await encrypt(externalIdentity, data)
      expect((await alice.ask(decryptionEngine, { type: 'DecryptionRequest', data: ciphertext })).data).toEqual(data)
      expect(await outcomeOf(bob.ask(decryptionEngine, { type: 'DecryptionRequest', data: ciphertext }))).toBe('not-acquainted')
    }

    // The owner connects, and twice is once.
    const connect = { type: 'ConnectIdentityRequest', externalIdentity, backend: BACKEND, capabilities } as const
    const engines = { ...commitmentEngine && { commitmentEngine }, ...decryptionEngine && { decryptionEngine } }
    expect(await alice.ask(im, connect)).toEqual(engines)
    expect(await alice.ask(im, connect)).toEqual(engines)
    for (const more of CAPABILITIES.filter(other => other !== capabilities && capabilities !== 'CommitAndDecrypt')) {
      expect(await outcomeOf(alice.ask(im, { ...connect, capabilities: more }))).toBe('not-available')
    }
    expect(spawned(before)).toHaveLength(Object.keys(engines).length)

    const atDeletion = events.length
    expect(await alice.ask(im, { type: 'DeleteIdentityRequest', externalIdentity, backend: BACKEND })).toEqual({})
    expect((await alice.ask(im, { type: 'ListIdentitiesRequest' })).identities).toEqual([])
    expect(ended(atDeletion).toSorted()).toEqual([commitmentEngine, decryptionEngine].flatMap(engine => engine ? [engine.name] : []).toSorted())
    expect(await outcomeOf(alice.ask(im, connect))).toBe('not-found')
    if (commitmentEngine) expect(await outcomeOf(alice.ask(commitmentEngine, { type: 'CommitmentRequest', data }))).toBe('stopped')
    if (decryptionEngine) expect(await outcomeOf(alice.ask(decryptionEngine, { type: 'DecryptionRequest', data }))).toBe('stopped')
  })
})

test('S39: a requestId gives the same identity again, and after its end a reason', async () => {
  const request = { type: 'GenerateIdentityRequest', backend: BACKEND, params: 'Ed25519', capabilities: 'CommitAndDecrypt', requestId: 'first' } as const
  const made = await alice.ask(im, request)
  const before = events.length
  expect(await alice.ask(im, request)).toEqual(made)
  expect(spawned(before)).toEqual([])
  expect(await outcomeOf(alice.ask(im, { ...request, params: 'Secp256k1' }))).toBe('request-conflict')
  const his = await bob.ask(im, request)
  expect(his.externalIdentity.name).not.toBe(made.externalIdentity.name)
  await alice.ask(im, { type: 'DeleteIdentityRequest', externalIdentity: made.externalIdentity, backend: BACKEND })
  expect(await outcomeOf(alice.ask(im, request))).toBe('not-found')
  expect(await bob.ask(im, request)).toEqual(his)
  await bob.ask(im, { type: 'DeleteIdentityRequest', externalIdentity: his.externalIdentity, backend: BACKEND })
})

test('S36: a principal is its name: who closes a client and opens it again owns what it owned', async () => {
  const first = node.client('carol')
  const mine = await identities(first, im).generate({ params: 'Ed25519', capabilities: 'Commit' })
  first.close()
  const second = node.client('carol')
  expect(second).not.toBe(first)
  const connected = await identities(second, im).connect(mine.externalIdentity, 'Commit')
  expect(await verify(mine.externalIdentity, data, await connected.commit(data))).toBe(true)
  expect(await outcomeOf(mine.commit(data))).toBe('aborted')
  await second.ask(im, { type: 'DeleteIdentityRequest', externalIdentity: mine.externalIdentity, backend: BACKEND })
})

describe('the façade', () => {
  const METHODS: Record<Capabilities, readonly string[]> = {
    Commit: ['commit', 'commitBatch', 'commitmentEngine'],
    Decrypt: ['decrypt', 'decryptionEngine'],
    CommitAndDecrypt: ['commit', 'commitBatch', 'commitmentEngine', 'decrypt', 'decryptionEngine'],
  }

  test.each(CAPABILITIES)('gives handles for %s that have what was asked for, and no more', async capabilities => {
    const owned = await identities(alice, im).generate({ params: 'Ed25519', capabilities })
    const expected = [...METHODS[capabilities], 'externalIdentity']
    expect(Object.keys(owned).toSorted()).toEqual([...expected, 'delete', 'grant', 'revoke'].toSorted())
    expect(Object.keys(await identities(alice, im).connect(owned.externalIdentity, capabilities)).toSorted()).toEqual(expected.toSorted())
    await owned.delete()
  })

  test('gives a part of an identity that can do both', async () => {
    const owned = await identities(alice, im).generate({ params: 'Ed25519' })
    await owned.grant(bob, 'CommitAndDecrypt')
    for (const capabilities of ['Commit', 'Decrypt'] as const) {
      const borrowed = await identities(bob, im).connect(owned.externalIdentity, capabilities)
      expect(Object.keys(borrowed).toSorted()).toEqual([...METHODS[capabilities], 'externalIdentity'].toSorted())
    }
    await owned.delete()
  })

  test('does all of it: generates, commits, decrypts, grants, connects, lists, revokes, deletes', async () => {
    const owned = await identities(alice, im).generate({ params: 'Ed25519' })
    const { externalIdentity } = owned
    expect(await verify(externalIdentity, data, await owned.commit(data))).toBe(true)
    expect(await owned.decrypt(await encrypt(externalIdentity, data))).toEqual(data)

    const his = identities(bob, im)
    expect(await outcomeOf(his.connect(externalIdentity, 'Commit'))).toBe('not-granted')
    await owned.grant(bob, 'Commit')
    expect(await his.list()).toEqual([{ externalIdentity, backend: BACKEND, capabilities: 'Commit', isOwner: false }])
    const borrowed = await his.connect(externalIdentity, 'Commit')
    expect(await verify(externalIdentity, data, await borrowed.commit(data))).toBe(true)
    expect(await outcomeOf(his.connect(externalIdentity, 'CommitAndDecrypt'))).toBe('not-granted')
    expect(await outcomeOf(bob.ask(owned.decryptionEngine, { type: 'DecryptionRequest', data }))).toBe('not-acquainted')

    await owned.grant({ node: null, name: 'bob' }, 'Decrypt')
    const more = await his.connect(externalIdentity, 'CommitAndDecrypt')
    expect(await more.decrypt(await encrypt(externalIdentity, data))).toEqual(data)

    await owned.revoke(bob.id)
    expect(await his.list()).toEqual([])
    expect(await outcomeOf(more.commit(data))).toBe('not-acquainted')
    expect(await outcomeOf(more.decrypt(await encrypt(externalIdentity, data)))).toBe('not-acquainted')
    expect(await outcomeOf(owned.revoke(alice))).toBe('not-granted')

    await owned.delete()
    expect(await outcomeOf(owned.delete())).toBe('not-found')
    expect(await outcomeOf(owned.commit(data))).toBe('stopped')
    expect(await identities(alice, im).list()).toEqual([])
  })

  test('S8: what is passed in is copied: changing it later changes nothing', async () => {
    const owned = await identities(alice, im).generate({ params: 'Ed25519', capabilities: 'Commit' })
    const mine = utf8('mine')
    const committing = owned.commit(mine)
    mine.fill(0)
    const commitment = await committing
    expect(await verify(owned.externalIdentity, utf8('mine'), commitment)).toBe(true)
    await owned.delete()
  })

  test('has neither undelete nor claims from local memory, which erases at once', async () => {
    const mine = identities(alice, im)
    const owned = await mine.generate({ params: 'Ed25519', capabilities: 'Commit' })
    const { externalIdentity } = owned
    expect(await mine.adopt(externalIdentity, utf8('no claim'))).toEqual({ capabilities: 'Commit' })
    expect(await outcomeOf(identities(bob, im).adopt(externalIdentity, utf8('no claim')))).toBe('exists')
    expect(await outcomeOf(mine.undelete(externalIdentity))).toBe('not-found')
    expect(await owned.delete()).toEqual({})
    expect(await outcomeOf(mine.undelete(externalIdentity))).toBe('not-found')
    expect(await outcomeOf(mine.adopt(externalIdentity, utf8('no claim')))).toBe('not-found')
  })

  test('S38: takes a delete back, and adopts', async () => {
    await using world = await World.make({ backend: new TestBackend({ undoUntil: 2_000_000 }) })
    const [client, other] = [world.node.client('alice'), world.node.client('bob')]
    const mine = identities(client, world.im)
    const owned = await mine.generate({ params: 'Ed25519' })
    const { externalIdentity } = owned
    await owned.grant(other, 'Commit')
    expect(await owned.delete()).toEqual({ undoUntil: 2_000_000 })
    expect(await mine.undelete(externalIdentity)).toBeUndefined()
    const connected = await identities(other, world.im).connect(externalIdentity, 'Commit')
    expect(world.backend.verify(externalIdentity.name, data, await connected.commit(data))).toBe(true)
    // Its owner's methods mean the identity, whoever its engines are.
    await owned.revoke(other)
    expect(await outcomeOf(connected.commit(data))).toBe('not-acquainted')

    const stray = await world.backend.generate({ key: 'stray', params: 'Ed25519', capabilities: 'Decrypt' }, new AbortController().signal)
    expect(await mine.adopt(stray, claimOf(stray.name))).toEqual({ capabilities: 'Decrypt' })
    expect(await mine.list()).toHaveLength(2)
  })

  test('S39: takes a requestId', async () => {
    const facade = identities(alice, im)
    const one = await facade.generate({ params: 'Secp256k1', capabilities: 'Commit', requestId: 'façade' })
    const two = await facade.generate({ params: 'Secp256k1', capabilities: 'Commit', requestId: 'façade' })
    expect(two.externalIdentity).toEqual(one.externalIdentity)
    expect(two.commitmentEngine).toEqual(one.commitmentEngine)
    await two.delete()
  })
})
