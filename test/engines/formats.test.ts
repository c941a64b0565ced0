import { afterAll, describe, expect, test } from 'vitest'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { parseIdentityName, signable, suiteByParams } from '../../src/crypto.ts'
import { createNode, identities, identityManagement, localMemory, parseExternalIdentity, verify, verifyBatch } from '../../src/index.ts'
import type { Capabilities } from '../../src/index.ts'
import { Fault } from '../../src/core/errors.ts'
import { askAnything, BACKEND_DEADLINE, outcomeOf, quiet, utf8, World } from './test-backend.ts'

const PARAMS = ['Ed25519', 'Secp256k1', 'BLS', 'P256', 'MLDSA65'] as const
const data = ['one', 'two', 'three', ''].map(utf8)

const node = await createNode()
afterAll(() => node.stop())
const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [localMemory()] } })
const alice = node.client('alice')

describe('S65: a batch', () => {
  test.each(PARAMS)('of %s commitments has one for each, in order', async params => {
    const { commitBatch, externalIdentity } = await identities(alice, im).generate({ params, capabilities: 'Commit' })
    const answers = await commitBatch(data)
    const commitments = answers.map(answer => 'commitment' in answer ? answer.commitment : expect.fail(answer.err))
    expect(await Promise.all(commitments.map((commitment, i) => verify(externalIdentity, data[i] ?? utf8('?'), commitment)))).toEqual(data.map(() => true))
    expect(await verifyBatch(commitments.map((commitment, i) => ({ identity: externalIdentity, data: data[i] ?? utf8('?'), commitment })))).toEqual(data.map(() => true))
    expect(await commitBatch([])).toEqual([])
  })

  test('is verified as its commitments are, whoever they are of', async () => {
    const signers = await Promise.all(PARAMS.map(params => identities(alice, im).generate({ params, capabilities: 'Commit' })))
    const claims = await Promise.all(signers.flatMap(signer => data.map(async one => ({ identity: signer.externalIdentity, data: one, commitment: await signer.commit(one) }))))
    const mixed = claims.map((claim, i) => i % 3 === 1 ? { ...claim, data: utf8('other') } : i % 7 === 2 ? { ...claim, commitment: claim.commitment.slice(1) } : claim)
    expect(await verifyBatch(mixed)).toEqual(await Promise.all(mixed.map(({ identity, data: one, commitment }) => verify(identity, one, commitment))))
    expect(await verifyBatch(mixed)).toEqual(mixed.map((_, i) => i % 3 !== 1 && i % 7 !== 2))
  })

  test('whose backend has none is signed one after the other, and one failure leaves the others', async () => {
    await using world = await World.make()
    const client = world.node.client('alice')
    const { commitmentEngine } = await world.generate(client, 'Commit')
    let signed = 0
    world.backend.on.sign = work => {
      if (++signed === 2) throw new Fault('backend-failed', 'the device was pulled out')
      if (signed === 3) throw new Error('a secret of the device')
      return work()
    }
    const { commitments } = await client.ask(commitmentEngine, { type: 'CommitmentBatchRequest', data })
    expect(commitments).toEqual([
      { commitment: expect.any(Uint8Array) }, { err: 'Backend failed: the device was pulled out', code: 'backend-failed' },
      { err: 'Backend failed', code: 'backend-failed' }, { commitment: expect.any(Uint8Array) },
    ])
  })

  test('with what a raw identity does not sign lets the event loop take its turns, and signs the others', async () => {
    const { commitBatch, externalIdentity } = await identities(alice, im).generate({ params: 'BLS', format: 'raw', capabilities: 'Commit' })
    const poison = signable('data', 'z', utf8('framed'))
    let turns = 0
    const counting = setInterval(() => { turns++ })
    const items = Array.from({ length: 200 }, (_, i) => i === 3 ? poison : Uint8Array.of(i))
    const answers = await commitBatch(items)
    clearInterval(counting)
    expect(turns).toBeGreaterThan(5)
    expect(answers.flatMap((answer, i) => 'err' in answer ? [[i, answer.err]] : [])).toEqual([[3, expect.stringMatching(/^Capabilities not available: an identity of format raw/)]])
    const last = answers[199]
    expect(last !== undefined && 'commitment' in last && await verify(externalIdentity, Uint8Array.of(199), last.commitment)).toBe(true)
  })

  test('ends for a backend without one when its deadline has passed', async () => {
    await using world = await World.make()
    const client = world.node.client('alice')
    const { commitmentEngine } = await world.generate(client, 'Commit')
    const calls = world.backend.hold('sign')
    const asked = client.askRaw(commitmentEngine, { type: 'CommitmentBatchRequest', data })
    await quiet()
    world.host.advance(BACKEND_DEADLINE)
    expect(await asked).toMatchObject({ code: 'backend-failed', err: expect.stringContaining('did not answer in time') })
    calls[0]?.finish()
    await quiet()
    // The second was not begun: nobody waits for it.
    expect(world.backend.count.sign).toBe(1)
  })

  test.each([
    ['too many', Array.from({ length: 4097 }, () => new Uint8Array(0)), 'malformed'],
    ['one that is too long', [new Uint8Array((1 << 20) + 1)], 'too-large'],
    ['too much together', Array.from({ length: 17 }, () => new Uint8Array(1 << 20)), 'too-large'],
    ['what is no bytes', ['text'], 'malformed'],
  ])('of %s is refused', async (_what, items, code) => {
    const { commitmentEngine } = await identities(alice, im).generate({ params: 'Ed25519', capabilities: 'Commit' })
    expect(await askAnything(alice, 'askRaw', commitmentEngine, { type: 'CommitmentBatchRequest', data: items })).toMatchObject({ code })
  })
})

describe('S66: format raw', () => {
  test.each(PARAMS)('of %s signs bare bytes, under a name that says so', async params => {
    const { externalIdentity, commit, commitBatch } = await identities(alice, im).generate({ params, format: 'raw', capabilities: 'Commit' })
    expect(externalIdentity.name).toMatch(/\.raw$/)
    const { sign } = parseIdentityName(externalIdentity)
    const message = utf8('bare')
    const signature = await commit(message)
    expect(sign?.suite.verify(sign.publicKey, message, signature)).toBe(true)
    expect(await verify(externalIdentity, message, signature)).toBe(true)
    expect(await verify(externalIdentity, utf8('bear'), signature)).toBe(false)
    expect(await verifyBatch([{ identity: externalIdentity, data: message, commitment: signature }])).toEqual([true])
    expect(await commitBatch([message])).toMatchObject([{ commitment: expect.any(Uint8Array) }])
  })

  test('signs nothing that would be a commitment of the framed identity with the same keys', async () => {
    const raw = await identities(alice, im).generate({ params: 'Ed25519', format: 'raw' })
    const { name } = raw.externalIdentity
    const framedName = name.replace(/\.raw$/, '')
    for (const purpose of ['data', 'evidence.signs-for'] as const) {
      const message = signable(purpose, framedName, utf8('data'))
      expect(await outcomeOf(raw.commit(message))).toBe('not-available')
      expect(await raw.commitBatch([utf8('fine'), message])).toEqual([{ commitment: expect.any(Uint8Array) }, { err: expect.any(String), code: 'not-available' }])
      // What comes short of one is like any other bytes.
      expect(await raw.commit(message.subarray(0, 10))).toHaveLength(64)
    }
    const bare = await raw.commit(utf8('data'))
    expect(await verify(raw.externalIdentity, utf8('data'), Uint8Array.of(1, 1, ...bare))).toBe(false)
    expect(await verify(parseExternalIdentity(framedName), utf8('data'), Uint8Array.of(1, 1, ...bare))).toBe(false)
    const framed = await identities(alice, im).generate({ params: 'Ed25519' })
    expect(await verify(framed.externalIdentity, utf8('data'), (await framed.commit(utf8('data'))).subarray(2))).toBe(false)
  })

  test('signs a digest as it is, recoverable, with Secp256k1', async () => {
    const { externalIdentity, commitmentEngine } = await identities(alice, im).generate({ params: 'Secp256k1', format: 'raw', capabilities: 'Commit' })
    const digest = sha256(utf8('whatever was hashed'))
    const { commitment } = await alice.ask(commitmentEngine, { type: 'CommitmentRequest', data: digest, prehashed: true })
    const recovered = secp256k1.recoverPublicKey(Uint8Array.of(commitment[64] ?? 9, ...commitment.subarray(0, 64)), digest, { prehash: false })
    expect(recovered).toEqual(parseIdentityName(externalIdentity).sign?.publicKey)
    expect(await verify(externalIdentity, digest, commitment, { prehashed: true })).toBe(true)
    expect(await verify(externalIdentity, sha256(digest), commitment, { prehashed: true })).toBe(false)
    expect(await verify(externalIdentity, digest, commitment)).toBe(false)
    expect(await outcomeOf(alice.ask(commitmentEngine, { type: 'CommitmentRequest', data: utf8('no digest'), prehashed: true }))).toBe('not-available')
  })

  test.each([['Secp256k1', 'framed'], ['Ed25519', 'raw'], ['P256', 'raw'], ['MLDSA65', 'framed']] as const)('%s of format %s signs no digest', async (params, format) => {
    const { externalIdentity, commitmentEngine } = await identities(alice, im).generate({ params, format, capabilities: 'Commit' })
    const digest = new Uint8Array(32)
    expect(await askAnything(alice, 'askRaw', commitmentEngine, { type: 'CommitmentRequest', data: digest, prehashed: true }))
      .toMatchObject({ code: 'not-available', err: expect.stringMatching(/^Capabilities not available/) })
    expect(await verify(externalIdentity, digest, new Uint8Array(65), { prehashed: true })).toBe(false)
  })

  test('is refused by a backend that does not offer it', async () => {
    await using world = await World.make()
    const client = world.node.client('alice')
    const request = { type: 'GenerateIdentityRequest', backend: world.backend.name, params: 'Ed25519', capabilities: 'Commit', format: 'raw' } as const
    expect(await outcomeOf(client.ask(world.im, request))).toBe('not-available')
    expect(world.backend.count.generate).toBe(0)
    // Framed is what every backend makes, whether it is asked for or not.
    expect(await outcomeOf(client.ask(world.im, { ...request, format: 'framed' }))).toBe('done')
  })

  test('is part of what a requestId stands for', async () => {
    const request = { type: 'GenerateIdentityRequest', backend: { type: 'LocalMemory' }, params: 'Ed25519', capabilities: 'Commit', requestId: 'once' } as const
    const made = await alice.ask(im, { ...request, format: 'raw' })
    expect(await alice.ask(im, { ...request, format: 'raw' })).toEqual(made)
    expect(await outcomeOf(alice.ask(im, request))).toBe('request-conflict')
  })
})

describe('S33: an MLDSA65 identity', () => {
  const CAPABILITIES: readonly Capabilities[] = ['Commit', 'Decrypt', 'CommitAndDecrypt']

  test.each(CAPABILITIES)('with %s carries its keys in a bundle that its name is the hash of', async capabilities => {
    const { externalIdentity } = await identities(alice, im).generate({ params: 'MLDSA65', capabilities })
    expect(externalIdentity.name).toMatch(/^zQm[1-9A-Za-z]{44}$/)
    const { sign, encrypt } = parseIdentityName(externalIdentity)
    expect([sign?.suite.params, encrypt?.scheme.name]).toEqual([capabilities === 'Decrypt' ? undefined : 'MLDSA65', capabilities === 'Commit' ? undefined : 'X-Wing'])
    expect(await outcomeOf(verify(parseExternalIdentityUnchecked(externalIdentity.name), utf8('x'), utf8('y')))).toBe('invalid-identity')
  })

  test('is the same identity with its bundle and without, where nothing is verified', async () => {
    const bob = node.client('bob')
    const owned = await identities(alice, im).generate({ params: 'MLDSA65' })
    await owned.grant(bob, 'Commit')
    const borrowed = await identities(bob, im).connect(parseExternalIdentityUnchecked(owned.externalIdentity.name), 'Commit')
    expect(await verify(owned.externalIdentity, utf8('x'), await borrowed.commit(utf8('x')))).toBe(true)
    // Another bundle is none of it.
    for (const wrong of [{ ...owned.externalIdentity, bundle: utf8('another') }, { ...owned.externalIdentity, bundle: owned.externalIdentity.bundle?.slice(1) ?? utf8('') }]) {
      expect(await outcomeOf(identities(bob, im).connect(wrong, 'Commit'))).toBe('not-found')
      expect(await outcomeOf(identities(alice, im).connect(wrong, 'Commit'))).toBe('not-found')
    }
    await owned.delete()
  })

  /** What someone may hold who kept the name alone. */
  function parseExternalIdentityUnchecked(name: string) {
    return { ...parseExternalIdentity('z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'), name }
  }
})

test('every suite is one that can be asked for', () => {
  for (const params of PARAMS) expect(suiteByParams(params)?.params).toBe(params)
  expect(localMemory().params).toEqual(PARAMS)
})
