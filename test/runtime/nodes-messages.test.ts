import { z } from 'zod'
import { describe, expect, test } from 'vitest'
import {
  always, defineEngine, defineProtocol, engineRef, exchange, forward, keep, reply, request, stop, Table,
} from '../../src/index.ts'
import type { EngineID, EngineRef, ProtocolOf } from '../../src/index.ts'
import { box, outcomeOf } from './box.ts'
import type { BoxProtocol, GetReply } from './box.ts'
import { double, laws, pair, place, refTo } from './nodes.ts'

describe('messages between nodes', () => {
  test('S1, S57: the sender is the node that the transport has authenticated, and the name that node says', async () => {
    const { sim, here, there } = pair(1)
    await sim.run(async () => {
      const senders: EngineID[] = []
      const to = await there.node.spawn(box({ get: t => { senders.push(t.sender); return reply({ n: t.msg.n * 2 }) } }), { name: 'box' })
      expect(await here.host.ask(to, { type: 'GetRequest', n: 4 })).toEqual({ n: 8 })
      expect(senders).toEqual([here.host.id])
      await sim.sleep(1)
      expect(laws(here, there)).toEqual([0, 0])
      expect(here.node.counters()).toMatchObject({ originated: 1, handedToTransport: 1, arrived: 1, handled: 1, uncertain: 0 })
      expect(there.node.counters()).toMatchObject({ originated: 1, handedToTransport: 1, arrived: 1, handled: 1, uncertain: 0 })
      expect([here.dead, there.dead]).toEqual([[], []])
    })
  })

  test('S2, S3, S58: messages of one sender arrive once and in order, and those of a drain in one frame', async () => {
    const { sim, here, there } = pair(2)
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      let frames = 0
      here.transport.tap = frame => { frames++; return [frame] }
      for (let n = 0; n < 500; n++) here.host.tell(to, { type: 'Put', n })
      expect(here.node.counters().queued).toBe(500)
      await sim.sleep(10)
      expect(seen).toEqual(Array.from({ length: 500 }, (_, n) => n))
      // The hello, and all the rest.
      expect(frames).toBe(2)
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S8: what arrives is what was sent: tables, bigints, bytes, EngineIDs', async () => {
    const protocol = defineProtocol({
      id: 'test/kinds', version: 1, codes: [], requests: {},
      tells: { Kinds: { table: z.custom<Table<bigint>>(value => value instanceof Table), big: z.bigint(), bytes: z.instanceof(Uint8Array), ref: engineRef<BoxProtocol>(), zero: z.number() } },
    })
    interface Kinds { protocol: ProtocolOf<typeof protocol>; config: typeof config; environment: object }
    const config = z.strictObject({})
    const { sim, here, there } = pair(8)
    await sim.run(async () => {
      const seen: unknown[] = []
      const to = await there.node.spawn(defineEngine<Kinds>({
        protocol, config, open: true, environment: () => ({}), behaviour: { messages: { Kinds: always(t => { seen.push(t.msg); return [] }) } },
      }), { name: 'kinds' })
      const msg = { type: 'Kinds', table: Table.from([['a', 1n], ['b', 2n ** 63n]]), big: 5n, bytes: Uint8Array.of(1, 2), ref: refTo(to, 'kinds'), zero: -0 } as const
      here.host.tell(to, msg)
      await sim.sleep(1)
      expect(seen).toEqual([msg])
      expect([...(seen[0] as typeof msg).table]).toEqual([...msg.table])
      expect(Object.is((seen[0] as typeof msg).zero, -0)).toBe(true)
    })
  })

  test('S4, S6, S8, S62, S64: what is turned away is a dead letter there with its true reason; an asker learns no more than it may', async () => {
    const { sim, here, there } = pair(6)
    await sim.run(async () => {
      const open = await there.node.spawn(box(double), { name: 'open' })
      const closed = await there.node.spawn(box({ ...double, closed: true }), { name: 'closed' })
      const nobody = refTo(open, 'nobody')
      const errors = async (to: EngineRef<BoxProtocol>) => here.host.ask(to, { type: 'GetRequest', n: 1 }).catch((e: Error & { code: string }) => `${e.code} ${e.message.replace(to.name, '…')}`)
      expect(await errors(closed)).toBe(await errors(nobody))
      expect(await errors(closed)).toMatch(/^stopped /)
      for (const to of [closed, nobody]) here.host.tell(to, { type: 'Put', n: 0 })
      const odd = (n: unknown) => ({ type: 'GetRequest', n }) as { type: 'GetRequest'; n: number }
      expect(await here.host.askRaw(open, odd('x'))).toMatchObject({ code: 'malformed', err: expect.stringContaining('n') })
      expect(await here.host.askRaw(open, { ...odd(1), type: 'NoRequest' as 'GetRequest' })).toMatchObject({ code: 'malformed' })
      // A stranger learns nothing of the protocol.
      expect(await outcomeOf(here.host.ask(closed, odd('x')))).toBe('stopped')
      here.host.tell(open, { type: 'Put', n: 'x' as unknown as number })
      await sim.sleep(1)
      expect(there.dead.toSorted()).toEqual([
        'GetRequest malformed', 'GetRequest not-acquainted', 'GetRequest not-acquainted', 'GetRequest not-acquainted', 'GetRequest stopped',
        'NoRequest malformed', 'Put malformed', 'Put not-acquainted', 'Put stopped',
      ])
      expect(here.dead).toEqual([])
      there.node.grant(closed, here.host)
      expect(await here.host.ask(closed, { type: 'GetRequest', n: 1 })).toEqual({ n: 2 })
      there.node.revoke(closed, here.host.id)
      expect(await outcomeOf(here.host.ask(closed, { type: 'GetRequest', n: 1 }))).toBe('stopped')
      // A neighbour of that name is somebody else.
      expect(await outcomeOf(there.host.ask(closed, { type: 'GetRequest', n: 1 }))).toBe('not-acquainted')
      await sim.sleep(1)
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S8: an EngineID without a node is refused where it would mean somebody else', async () => {
    const protocol = defineProtocol({ id: 'test/refs', version: 1, codes: [], requests: { SeeRequest: exchange({ who: engineRef<BoxProtocol>() }, {}) }, tells: {} })
    interface Refs { protocol: ProtocolOf<typeof protocol>; config: typeof config; environment: object }
    const config = z.strictObject({})
    const { sim, here, there } = pair(8)
    await sim.run(async () => {
      const to = await there.node.spawn(defineEngine<Refs>({ protocol, config, open: true, environment: () => ({}), behaviour: { messages: { SeeRequest: always(() => reply({})) } } }), { name: 'refs' })
      expect(await here.host.askRaw(to, { type: 'SeeRequest', who: { ...refTo(to, 'x'), node: null } })).toEqual({ code: 'malformed', err: 'Malformed request: the EngineID x has no node' })
      expect(await here.host.askRaw(to, { type: 'SeeRequest', who: refTo(to, 'x') })).toEqual({})
    })
  })

  test('S5: a full mailbox is told of', async () => {
    const { sim, here, there } = pair(5)
    await sim.run(async () => {
      const to = await there.node.spawn(box({ ...double, capacity: 2 }), { name: 'box' })
      const asks = [1, 2, 3, 4].map(n => outcomeOf(here.host.ask(to, { type: 'GetRequest', n })))
      expect(await Promise.all(asks)).toEqual(['ok {"n":2}', 'ok {"n":4}', 'mailbox-full', 'mailbox-full'])
      expect(there.dead).toEqual(['GetRequest mailbox-full', 'GetRequest mailbox-full'])
    })
  })

  test('a message that no frame can hold, and one that no bytes can hold, are turned back before they are sent', async () => {
    const { sim, here, there } = pair(9)
    await sim.run(async () => {
      const to = await there.node.spawn(box(double), { name: 'box' })
      const large = { type: 'Put', n: 0, data: new Uint8Array(16 << 20) } as const
      here.host.tell(to, large)
      here.host.tell(to, { type: '\ud800' as 'Put', n: 0 })
      expect(await here.host.askRaw(to, { ...large, type: 'GetRequest' } as { type: 'GetRequest'; n: number })).toMatchObject({ code: 'too-large' })
      expect(await here.host.askRaw(to, { type: 'GetRequest', n: '\udfff' as unknown as number })).toMatchObject({ code: 'malformed' })
      await sim.sleep(1)
      expect(here.dead).toEqual(['Put too-large', '\ud800 malformed', 'GetRequest too-large', 'GetRequest malformed'])
      const fat = await there.node.spawn(box({ get: () => reply({ n: 'x'.repeat(17 << 20) as unknown as number }) }), { name: 'fat' })
      expect(await here.host.askRaw(fat, { type: 'GetRequest', n: 0 })).toMatchObject({ code: 'too-large' })
      await sim.sleep(1)
      expect(there.dead).toEqual(['GetResponse too-large'])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S9: a dead letter of which nothing is known here shows nothing', async () => {
    const { sim, here, there } = pair(9)
    await sim.run(async () => {
      const to = await there.node.spawn(box(double), { name: 'box' })
      await there.node.stop()
      here.host.tell(to, { type: 'Put', n: 42 })
      await sim.sleep(1)
      expect(here.events.filter(e => e.kind === 'dead-letter')).toMatchObject([{ name: 'Put', reason: 'unreachable', msg: {}, target: to, sender: here.host.id }])
    })
  })
})

describe('requests between nodes', () => {
  test('S20, S22, S61: the asker goes by its own clock; the deadline travels, and what is past it is not handled', async () => {
    const { sim, here, there } = pair(20)
    await sim.run(async () => {
      let asked = 0
      const kept: GetReply[] = []
      const to = await there.node.spawn(box({ get: t => { asked++; kept.push(t.replyTo); return keep(t.replyTo) }, put: () => kept.map(to => reply({ n: 1 }, { to })) }), { name: 'silent' })
      const begin = sim.time
      expect(await outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 0 }, { deadline: 250 }))).toBe('deadline')
      expect(sim.time - begin).toBeGreaterThanOrEqual(250)
      expect(sim.time - begin).toBeLessThan(252)
      expect(asked).toBe(1)
      await sim.sleep(10)
      // It has ended there too.
      there.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(there.dead).toEqual([' late-reply'])
      expect(here.dead).toEqual([])
      // One that waits for a link no longer than its deadline is not sent.
      here.transport.isFull = true
      here.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      const late = outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 0 }, { deadline: 5 }))
      expect(await late).toBe('deadline')
      here.transport.drain()
      await sim.sleep(1)
      expect(here.dead).toEqual(['GetRequest abandoned'])
      expect(asked).toBe(1)
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S21: the end of the engine that owes the answer ends the request at once', async () => {
    for (const [put, code] of [[() => stop(), 'stopped'], [() => { throw new Error('crash') }, 'crashed']] as const) {
      const { sim, here, there } = pair(21)
      await sim.run(async () => {
        const to = await there.node.spawn(box({ get: t => t.msg.n === 0 ? undefined : keep(t.replyTo), put }), { name: 'box', supervision: { crash: 'stop' } })
        expect(await outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 0 }))).toBe('unhandled')
        const asked = outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 1 }))
        await sim.sleep(1)
        here.host.tell(to, { type: 'Put', n: 0 })
        expect(await asked).toBe(code)
        expect(await outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 1 }))).toBe('stopped')
        await sim.sleep(1)
        expect(laws(here, there)).toEqual([0, 0])
      })
    }
  })

  test('S18, S23: an engine hears once of each request it makes of another node', async () => {
    const { sim, here, there } = pair(23)
    await sim.run(async () => {
      const heard: string[] = []
      const to = await there.node.spawn(box(double), { name: 'box' })
      const silent = await there.node.spawn(box({}), { name: 'silent' })
      const targets = { double: to, silent, nobody: refTo(to, 'nobody'), nowhere: { ...to, node: `z6Mk${'x'.repeat(44)}` }, odd: { ...to, node: 'odd' }, unnamed: { ...to, name: 'a b' } }
      const asker = await here.node.spawn(box({
        put: () => Object.entries(targets).map(([name, target]) => request(target as EngineRef<BoxProtocol>, { type: 'GetRequest', n: 1 }, { key: `ask/${name}`, deadline: 100 })),
        answered: t => { heard.push(`${t.key} ${t.failure ?? JSON.stringify(t.reply)}`); return [] },
      }), { name: 'asker' })
      here.host.tell(asker, { type: 'Put', n: 0 })
      await sim.sleep(200)
      expect(heard.toSorted()).toEqual(['ask/double {"n":2}', 'ask/nobody stopped', 'ask/nowhere unreachable', 'ask/odd unreachable', 'ask/silent deadline', 'ask/unnamed stopped'])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('an abort ends an ask at once, also one that was not sent yet; the answer is a dead letter', async () => {
    const { sim, here, there } = pair(3)
    await sim.run(async () => {
      const kept: GetReply[] = []
      const to = await there.node.spawn(box({ get: t => { kept.push(t.replyTo); return keep(t.replyTo) }, put: () => kept.map(to => reply({ n: 1 }, { to })) }), { name: 'box' })
      const other = here.node.client('other')
      const asked = outcomeOf(other.ask(to, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      const unsent = outcomeOf(other.ask(to, { type: 'GetRequest', n: 0 }))
      other.close()
      expect([await asked, await unsent]).toEqual(['aborted', 'aborted'])
      there.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(here.dead).toEqual(['GetRequest abandoned', ' late-reply'])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })
})

describe('forwarding between nodes', () => {
  test('S19, S63: a request that is forwarded to another node comes from the forwarder there, and is answered through it, once', async () => {
    const { sim, network, here, there } = pair(19)
    const third = place(sim, network)
    await sim.run(async () => {
      const senders: EngineID[] = []
      const last = await third.node.spawn(box({ closed: true, get: t => { senders.push(t.sender); return reply({ n: t.msg.n * 3 }) } }), { name: 'last' })
      const proxy = await there.node.spawn(box({ get: t => forward(t, last) }), { name: 'proxy' })
      third.node.grant(last, proxy)
      expect(await here.host.ask(proxy, { type: 'GetRequest', n: 5 })).toEqual({ n: 15 })
      expect(await there.host.ask(proxy, { type: 'GetRequest', n: 6 })).toEqual({ n: 18 })
      expect(senders).toEqual([proxy, proxy])
      third.node.revoke(last, proxy)
      expect(await outcomeOf(here.host.ask(proxy, { type: 'GetRequest', n: 5 }))).toBe('stopped')
      await sim.sleep(1)
      expect(laws(here, there, third)).toEqual([0, 0, 0])
      // What goes through the forwarder's node ends with it.
      third.node.grant(last, proxy)
      const silent = await third.node.spawn(box({}), { name: 'silent' })
      const relay = await there.node.spawn(box({ get: t => forward(t, silent) }), { name: 'relay' })
      const asked = outcomeOf(here.host.ask(relay, { type: 'GetRequest', n: 5 }))
      await sim.sleep(1)
      third.transport.cut()
      expect(await asked).toBe('unreachable')
      expect(laws(here, there, third)).toEqual([0, 0, 0])
    })
  })

  test('S19, S63: a request from another node that is forwarded to a neighbour keeps its sender', async () => {
    const { sim, here, there } = pair(19)
    await sim.run(async () => {
      const senders: EngineID[] = []
      const last = await there.node.spawn(box({ closed: true, get: t => { senders.push(t.sender); return reply({ n: 7 }) } }), { name: 'last' })
      const proxy = await there.node.spawn(box({ get: t => forward(t, last) }), { name: 'proxy' })
      there.node.grant(last, proxy)
      expect(await here.host.ask(proxy, { type: 'GetRequest', n: 5 })).toEqual({ n: 7 })
      expect(senders).toEqual([here.host.id])
      await sim.sleep(1)
      expect(laws(here, there)).toEqual([0, 0])
    })
  })
})
