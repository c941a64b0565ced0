import { z } from 'zod'
import { describe, expect, test } from 'vitest'
import { always, child, commitment, createNode, defineEngine, defineProtocol, grant, identities, identityManagement, localMemory, parseExternalIdentity, spawn, update, verify } from '../../src/index.ts'
import type { Backend, Backends, CommitmentProtocol, Engine, EngineRef, ExternalIdentity, IdentityManagementProtocol, Observed, ProtocolOf } from '../../src/index.ts'
import { outcomeOf, quiet, utf8, World } from './test-backend.ts'

// What becomes of identities when engines crash.

const protocol = defineProtocol({ id: 'test/office', version: 1, codes: [], requests: {}, tells: { Open: {}, Crash: {} } })
const config = z.strictObject({ signsFor: z.string().nullable() })
interface Office {
  protocol: ProtocolOf<typeof protocol>
  config: typeof config
  environment: { readonly children: number }
  services: Backends
}

/** On `Open` it spawns an identity engine as its first child, and one that can be told to crash as its second; they restart together. */
const office: Engine<Office> = defineEngine<Office>({
  protocol, config, open: true,
  environment: (_config, { nextChild }) => ({ children: nextChild }),
  children: () => [identityManagement, commitment, office],
  supervision: { strategy: 'one-for-all', backoff: { first: 0, longest: 0 } },
  behaviour: {
    messages: {
      Open: always(({ self, sender }, { signsFor }, { children }) => [
        signsFor === null ? spawn(identityManagement, { as: child(identityManagement, self, children) })
          : spawn(commitment, { as: child(commitment, self, children), config: { backend: { type: 'LocalMemory' }, identity: parseExternalIdentity(signsFor), backendDeadline: 1_000 } }),
        spawn(office, { as: child(office, self, children + 1), config: { signsFor } }),
        grant(child(office, self, children), sender),
        update({ children: children + 2 }),
      ]),
      Crash: always(() => { throw new Error('on purpose') }),
    },
  },
})

async function opened(backend: Backend, signsFor: string | null) {
  const node = await createNode()
  const events: Observed[] = []
  const [spawned, restarted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  node.observe(event => {
    events.push(event)
    if (event.kind === 'spawned' && event.engine.name === 'office/1') spawned.resolve()
    if (event.kind === 'restarted' && event.engine.name === 'office/1') restarted.resolve()
  })
  const to = await node.spawn(office, { name: 'office', config: { signsFor }, services: { backends: [backend] } })
  const host = node.client('host')
  host.tell(to, { type: 'Open' })
  await spawned.promise
  return {
    node, events, host,
    first: <P>(): EngineRef<P> => JSON.parse(JSON.stringify({ node: node.id, name: 'office/0' })),
    crash: () => { host.tell({ ...to, name: 'office/1' }, { type: 'Crash' }); return restarted.promise },
  }
}

describe('an Identity Management that restarts', () => {
  test('S76, S27: knows its identities still, which wake under new EngineIDs; what it gave out before leads nowhere', async () => {
    const { node, events, first, crash } = await opened(localMemory(), null)
    await using _ = node
    const im = first<IdentityManagementProtocol>()
    const mine = identities(node.client('alice'), im)
    const old = await mine.generate({ params: 'Ed25519', requestId: 'same' })
    await crash()
    expect((await mine.list()).map(({ externalIdentity }) => externalIdentity)).toEqual([old.externalIdentity])
    expect(await outcomeOf(old.commit(utf8('data')))).toBe('stopped')
    const made = await mine.generate({ params: 'Ed25519', requestId: 'same' })
    expect(made.externalIdentity).toEqual(old.externalIdentity)
    expect([made.commitmentEngine.name, made.decryptionEngine.name]).toEqual(['office/0/2', 'office/0/3'])
    expect((await mine.connect(old.externalIdentity, 'Commit')).commitmentEngine).toEqual(made.commitmentEngine)
    expect(await verify(made.externalIdentity, utf8('data'), await made.commit(utf8('data')))).toBe(true)
    expect(await outcomeOf(old.delete())).toBe('done')
    expect(await mine.list()).toEqual([])
    expect(events.flatMap(e => e.kind === 'ended' ? [e.engine.name] : [])).toEqual(['office/0/0', 'office/0/1', 'office/0/2', 'office/0/3'])
  })
})

describe('a Commitment engine that restarts', () => {
  test('S29: opens its signer anew, and signs what waited', async () => {
    const memory = localMemory()
    const identity: ExternalIdentity = await memory.generate({ key: 'k', params: 'Ed25519', capabilities: 'Commit' }, new AbortController().signal)
    const calls: string[] = []
    const backend: Backend = {
      ...memory, name: memory.name, params: memory.params, capabilities: memory.capabilities,
      generate: (options, signal) => memory.generate(options, signal), delete: (id, signal) => memory.delete(id, signal), decryptor: (id, signal) => memory.decryptor(id, signal),
      async signer(id, signal) {
        const signer = await memory.signer(id, signal)
        calls.push('open')
        return { sign: (data, heed) => signer.sign(data, heed), close: () => { calls.push('close'); return signer.close() } }
      },
    }
    const { node, host, first, crash } = await opened(backend, identity.name)
    const signer = first<CommitmentProtocol>()
    const commit = () => host.ask(signer, { type: 'CommitmentRequest', data: utf8('data') })
    const { commitment: before } = await commit()
    const restart = crash()
    const { commitment: second } = await commit()
    await restart
    for (const each of [before, second]) expect(await verify(identity, utf8('data'), each)).toBe(true)
    await node.stop()
    expect(calls).toEqual(['open', 'close', 'open', 'close'])
  })

  test('S43, S29: a signer that takes back what it answered crashes its own engine at most, which restarts, and in the end is gone', async () => {
    let crashes = 0
    let gone = 0
    // When the answer is taken back, in microtasks after it was given: only some moments do harm.
    for (let moment = 0; moment < 12; moment++) {
      await using world = await World.make()
      const [alice, bob] = [world.node.client('alice'), world.node.client('bob')]
      const [made, other] = [await world.generate(alice), await world.generate(bob)]
      const commit = (client: typeof alice, engine: EngineRef<CommitmentProtocol>) => client.ask(engine, { type: 'CommitmentRequest', data: utf8('data') })
      world.backend.on.sign = async work => {
        const signed = await work()
        if (!(signed instanceof Uint8Array)) throw new Error('no bytes')
        const bytes: typeof signed = signed
        void (async () => {
          for (let n = 0; n < moment; n++) await Promise.resolve()
          structuredClone(bytes, { transfer: [bytes.buffer] })
        })()
        return bytes
      }
      const outcomes: string[] = []
      for (let n = 0; n < 5; n++) {
        const committing = outcomeOf(commit(alice, made.commitmentEngine))
        await quiet()
        world.host.advance(100)
        await quiet()
        outcomes.push(await committing)
      }
      crashes += outcomes.filter(outcome => outcome === 'crashed').length
      world.backend.pass('sign')
      const ended = world.ends
      if (outcomes.includes('crashed')) {
        // Three restarts, and the fourth crash is the end.
        expect(outcomes).toEqual(['crashed', 'crashed', 'crashed', 'crashed', 'stopped'])
        expect(ended).toEqual(['im/0 crashed'])
        expect(await outcomeOf(alice.ask(world.im, { type: 'ConnectIdentityRequest', externalIdentity: made.externalIdentity, backend: world.backend.name, capabilities: 'Commit' }))).toBe('engine-gone')
        gone++
      } else {
        expect(ended).toEqual([])
      }
      expect(await outcomeOf(commit(bob, other.commitmentEngine))).toBe('done')
      expect(await world.list(bob)).toHaveLength(1)
      await world.delete(alice, made.externalIdentity)
    }
    expect([crashes, gone]).toEqual([gone * 4, expect.any(Number)])
    expect(gone).toBeGreaterThan(0)
  })
})
