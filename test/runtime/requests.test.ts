import { describe, expect, test } from 'vitest'
import { createNode, forward, keep, Refused, refuse, reply, request, send, stop, update } from '../../src/index.ts'
import type { EngineRef, Observed } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import { box, deferred, outcomeOf } from './box.ts'
import type { BoxEnvironment, BoxProtocol, BoxRules, GetReply } from './box.ts'
import { lawOf } from './law.ts'

function world(seed: number) {
  const sim = simulate({ seed })
  const node = sim.createNode()
  const dead: string[] = []
  node.observe((event: Observed) => { if (event.kind === 'dead-letter') dead.push(`${event.name} ${event.reason}`) })
  return { sim, node, dead, a: node.client('a') }
}

const answering = box({ get: t => reply({ n: t.msg.n }) })
/** Keeps each request; `Put { n }` answers the n-th. */
const keeping: BoxRules = {
  get: (t, _c, e) => [keep(t.replyTo), update({ ...e, kept: [...e.kept, t.replyTo] })],
  put: (t, _c, e) => {
    const to = e.kept[t.msg.n]
    return to && reply({ n: t.msg.n }, { to })
  },
}

describe('requests', () => {
  test('S18: an ask resolves with the response, rejects with Refused for a refusal; askRaw resolves with either', async () => {
    const { sim, node, a } = world(18)
    await sim.run(async () => {
      const to = await node.spawn(box({ get: t => reply(t.msg.n < 0 ? refuse('no', 'No: below zero') : { n: t.msg.n }) }), { name: 'box' })
      expect(await a.ask(to, { type: 'GetRequest', n: 1 })).toEqual({ n: 1 })
      expect(await a.askRaw(to, { type: 'GetRequest', n: -1 })).toEqual({ err: 'No: below zero', code: 'no' })
      const refused = await a.ask(to, { type: 'GetRequest', n: -1 }).catch((error: unknown) => error)
      expect(refused).toBeInstanceOf(Refused)
      expect(refused).toMatchObject({ code: 'no', message: 'No: below zero', response: { err: 'No: below zero', code: 'no' } })
      await node.stop()
    })
  })

  test('S19: only the engine that was asked answers, and once', async () => {
    const { sim, node, dead, a } = world(19)
    await sim.run(async () => {
      let right: GetReply | undefined
      const to = await node.spawn(box({
        ...keeping,
        get: (t, _c, e) => {
          right = t.replyTo
          return [keep(t.replyTo), update({ ...e, kept: [...e.kept, t.replyTo] })]
        },
      }), { name: 'asked' })
      const thief = await node.spawn(box({ put: () => right && reply({ n: 666 }, { to: right }) }), { name: 'thief' })
      const asked = outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      a.tell(thief, { type: 'Put', n: 0 })
      await sim.sleep(1)
      a.tell(to, { type: 'Put', n: 0 })
      expect(await asked).toBe('ok {"n":0}')
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(dead).toEqual(['GetResponse not-asked', ' late-reply'])
      expect(lawOf(node)).toBe(0)
      await node.stop()
    })
  })

  test('S19: a forwarded request keeps its sender and is answered by whom it went to, and by nobody else', async () => {
    const { sim, node, dead, a } = world(19)
    await sim.run(async () => {
      const senders: string[] = []
      // Closed, and acquainted with the proxy alone: the proxy vouches for what it forwards.
      const last = await node.spawn(box({ closed: true, get: t => { senders.push(t.sender.name); return reply({ n: t.msg.n * 2 }) } }), { name: 'last' })
      const proxy = await node.spawn(box({
        get: (t, _c, e) => [forward(t, last), update({ ...e, kept: [t.replyTo] })],
        put: (_t, _c, e) => e.kept[0] && reply({ n: -1 }, { to: e.kept[0] }),
      }), { name: 'proxy' })
      node.grant(last, proxy)
      expect(await a.ask(proxy, { type: 'GetRequest', n: 4 })).toEqual({ n: 8 })
      expect(senders).toEqual(['a'])
      expect(await outcomeOf(a.ask(last, { type: 'GetRequest', n: 4 }))).toBe('not-acquainted')
      a.tell(proxy, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(dead).toEqual(['GetRequest not-acquainted', ' late-reply'])
      node.revoke(last, proxy)
      expect(await outcomeOf(a.ask(proxy, { type: 'GetRequest', n: 4 }))).toBe('not-acquainted')
      await node.stop()
    })
  })

  test('S20: a deadline ends an ask; at 0 or less it ends at once; others than finite are refused', async () => {
    const { sim, node, dead, a } = world(20)
    await sim.run(async () => {
      let asked = 0
      const to = await node.spawn(box({ get: t => { asked++; return keep(t.replyTo) } }), { name: 'silent' })
      const begin = sim.time
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }, { deadline: 250 }))).toBe('deadline')
      expect(sim.time - begin).toBeGreaterThanOrEqual(250)
      expect(sim.time - begin).toBeLessThan(251)
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))).toBe('deadline')
      expect(sim.time - begin).toBeGreaterThanOrEqual(30_250)
      for (const deadline of [0, -1, -Infinity, NaN, Infinity]) {
        expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }, { deadline }))).toBe(Number.isFinite(deadline) ? 'deadline' : 'invalid-argument')
      }
      await sim.sleep(1)
      expect(asked).toBe(2)
      expect(dead).toEqual(['GetRequest abandoned', 'GetRequest abandoned'])
      await node.stop()
    })
  })

  test('S21: the end of the engine that owes the answer ends the ask', async () => {
    for (const [put, code] of [[() => stop(), 'stopped'], [() => { throw new Error('crash') }, 'crashed']] as const) {
      const { sim, node, a } = world(21)
      await sim.run(async () => {
        const to = await node.spawn(box({ get: t => keep(t.replyTo), put }), { name: 'box', supervision: { crash: 'stop' } })
        const [handled, queued] = [outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 })), outcomeOf(a.ask(to, { type: 'GetRequest', n: 1 }))]
        await sim.sleep(1)
        a.tell(to, { type: 'Put', n: 0 })
        const behind = outcomeOf(a.ask(to, { type: 'GetRequest', n: 2 }))
        expect([await handled, await queued, await behind]).toEqual([code, code, code])
        expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 3 }))).toBe('stopped')
        expect(lawOf(node)).toBe(0)
        await node.stop()
      })
    }
  })

  test('S22: a request that ended while it waited is not handled', async () => {
    const { sim, node, dead, a } = world(22)
    await sim.run(async () => {
      const gate = deferred<{ opened: string }>()
      let asked = 0
      const starting = node.spawn(box({ acquire: () => gate.promise, get: t => { asked++; return reply({ n: t.msg.n }) } }), { name: 'slow' })
      const to: EngineRef<BoxProtocol> = JSON.parse(JSON.stringify({ node: node.id, name: 'slow' }))
      const stopper = new AbortController()
      const late = outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }, { deadline: 5 }))
      const aborted = outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }, { signal: stopper.signal }))
      const patient = outcomeOf(a.ask(to, { type: 'GetRequest', n: 7 }))
      await sim.sleep(10)
      stopper.abort()
      gate.resolve({ opened: 'late' })
      await starting
      expect([await late, await aborted, await patient]).toEqual(['deadline', 'aborted', 'ok {"n":7}'])
      expect(asked).toBe(1)
      expect(dead).toEqual(['GetRequest abandoned', 'GetRequest abandoned'])
      await node.stop()
    })
  })

  test('an aborted ask keeps the reason as its cause; a closed client ends its asks and may be opened again as the same principal', async () => {
    const { sim, node, a } = world(1)
    await sim.run(async () => {
      const to = await node.spawn(box({ get: t => keep(t.replyTo) }), { name: 'box' })
      const reason = new Error('enough')
      expect(await a.ask(to, { type: 'GetRequest', n: 0 }, { signal: AbortSignal.abort(reason) }).catch((e: unknown) => e)).toMatchObject({ code: 'aborted', cause: reason })
      expect(node.client('a')).toBe(a)
      const open = outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      a.close()
      expect(await open).toBe('aborted')
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))).toBe('aborted')
      const again = node.client('a')
      expect(again).not.toBe(a)
      expect(again.id).toEqual(a.id)
      await node.stop()
    })
  })

  test('S23: an engine hears once of each request it makes, however it ends', async () => {
    const { sim, node, a } = world(23)
    const heard: string[] = []
    await sim.run(async () => {
      const answers = await node.spawn(answering, { name: 'answers' })
      const closed = await node.spawn(box({ closed: true }), { name: 'closed' })
      const silent = await node.spawn(box({}), { name: 'silent' })
      const crashes = await node.spawn(box({ get: () => { throw new Error('no') } }), { name: 'crashes' })
      const declines = await node.spawn(box({ get: () => undefined }), { name: 'declines' })
      const refuses = await node.spawn(box({ get: () => reply(refuse('no', 'No')) }), { name: 'refuses' })
      const nobody = { ...answers, name: 'nobody' }
      const far = { ...answers, node: `z6Mk${'x'.repeat(44)}` }
      const targets = { answers, closed, silent, crashes, declines, refuses, nobody, far, past: answers }
      const asker = await node.spawn(box({
        put: () => Object.entries(targets).map(([name, target]) =>
          request(target, { type: 'GetRequest', n: 1 }, { key: `ask/${name}`, deadline: name === 'past' ? 0 : 100 })),
        answered: t => { heard.push(`${t.key} ${t.failure ?? JSON.stringify(t.reply)}`); return [] },
      }), { name: 'asker' })
      a.tell(asker, { type: 'Put', n: 0 })
      await sim.sleep(200)
      expect(heard.toSorted()).toEqual([
        'ask/answers {"n":1}', 'ask/closed not-acquainted', 'ask/crashes crashed', 'ask/declines unhandled', 'ask/far unreachable',
        'ask/nobody stopped', 'ask/past deadline', 'ask/refuses {"err":"No","code":"no"}', 'ask/silent deadline',
      ])
      // The keys are free again.
      a.tell(asker, { type: 'Put', n: 0 })
      await sim.sleep(200)
      expect(heard.length).toBe(17 + 1)
      expect(lawOf(node)).toBe(0)
      await node.stop()
    })
  })

  test('an engine may ask itself, and a chain of engines answers from its end', async () => {
    const { sim, node, a } = world(2)
    await sim.run(async () => {
      const waits: BoxRules = {
        answered: (t, _c, e) => {
          const to = e.kept[0]
          return to && t.reply && 'n' in t.reply ? reply({ n: t.reply.n + 1 }, { to }) : undefined
        },
      }
      const first = await node.spawn(answering, { name: 'first' })
      const second = await node.spawn(box({
        ...waits, get: (t, _c, e: BoxEnvironment) => [request(first, t.msg, { key: 'ask' }), update({ ...e, kept: [t.replyTo] })],
      }), { name: 'second' })
      const third = await node.spawn(box({
        ...waits, get: (t, _c, e: BoxEnvironment) => t.msg.n === 0 ? reply({ n: 100 })
          : [request(t.msg.n === 1 ? t.self : second, { type: 'GetRequest', n: t.msg.n - 1 }, { key: 'ask' }), update({ ...e, kept: [t.replyTo] })],
      }), { name: 'third' })
      expect(await a.ask(third, { type: 'GetRequest', n: 5 })).toEqual({ n: 6 })
      expect(await a.ask(third, { type: 'GetRequest', n: 1 })).toEqual({ n: 101 })
      await node.stop()
    })
  })

  test('a message to a client is a dead letter: clients take answers alone', async () => {
    const { sim, node, dead, a } = world(3)
    await sim.run(async () => {
      const to = await node.spawn(box({ put: t => send<BoxProtocol>(JSON.parse(JSON.stringify(t.sender)), { type: 'Put', n: 1 }) }), { name: 'box' })
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(dead).toEqual(['Put stopped'])
      await node.stop()
    })
  })

  test('on the platform, an ask that nobody answers ends at its deadline', async () => {
    const node = await createNode()
    const to = await node.spawn(box({}), { name: 'silent' })
    expect(await outcomeOf(node.client('a').ask(to, { type: 'GetRequest', n: 0 }, { deadline: 5 }))).toBe('deadline')
    await node.stop()
  })
})
