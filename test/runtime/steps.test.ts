import { describe, expect, test } from 'vitest'
import {
  allOf, always, cancel, child, createNode, emit, firstOf, forward, grant, keep, reply, request, rule, send, spawn, stop, task, timer, update, watch,
} from '../../src/index.ts'
import type { EngineRef, Observed, Rules, Told } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import type { Simulation } from '../../src/simulation.ts'
import { box, outcomeOf } from './box.ts'
import type { Box, BoxProtocol, BoxRules } from './box.ts'

async function withBox(rules: BoxRules, scenario: (to: EngineRef<BoxProtocol>, world: { sim: Simulation; node: ReturnType<Simulation['createNode']>; events: Observed[] }) => Promise<void>, seed = 1) {
  const sim = simulate({ seed })
  const node = sim.createNode()
  const events: Observed[] = []
  node.observe(event => events.push(event))
  await sim.run(async () => {
    const to = await node.spawn(box(rules), { name: 'box', supervision: { crash: 'stop' } })
    await scenario(to, { sim, node, events })
    await node.stop()
  })
}

describe('steps', () => {
  test('S10: one at a time, and none inside a call of the host', async () => {
    let depth = 0
    let steps = 0
    const enter = () => {
      expect(++depth).toBe(1)
      steps++
      depth--
      return []
    }
    const sim = simulate({ seed: 10 })
    const node = sim.createNode()
    await sim.run(async () => {
      const to = await node.spawn(box({ put: enter, get: t => { enter(); return reply({ n: t.msg.n }) } }), { name: 'box' })
      const a = node.client('a')
      let inside = 0
      node.observe(() => {
        if (inside++ > 20) return
        const before = steps
        a.tell(to, { type: 'Put', n: 1 })
        expect(steps).toBe(before)
      })
      const before = steps
      const asked = a.ask(to, { type: 'GetRequest', n: 1 })
      for (let n = 0; n < 10; n++) a.tell(to, { type: 'Put', n })
      expect(steps).toBe(before)
      await asked
      await sim.sleep(1)
      expect(steps).toBeGreaterThan(20)
      await node.stop()
    })
    expect(sim.reported).toEqual([])
  })

  const bad: [string, (to: EngineRef<BoxProtocol>) => unknown][] = [
    ['an action that throws', () => { throw new Error('no') }],
    ['a promise', () => Promise.resolve()],
    ['a promise among effects', () => [Promise.resolve()]],
    ['an object that is no effect', () => ({ reply: 1 })],
    ['an unknown effect', () => ({ effect: 'explode' })],
    ['a message without a type', to => send(to, JSON.parse('{"n":1}'))],
    ['a function in a message', to => send(to, Object.assign(JSON.parse('{"type":"Put"}'), { n: () => 1 }))],
    ['a target that is no EngineID', () => Reflect.apply(send, undefined, ['box', { type: 'Put', n: 1 }])],
    ['an environment that is no data', () => update({ log: [], kept: [], children: 0, now: new Date(0) })],
    ['an environment that is no object', () => update(Reflect.apply(Number, undefined, [1]))],
    ['a reply without a request', () => reply({ n: 1 })],
    ['a forward without a request', to => Reflect.apply(forward, undefined, [{}, to])],
    ['an undeclared task', () => task('nap', { n: 1 }, { key: 'k' })],
    ['a task without a key', () => task('work', { n: 1 }, { key: '' })],
    ['two tasks with one key', () => [task('work', { n: 1 }, { key: 'k' }), task('work', { n: 2 }, { key: 'k' })]],
    ['a request with an undeclared key', to => request(to, { type: 'GetRequest', n: 1 }, { key: 'nope' })],
    ['two requests with one key', to => [1, 2].map(n => request(to, { type: 'GetRequest', n }, { key: 'ask' }))],
    ['a deadline that is no number', to => request(to, { type: 'GetRequest', n: 1 }, { key: 'ask', deadline: NaN })],
    ['an undeclared timer', () => timer('boom', { after: 1 })],
    ['a timer in the past', () => timer('tick', { after: -1 })],
    ['an endless timer', () => timer('tick', { after: Infinity })],
    ['an undeclared cancel', () => cancel('boom')],
    ['a family that is not listed', to => spawn(box({}), { as: child(box({}), to, 0) })],
    ['a grant for an engine that is no child', to => grant(to, to)],
    ['stopping an engine that is no child', to => stop({ ...to, name: 'box/99' })],
    ['a reply to nothing', () => Reflect.apply(reply, undefined, [{ n: 1 }, { to: 7 }])],
  ]

  test.each(bad)('S11: %s crashes the step, and nothing of it happens', async (_name, make) => {
    const received: number[] = []
    const tasks: number[] = []
    await withBox({
      put: (t, _c, e) => {
        const effect = make(t.self)
        const rest = Array.isArray(effect) ? effect : [effect]
        // Good effects on both sides of the bad one.
        return Reflect.apply(Array.of, undefined, [send({ ...t.self, name: 'sink' }, { type: 'Put', n: 1 }), task('work', { n: 1 }, { key: 'w' }), timer('tick', { after: 1 }), update({ ...e, children: 1 }), ...rest, send({ ...t.self, name: 'sink' }, { type: 'Put', n: 2 })])
      },
      work: ({ n }) => { tasks.push(n); return n },
      elapsed: () => { received.push(-1); return [] },
    }, async (to, { sim, node, events }) => {
      await node.spawn(box({ put: t => { received.push(t.msg.n); return [] } }), { name: 'sink' })
      node.client('a').tell(to, { type: 'Put', n: 0 })
      await sim.sleep(5)
      expect(received).toEqual([])
      expect(tasks).toEqual([])
      expect(events.filter(e => e.kind === 'dead-letter')).toMatchObject([{ reason: 'crashed', name: 'Put', error: {} }])
      expect(events.filter(e => e.kind === 'ended')).toMatchObject([{ reason: 'crashed', engine: to }])
    })
  })

  test.each([
    ['a function', () => () => reply({ n: 1 })],
    ['a function', () => [send]],
    ['a number', () => 4711],
    ['a string', () => 'hush 4711'],
    ['a bigint', () => 4711n],
    ['a symbol', () => Symbol('hush 4711')],
    ['a boolean', () => true],
    ['null', () => null],
    ['null', () => [null]],
    ['undefined in an array', () => [undefined]],
    ['an array in an array', () => [[update({ log: [], kept: [], children: 4711 })]]],
    ['an object that none', () => ({ hush: 4711 })],
    ['an object that none', () => ({ effect: 4711 })],
    ['a promise', () => Promise.resolve(4711)],
    ['a promise', () => [Promise.resolve(4711)]],
  ])('S11: an action that returns no effect but %s is told so, by its name, and not what is in it', async (what, make) => {
    const texts: string[] = []
    const forgetful = () => Reflect.apply(make, undefined, [])
    const nameless = Object.defineProperty(() => forgetful(), 'name', { value: '' })
    for (const putRules of [always(forgetful), rule(() => true, nameless)]) {
      await withBox({ putRules: putRules as unknown as Rules<Box, Told<BoxProtocol, 'Put'>> }, async (to, { sim, node, events }) => {
        node.client('a').tell(to, { type: 'Put', n: 0 })
        await sim.sleep(5)
        const dead = events.find(e => e.kind === 'dead-letter')
        expect(dead).toMatchObject({ reason: 'crashed', error: { code: 'invalid-effect' } })
        texts.push(dead?.error instanceof Error ? dead.error.message : '')
      })
    }
    expect(texts[1]).toMatch(new RegExp(`^an action returned ${what}`))
    expect(texts[0]).toBe(`${texts[1]} (in the rule with the action forgetful)`)
    expect(texts.join()).not.toMatch(/hush|4711/)
  })

  test('S11: a guard that throws or answers with a promise crashes the step', async () => {
    for (const guard of [() => { throw new Error('no') }, () => Promise.resolve(1)]) {
      await withBox({ putRules: rule<Box, Told<BoxProtocol, 'Put'>, unknown>(guard, () => []) }, async (to, { sim, node, events }) => {
        node.client('a').tell(to, { type: 'Put', n: 0 })
        await sim.sleep(1)
        expect(events.find(e => e.kind === 'ended')).toMatchObject({ reason: 'crashed' })
      })
    }
  })

  test('S11: an engine that changes its environment or a message in place crashes on the seeded host', async () => {
    const vandals: BoxRules['put'][] = [
      (_t, _c, e) => { Reflect.apply(Array.prototype.push, e.log, [1]); return [] },
      t => { if (!Reflect.set(t.msg, 'n', 2)) throw new TypeError('frozen'); return [] },
    ]
    for (const put of vandals) {
      await withBox({ ...put && { put } }, async (to, { sim, node, events }) => {
        node.client('a').tell(to, { type: 'Put', n: 0 })
        await sim.sleep(1)
        expect(events.find(e => e.kind === 'ended')).toMatchObject({ reason: 'crashed' })
      })
    }
    // Also one that a step made.
    await withBox({ put: (t, _c, e) => t.msg.n === 0 ? update({ ...e, log: [1] }) : (Reflect.apply(Array.prototype.push, e.log, [2]), []) }, async (to, { sim, node, events }) => {
      node.client('a').tell(to, { type: 'Put', n: 0 })
      node.client('a').tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
      expect(events.find(e => e.kind === 'ended')).toMatchObject({ reason: 'crashed', error: { name: 'TypeError' } })
    })
  })

  test('S12: effects are carried out in their order, stop last', async () => {
    const order: string[] = []
    const kid = box({ closed: true, put: t => { order.push(`child ${t.msg.n}`); return [] } })
    await withBox({
      children: () => [kid],
      put: (t, _c, e) => t.msg.n > 0 ? [] : [
        stop(),
        task('work', { n: 1 }, { key: 'w' }),
        send(child(kid, t.self, 0), { type: 'Put', n: 7 }),
        send({ ...t.self, name: 'sink' }, { type: 'Put', n: 1 }),
        grant(child(kid, t.self, 0), t.sender),
        spawn(kid, { as: child(kid, t.self, 0) }),
        send({ ...t.self, name: 'sink' }, { type: 'Put', n: 2 }),
        update({ ...e, children: 1 }),
      ],
      work: ({ n }) => { order.push('task'); return n },
      release: () => { order.push('released') },
    }, async (to, { sim, node, events }) => {
      await node.spawn(box({ put: t => { order.push(`sink ${t.msg.n}`); return [] } }), { name: 'sink' })
      node.client('a').tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(order.filter(o => o.startsWith('sink'))).toEqual(['sink 1', 'sink 2'])
      expect(order.indexOf('task')).toBeGreaterThanOrEqual(0)
      expect(order.indexOf('task')).toBeLessThan(order.indexOf('released'))
      const kinds = events.filter(e => e.kind === 'spawned' || e.kind === 'ended').map(e => `${e.kind} ${e.engine.name}`)
      expect(kinds).toEqual(['spawned box', 'spawned sink', 'spawned box/0', 'ended box/0', 'ended box'])
    })
  })

  test('S13: firstOf takes the first that holds; allOf all that hold at first, the environment threaded through', async () => {
    type R = Rules<Box, Told<BoxProtocol, 'Put'>>
    const log = (n: number): R => always((_t, _c, e) => update({ ...e, log: [...e.log, n] }))
    const when = (holds: (n: number, logged: number) => boolean, n: number): R =>
      rule((t, _c, e) => holds(t.msg.n, e.log.length) ? n : undefined, (args, _t, _c, e) => update({ ...e, log: [...e.log, args] }))
    const seen = async (putRules: R, n: number) => {
      let result: readonly number[] = []
      await withBox({ putRules, get: (t, _c, e) => { result = e.log; return reply({ n: t.msg.n }) } }, async (to, { sim, node }) => {
        const a = node.client('a')
        a.tell(to, { type: 'Put', n })
        await sim.sleep(1)
        await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))
      })
      return result
    }
    expect(await seen(firstOf(when(n => n > 5, 1), when(n => n > 3, 2), log(3)), 4)).toEqual([2])
    expect(await seen(firstOf(when(n => n > 5, 1), when(n => n > 3, 2), log(3)), 0)).toEqual([3])
    expect(await seen(allOf(when(n => n > 5, 1), when(n => n > 3, 2), log(3)), 4)).toEqual([2, 3])
    // The second holds in the first environment, though not in the one that the first rule leaves.
    expect(await seen(allOf(log(1), when((_n, logged) => logged === 0, 2), when((_n, logged) => logged > 0, 3)), 0)).toEqual([1, 2])
    expect(await seen(firstOf(allOf(when(n => n > 9, 1), when(n => n > 8, 2)), allOf(log(3), log(4))), 0)).toEqual([3, 4])
    // One action that declines does not silence the next.
    expect(await seen(rule(t => t.msg.n, () => undefined, (n, _t, _c, e) => update({ ...e, log: [n] })), 8)).toEqual([8])
    expect(await seen(allOf(always(() => undefined), log(2)), 0)).toEqual([2])
    expect(await seen(rule(t => t.msg.n, n => update({ log: [n], kept: [], children: 0 }), (n, _t, _c, e) => update({ ...e, log: [...e.log, n + 1] })), 5)).toEqual([5, 6])
  })

  test('S14: when no guard holds or every action declines, the message is a dead letter and its asker is told', async () => {
    await withBox({ get: () => undefined, putRules: rule(() => undefined, () => []) }, async (to, { sim, node, events }) => {
      const a = node.client('a')
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))).toBe('unhandled')
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(events.filter(e => e.kind === 'dead-letter')).toMatchObject([{ name: 'GetRequest', reason: 'unhandled' }, { name: 'Put', reason: 'unhandled' }])
    })
  })

  test('S15: two answers in a step, or none, crash it', async () => {
    const unsettled: BoxRules['get'][] = [
      () => [reply({ n: 1 }), ...JSON.parse('[{"effect":"reply","response":{"n":1}}]')],
      t => [reply({ n: 1 }), forward(t, { ...t.self, name: 'other' })],
      () => JSON.parse('[{"effect":"timer","handle":"tick","after":1}]'),
    ]
    for (const get of unsettled) {
      await withBox({ ...get && { get } }, async (to, { node }) => {
        expect(await outcomeOf(node.client('a').ask(to, { type: 'GetRequest', n: 0 }))).toBe('crashed')
      })
    }
    for (const get of [t => keep(t.replyTo), t => task('work', { n: 1, replyTo: t.replyTo }, { key: 'k' })] satisfies BoxRules['get'][]) {
      await withBox({ get }, async (to, { node, events }) => {
        const waiting = outcomeOf(node.client('a').ask(to, { type: 'GetRequest', n: 0 }, { deadline: 10 }))
        expect(await waiting).toBe('deadline')
        expect(events.some(e => e.kind === 'ended')).toBe(false)
      })
    }
  })

  test('S15: nor is a request of an earlier step answered twice in one', async () => {
    const put: BoxRules['put'] = (_t, _c, e) => e.kept.flatMap(to => [reply({ n: 1 }, { to }), reply({ n: 2 }, { to })])
    await withBox({ get: (t, _c, e) => [keep(t.replyTo), update({ ...e, kept: [t.replyTo] })], put }, async (to, { node, sim }) => {
      const asked = outcomeOf(node.client('b').ask(to, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      node.client('a').tell(to, { type: 'Put', n: 0 })
      expect(await asked).toBe('crashed')
    })
  })

  test('S16: observers are told after the commit, in order, and may not break anything', async () => {
    const sim = simulate({ seed: 16 })
    const node = sim.createNode()
    await sim.run(async () => {
      let committed = 0
      const to = await node.spawn(box({ get: t => { committed++; return reply({ n: t.msg.n }) } }), { name: 'box' })
      const events: string[] = []
      const stopObserving = node.observe(event => {
        if (event.kind === 'step') events.push(`step ${committed}`)
        if (event.kind === 'message') events.push(`${event.name} ${event.id} ${event.inReplyTo}`)
      })
      node.observe(() => { throw new Error('a bad observer') })
      const a = node.client('a')
      expect(await a.ask(to, { type: 'GetRequest', n: 1 })).toEqual({ n: 1 })
      await sim.sleep(1)
      const [asked] = events
      const id = asked?.split(' ')[1]
      expect(events).toEqual([`GetRequest ${id} 0`, 'step 1', `GetResponse 0 ${id}`])
      expect(sim.reported.length).toBe(3)
      stopObserving()
      await a.ask(to, { type: 'GetRequest', n: 2 })
      expect(events.length).toBe(3)
      await node.stop()
    })
  })

  test('S16: an observer that changes what it sees changes nothing else', async () => {
    const sim = simulate({ seed: 16 })
    const node = sim.createNode()
    node.observe(event => { if (event.kind === 'message') Reflect.set(Object(event.msg), 'n', 99) })
    await sim.run(async () => {
      const to = await node.spawn(box({ get: t => reply({ n: t.msg.n }) }), { name: 'box' })
      expect(await node.client('a').ask(to, { type: 'GetRequest', n: 1 })).toEqual({ n: 1 })
      await node.stop()
    })
  })

  test('S17: a busy engine does not keep others waiting', async () => {
    const node = await createNode()
    let rounds = 0
    const spinning = box({ put: t => { rounds++; return send(t.self, { type: 'Put', n: 0 }) } })
    const loop = await node.spawn(spinning, { name: 'spinning' })
    const calm = await node.spawn(box({ get: t => reply({ n: t.msg.n }) }), { name: 'calm' })
    const a = node.client('a')
    a.tell(loop, { type: 'Put', n: 0 })
    for (let n = 0; n < 100; n++) expect(await a.ask(calm, { type: 'GetRequest', n })).toEqual({ n })
    expect(rounds).toBeGreaterThan(100)
    await node.stop()
  })

  test('S17: endless work in microtasks leaves the event loop its turns', async () => {
    const node = await createNode()
    const loop = await node.spawn(box({ put: t => send(t.self, { type: 'Put', n: 0 }), get: t => reply({ n: t.msg.n }) }), { name: 'loop' })
    const a = node.client('a')
    a.tell(loop, { type: 'Put', n: 0 })
    let isOver = false
    const asking = (async () => { while (!isOver) await a.ask(loop, { type: 'GetRequest', n: 0 }) })()
    // Each of these needs a turn of the event loop; without one, this test would never end.
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setTimeout(resolve, 0))
    isOver = true
    await asking
    await node.stop()
  })

  test.each(['stopped', 'malformed', 'deadline', 'not-acquainted', 'invalid-argument'])('S17: asks that end at once (%s), again and again, leave the event loop its turns', async code => {
    const node = await createNode()
    const to = await node.spawn(box({ closed: code === 'not-acquainted', get: t => reply({ n: t.msg.n }) }), { name: 'box' })
    const target = code === 'stopped' ? { ...to, name: 'nobody' } : to
    const message: { type: 'GetRequest'; n: number } = code === 'malformed' ? JSON.parse('{"type":"GetRequest"}') : { type: 'GetRequest', n: 1 }
    const deadline = code === 'deadline' ? 0 : code === 'invalid-argument' ? NaN : 1000
    const a = node.client('a')
    let isOver = false
    const codes = new Set<unknown>()
    const asking = (async () => { while (!isOver) codes.add(await a.ask(target, message, { deadline }).catch((error: { code: string }) => error.code)) })()
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setTimeout(resolve, 0))
    isOver = true
    await asking
    expect([...codes]).toEqual([code])
    await node.stop()
  })

  test('S17: askers that a full mailbox turns away do not keep its engine from its steps', async () => {
    const node = await createNode()
    const to = await node.spawn(box({ capacity: 2, get: t => reply({ n: t.msg.n }) }), { name: 'small' })
    let answered = 0
    await Promise.all([1, 2, 3, 4].map(async n => {
      const a = node.client(`client-${n}`)
      for (let left = 50; left > 0;) {
        const code = await a.ask(to, { type: 'GetRequest', n }).then(() => 'ok', (error: { code: string }) => error.code)
        if (code === 'ok') {
          left--
          answered++
        }
      }
    }))
    expect(answered).toBe(200)
    await node.stop()
  })

  test('S17: slow steps leave the event loop its turns, however many wait', async () => {
    const node = await createNode()
    const slow = await node.spawn(box({ put: () => { const end = performance.now() + 1; while (performance.now() < end); return [] }, get: t => reply({ n: t.msg.n }) }), { name: 'slow' })
    const a = node.client('a')
    for (let n = 0; n < 100; n++) a.tell(slow, { type: 'Put', n })
    let turns = 0
    let isOver = false
    const counting = (async () => { while (!isOver) { await new Promise(resolve => setImmediate(resolve)); turns++ } })()
    await a.ask(slow, { type: 'GetRequest', n: 0 })
    isOver = true
    await counting
    // 100 ms of work in slices of 2 ms, but for the first steps, which nobody knew to be slow.
    expect(turns).toBeGreaterThan(15)
    await node.stop()
  })

  test('what passes is copied for observers only while there is one', async () => {
    const sim = simulate({ seed: 1 })
    const node = sim.createNode()
    let reads = 0
    await sim.run(async () => {
      const to = await node.spawn(box({ get: () => Reflect.apply(reply, undefined, [{ get n() { return ++reads } }]) }), { name: 'box' })
      const a = node.client('a')
      const readsOf = async () => {
        reads = 0
        await a.ask(to, { type: 'GetRequest', n: 0 })
        return reads
      }
      // The seeded host itself observes, for its trace, so that one more observer costs no further copy.
      const observed = await readsOf()
      node.observe(() => {})
      expect(await readsOf()).toBe(observed)
      await node.stop()
    })
    const own = await createNode()
    const to = await own.spawn(box({ get: () => Reflect.apply(reply, undefined, [{ get n() { return ++reads } }]) }), { name: 'box' })
    const readsOf = async () => {
      reads = 0
      await own.client('a').ask(to, { type: 'GetRequest', n: 0 })
      return reads
    }
    const unobserved = await readsOf()
    const off = own.observe(() => {})
    expect(await readsOf()).toBeGreaterThan(unobserved)
    off()
    expect(await readsOf()).toBe(unobserved)
    await own.stop()
  })

  test('S12, S16, S51: what is emitted is observed as a copy after its step, among the messages, and not when the step crashes', async () => {
    const seen: unknown[] = []
    const event = { type: 'counted', n: 1 }
    await withBox({ put: t => [stop(), emit(event), ...t.msg.n > 0 ? [] : [send(t.self, { type: 'Put', n: 1 })], emit({ type: 'second' })] }, async (to, { sim, node }) => {
      node.observe(each => void (each.kind === 'emitted' ? seen.push(each.event) : each.kind === 'step' || each.kind === 'ended' ? seen.push(each.kind) : undefined))
      node.client('a').tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
    })
    expect(seen).toEqual(['step', event, { type: 'second' }, 'ended'])
    expect(seen[1]).not.toBe(event)
    for (const bad of [{ type: 'odd', f: () => {} }, 'text', undefined]) {
      await withBox({ put: () => [emit({ type: 'first' }), emit(bad as object)] }, async (to, { sim, node }) => {
        const heard: Observed[] = []
        node.observe(each => void heard.push(each))
        node.client('a').tell(to, { type: 'Put', n: 1 })
        await sim.sleep(1)
        expect(heard.map(each => each.kind)).not.toContain('emitted')
        expect(heard).toContainEqual(expect.objectContaining({ kind: 'ended', reason: 'crashed' }))
      })
    }
  })

  test('watching needs a rule to hear of it', async () => {
    await withBox({ put: t => watch({ ...t.self, name: 'nobody' }), terminated: (t, _c, e) => update({ ...e, log: [1], children: t.reason === 'stopped' ? 1 : 2 }), get: (_t, _c, e) => reply({ n: e.children }) },
      async (to, { sim, node }) => {
        const a = node.client('a')
        a.tell(to, { type: 'Put', n: 0 })
        await sim.sleep(1)
        expect(await a.ask(to, { type: 'GetRequest', n: 0 })).toEqual({ n: 1 })
      })
  })
})
