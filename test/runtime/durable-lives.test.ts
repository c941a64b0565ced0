import { describe, expect, test } from 'vitest'
import { Table } from '../../src/index.ts'
import type { Client, EngineRef, Node, Observed } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import type { Simulation } from '../../src/simulation.ts'
import { ledger, refOf } from './ledger.ts'
import type { LedgerProtocol } from './ledger.ts'

const add = (client: Client, to: EngineRef<LedgerProtocol>, key: string, ...deeds: readonly string[]) => client.ask(to, { type: 'AddRequest', key, deeds })
const read = async (client: Client, to: EngineRef<LedgerProtocol>) => client.ask(to, { type: 'ReadRequest' })

async function inSimulation(scenario: (sim: Simulation, node: Node, store: ReturnType<Simulation['store']>) => Promise<void>): Promise<void> {
  for (let seed = 0; seed < 12; seed++) {
    const sim = simulate({ seed })
    const store = sim.store()
    await sim.run(() => scenario(sim, sim.createNode({ store }), store))
    expect(sim.reported).toEqual([])
  }
}

describe('a durable engine', () => {
  test('S76: that crashes keeps the environment of its last step, also without a store; its timers, tasks and requests end', () => inSimulation(async (sim, stored) => {
    for (const node of [stored, sim.createNode()]) {
      const client = node.client('user')
      const to = await node.spawn(ledger(), { name: 'ledger', services: { work: () => new Promise(() => {}) }, config: { other: 'silent' } })
      await node.spawn(ledger({ durable: false }), { name: 'silent' })
      await add(client, to, 'a', 'work', 'tick 500 500 fire-once', 'ask')
      await expect(add(client, to, 'b', 'crash')).rejects.toMatchObject({ code: 'crashed' })
      await sim.sleep(2_000)
      expect((await read(client, to)).log).toEqual(['a'])
      // The message that crashed it does not come again.
      if (node !== stored) continue
      const next = sim.restart(node)
      const again = await next.spawn(ledger(), { name: 'ledger' })
      await sim.sleep(2_000)
      expect((await read(next.client('user'), again)).log).toEqual(['a'])
    }
  }))

  test('S77: resumes its durable children, with what they were granted, and numbers go on', () => inSimulation(async (sim, node) => {
    const to = await node.spawn(ledger(), { name: 'ledger' })
    const client = node.client('user')
    await add(client, to, 'kid', 'spawn')
    await add(client, to, 'other', 'spawn')
    await add(client, refOf(node.id, 'ledger/0'), 'x', 'spawn')
    await add(client, refOf(node.id, 'ledger/0/0'), 'y')
    await add(client, to, 'z', 'end other')
    await sim.sleep(50)
    const next = sim.restart(node)
    const events: Observed[] = []
    next.observe(event => events.push(event))
    await next.spawn(ledger(), { name: 'ledger' })
    await sim.sleep(50)
    const again = next.client('user')
    expect((await read(again, refOf(next.id, 'ledger/0'))).log).toEqual(['x'])
    expect((await read(again, refOf(next.id, 'ledger/0/0'))).log).toEqual(['y'])
    await expect(read(again, refOf(next.id, 'ledger/1'))).rejects.toMatchObject({ code: 'stopped' })
    expect(events.flatMap(e => e.kind === 'spawned' ? [e.engine.name] : [])).toEqual(['ledger', 'ledger/0', 'ledger/0/0'])
  }))

  test('S78: that is stopped leaves nothing but the numbers of its children; its node, when it stops, leaves all', () => inSimulation(async (sim, node, store) => {
    const to = await node.spawn(ledger(), { name: 'ledger' })
    await add(node.client('user'), to, 'a', 'spawn', 'once 100', 'pass')
    await add(node.client('user'), refOf(node.id, 'ledger/0'), 'b')
    await node.stop()
    await sim.sleep(50)
    const second = sim.restart(node)
    const again = await second.spawn(ledger(), { name: 'ledger' })
    expect((await read(second.client('user'), again)).log[0]).toBe('a')
    expect((await read(second.client('user'), refOf(second.id, 'ledger/0'))).log[0]).toBe('b')
    // For now, or by crashes: then it can be had back, in this life of the node too.
    await second.stop(again)
    const resumed = await second.spawn(ledger(), { name: 'ledger', supervision: { restarts: 0 } })
    await expect(add(second.client('user'), resumed, 'b', 'crash')).rejects.toMatchObject({ code: 'crashed' })
    await sim.sleep(50)
    const last = await second.spawn(ledger(), { name: 'ledger' })
    expect((await read(second.client('user'), last)).log[0]).toBe('a')
    expect((await read(second.client('user'), refOf(second.id, 'ledger/0'))).log[0]).toBe('b')
    // For good.
    await second.stop(last, { forget: true })
    await expect(second.spawn(ledger(), { name: 'ledger' })).rejects.toMatchObject({ code: 'name-taken' })
    const rows: Uint8Array[] = []
    for await (const { key } of store.range({ from: new Uint8Array([1]), to: new Uint8Array([255]) })) rows.push(key)
    expect(rows.map(key => new TextDecoder().decode(key).replaceAll('\u0000\u0001', ' '))).toEqual(['engine ledger self ', 'node '])
    const third = sim.restart(second)
    const fresh = await third.spawn(ledger(), { name: 'ledger' })
    expect((await read(third.client('user'), fresh)).log).toEqual([])
    await expect(add(third.client('user'), fresh, 'a', 'spawn')).rejects.toMatchObject({ code: 'crashed' })
  }))

  test('S79: has its state migrated, and keeps it when that can not be', () => inSimulation(async (sim, first) => {
    await add(first.client('user'), await first.spawn(ledger(), { name: 'ledger' }), 'a')
    const refused = async (node: Node, options: Parameters<typeof ledger>[0], code: string) =>
      expect(node.spawn(ledger(options), { name: 'ledger' })).rejects.toMatchObject({ code })
    const node = sim.restart(first)
    await refused(node, { version: 2 }, 'start-failed')
    await refused(node, { version: 2, migrate: () => { throw new Error('no') } }, 'start-failed')
    await refused(node, { id: 'test/other' }, 'start-failed')
    const to = await node.spawn(ledger({
      version: 3,
      migrate: ({ version, environment }) => ({ log: Table.from([['000000', `from ${version}: ${Object.keys(environment).toSorted().join(' ')}`]]), size: 1, children: Table.empty(), lives: 0 }),
    }), { name: 'ledger' })
    expect((await read(node.client('user'), to)).log).toEqual(['from 1: children lives log size'])
    const next = sim.restart(node)
    await refused(next, { version: 2, migrate: () => { throw new Error('no') } }, 'store-newer')
    expect((await read(next.client('user'), await next.spawn(ledger({ version: 3 }), { name: 'ledger' }))).log).toEqual(['from 1: children lives log size'])
  }))

  test('S80: whose step can not be stored stops with its node, and answers nothing that is not stored', () => inSimulation(async (sim, node, store) => {
    const to = await node.spawn(ledger(), { name: 'ledger' })
    const client = node.client('user')
    await add(client, to, 'a')
    const asked = [add(client, to, 'b'), read(client, to)].map(ask => ask.then(() => 'answered', (error: unknown) => error))
    store.fail()
    for (const answer of await Promise.all(asked)) expect(answer).toMatchObject({ code: 'stopped' })
    await sim.sleep(10)
    await expect(node.spawn(ledger(), { name: 'other' })).rejects.toMatchObject({ code: 'node-stopped', cause: { code: 'store-failed' } })
    expect(() => node.client('another')).toThrow(expect.objectContaining({ code: 'node-stopped' }))
  }))

  test('a node keeps its id, and gives no number of a request twice', () => inSimulation(async (sim, node) => {
    const ids = new Set<number>()
    let asked = 0
    for (let life = 0; life < 3; life++) {
      const current = life === 0 ? node : sim.restart(node)
      expect(current.id).toBe(node.id)
      current.observe(event => {
        if (event.kind === 'message' && event.id !== 0) {
          asked++
          ids.add(event.id)
        }
      })
      const to = await current.spawn(ledger(), { name: 'ledger' })
      await Promise.all([add(current.client('user'), to, 'a'), add(current.client('user'), to, 'b')])
      node = current
    }
    expect(asked).toBe(6)
    expect(ids.size).toBe(6)
  }))
})
