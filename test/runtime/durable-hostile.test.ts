import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineEngine, defineProtocol, Table } from '../../src/index.ts'
import type { Client, EngineRef, ProtocolOf } from '../../src/index.ts'
import { ledger, refOf } from './ledger.ts'
import type { LedgerProtocol } from './ledger.ts'
import { inSimulation, notesOf, puppet, refTo, rowsOf, tell } from './puppet.ts'

const add = (client: Client, to: EngineRef<LedgerProtocol>, key: string, ...deeds: readonly string[]) => client.ask(to, { type: 'AddRequest', key, deeds })
const read = async (client: Client, to: EngineRef<LedgerProtocol>) => (await client.ask(to, { type: 'ReadRequest' })).log

const none = defineProtocol({ id: 'test/none', version: 1, codes: [], requests: {}, tells: {} })
const config = z.strictObject({})
interface Listed { protocol: ProtocolOf<typeof none>; config: typeof config; environment: readonly string[] }

describe('a durable engine', () => {
  test('S72: hears what its parent told it before the power was cut, though it is open to nobody else', () => inSimulation(async ({ sim, node }) => {
    const parent = await node.spawn(puppet({ closed: true }), { name: 'parent', acquaintances: [node.client('user')] })
    await tell(node.client('user'), parent, 'spawn')
    await sim.sleep(20)
    // Halted, so that what is told waits when the power is cut.
    node.client('user').ask(refTo(node, 'parent/0'), { type: 'HangRequest' }).catch(() => {})
    await tell(node.client('user'), parent, 'tell 0 hello')
    const next = sim.restart(node)
    const again = await next.spawn(puppet({ closed: true }), { name: 'parent', acquaintances: [next.client('user')] })
    await sim.sleep(20)
    await tell(next.client('user'), again, 'grant 0')
    expect(await notesOf(next.client('user'), refTo(next, 'parent/0'))).toEqual(['hello'])
  }, 30))

  test('S79: has the state of its children migrated for good', () => inSimulation(async ({ sim, node }) => {
    await add(node.client('user'), await node.spawn(ledger(), { name: 'ledger' }), 'a', 'spawn')
    await sim.sleep(20)
    await add(node.client('user'), refOf(node.id, 'ledger/0'), 'b')
    const migrate = () => ({ log: Table.from([['000000', 'migrated']]), size: 1, children: Table.empty<never>(), lives: 0 })
    const second = sim.restart(node)
    await second.spawn(ledger({ version: 2, migrate }), { name: 'ledger' })
    await sim.sleep(20)
    expect(await read(second.client('user'), refOf(node.id, 'ledger/0'))).toEqual(['migrated'])
    await add(second.client('user'), refOf(node.id, 'ledger/0'), 'c')
    const third = sim.restart(second)
    await third.spawn(ledger({ version: 2, migrate }), { name: 'ledger' })
    await sim.sleep(20)
    expect(await read(third.client('user'), refOf(node.id, 'ledger/0'))).toEqual(['migrated', 'c'])
  }))

  test('S76: keeps its environment when it restarts with others, of which one can not begin its life at once', () => inSimulation(async ({ sim, node }) => {
    let failures = 0
    const services = { acquire: () => {
      if (failures-- > 0) throw new Error('Not yet')
    } }
    const parent = await node.spawn(puppet({ supervision: { strategy: 'one-for-all' } }), { name: 'parent', services })
    const client = node.client('user')
    await tell(client, parent, 'spawn', 'spawn')
    await sim.sleep(20)
    await tell(client, refTo(node, 'parent/1'), 'note a')
    failures = 1
    await expect(tell(client, refTo(node, 'parent/1'), 'crash')).rejects.toMatchObject({ code: 'crashed' })
    await sim.sleep(2_000)
    expect(await notesOf(client, refTo(node, 'parent/1'))).toEqual(['a'])
  }))

  test('S80: stops with its node, also when the store fails while the node is being stopped', () => inSimulation(async ({ node, store }) => {
    const to = await node.spawn(puppet(), { name: 'puppet' })
    const asked = tell(node.client('user'), to, 'note a').catch((error: unknown) => error)
    const loading = node.spawn(puppet(), { name: 'other' }).catch((error: unknown) => error)
    const stopped = node.stop()
    store.fail()
    await stopped
    expect(await asked).toMatchObject({ code: 'stopped' })
    expect(await loading).toMatchObject({ code: expect.stringMatching(/node-stopped|store-failed/) })
  }))

  test('S69: whose step can not be stored has stored nothing of it', () => inSimulation(async ({ sim, node }) => {
    const parent = await node.spawn(puppet(), { name: 'parent' })
    const client = node.client('user')
    // The configuration of the child has no encoding.
    await expect(tell(client, parent, 'note lost', 'spawn surrogate')).rejects.toMatchObject({ code: 'crashed' })
    await tell(client, parent, 'note b')
    const next = sim.restart(node)
    expect(await notesOf(next.client('user'), await next.spawn(puppet(), { name: 'parent' }))).toEqual(['b'])
  }))

  test('S69: goes on when there is no value in an entry of a table, and none that a task is for', () => inSimulation(async ({ sim, node }) => {
    const engine = await node.spawn(puppet(), { name: 'puppet', services: { work: () => new Promise<void>(() => {}) } })
    await tell(node.client('user'), engine, 'nothing', 'work')
    const next = sim.restart(node)
    const again = await next.spawn(puppet(), { name: 'puppet' })
    await sim.sleep(20)
    expect(await notesOf(next.client('user'), again)).toEqual(['worked'])
  }))

  test('S72: does not hear again what it crashed over, as its child can not be stored', () => inSimulation(async ({ sim, node }) => {
    const parent = await node.spawn(puppet(), { name: 'parent' })
    const client = node.client('user')
    await tell(client, parent, 'spawn')
    await sim.sleep(20)
    await tell(client, parent, 'tell 0 spawn')
    await sim.sleep(100)
    const next = sim.restart(node)
    const lives: string[] = []
    next.observe(event => lives.push(event.kind))
    await next.spawn(puppet(), { name: 'parent' })
    await sim.sleep(100)
    expect(lives).not.toContain('restarted')
  }))

  test('S72: does not hear in its next life what was a dead letter, since it had crashed too often', () => inSimulation(async ({ sim, node, store }) => {
    const parent = await node.spawn(puppet({ supervision: { crash: 'stop' } }), { name: 'parent' })
    const client = node.client('user')
    await tell(client, parent, 'spawn')
    await sim.sleep(20)
    await expect(tell(client, refTo(node, 'parent/0'), 'crash')).rejects.toMatchObject({ code: 'crashed' })
    await tell(client, parent, 'tell 0 a', 'tell 0 b')
    expect((await rowsOf(store)).filter(row => row.includes('message'))).toEqual([])
    const next = sim.restart(node)
    await next.spawn(puppet(), { name: 'parent' })
    await sim.sleep(20)
    expect(await notesOf(next.client('user'), refTo(next, 'parent/0'))).toEqual([])
  }))

  test('S78: leaves nothing of what a child did while the step that ends it was being stored', () => inSimulation(async ({ sim, node, store }) => {
    const parent = await node.spawn(puppet(), { name: 'parent' })
    const client = node.client('user')
    await tell(client, parent, 'spawn')
    await sim.sleep(20)
    for (const [to, ...deeds] of [['parent', 'end 0'], ['parent/0', 'spawn', 'note a', 'work', 'tick 5'], ['parent/0', 'spawn']] as const) {
      tell(client, refTo(node, to), ...deeds).catch(() => {})
      await sim.sleep(0)
    }
    await sim.sleep(100)
    expect((await rowsOf(store)).filter(row => row.includes('parent/0'))).toEqual([])
  }, 30))

  test('S77: knows nobody from a spawn that failed, when it is spawned again and resumed', () => inSimulation(async ({ sim, node }) => {
    const family = puppet({ closed: true })
    const services = { acquire: () => { throw new Error('Not yet') } }
    await expect(node.spawn(family, { name: 'puppet', acquaintances: [node.client('eve')], services })).rejects.toMatchObject({ code: 'start-failed' })
    await sim.sleep(50)
    await node.spawn(family, { name: 'puppet', acquaintances: [node.client('bob')] })
    const next = sim.restart(node)
    const again = await next.spawn(family, { name: 'puppet' })
    expect(await notesOf(next.client('bob'), again)).toEqual([])
    await expect(notesOf(next.client('eve'), again)).rejects.toMatchObject({ code: 'not-acquainted' })
  }))

  test('S48: restarts once for a crash that is dealt with when another has restarted it already', () => inSimulation(async ({ sim, node, store }) => {
    let restarts = 0
    node.observe(event => {
      if (event.kind === 'restarted' && event.engine.name === 'parent/0') restarts++
    })
    const parent = await node.spawn(puppet({ supervision: { strategy: 'one-for-all' } }), { name: 'parent' })
    const client = node.client('user')
    await tell(client, parent, 'spawn', 'fuse')
    await sim.sleep(50)
    const { promise, resolve } = Promise.withResolvers<void>()
    const { write } = store
    store.write = async changes => {
      await promise
      await write.call(store, changes)
    }
    tell(client, refTo(node, 'parent/0'), 'note a').catch(() => {})
    tell(client, refTo(node, 'parent/0'), 'crash').catch(() => {})
    await sim.sleep(1)
    client.tell(refTo(node, 'parent/1'), { type: 'Note', text: 'blow' })
    await sim.sleep(100)
    resolve()
    await sim.sleep(100)
    expect(restarts).toBe(1)
    expect(await notesOf(client, refTo(node, 'parent/0'))).toEqual(['a'])
  }))

  test('S69: does not start with an environment that is no plain object, of which nothing would be stored', () => inSimulation(async ({ node }) => {
    const family = defineEngine<Listed>({ protocol: none, config: config, environment: () => ['a'], behaviour: { messages: {} }, durable: { version: 1 } })
    await expect(node.spawn(family, { name: 'listed' })).rejects.toMatchObject({ code: 'start-failed', cause: { code: 'not-encodable' } })
  }, 2))

  test('S77: does not get back by a power cut what was revoked, though a step that would have revoked it crashed before', () => inSimulation(async ({ sim, node }) => {
    const family = puppet({ closed: true, keepsChildren: true })
    const client = node.client('user')
    const parent = await node.spawn(family, { name: 'parent', acquaintances: [client] })
    await tell(client, parent, 'spawn')
    await sim.sleep(20)
    await notesOf(client, refTo(node, 'parent/0'))
    await expect(tell(client, parent, 'revoke 0', 'surrogate')).rejects.toMatchObject({ code: 'crashed' })
    await sim.sleep(100)
    await tell(client, parent, 'revoke 0')
    await expect(notesOf(client, refTo(node, 'parent/0'))).rejects.toMatchObject({ code: 'not-acquainted' })
    const next = sim.restart(node)
    await next.spawn(family, { name: 'parent', acquaintances: [next.client('user')] })
    await sim.sleep(20)
    await expect(notesOf(next.client('user'), refTo(next, 'parent/0'))).rejects.toMatchObject({ code: 'not-acquainted' })
  }))

  test('S78: that is forgotten leaves nothing of children that had crashed too often', () => inSimulation(async ({ sim, node, store }) => {
    const parent = await node.spawn(puppet({ supervision: { crash: 'stop' } }), { name: 'parent' })
    const client = node.client('user')
    await tell(client, parent, 'spawn')
    await sim.sleep(20)
    await tell(client, refTo(node, 'parent/0'), 'spawn', 'note a')
    await sim.sleep(20)
    await tell(client, refTo(node, 'parent/0/0'), 'note b')
    await expect(tell(client, refTo(node, 'parent/0'), 'crash')).rejects.toMatchObject({ code: 'crashed' })
    await sim.sleep(20)
    await node.stop(parent, { forget: true })
    expect(await rowsOf(store)).toEqual(['engine parent self', 'node'])
  }))

  test('S78: that is forgotten before it has started again leaves nothing of its messages and its children', () => inSimulation(async ({ sim, node, store }) => {
    let isOpen = true
    const services = { acquire: () => isOpen ? undefined : new Promise<void>(() => {}) }
    const parent = await node.spawn(puppet(), { name: 'parent', services })
    const from = await node.spawn(ledger(), { name: 'from', config: { other: 'to' } })
    const to = await node.spawn(ledger(), { name: 'to' })
    const client = node.client('user')
    await tell(client, parent, 'spawn', 'note a')
    await sim.sleep(20)
    await add(client, from, 'm', 'pass')
    const next = sim.restart(node)
    isOpen = false
    void next.spawn(puppet(), { name: 'parent', services }).catch(() => {})
    await sim.sleep(20)
    await next.stop(refTo(next, 'parent'), { forget: true })
    expect((await rowsOf(store)).filter(row => row.startsWith('engine parent'))).toEqual(['engine parent self'])
    void to
  }))

  test('S78: is forgotten when it is told to be, also by a parent that restarts when it has crashed too often', () => inSimulation(async ({ sim, node }) => {
    const family = puppet({ supervision: { restarts: 0 } })
    const parent = await node.spawn(family, { name: 'parent' })
    const client = node.client('user')
    await tell(client, parent, 'spawn')
    await sim.sleep(20)
    await expect(tell(client, refTo(node, 'parent/0'), 'crash')).rejects.toMatchObject({ code: 'crashed' })
    await sim.sleep(100)
    await expect(notesOf(client, refTo(node, 'parent/0'))).rejects.toMatchObject({ code: 'stopped' })
    const next = sim.restart(node)
    await next.spawn(family, { name: 'parent' })
    await sim.sleep(20)
    await expect(notesOf(next.client('user'), refTo(next, 'parent/0'))).rejects.toMatchObject({ code: 'stopped' })
  }))

  test('S78: is forgotten by its parent after it has crashed', () => inSimulation(async ({ sim, node, store }) => {
    const parent = await node.spawn(puppet({ supervision: { crash: 'stop' } }), { name: 'parent' })
    const client = node.client('user')
    await tell(client, parent, 'spawn')
    await sim.sleep(20)
    await expect(tell(client, refTo(node, 'parent/0'), 'note a', 'crash')).rejects.toMatchObject({ code: 'crashed' })
    await tell(client, parent, 'end 0')
    await sim.sleep(20)
    expect((await rowsOf(store)).filter(row => row.includes('parent/0'))).toEqual([])
  }))

  test('S78: is forgotten by a host that tells so while it is being stopped', () => inSimulation(async ({ node, store }) => {
    const engine = await node.spawn(puppet(), { name: 'puppet', services: { work: () => new Promise<void>(() => {}) } })
    await tell(node.client('user'), engine, 'work')
    const stopped = node.stop(engine)
    await node.stop(engine, { forget: true })
    await stopped
    expect(await rowsOf(store)).toEqual(['engine puppet self', 'node'])
  }))

  test('S77: has the child that its last step spawned, also when the host stopped it before that was stored', () => inSimulation(async ({ sim, node }) => {
    const services = { work: () => new Promise<void>(() => {}) }
    const parent = await node.spawn(puppet(), { name: 'parent', services })
    await tell(node.client('user'), parent, 'work')
    tell(node.client('user'), parent, 'spawn', 'note spawned').catch(() => {})
    await sim.sleep(0)
    await node.stop(parent)
    const again = await node.spawn(puppet(), { name: 'parent' })
    await sim.sleep(20)
    if ((await notesOf(node.client('user'), again)).includes('spawned')) expect(await notesOf(node.client('user'), refTo(node, 'parent/0'))).toEqual([])
  }, 30))

  test('S48: has the child that its last step spawned, if it keeps its children when it restarts', () => inSimulation(async ({ sim, node }) => {
    const family = puppet({ keepsChildren: true, supervision: { restarts: 0 } })
    const parent = await node.spawn(family, { name: 'parent' })
    const client = node.client('user')
    await tell(client, parent, 'fuse')
    await sim.sleep(20)
    // The child's crash is its parent's, while the parent's next child is not stored yet.
    tell(client, parent, 'spawn', 'note spawned').catch(() => {})
    client.tell(refTo(node, 'parent/0'), { type: 'Note', text: 'blow' })
    await sim.sleep(200)
    if ((await notesOf(client, parent)).includes('spawned')) expect(await notesOf(client, refTo(node, 'parent/1'))).toEqual([])
  }, 60))

  test('S75: hears of no tick in another life that it was told of in this one, and did not heed', () => inSimulation(async ({ sim, node }) => {
    await tell(node.client('user'), await node.spawn(puppet({ heeds: false }), { name: 'puppet' }), 'tick 100')
    await sim.sleep(1_050)
    const next = sim.restart(node)
    const again = await next.spawn(puppet(), { name: 'puppet' })
    await sim.sleep(20)
    expect(await notesOf(next.client('user'), again)).toEqual([])
  }))

  test('S78: that has stopped itself, and said so, is not there again', () => inSimulation(async ({ sim, node }) => {
    const engine = await node.spawn(puppet(), { name: 'puppet', services: { work: () => new Promise<void>(() => {}) } })
    await tell(node.client('user'), engine, 'note a', 'work')
    await tell(node.client('user'), engine, 'note b', 'leave')
    const next = sim.restart(node)
    expect(await notesOf(next.client('user'), await next.spawn(puppet(), { name: 'puppet' }))).toEqual([])
  }))

  test('S34: is not crashed by a text that can not be stored', () => inSimulation(async ({ sim, node }) => {
    const lives: string[] = []
    node.observe(event => lives.push(event.kind))
    const to = await node.spawn(puppet(), { name: 'puppet' })
    const client = node.client('user')
    await expect(tell(client, to, 'note \uD800')).rejects.toMatchObject({ code: 'malformed' })
    await tell(client, to, 'note a')
    await sim.sleep(50)
    expect(await notesOf(client, to)).toEqual(['a'])
    expect(lives).not.toContain('restarted')
  }))
})
