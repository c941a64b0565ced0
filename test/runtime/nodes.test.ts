import { z } from 'zod'
import { describe, expect, test } from 'vitest'
import {
  always, defineEngine, defineProtocol, engineRef, exchange, forward, keep, reply, request, send, stop, Table, update, watch,
} from '../../src/index.ts'
import type { EngineID, EngineRef, ProtocolOf } from '../../src/index.ts'
import { box, outcomeOf } from './box.ts'
import type { BoxProtocol, BoxRules, GetReply } from './box.ts'
import { laws, pair, place } from './nodes.ts'

const double: BoxRules = { get: t => reply({ n: t.msg.n * 2 }) }
const ref = (id: EngineID, name: string): EngineRef<BoxProtocol> => JSON.parse(JSON.stringify({ node: id.node, name }))

describe('messages between nodes', () => {
  test('S1: the sender is the node that the transport has authenticated, and the name that node says', async () => {
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

  test('S2, S3: messages of one sender arrive once and in order, and those of a drain in one frame', async () => {
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
      const msg = { type: 'Kinds', table: Table.from([['a', 1n], ['b', 2n ** 63n]]), big: 5n, bytes: Uint8Array.of(1, 2), ref: ref(to, 'kinds'), zero: -0 } as const
      here.host.tell(to, msg)
      await sim.sleep(1)
      expect(seen).toEqual([msg])
      expect([...(seen[0] as typeof msg).table]).toEqual([...msg.table])
      expect(Object.is((seen[0] as typeof msg).zero, -0)).toBe(true)
    })
  })

  test('S4, S6, S8: what is turned away is a dead letter there with its true reason; an asker learns no more than it may', async () => {
    const { sim, here, there } = pair(6)
    await sim.run(async () => {
      const open = await there.node.spawn(box(double), { name: 'open' })
      const closed = await there.node.spawn(box({ ...double, closed: true }), { name: 'closed' })
      const nobody = ref(open, 'nobody')
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
      expect(await here.host.askRaw(to, { type: 'SeeRequest', who: { ...ref(to, 'x'), node: null } })).toEqual({ code: 'malformed', err: 'Malformed request: the EngineID x has no node' })
      expect(await here.host.askRaw(to, { type: 'SeeRequest', who: ref(to, 'x') })).toEqual({})
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
  test('S20, S22: the asker goes by its own clock; the deadline travels, and what is past it is not handled', async () => {
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
        const to = await there.node.spawn(box({ get: t => t.msg.n === 0 ? undefined : keep(t.replyTo), put }), { name: 'box' })
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
      const targets = { double: to, silent, nobody: ref(to, 'nobody'), nowhere: { ...to, node: `z6Mk${'x'.repeat(44)}` }, odd: { ...to, node: 'odd' }, unnamed: { ...to, name: 'a b' } }
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
  test('S19: a request that is forwarded to another node comes from the forwarder there, and is answered through it, once', async () => {
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

  test('S19: a request from another node that is forwarded to a neighbour keeps its sender', async () => {
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

describe('watches between nodes', () => {
  const watcherOf = (targets: readonly EngineID[], heard: string[]) => box({
    put: () => targets.map(target => watch(target)),
    terminated: t => { heard.push(`${t.engine.name} ${t.reason}`); return [] },
  })

  test('S30: an end is told to who watches from another node, once, with its reason', async () => {
    const { sim, here, there } = pair(30)
    await sim.run(async () => {
      const heard: string[] = []
      const ends = box({ put: t => { if (t.msg.n > 0) throw new Error('crash'); return stop() } })
      const [stops, crashes] = [await there.node.spawn(ends, { name: 'stops' }), await there.node.spawn(ends, { name: 'crashes' })]
      const closed = await there.node.spawn(box({ closed: true }), { name: 'closed' })
      const targets = [stops, crashes, closed, ref(stops, 'nobody'), { node: `z6Mk${'x'.repeat(44)}`, name: 'nowhere' }, { node: 'odd', name: 'odd' }]
      const watcher = await here.node.spawn(watcherOf(targets, heard), { name: 'watcher' })
      here.host.tell(watcher, { type: 'Put', n: 0 })
      here.host.tell(watcher, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(new Set(heard)).toEqual(new Set(['closed stopped', 'nobody stopped', 'nowhere unreachable', 'odd unreachable']))
      heard.length = 0
      here.host.tell(stops, { type: 'Put', n: 0 })
      here.host.tell(crashes, { type: 'Put', n: 1 })
      await sim.sleep(1)
      expect(heard.toSorted()).toEqual(['crashes crashed', 'stops stopped'])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S30: the end of the watcher lets go of what it watches, there too', async () => {
    const { sim, here, there } = pair(30)
    await sim.run(async () => {
      const to = await there.node.spawn(box({ put: () => stop() }), { name: 'box' })
      const watcher = await here.node.spawn(watcherOf([to], []), { name: 'watcher' })
      here.host.tell(watcher, { type: 'Put', n: 0 })
      await sim.sleep(1)
      await here.node.stop(watcher)
      await sim.sleep(1)
      let frames = 0
      there.transport.tap = frame => { frames++; return [frame] }
      there.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(frames).toBe(0)
    })
  })

  test('S18, S30: a lost link ends requests and watches in both directions with unreachable, and the next message dials anew', async () => {
    for (const which of ['here', 'there'] as const) {
      const { sim, ...nodes } = pair(18)
      const { here, there } = nodes
      await sim.run(async () => {
        const heard: string[] = []
        const [there1, here1] = [await there.node.spawn(box({}), { name: 'box' }), await here.node.spawn(box({}), { name: 'box' })]
        const watcher = await here.node.spawn(watcherOf([there1], heard), { name: 'watcher' })
        here.host.tell(watcher, { type: 'Put', n: 0 })
        const asks = [here.host.ask(there1, { type: 'GetRequest', n: 1 }), there.host.ask(here1, { type: 'GetRequest', n: 1 })].map(outcomeOf)
        await sim.sleep(1)
        nodes[which].transport.cut()
        expect(await Promise.all(asks)).toEqual(['unreachable', 'unreachable'])
        await sim.sleep(1)
        expect(heard).toEqual(['box unreachable'])
        expect(here.links).toContain(which === 'here' ? 'lost cut' : 'lost the other end has closed it')
        const answers = await here.node.spawn(box(double), { name: 'answers' })
        expect(await there.host.ask(answers, { type: 'GetRequest', n: 1 })).toEqual({ n: 2 })
        await sim.sleep(1)
        expect(laws(here, there)).toEqual([0, 0])
      })
    }
  })
})

describe('links', () => {
  test('S4: what waits for a link counts as queued; one message too many is a dead letter', async () => {
    const { sim, here, there } = pair(4, { here: { outbox: 3 } })
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ ...double, put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      for (let n = 0; n < 5; n++) here.host.tell(to, { type: 'Put', n })
      expect(await outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 0 }))).toBe('unreachable')
      expect(here.node.counters()).toMatchObject({ originated: 6, queued: 3, deadLettered: 3 })
      await sim.sleep(1)
      expect(seen).toEqual([0, 1, 2])
      expect(here.dead).toEqual(['Put outbox-full', 'Put outbox-full', 'GetRequest outbox-full'])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S4: a node that is not there: dead letters, failed asks, ended watches, and another dial for the next message', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const to = await there.node.spawn(box(double), { name: 'box' })
      await there.node.stop()
      here.host.tell(to, { type: 'Put', n: 0 })
      const asked = outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 0 }))
      expect(await asked).toBe('unreachable')
      await sim.sleep(1)
      expect(here.dead).toEqual(['Put unreachable', 'GetRequest unreachable'])
      expect(here.transport.dials).toBe(1)
      here.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(here.transport.dials).toBe(2)
      expect(here.links).toEqual(['unreachable there is no such node on this network', 'unreachable there is no such node on this network'])
      expect(laws(here)).toEqual([0])
    })
  })

  test('S4: backpressure holds messages back, and the outbox holds them', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      here.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      here.transport.isFull = true
      for (let n = 1; n < 4; n++) {
        here.host.tell(to, { type: 'Put', n })
        await sim.sleep(1)
      }
      expect(seen).toEqual([0, 1])
      expect(here.node.counters()).toMatchObject({ queued: 2, handedToTransport: 2 })
      here.transport.drain()
      await sim.sleep(1)
      expect(seen).toEqual([0, 1, 2, 3])
    })
  })

  test('S2, S18: what was not sent when a link is lost goes by the next one', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ ...double, put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      const silent = await there.node.spawn(box({}), { name: 'silent' })
      const sent = outcomeOf(here.host.ask(silent, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      here.transport.isFull = true
      for (let n = 0; n < 3; n++) {
        here.host.tell(to, { type: 'Put', n })
        await sim.sleep(1)
      }
      const unsent = outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 4 }))
      await sim.sleep(1)
      here.transport.isFull = false
      there.transport.cut()
      expect([await sent, await unsent]).toEqual(['unreachable', 'ok {"n":8}'])
      expect(seen).toEqual([0, 1, 2])
      await sim.sleep(1)
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S2: a message that leaves no room in its frame goes by itself', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      for (let n = 0; n < 9; n++) here.host.tell(to, { type: 'Put', n })
      // Too many bytes for its protocol, and just not too many for a frame.
      here.host.tell(to, { type: 'Put', n: 9, data: new Uint8Array((16 << 20) - 104) })
      here.host.tell(to, { type: 'Put', n: 10 })
      await sim.sleep(1)
      expect([here.dead, there.dead, seen]).toEqual([[], ['Put malformed'], [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]])
    })
  })

  test('S4: messages that were not acknowledged when the link was lost are uncertain', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      here.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      // Acknowledgements are lost from here on, and then the messages too.
      there.transport.tap = () => []
      here.host.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
      here.transport.tap = () => []
      for (let n = 2; n < 4; n++) here.host.tell(to, { type: 'Put', n })
      await sim.sleep(1)
      expect(here.node.counters()).toMatchObject({ handedToTransport: 4, uncertain: 0 })
      here.transport.cut()
      expect(here.node.counters()).toMatchObject({ handedToTransport: 4, uncertain: 3 })
      expect(seen).toEqual([0, 1])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('a node that says nothing is given up after its time', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const to = await there.node.spawn(box(double), { name: 'box' })
      here.transport.tap = () => []
      const begin = sim.time
      expect(await outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 0 }))).toBe('unreachable')
      expect(sim.time - begin).toBeGreaterThanOrEqual(10_000)
      expect(sim.time - begin).toBeLessThan(10_001)
      await sim.sleep(1)
      expect(there.links).toEqual([expect.stringMatching(/^lost /)])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S30, S31: a node that stops says what it had to say, and its links close', async () => {
    const { sim, here, there } = pair(31)
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      const silent = await here.node.spawn(box({}), { name: 'silent' })
      here.host.tell(to, { type: 'Put', n: 0 })
      const asked = outcomeOf(there.host.ask(silent, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      here.host.tell(to, { type: 'Put', n: 1 })
      await here.node.stop()
      expect(await asked).toBe('stopped')
      await sim.sleep(1)
      expect(seen).toEqual([0, 1])
      expect([here.transport.links, there.transport.links]).toEqual([0, 0])
      expect(laws(here, there)).toEqual([0, 0])
      expect(here.node.counters().uncertain).toBeGreaterThan(0)
      await there.node.stop()
    })
  })

  test('S31: a transport that fails to close is reported, and the node has stopped', async () => {
    const { sim, here } = pair(31)
    here.transport.close = () => Promise.reject(new Error('stuck'))
    await sim.run(async () => here.node.stop())
    expect(sim.reported).toMatchObject([{ message: 'stuck' }])
  })

  test('S31: nothing is sent, and nobody dialed, after a node has stopped', async () => {
    const { sim, network, here, there } = pair(31)
    const third = place(sim, network)
    await sim.run(async () => {
      // A request that waits for its way through the node: its asker must not be told by a new link.
      const silent = await third.node.spawn(box({}), { name: 'silent' })
      const relay = await there.node.spawn(box({ get: t => forward(t, silent) }), { name: 'relay' })
      const asked = outcomeOf(here.host.ask(relay, { type: 'GetRequest', n: 5 }))
      await sim.sleep(1)
      await there.node.stop()
      const { dials } = there.transport
      expect(await asked).toBe('unreachable')
      await sim.sleep(1)
      expect(there.transport.dials).toBe(dials)
      expect(laws(here, there, third)).toEqual([0, 0, 0])
    })
  })

  test('a tell from an engine goes as one from a client does', async () => {
    const { sim, here, there } = pair(2)
    await sim.run(async () => {
      const senders: EngineID[] = []
      const to = await there.node.spawn(box({ put: t => { senders.push(t.sender); return [] } }), { name: 'box' })
      const teller = await here.node.spawn(box({ put: (t, _c, e) => [send(to, { type: 'Put', n: t.msg.n }), update(e)] }), { name: 'teller' })
      here.host.tell(teller, { type: 'Put', n: 1 })
      await sim.sleep(1)
      expect(senders).toEqual([teller])
    })
  })
})
