import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Client, EngineRef, MissedTicks, Node, Store } from '../../src/index.ts'
import { keysUnder } from '../../src/stores/key.ts'
import { simulate } from '../../src/simulation.ts'
import { put } from '../../src/runtime/rows.ts'
import type { Simulation } from '../../src/simulation.ts'
import { lawOf } from './law.ts'
import { ledger } from './ledger.ts'
import type { LedgerProtocol } from './ledger.ts'

interface World {
  readonly sim: Simulation
  readonly store: Store & { fail(): void }
  readonly node: () => Node
  readonly client: () => Client
  /** Cuts the power, and begins another life of the node. */
  restart(): Node
}

async function inWorld(seed: number, scenario: (world: World) => Promise<void>): Promise<void> {
  const sim = simulate({ seed })
  const store = sim.store()
  let node = sim.createNode({ store })
  await sim.run(() => scenario({
    sim, store,
    node: () => node,
    client: () => node.client('user'),
    restart: () => node = sim.restart(node),
  }))
  expect(sim.reported).toEqual([])
  expect(lawOf(node)).toBe(0)
}

const add = (client: Client, to: EngineRef<LedgerProtocol>, key: string, ...deeds: readonly string[]) => client.ask(to, { type: 'AddRequest', key, deeds }, { deadline: 1e6 })
const read = async (client: Client, to: EngineRef<LedgerProtocol>) => (await client.ask(to, { type: 'ReadRequest' })).log
const seeds = fc.integer({ min: 0, max: 2 ** 31 })
const property = (scenario: (world: World, seed: number) => Promise<void>) =>
  fc.assert(fc.asyncProperty(seeds, seed => inWorld(seed, world => scenario(world, seed))), { numRuns: 60 })

const outages: readonly (readonly [MissedTicks, every: string, ticks: number])[] = [
  ['fire-once', '', 1], ['skip', '', 0], ['catch-up', '', 1],
  ['fire-once', '100', 1], ['skip', '100', 0], ['catch-up', '100', 10],
]

describe('a durable engine', () => {
  test('S69: goes on, after a power cut, with all that it had answered for, and with no step that is half there', () => property(async ({ sim, node, client, restart }) => {
    const answered: string[] = []
    for (let life = 0; life < 4; life++) {
      const to = await node().spawn(ledger(), { name: 'ledger' })
      const log = await read(client(), to)
      expect(log.filter(key => answered.includes(key)).toSorted()).toEqual(answered.toSorted())
      expect(log).toEqual(log.toSorted())
      const before = answered.length
      for (let n = 0; n < 10; n++) {
        const key = `${life}/${n}`
        add(client(), to, key).then(() => answered.push(key), () => {})
      }
      await sim.sleep(sim.choose(20))
      if (life % 2 === 0) expect((await read(client(), to)).length).toBeGreaterThanOrEqual(before)
      restart()
    }
  }))

  test('is not begun from what is no data: a row that was changed in the store may be anything', () => inWorld(1, async ({ node, client, store, restart }) => {
    await add(client(), await node().spawn(ledger(), { name: 'ledger' }), 'a')
    await store.write([put('ledger', { row: 'state', fields: JSON.parse('{ "log": { "__proto__": 1 } }'), tables: [] })])
    await expect(restart().spawn(ledger(), { name: 'ledger' })).rejects.toMatchObject({ code: 'store-damaged' })
  }))

  test('stores none of its passing fields: they last through a crash, and are as at first in another process', () => inWorld(1, async ({ node, client, store, restart }) => {
    const family = ledger({ passing: ['log'] })
    const to = await node().spawn(family, { name: 'ledger' })
    await add(client(), to, 'a')
    await expect(add(client(), to, 'b', 'crash')).rejects.toThrow('crashed')
    expect(await read(client(), to)).toEqual(['a'])
    for await (const row of store.range(keysUnder('engine', 'ledger', 'entry'))) expect.fail(`There is a row of ${row.key.length} bytes`)
    const again = await restart().spawn(family, { name: 'ledger' })
    expect(await read(client(), again)).toEqual([])
    expect(await add(client(), again, 'c')).toMatchObject({ size: 2 })
    expect(await read(client(), again)).toEqual(['c'])
  }))

  test('S70: answers when what it did is stored, and not before', () => inWorld(1, async ({ sim, node, client, store, restart }) => {
    const to = await node().spawn(ledger(), { name: 'ledger' })
    let stored = 0
    const { write } = store
    store.write = async changes => {
      await write.call(store, changes)
      stored++
    }
    const before = stored
    await add(client(), to, 'a')
    expect(stored).toBeGreaterThan(before)
    // What asks for nothing to be stored need not wait.
    const now = sim.time
    await read(client(), to)
    expect(sim.time - now).toBeLessThan(1)
    restart()
    expect(await read(client(), await node().spawn(ledger(), { name: 'ledger' }))).toEqual(['a'])
  }))

  test('S71: has one batch of many steps, and is ahead of the store meanwhile', () => inWorld(2, async ({ node, client, store }) => {
    const to = await node().spawn(ledger(), { name: 'ledger' })
    let writes = 0
    const { write } = store
    store.write = changes => {
      writes++
      return write.call(store, changes)
    }
    const sizes = await Promise.all(Array.from({ length: 500 }, (_, n) => add(client(), to, `${n}`)))
    expect(sizes.map(({ size }) => size)).toEqual(Array.from({ length: 500 }, (_, n) => n + 1))
    expect(writes).toBeLessThan(250)
  }))

  test('S72: sends to another durable engine effectively once, whatever crashes when', () => property(async ({ sim, node, client, restart }) => {
    for (let life = 0; life < 4; life++) {
      const to = await node().spawn(ledger(), { name: 'to' })
      const from = await node().spawn(ledger(), { name: 'from', config: { other: 'to' } })
      for (let n = 0; n < 8; n++) add(client(), from, `${life}/${n}`, 'pass').catch(() => {})
      await sim.sleep(sim.choose(25))
      if (life === 3) await sim.sleep(1_000)
      else restart()
      if (life < 3) continue
      const sent = (await read(client(), from)).filter(text => !text.includes('passed'))
      expect(await read(client(), to)).toEqual(sent.map(key => `from passed ${key}`))
      expect(sent.length).toBeGreaterThanOrEqual(8)
    }
  }))

  test('S73: does each of its tasks at least once, with the same key, and hears of it exactly once', () => property(async ({ sim, node, client, restart }) => {
    const worked: string[] = []
    const services = { work: async (key: string) => {
      worked.push(key)
      await sim.sleep(5)
      return key
    } }
    for (let life = 0; life < 4; life++) {
      const to = await node().spawn(ledger(), { name: 'ledger', services })
      for (let n = 0; n < 5; n++) add(client(), to, `${life}/${n}`, 'work').catch(() => {})
      await sim.sleep(life === 3 ? 1_000 : sim.choose(20))
      if (life < 3) {
        restart()
        continue
      }
      const log = await read(client(), to)
      const begun = log.filter(text => !text.startsWith('worked'))
      expect(log.filter(text => text.startsWith('worked')).toSorted()).toEqual(begun.map(key => `worked ${key} done`).toSorted())
      expect(begun.every(key => worked.includes(key))).toBe(true)
      // Nothing was done of which nothing is known.
      expect(worked.every(key => begun.includes(key))).toBe(true)
    }
  }))

  test('S74: hears of each open request that nobody knows of any more: it was aborted', () => property(async ({ sim, node, client, restart }) => {
    const to = await node().spawn(ledger(), { name: 'ledger', config: { other: 'silent' } })
    await node().spawn(ledger({ durable: false }), { name: 'silent' })
    await add(client(), to, 'a', 'ask')
    await add(client(), to, 'b', 'ask')
    await sim.sleep(100)
    restart()
    const again = await node().spawn(ledger(), { name: 'ledger', config: { other: 'silent' } })
    await sim.sleep(100)
    expect(await read(client(), again)).toEqual(['a', 'b', 'ask/a aborted', 'ask/b aborted'])
    restart()
    expect(await read(client(), await node().spawn(ledger(), { name: 'ledger' }))).toEqual(['a', 'b', 'ask/a aborted', 'ask/b aborted'])
  }))

  test.each(outages)('S75: with the policy %s (every %s ms), hears of ticks that fell due while it was down', (missed, every, ticks) => property(async ({ sim, node, client, restart }) => {
    const to = await node().spawn(ledger(), { name: 'ledger' })
    const start = sim.time
    await add(client(), to, 'a', every === '' ? `once 100 ${missed}` : `tick 100 ${every} ${missed}`)
    await sim.sleep(20)
    restart()
    // 1,050 ms after it was set: ten ticks of those every 100 ms are over.
    await sim.sleep(start + 1_050 - sim.time)
    const again = await node().spawn(ledger(), { name: 'ledger' })
    await sim.sleep(30)
    expect((await read(client(), again)).filter(text => text.startsWith('tick'))).toEqual(Array.from({ length: ticks }, () => 'tick/a'))
    await sim.sleep(200)
    const later = (await read(client(), again)).filter(text => text.startsWith('tick')).length
    expect(later).toBe(every === '' ? ticks : ticks + 2)
    // One that has run out is not heard of in another life.
    restart()
    const last = await node().spawn(ledger(), { name: 'ledger' })
    expect((await read(client(), last)).filter(text => text.startsWith('tick')).length).toBeLessThanOrEqual(later + 1)
  }))
})
