import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { always, defineEngine, defineProtocol, memoryNetwork, send, sensitive, update } from '../../src/index.ts'
import type { EngineID, EngineRef, NodeOptions, ProtocolOf, Store } from '../../src/index.ts'
import { packData } from '../../src/core/encoding.ts'
import { writeAck } from '../../src/runtime/frames.ts'
import type { Item } from '../../src/runtime/frames.ts'
import { simulate } from '../../src/simulation.ts'
import { box } from './box.ts'
import { ledger, refOf } from './ledger.ts'
import { laws, message, nodeID, place, Stranger } from './nodes.ts'

/** A node, and somebody who speaks frames by hand. */
function world(seed: number, options: NodeOptions = {}, hasStore = true) {
  const sim = simulate({ seed })
  const network = memoryNetwork()
  const store = sim.store()
  const here = place(sim, network, hasStore ? { store, ...options } : options)
  const stranger = new Stranger(nodeID(1), network)
  const dial = async () => {
    stranger.dial(here.node.id)
    await sim.sleep(1)
    stranger.hello()
    await sim.sleep(1)
  }
  /** To which number it has acknowledged stored messages. */
  const acknowledged = () => Math.max(0, ...stranger.frames.map(frame => frame.kind === 'ack' ? frame.stored : 0))
  const log = async () => (await here.host.ask(refOf(here.node.id, 'ledger'), { type: 'ReadRequest' })).log
  return { sim, network, store, here, stranger, dial, acknowledged, log }
}

const pass = (n: number, key: string, to = 'ledger', from = 'far'): Item & { readonly kind: 'stored' } => ({ kind: 'stored', n, to, mailbox: 0, from, msg: { type: 'Pass', key } })

async function rowsOf(store: Store): Promise<readonly string[]> {
  const rows: string[] = []
  for await (const { key } of store.range({ from: new Uint8Array([1]), to: new Uint8Array([255]) })) rows.push(new TextDecoder().decode(key).replaceAll('\u0000\u0001', ' '))
  return rows
}

/** What holds writes back until it is told otherwise. */
function gate(store: Store): () => void {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { write } = store
  store.write = changes => promise.then(() => write.call(store, changes))
  return resolve
}

describe('what another node has stored', () => {
  test('S2, S81: is acknowledged and heard when it is stored here, and what came after it is heard after it', async () => {
    const { sim, here, store, stranger, dial, acknowledged, log } = world(1)
    await sim.run(async () => {
      await here.node.spawn(ledger(), { name: 'ledger' })
      const seen: number[] = []
      await here.node.spawn(box({ put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      await dial()
      const open = gate(store)
      stranger.say(pass(1, 'a'), message('box', { type: 'Put', n: 1 }), pass(2, 'b'))
      stranger.say(message('box', { type: 'Put', n: 2 }))
      await sim.sleep(100)
      expect([acknowledged(), seen, await log()]).toEqual([0, [], []])
      expect(stranger.frames.at(-1)).toMatchObject({ kind: 'ack', n: 2 })
      open()
      await sim.sleep(50)
      expect([acknowledged(), seen, await log()]).toEqual([2, [1, 2], ['far passed a', 'far passed b']])
      stranger.say(message('box', { type: 'Put', n: 3 }))
      await sim.sleep(1)
      expect(seen).toEqual([1, 2, 3])
      expect(laws(here)).toEqual([0])
    })
  })

  test.each([true, false])('S81, S83: is taken once, on whichever link and from whichever life it comes (with a store: %s)', async hasStore => {
    const { sim, here, stranger, dial, acknowledged, log } = world(2, {}, hasStore)
    await sim.run(async () => {
      await here.node.spawn(ledger(), { name: 'ledger' })
      await dial()
      stranger.say(pass(1, 'a'), pass(2, 'b'))
      await sim.sleep(50)
      await dial()
      stranger.say(pass(1, 'a'), pass(2, 'b'), pass(3, 'c'))
      await sim.sleep(50)
      stranger.boot = 'c0'.repeat(16)
      await dial()
      stranger.say(pass(2, 'b'), pass(3, 'c'), pass(4, 'd'))
      await sim.sleep(50)
      expect(await log()).toEqual(['a', 'b', 'c', 'd'].map(key => `far passed ${key}`))
      expect(acknowledged()).toBe(4)
      expect(here.dead).toEqual([])
      expect(laws(here)).toEqual([0])
    })
  })

  test('S83: for what is no durable engine, or may not be told, is a dead letter as any message, and acknowledged', async () => {
    const { sim, here, store, stranger, dial, acknowledged } = world(3)
    await sim.run(async () => {
      await here.node.spawn(box({ closed: true }), { name: 'closed' })
      await here.node.spawn(ledger(), { name: 'ledger' })
      await dial()
      stranger.say(pass(1, 'a', 'nobody'), pass(2, 'b', 'ledger/7'), { ...pass(3, 'c', 'closed'), msg: { type: 'Put', n: 1 } }, { ...pass(4, 'd'), msg: { type: 'Nonsense' } }, { ...pass(5, 'e'), mailbox: 3 })
      await sim.sleep(50)
      expect(acknowledged()).toBe(5)
      expect(here.dead).toEqual(['Pass stopped', 'Pass stopped', 'Put not-acquainted', 'Nonsense malformed', 'Pass no-mailbox'])
      expect((await rowsOf(store)).filter(row => row.includes('message'))).toEqual([])
      expect(laws(here)).toEqual([0])
    })
  })

  test.each([
    ['a gap', [pass(1, 'a'), pass(3, 'c')], 1, true],
    ['the first ahead of all that is known: this node has forgotten', [pass(41, 'a'), pass(42, 'b')], 42, false],
    ['zero', [pass(0, 'a')], 0, false],
    ['the last number there is', [pass(Number.MAX_SAFE_INTEGER, 'a'), pass(Number.MAX_SAFE_INTEGER, 'b'), pass(1, 'c')], Number.MAX_SAFE_INTEGER, false],
    ['the same again and again', [pass(1, 'a'), pass(1, 'b'), pass(1, 'c'), pass(2, 'd')], 2, false],
  ] as const)('S85: is numbered as it likes, and harms itself alone: %s', async (_what, items, last, isClosed) => {
    const { sim, here, stranger, dial, acknowledged, log } = world(4)
    await sim.run(async () => {
      await here.node.spawn(ledger(), { name: 'ledger' })
      await dial()
      for (const item of items) stranger.say(item)
      await sim.sleep(50)
      expect(stranger.closed).toEqual(isClosed ? ['out'] : [])
      if (isClosed) await dial()
      stranger.say({ ...message('ledger', { type: 'Pass', key: 'z' }) })
      await sim.sleep(50)
      if (!isClosed) expect(acknowledged()).toBe(last)
      expect((await log()).at(-1)).toBe('mallory passed z')
      expect(laws(here)).toEqual([0])
    })
    expect(sim.reported).toEqual([])
  })

  test('S57, S85: that has a number which is none closes the link', async () => {
    for (const n of [-1, 0.5, NaN, Infinity, '1', null, 2 ** 53]) {
      const { sim, here, stranger, dial } = world(5)
      await sim.run(async () => {
        await dial()
        stranger.out?.send(Uint8Array.from([...packData([2, 1]), ...packData([6, n, 'ledger', 0, 'far', { type: 'Pass', key: 'a' }])]))
        await sim.sleep(1)
        expect([n, stranger.closed]).toEqual([n, ['out']])
        expect(laws(here)).toEqual([0])
      })
    }
  })

  test('S83: with sensitive fields is not stored here, and delivered at most once', async () => {
    const { sim, here, store, stranger, dial, acknowledged } = world(6)
    const values: string[] = []
    const { write } = store
    store.write = changes => {
      for (const { value } of changes) values.push(new TextDecoder().decode(value))
      return write.call(store, changes)
    }
    await sim.run(async () => {
      const seen: string[] = []
      await here.node.spawn(secrets(seen), { name: 'secrets', config: {} })
      await dial()
      stranger.say({ kind: 'stored', n: 1, to: 'secrets', mailbox: 0, from: 'far', msg: { type: 'Whisper', word: 'plaintext' } })
      await sim.sleep(50)
      expect([seen, acknowledged()]).toEqual([['plaintext'], 1])
      // Nor for one that is still to be resumed; and who tells it here is told.
      await here.node.stop(refOf(here.node.id, 'secrets'))
      stranger.say({ kind: 'stored', n: 2, to: 'secrets', mailbox: 0, from: 'far', msg: { type: 'Whisper', word: 'plaintext' } })
      await here.node.spawn(secrets(seen), { name: 'other', config: { to: 'secrets' } })
      here.host.tell(refTo(here.node.id, 'other'), { type: 'Go' })
      await sim.sleep(50)
      expect(here.dead).toEqual(['Whisper stopped', 'Go crashed'])
      expect(acknowledged()).toBe(2)
      expect(values.some(text => text.includes('plaintext'))).toBe(false)
      expect(laws(here)).toEqual([0])
    })
  })
})

describe('what is stored for another node', () => {
  const tell = (here: ReturnType<typeof place>, key: string) =>
    here.host.ask(refOf(here.node.id, 'ledger'), { type: 'AddRequest', key, deeds: ['pass'] })
  const stored = (stranger: Stranger) => stranger.items().flatMap(item => item.kind === 'stored' ? [item.n] : [])

  test('S81, S85: is sent again until it is acknowledged, and what was never sent can not be', async () => {
    const { sim, here, store, stranger } = world(1)
    await sim.run(async () => {
      await here.node.spawn(ledger(), { name: 'ledger', config: { other: 'far', node: stranger.id } })
      await tell(here, 'a')
      await tell(here, 'b')
      await sim.sleep(20)
      expect(stored(stranger)).toEqual([1, 2])
      expect(here.node.counters()).toMatchObject({ queued: 2, handedToTransport: 0, uncertain: 0 })
      stranger.back?.send(writeAck(1, 3))
      await sim.sleep(20)
      expect(here.links.at(-1)).toBe('lost it acknowledged what was not sent')
      await sim.sleep(200)
      expect(stored(stranger)).toEqual([1, 2, 1, 2])
      expect(here.node.counters()).toMatchObject({ queued: 2, handedToTransport: 0, uncertain: 0 })
      // Acknowledged as a frame, but not as stored: it is missed after a while.
      stranger.back?.send(writeAck(1, 1))
      await sim.sleep(20)
      expect(here.node.counters()).toMatchObject({ queued: 1, handedToTransport: 1 })
      await sim.sleep(11_000)
      expect(here.links.at(-2)).toMatch(/^lost it did not acknowledge a frame/)
      expect(stored(stranger)).toEqual([1, 2, 1, 2, 2])
      stranger.back?.send(writeAck(1, 2))
      await sim.sleep(20)
      expect((await rowsOf(store)).filter(row => row.startsWith('out'))).toEqual([])
      expect(here.node.counters()).toMatchObject({ queued: 0, handedToTransport: 2, uncertain: 0 })
      expect(laws(here)).toEqual([0])
    })
  })

  test('S2, S81: goes again before what was never sent', async () => {
    const { sim, here, stranger } = world(5)
    await sim.run(async () => {
      await here.node.spawn(ledger(), { name: 'ledger', config: { other: 'far', node: stranger.id } })
      await tell(here, 'a')
      await sim.sleep(20)
      here.transport.isFull = true
      for (const key of ['b', 'c', 'd']) {
        await tell(here, key)
        await sim.sleep(20)
      }
      expect(stored(stranger)).toEqual([1, 2])
      here.transport.isFull = false
      stranger.back?.close()
      await sim.sleep(200)
      expect(stored(stranger)).toEqual([1, 2, 1, 2, 3, 4])
      expect(laws(here)).toEqual([0])
    })
  })

  test('S70, S81: is not sent before it is stored', async () => {
    const { sim, here, store, stranger } = world(2)
    await sim.run(async () => {
      await here.node.spawn(ledger(), { name: 'ledger', config: { other: 'far', node: stranger.id } })
      const open = gate(store)
      const told = tell(here, 'a')
      await sim.sleep(100)
      expect(stored(stranger)).toEqual([])
      open()
      await told
      await sim.sleep(20)
      expect(stored(stranger)).toEqual([1])
    })
  })

  test('S84: is so much and no more, while nobody takes it', async () => {
    const { sim, here, stranger } = world(3, { outbox: 1 })
    await sim.run(async () => {
      stranger.isPolite = false
      await here.node.spawn(ledger(), { name: 'ledger', config: { other: 'far', node: stranger.id } })
      for (let n = 0; n < 20; n++) await tell(here, `${n}`)
      await sim.sleep(100)
      expect(here.dead).toEqual(Array.from({ length: 4 }, () => 'Pass outbox-full'))
      expect(here.node.counters()).toMatchObject({ queued: 16 })
      stranger.isPolite = true
      while (stored(stranger).length === 0) await sim.sleep(100)
      expect(new Set(stored(stranger))).toEqual(new Set(Array.from({ length: 16 }, (_, n) => n + 1)))
      stranger.back?.send(writeAck(1, 16))
      await sim.sleep(20)
      await tell(here, 'more')
      await sim.sleep(20)
      expect(stored(stranger).at(-1)).toBe(17)
      expect(laws(here)).toEqual([0])
    })
  })

  test('S81: waits through a life that has no way to other nodes, and is not told apart by what that node did', async () => {
    const sim = simulate({ seed: 4 })
    const network = sim.network()
    const store = sim.store()
    const far = sim.createNode({ network, store: sim.store() })
    await sim.run(async () => {
      await far.spawn(ledger(), { name: 'far' })
      let here = sim.createNode({ network, store })
      network.partition([far])
      await here.spawn(ledger(), { name: 'ledger', config: { other: 'far', node: far.id } })
      await here.client('host').ask(refOf(here.id, 'ledger'), { type: 'AddRequest', key: 'a', deeds: ['pass'] })
      await here.stop()
      expect((await rowsOf(store)).filter(row => row.startsWith('out'))).toHaveLength(1)
      const alone = sim.createNode({ store })
      await sim.sleep(10_000)
      await alone.stop()
      network.heal()
      here = sim.createNode({ network, store })
      await sim.sleep(10_000)
      expect((await far.client('host').ask(refOf(far.id, 'far'), { type: 'ReadRequest' })).log).toEqual(['ledger passed a'])
      expect((await rowsOf(store)).filter(row => row.startsWith('out'))).toEqual([])
      expect(here.counters()).toMatchObject({ arrived: 1, handedToTransport: 1, queued: 0 })
    })
  })
})

describe('what is told to an engine that is not there', () => {
  test('S78, S82: nor is it lost when that engine ends for now, before it is stored or before it is handled', async () => {
    const { sim, here, store, stranger, dial, log } = world(7)
    await sim.run(async () => {
      const spawn = () => here.node.spawn(ledger(), { name: 'ledger' })
      const to = await spawn()
      await dial()
      const open = gate(store)
      stranger.say(pass(1, 'a'))
      await sim.sleep(1)
      const stopped = here.node.stop(to)
      await sim.sleep(1)
      open()
      await stopped
      const again = await spawn()
      expect(await log()).toEqual(['far passed a'])
      const stopping: Promise<void>[] = []
      const unobserve = here.node.observe(event => { if (event.kind === 'message' && event.name === 'Pass') stopping.push(here.node.stop(again)) })
      stranger.say(pass(2, 'b'))
      await sim.sleep(50)
      unobserve()
      await Promise.all(stopping)
      expect(here.dead).toEqual(['Pass stopped'])
      await spawn()
      expect(await log()).toEqual(['far passed a', 'far passed b'])
      expect(laws(here)).toEqual([0])
    })
  })

  test('S82: waits, if that was a durable engine of the host; else, and for a child, it is a dead letter', async () => {
    const sim = simulate({ seed: 1 })
    const store = sim.store()
    const first = sim.createNode({ store })
    await sim.run(async () => {
      const to = await first.spawn(ledger(), { name: 'to' })
      await first.client('host').ask(to, { type: 'AddRequest', key: 'a', deeds: ['spawn'] })
      const node = sim.restart(first)
      const dead: string[] = []
      node.observe(event => { if (event.kind === 'dead-letter') dead.push(event.target.name) })
      for (const other of ['to', 'to/0', 'nobody']) {
        const from = await node.spawn(ledger(), { name: `for-${other.replace('/', '-')}`, config: { other } })
        for (const key of ['x', 'y']) await node.client('host').ask(from, { type: 'AddRequest', key, deeds: ['pass'] })
      }
      node.client('host').tell(to, { type: 'Pass', key: 'host' })
      await sim.sleep(50)
      expect(node.counters()).toMatchObject({ queued: 2 })
      expect(dead).toEqual(['to/0', 'to/0', 'nobody', 'nobody', 'to'])
      await node.spawn(ledger(), { name: 'to' })
      expect((await node.client('host').ask(to, { type: 'ReadRequest' })).log).toEqual(['a', 'for-to passed x', 'for-to passed y'])
      expect(node.counters()).toMatchObject({ queued: 0 })
    })
  })
})

test('S2, S81, S82: what was acknowledged for an engine that is not there outlasts its node, and comes before what is said later', async () => {
  for (let seed = 0; seed < 5; seed++) {
    const sim = simulate({ seed })
    const network = sim.network()
    const [here, first] = [sim.createNode({ network, store: sim.store() }), sim.createNode({ network, store: sim.store() })]
    await sim.run(async () => {
      await first.stop(await first.spawn(ledger(), { name: 'to' }))
      const from = await here.spawn(ledger(), { name: 'from', config: { other: 'to', node: first.id } })
      const tell = async (key: string) => {
        await here.client('host').ask(from, { type: 'AddRequest', key, deeds: ['pass'] })
        await sim.sleep(1_000)
      }
      await tell('a')
      await tell('b')
      expect(here.counters()).toMatchObject({ handedToTransport: 2, queued: 0 })
      expect(first.counters()).toMatchObject({ arrived: 2, queued: 2 })
      const second = sim.restart(first)
      await tell('c')
      expect(second.counters()).toMatchObject({ arrived: 1, queued: 1 })
      const to = await second.spawn(ledger(), { name: 'to' })
      expect((await second.client('host').ask(to, { type: 'ReadRequest' })).log).toEqual(['a', 'b', 'c'].map(key => `from passed ${key}`))
      expect(second.counters()).toMatchObject({ arrived: 3, queued: 0 })
    })
  }
})

const secretsProtocol = defineProtocol({ id: 'test/secrets', version: 1, codes: [], requests: {}, tells: { Whisper: { word: sensitive(z.string()) }, Go: {} } })
interface SecretsProtocol extends ProtocolOf<typeof secretsProtocol> {}
interface Secrets {
  protocol: SecretsProtocol
  config: typeof secretsConfig
  environment: { readonly n: number }
  services: {}
  tasks: {}
  asks: {}
  timers: never
}
const secretsConfig = z.strictObject({ to: z.string().exactOptional() })
function refTo(node: string | null, name: string): EngineRef<SecretsProtocol>
function refTo(node: string | null, name: string): EngineID {
  return { node, name }
}
function secrets(seen: string[]) {
  return defineEngine<Secrets>({
    protocol: secretsProtocol, config: secretsConfig, environment: () => ({ n: 0 }), open: true, durable: { version: 1 },
    behaviour: { messages: {
      Whisper: always(({ msg }, _config, { n }) => { seen.push(msg.word); return update({ n: n + 1 }) }),
      Go: always(({ self }, { to = '' }) => send(refTo(self.node, to), { type: 'Whisper', word: 'plaintext' })),
    } },
  })
}
