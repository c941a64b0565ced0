import { describe, expect, test } from 'vitest'
import { child, engineRef, exchange, defineEngine, defineProtocol, always, grant, reply, request, revoke, send, sensitive, spawn, update } from '../../src/index.ts'
import type { Engine, EngineRef, Observed, ProtocolOf } from '../../src/index.ts'
import { z } from 'zod'
import { simulate } from '../../src/simulation.ts'
import { box, outcomeOf } from './box.ts'
import type { Box, BoxProtocol } from './box.ts'
import { lawOf } from './law.ts'

const echo = () => box({ get: ({ msg }) => reply({ n: msg.n }), put: ({ msg }, _c, e) => update({ ...e, log: [...e.log, msg.n] }) })
const logger = (log: unknown[], of: (t: { sender: unknown; msg: { n: number } }) => unknown = t => t.msg.n) =>
  box({ put: t => { log.push(of(t)); return [] }, get: t => { log.push(of(t)); return reply({ n: t.msg.n }) } })

describe('messages', () => {
  test('S1: the sender is who sent it, whatever the message says', async () => {
    const sim = simulate({ seed: 1 })
    const node = sim.createNode()
    const seen: unknown[] = []
    const protocol = defineProtocol({ id: 'test/forger', version: 1, codes: [], requests: {}, tells: { Hello: { sender: z.unknown(), from: z.unknown() } } })
    interface Forger { protocol: ProtocolOf<typeof protocol>; config: z.ZodObject<{}>; environment: {} }
    const listener = defineEngine<Forger>({
      protocol, config: z.strictObject({}), environment: () => ({}), open: true,
      behaviour: { messages: { Hello: always(t => { seen.push(t.sender); return [] }) } },
    })
    await sim.run(async () => {
      const to = await node.spawn(listener, { name: 'listener' })
      const mallory = node.client('mallory')
      mallory.tell(to, { type: 'Hello', sender: node.client('alice').id, from: 'alice' })
      await node.spawn(box({}), { name: 'later' })
      expect(seen).toEqual([mallory.id])
      await node.stop()
    })
  })

  test('S2, S3: messages of one sender arrive once and in order, under every interleaving', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const sim = simulate({ seed })
      const node = sim.createNode()
      const log: string[] = []
      await sim.run(async () => {
        const sink = await node.spawn(logger(log as unknown[], t => `${(t.sender as { name: string }).name} ${t.msg.n}`), { name: 'sink' })
        const relay = await node.spawn(box({ put: ({ msg }) => [send(sink, msg), send(sink, { type: 'Put', n: msg.n + 0.5 })] }), { name: 'relay' })
        const [a, b] = [node.client('a'), node.client('b')]
        for (let n = 0; n < 10; n++) {
          a.tell(sink, { type: 'Put', n })
          b.tell(relay, { type: 'Put', n })
          if (n % 3 === 0) await a.ask(sink, { type: 'GetRequest', n: n + 0.1 })
        }
        await node.client('c').ask(sink, { type: 'GetRequest', n: 0 })
        while (log.length < 35) await sim.sleep(1)
        await node.stop()
      })
      for (const sender of ['a', 'relay']) {
        const own = log.filter(entry => entry.startsWith(`${sender} `)).map(entry => Number(entry.slice(sender.length + 1)))
        expect(own).toEqual([...new Set(own)].toSorted((x, y) => x - y))
      }
      expect(log.length).toBe(35)
    }
  })

  test('S4: each dead letter is counted, observed, and has its reason', async () => {
    const sim = simulate({ seed: 4 })
    const node = sim.createNode()
    const dead: string[] = []
    node.observe(event => { if (event.kind === 'dead-letter') dead.push(`${event.name} ${event.reason}`) })
    await sim.run(async () => {
      const to = await node.spawn(box({ put: () => undefined, capacity: 1, get: t => reply({ n: t.msg.n }) }), { name: 'box' })
      const closed = await node.spawn(box({ closed: true }), { name: 'closed' })
      const a = node.client('a')
      a.tell(to, { type: 'Put', n: 1 })
      a.tell(to, { type: 'Put', n: 2 })
      a.tell(closed, { type: 'Put', n: 3 })
      a.tell({ ...to, node: `z6Mk${'x'.repeat(44)}` }, { type: 'Put', n: 4 })
      a.tell({ ...to, name: 'nobody' }, { type: 'Put', n: 5 })
      await sim.sleep(1)
      a.tell(to, { type: 'GetRequest', n: 6 })
      await sim.sleep(1)
      expect(dead.toSorted()).toEqual(['Put mailbox-full', 'Put not-acquainted', 'Put stopped', 'Put unhandled', 'Put unreachable', ' not-asked'].toSorted())
      expect(node.counters().deadLettered).toBe(6)
      expect(lawOf(node)).toBe(0)
      await node.stop()
    })
  })

  test('S5: a full mailbox refuses, and the asker is told; replies are exempt', async () => {
    const sim = simulate({ seed: 5 })
    const node = sim.createNode()
    const answers: unknown[] = []
    await sim.run(async () => {
      const server = await node.spawn(echo(), { name: 'server' })
      // One message may wait, yet three answers and it come through.
      const busy: Engine<Box> = box({
        capacity: 1,
        put: () => [1, 2, 3].map(n => request(server, { type: 'GetRequest', n }, { key: `ask/${n}` })),
        answered: t => { answers.push(t.reply); return [] },
        get: t => reply({ n: t.msg.n }),
      })
      const to = await node.spawn(busy, { name: 'busy' })
      const a = node.client('a')
      a.tell(to, { type: 'Put', n: 0 })
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 1 }))).toBe('mailbox-full')
      await sim.sleep(1)
      expect(answers.length).toBe(3)
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 2 }))).toBe('ok {"n":2}')
      await node.stop()
    })
  })

  test('S6, S7: closed to strangers; a grant opens, a revoke closes, also for what already waits', async () => {
    const sim = simulate({ seed: 6 })
    const node = sim.createNode()
    await sim.run(async () => {
      const to = await node.spawn(box({ closed: true, get: t => reply({ n: t.msg.n }) }), { name: 'closed' })
      const a = node.client('a')
      const ask = () => outcomeOf(a.ask(to, { type: 'GetRequest', n: 1 }))
      expect(await ask()).toBe('not-acquainted')
      node.grant(to, a.id)
      expect(await ask()).toBe('ok {"n":1}')
      const waiting = ask()
      await Promise.resolve()
      node.revoke(to, a.id)
      expect(await waiting).toBe('not-acquainted')
      node.grant(to, { node: null, name: 'a' })
      expect(await ask()).toBe('ok {"n":1}')
      expect(() => node.grant({ node: null, name: 'nobody' }, a.id)).toThrow(expect.objectContaining({ code: 'not-found' }))
      await node.stop()
    })
  })

  test('S6: what a stranger sends takes no room and is seen by no one but as a dead letter', async () => {
    const sim = simulate({ seed: 6 })
    const node = sim.createNode()
    const kinds: string[] = []
    await sim.run(async () => {
      const to = await node.spawn(box({ closed: true, capacity: 1, get: t => reply({ n: t.msg.n }) }), { name: 'closed', acquaintances: [node.client('friend').id] })
      node.observe(event => kinds.push(event.kind))
      for (let n = 0; n < 5; n++) node.client('stranger').tell(to, { type: 'Put', n })
      expect(await outcomeOf(node.client('friend').ask(to, { type: 'GetRequest', n: 1 }))).toBe('ok {"n":1}')
      await sim.sleep(1)
      expect(kinds).toEqual([...Array.from({ length: 5 }, () => 'dead-letter'), 'message', 'step', 'message'])
      await node.stop()
    })
  })

  test('S6: an engine accepts from itself', async () => {
    const sim = simulate({ seed: 6 })
    const node = sim.createNode()
    const seen: number[] = []
    await sim.run(async () => {
      const a = node.client('a')
      const to = await node.spawn(box({ closed: true, put: t => { seen.push(t.msg.n); return t.msg.n > 0 ? send(t.self, { type: 'Put', n: t.msg.n - 1 }) : [] } }), { name: 'closed', acquaintances: [a] })
      a.tell(to, { type: 'Put', n: 2 })
      await sim.sleep(1)
      expect(seen).toEqual([2, 1, 0])
      await node.stop()
    })
  })

  test('S6: a namesake on another node is another', async () => {
    const sim = simulate({ seed: 6 })
    const node = sim.createNode()
    await sim.run(async () => {
      const to = await node.spawn(box({ closed: true, get: t => reply({ n: t.msg.n }) }), { name: 'closed' })
      node.grant(to, { node: `z6Mk${'x'.repeat(44)}`, name: 'a' })
      expect(await outcomeOf(node.client('a').ask(to, { type: 'GetRequest', n: 1 }))).toBe('not-acquainted')
      await node.stop()
    })
  })

  test('S7: a grant applies before the messages of its step, and only a parent grants', async () => {
    const sim = simulate({ seed: 7 })
    const node = sim.createNode()
    await sim.run(async () => {
      const seen: number[] = []
      const inner = box({ closed: true, put: t => { seen.push(t.msg.n); return [] }, get: t => reply({ n: t.msg.n }) })
      const outer: Engine<Box> = box({
        children: () => [inner],
        get: ({ self, sender, msg }, _c, e) => {
          const c = child(inner, self, e.children)
          // Written last, applied first.
          return [reply({ n: msg.n }), send(c, { type: 'Put', n: 1 }), update({ ...e, children: e.children + 1 }), spawn(inner, { as: c }), grant(c, sender)]
        },
        put: ({ self, sender }) => revoke(child(inner, self, 0), sender),
      })
      const to = await node.spawn(outer, { name: 'outer' })
      const [a, b] = [node.client('a'), node.client('b')]
      await a.ask(to, { type: 'GetRequest', n: 0 })
      const inside: EngineRef<BoxProtocol> = { ...to, name: 'outer/0' }
      expect(await outcomeOf(a.ask(inside, { type: 'GetRequest', n: 2 }))).toBe('ok {"n":2}')
      expect(seen).toEqual([1])
      expect(await outcomeOf(b.ask(inside, { type: 'GetRequest', n: 3 }))).toBe('not-acquainted')
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(await outcomeOf(a.ask(inside, { type: 'GetRequest', n: 4 }))).toBe('not-acquainted')
      const thief = await node.spawn(box({ put: t => grant(inside, t.sender) }), { name: 'thief', supervision: { crash: 'stop' } })
      const ended: Observed[] = []
      node.observe(event => { if (event.kind === 'ended') ended.push(event) })
      b.tell(thief, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(ended).toMatchObject([{ reason: 'crashed', error: { code: 'invalid-effect' } }])
      expect(await outcomeOf(b.ask(inside, { type: 'GetRequest', n: 5 }))).toBe('not-acquainted')
      await node.stop()
    })
  })

  test('S8: what crosses the host boundary is copied', async () => {
    const sim = simulate({ seed: 8 })
    const node = sim.createNode()
    await sim.run(async () => {
      const kept: Uint8Array[] = []
      const to = await node.spawn(box({ put: t => { if (t.msg.data) kept.push(t.msg.data); return [] } }), { name: 'box' })
      const data = Uint8Array.of(1, 2, 3)
      node.client('a').tell(to, { type: 'Put', n: 0, data })
      data.fill(9)
      await sim.sleep(1)
      expect(kept).toEqual([Uint8Array.of(1, 2, 3)])
      await node.stop()
    })
  })

  test('S8: what a client is answered is its own: changing it changes nothing in the engine', async () => {
    const sim = simulate({ seed: 8 })
    const node = sim.createNode()
    const protocol = defineProtocol({ id: 'test/store', version: 1, codes: [], requests: { ReadRequest: exchange({}, { data: z.custom<Uint8Array>() }) }, tells: {} })
    interface Store { protocol: ProtocolOf<typeof protocol>; config: z.ZodObject<{}>; environment: { readonly data: Uint8Array } }
    const engine = defineEngine<Store>({
      protocol, config: z.strictObject({}), environment: () => ({ data: Uint8Array.of(1, 2, 3) }), open: true,
      behaviour: { messages: { ReadRequest: always((_t, _c, e) => reply({ data: e.data })) } },
    })
    await sim.run(async () => {
      const to = await node.spawn(engine, { name: 'store' })
      const a = node.client('a')
      ;(await a.ask(to, { type: 'ReadRequest' })).data.fill(0)
      expect((await a.ask(to, { type: 'ReadRequest' })).data).toEqual(Uint8Array.of(1, 2, 3))
      await node.stop()
    })
  })

  test('S8: a message that does not fit is refused or thrown, and nothing has happened', async () => {
    const sim = simulate({ seed: 8 })
    const node = sim.createNode()
    await sim.run(async () => {
      const log: unknown[] = []
      const to = await node.spawn(logger(log), { name: 'box' })
      const closed = await node.spawn(box({ closed: true }), { name: 'closed' })
      const a = node.client('a')
      const asked = (msg: unknown, target: EngineRef<BoxProtocol> = to) => outcomeOf(Reflect.apply(a.askRaw, a, [target, msg]))
      const told = (msg: unknown) => () => Reflect.apply(a.tell, a, [to, msg])
      for (const msg of [{ type: 'GetRequest' }, { type: 'GetRequest', n: '1' }, { type: 'GetRequest', n: 1, more: 1 }, { type: 'Nope' }, { type: 'Put', n: 1 }, {}, 7]) {
        expect(await asked(msg)).toMatch(/^ok \{"err":"Malformed request: .*","code":"malformed"\}$/)
      }
      expect(await asked({ type: 'GetRequest', n: () => 1 })).toBe('not-encodable')
      expect(told({ type: 'Put', n: 1, data: new Uint8Array(17) })).toThrow(expect.objectContaining({ code: 'invalid-message', message: 'Too large: data: more than 16 bytes' }))
      expect(told({ type: 'Put' })).toThrow(expect.objectContaining({ code: 'invalid-message' }))
      expect(told({ type: 'Nope' })).toThrow(expect.objectContaining({ code: 'invalid-message' }))
      expect(await asked({ type: 'Nope' }, closed)).toBe('not-acquainted')
      await sim.sleep(1)
      expect(log).toEqual([])
      expect(node.counters()).toMatchObject({ originated: 1, deadLettered: 1 })
      await node.stop()
    })
  })

  test("S8: in a host's message, an EngineID without a node is one of this node; an engine's name is what it is", async () => {
    const sim = simulate({ seed: 8 })
    const node = sim.createNode()
    const protocol = defineProtocol({ id: 'test/names', version: 1, codes: [], requests: { NameRequest: exchange({ ids: z.array(engineRef<BoxProtocol>()) }, { ids: z.array(z.unknown()) }) }, tells: {} })
    interface Names { protocol: ProtocolOf<typeof protocol>; config: z.ZodObject<{}>; environment: {} }
    const engine = defineEngine<Names>({
      protocol, config: z.strictObject({}), environment: () => ({}), open: true,
      behaviour: { messages: { NameRequest: always(t => reply({ ids: t.msg.ids })) } },
    })
    await sim.run(async () => {
      const to = await node.spawn(engine, { name: 'names' })
      const far = `z6Mk${'x'.repeat(44)}`
      const ids = JSON.parse(`[{"node":null,"name":"a"},{"node":"${far}","name":"b"}]`) as EngineRef<BoxProtocol>[]
      expect((await node.client('c').ask(to, { type: 'NameRequest', ids })).ids).toEqual([{ node: node.id, name: 'a' }, { node: far, name: 'b' }])
      await node.stop()
    })
  })

  test('S9: sensitive fields are redacted in all that is observed, and nowhere else', async () => {
    const sim = simulate({ seed: 9 })
    const node = sim.createNode()
    const events: Observed[] = []
    node.observe(event => events.push(event))
    const protocol = defineProtocol({
      id: 'test/secret', version: 1, codes: [],
      requests: { TellRequest: exchange({ pin: sensitive(z.string()), list: z.array(z.strictObject({ pin: sensitive(z.string()) })) }, { pin: sensitive(z.string()) }) },
      tells: { Drop: { pin: sensitive(z.string()) } },
    })
    interface Secret { protocol: ProtocolOf<typeof protocol>; config: z.ZodObject<{}>; environment: {} }
    const engine = defineEngine<Secret>({
      protocol, config: z.strictObject({}), environment: () => ({}), open: true,
      behaviour: { messages: { TellRequest: always(t => reply({ pin: t.msg.pin + (t.msg.list[0]?.pin ?? '') })), Drop: always(() => undefined) } },
    })
    await sim.run(async () => {
      const to = await node.spawn(engine, { name: 'secret' })
      const a = node.client('a')
      expect(await a.ask(to, { type: 'TellRequest', pin: '4711', list: [{ pin: '0815' }] })).toEqual({ pin: '47110815' })
      a.tell(to, { type: 'Drop', pin: '4711' })
      await sim.sleep(1)
      await node.stop()
    })
    const text = JSON.stringify(events)
    expect(text).not.toMatch(/4711|0815/)
    expect(text.match(/\[redacted\]/g)?.length).toBe(5)
  })
})
