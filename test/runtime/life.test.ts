import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { always, child, createNode, defineEngine, reply, send, spawn, stop, task, timer, update, watch } from '../../src/index.ts'
import type { Engine, EngineRef, Observed } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import { box, boxProtocol, deferred, outcomeOf } from './box.ts'
import type { Box, BoxProtocol, BoxRules } from './box.ts'
import { lawOf } from './law.ts'

function world(seed = 1) {
  const sim = simulate({ seed })
  const node = sim.createNode()
  const events: Observed[] = []
  node.observe(event => events.push(event))
  const ends = () => events.flatMap(e => e.kind === 'ended' ? [`${e.engine.name} ${e.reason}`] : [])
  return { sim, node, events, ends, a: node.client('a') }
}

/** A reference made by hand: EngineIDs are data. */
function refOf(node: string, name: string): EngineRef<BoxProtocol> {
  return JSON.parse(JSON.stringify({ node, name }))
}

/** `Put { n: 0 }` spawns and watches a child, 1 stops it, 2 crashes, 3 stops itself. */
function parent(kid: Engine<Box>, heard: string[], rules: BoxRules = {}): Engine<Box> {
  return box({
    children: () => [kid],
    put: (t, _c, e) => {
      switch (t.msg.n) {
        case 0: {
          const as = child(kid, t.self, e.children)
          return [spawn(kid, { as }), watch(as), update({ ...e, children: e.children + 1 })]
        }
        case 1: return stop(child(kid, t.self, e.children - 1))
        case 2: throw new Error('crash')
        default: return stop()
      }
    },
    terminated: t => { heard.push(`${t.engine.name} ${t.reason}`); return [] },
    ...rules,
  })
}

describe('life', () => {
  test('S27: a name is given once; a client keeps its principal; neither takes the name of the other', async () => {
    const { sim, node } = world()
    await sim.run(async () => {
      const to = await node.spawn(box({}), { name: 'box' })
      expect(await outcomeOf(node.spawn(box({}), { name: 'box' }))).toBe('name-taken')
      await node.stop(to)
      expect(await outcomeOf(node.spawn(box({}), { name: 'box' }))).toBe('name-taken')
      expect(() => node.client('box')).toThrow(expect.objectContaining({ code: 'name-taken' }))
      expect(node.client('c')).toBe(node.client('c'))
      expect(await outcomeOf(node.spawn(box({}), { name: 'c' }))).toBe('name-taken')
      for (const name of ['', 'a/b', 'a b', `z6Mk${'a'.repeat(44)}`, 'x'.repeat(2000), JSON.parse('7')]) {
        expect(await outcomeOf(node.spawn(box({}), { name }))).toBe('invalid-argument')
        expect(() => node.client(name)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
      }
      await node.stop()
    })
  })

  test('S27: children have ever higher numbers; using one again crashes the parent', async () => {
    const kid = box({})
    const { sim, node, a, ends } = world()
    await sim.run(async () => {
      const reuse = box({ children: () => [kid], put: t => spawn(kid, { as: child(kid, t.self, t.msg.n) }) })
      const to = await node.spawn(reuse, { name: 'parent', supervision: { crash: 'stop' } })
      for (const n of [0, 5, 6, 5]) a.tell(to, { type: 'Put', n })
      await sim.sleep(1)
      expect(ends()).toEqual(['parent/0 stopped', 'parent/5 stopped', 'parent/6 stopped', 'parent crashed'])
      await node.stop()
    })
  })

  test('S28: acquire ends before the first message; a config that does not fit spawns nothing', async () => {
    const { sim, node, a } = world()
    const order: string[] = []
    await sim.run(async () => {
      const gate = deferred<{ opened: string }>()
      const starting = node.spawn(box({ acquire: () => { order.push('acquire'); return gate.promise }, put: t => { order.push(`put ${t.msg.n}`); return [] } }), { name: 'slow' })
      const to: EngineRef<BoxProtocol> = refOf(node.id, 'slow')
      a.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(5)
      expect(order).toEqual(['acquire'])
      gate.resolve({ opened: 'it' })
      await starting
      await sim.sleep(5)
      expect(order).toEqual(['acquire', 'put 1'])
      expect(await outcomeOf(node.spawn(box({}), { name: 'bad', config: JSON.parse('{"first":["x"]}') }))).toBe('invalid-argument')
      expect(await outcomeOf(node.spawn(box({}), { name: 'bad', config: JSON.parse('{"more":1}') }))).toBe('invalid-argument')
      // The name was not used up.
      await node.spawn(box({}), { name: 'bad', config: { first: [1] } })
      expect(await outcomeOf(node.spawn(JSON.parse('{}'), { name: 'worse' }))).toBe('invalid-argument')
      await node.stop()
    })
  })

  test('S11, S28: a config schema that throws is told of as such: by node.spawn, and by the crash of a step that spawns', async () => {
    const { sim, node, a, events } = world()
    await sim.run(async () => {
      const mine = new RangeError('mine')
      const config = z.strictObject({ n: z.number().refine(n => { if (n === 0) throw mine; return true }) })
      interface Picky { protocol: BoxProtocol; config: typeof config; environment: {} }
      const picky = defineEngine<Picky>({
        id: 'test/picky', protocol: boxProtocol, config, environment: () => ({}), open: true,
        behaviour: { messages: { Put: always(() => []), GetRequest: always(t => reply({ n: t.msg.n })) } },
      })
      const failure: unknown = await node.spawn(picky, { name: 'picky', config: { n: 0 } }).catch((error: unknown) => error)
      expect(failure).toMatchObject({ code: 'invalid-definition', cause: mine })
      // The name was not used up.
      await node.spawn(picky, { name: 'picky', config: { n: 1 } })
      const spawner: Engine<Box> = box({
        children: () => [picky],
        put: (t, _c, e) => [send({ ...t.self, name: 'picky' }, t.msg), spawn(picky, { as: child(picky, t.self, 0), config: { n: t.msg.n } }), update({ ...e, children: 1 })],
      })
      const to = await node.spawn(spawner, { name: 'spawner', supervision: { crash: 'stop' } })
      events.length = 0
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(events.filter(e => e.kind === 'spawned' || (e.kind === 'message' && e.target.name === 'picky'))).toEqual([])
      expect(events.filter(e => e.kind === 'dead-letter')).toMatchObject([{ reason: 'crashed', error: { code: 'invalid-definition', cause: mine } }])
      expect(events.filter(e => e.kind === 'ended')).toMatchObject([{ engine: to, reason: 'crashed' }])
      await node.stop()
    })
    expect(sim.reported).toEqual([])
  })

  test.each([false, true])('S28, S50: the rule for the start is the first step, after acquire (slow: %s), even if messages waited', async isSlow => {
    const { sim, node, a } = world()
    const order: string[] = []
    await sim.run(async () => {
      const gate = deferred<{ opened: string }>()
      const starting = node.spawn(box({
        acquire: () => { order.push('acquire'); return isSlow ? gate.promise : { opened: 'it' } },
        started: (_t, _c, e) => { order.push('started'); return [update({ ...e, log: [7] }), timer('tick', { after: 3 })] },
        elapsed: (_t, _c, e) => { order.push(`elapsed ${e.log[0]}`); return [] },
        put: (t, _c, e) => { order.push(`put ${t.msg.n} ${e.log[0]}`); return [] },
      }), { name: 'box' })
      const to: EngineRef<BoxProtocol> = refOf(node.id, 'box')
      a.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
      gate.resolve({ opened: 'it' })
      await starting
      await sim.sleep(5)
      expect(order).toEqual(['acquire', 'started', 'put 1 7', 'elapsed 7'])
      await node.stop()
    })
  })

  test('S29: a start whose step crashes is a crash', async () => {
    const { sim, node, ends } = world()
    await sim.run(async () => {
      await node.spawn(box({ started: () => { throw new Error('no') } }), { name: 'box', supervision: { crash: 'stop' } })
      await sim.sleep(1)
      expect(ends()).toEqual(['box crashed'])
      await node.stop()
    })
  })

  test('S28: an engine that cannot start ends with start-failed, and whoever asked is told', async () => {
    const failures: [string, BoxRules][] = [
      ['throws', { acquire: () => { throw new Error('no device') } }],
      ['rejects', { acquire: () => Promise.reject(new Error('no device')) }],
      ['never', { acquire: () => new Promise(() => {}) }],
      ['environment-throws', { environment: () => { throw new Error('no environment') } }],
      ['environment-is-no-data', { environment: () => ({ log: [], kept: [], children: 0, now: new Date(0) }) }],
    ]
    for (const [name, rules] of failures) {
      const { sim, node, a, ends, events } = world()
      await sim.run(async () => {
        const starting = outcomeOf(node.spawn(box(rules), { name }))
        const asked = outcomeOf(a.ask(refOf(node.id, name), { type: 'GetRequest', n: 1 }, { deadline: 60_000 }))
        expect([await starting, await asked]).toEqual(['start-failed', 'stopped'])
        // One that never answers is waited for until patience ends.
        await sim.sleep(5_001)
        expect(ends()).toEqual([`${name} start-failed`])
        expect(events.filter(e => e.kind === 'dead-letter')).toMatchObject([{ reason: 'start-failed' }])
        expect(lawOf(node)).toBe(0)
        await node.stop()
      })
    }
  })

  test('S28: what is acquired too late is released', async () => {
    const { sim, node } = world()
    await sim.run(async () => {
      const gate = deferred<{ opened: string }>()
      let released = 0
      const starting = outcomeOf(node.spawn(box({ acquire: () => gate.promise, release: () => { released++ } }), { name: 'late' }))
      expect(await starting).toBe('start-failed')
      expect(released).toBe(0)
      await sim.sleep(10_000)
      gate.resolve({ opened: 'late' })
      await sim.sleep(1)
      expect(released).toBe(1)
      await node.stop()
    })
  })

  test('S29: a crash that stops the engine stops its children; the host, the watchers and whoever asked are told', async () => {
    const { sim, node, a, ends, events } = world()
    const heard: string[] = []
    await sim.run(async () => {
      const to = await node.spawn(parent(box({}), heard), { name: 'parent', supervision: { crash: 'stop' } })
      const watcher = await node.spawn(box({ put: t => watch({ ...t.self, name: 'parent' }), terminated: t => { heard.push(`watcher: ${t.engine.name} ${t.reason}`); return [] } }), { name: 'watcher' })
      a.tell(watcher, { type: 'Put', n: 0 })
      a.tell(to, { type: 'Put', n: 0 })
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      a.tell(to, { type: 'Put', n: 2 })
      const asked = outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))
      expect(await asked).toBe('crashed')
      await sim.sleep(1)
      expect(ends()).toEqual(['parent/0 stopped', 'parent/1 stopped', 'parent crashed'])
      expect(heard).toEqual(['watcher: parent crashed'])
      expect(events.find(e => e.kind === 'dead-letter')).toMatchObject({ reason: 'crashed', name: 'Put', error: { message: 'crash' } })
      expect(events.find(e => e.kind === 'ended' && e.reason === 'crashed')).toMatchObject({ error: { message: 'crash' } })
      await node.stop()
    })
  })

  test('S30: Terminated comes once, after the release, with the reason; at once for what has ended', async () => {
    for (const [n, reason] of [[1, 'stopped'], [2, 'crashed']] as const) {
      const { sim, node, a } = world()
      const heard: string[] = []
      await sim.run(async () => {
        const kid = box({ put: () => { throw new Error('crash') }, release: () => new Promise(resolve => { heard.push('releasing'); void sim.sleep(10).then(() => { heard.push('released'); resolve() }) }) })
        const to = await node.spawn(parent(kid, heard, { supervision: { crash: 'stop' } }), { name: 'parent' })
        a.tell(to, { type: 'Put', n: 0 })
        await sim.sleep(1)
        const inside: EngineRef<BoxProtocol> = { ...to, name: 'parent/0' }
        if (n === 1) a.tell(to, { type: 'Put', n: 1 })
        else a.tell(inside, { type: 'Put', n: 0 })
        await sim.sleep(1)
        expect(heard).toEqual(['releasing'])
        // From here on nothing is accepted, though it is not gone yet.
        expect(await outcomeOf(a.ask(inside, { type: 'GetRequest', n: 0 }))).toBe('stopped')
        await sim.sleep(100)
        expect(heard).toEqual(['releasing', 'released', `parent/0 ${reason}`])
        await node.stop()
      })
    }
  })

  test('S30: children end before their parent releases, and waiting is bounded', async () => {
    const { sim, node, a, ends, events } = world()
    const order: string[] = []
    await sim.run(async () => {
      const kid = box({ release: () => new Promise(() => { order.push('child hangs') }) })
      const to = await node.spawn(parent(kid, [], { release: () => { order.push('parent released') } }), { name: 'parent' })
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      const begin = sim.time
      await node.stop(to)
      expect(sim.time - begin).toBeGreaterThanOrEqual(5_000)
      expect(sim.time - begin).toBeLessThan(5_010)
      expect(order).toEqual(['child hangs', 'parent released'])
      await sim.sleep(1)
      expect(ends()).toEqual(['parent/0 stopped', 'parent stopped'])
      expect(events.find(e => e.kind === 'ended')).toMatchObject({ error: { code: 'backend-failed' } })
      await node.stop()
    })
  })

  test('S30: a release that fails is seen, and stops nothing else', async () => {
    const { sim, node, ends, events } = world()
    await sim.run(async () => {
      await node.spawn(box({ release: () => { throw new Error('stuck') } }), { name: 'one' })
      await node.spawn(box({ release: () => Promise.reject(new Error('stuck')) }), { name: 'two' })
      await node.stop()
      expect(ends().toSorted()).toEqual(['one stopped', 'two stopped'])
      expect(events.filter(e => e.kind === 'ended')).toMatchObject([{ error: { message: 'stuck' } }, { error: { message: 'stuck' } }])
    })
  })

  test('S31: after node.stop() nothing runs, every ask has ended, and all calls say so', async () => {
    const { sim, node, a } = world()
    await sim.run(async () => {
      let steps = 0
      const loop = await node.spawn(box({
        put: t => { steps++; return [send(t.self, { type: 'Put', n: 0 }), timer('tick', { after: 1 }), ...t.msg.n === 1 ? [task('work', { n: 0 }, { key: 'w' })] : []] },
        elapsed: () => { steps++; return timer('tick', { after: 1 }) },
        work: (_input, _live, signal) => new Promise(resolve => signal.addEventListener('abort', () => resolve(1))),
      }), { name: 'loop' })
      a.tell(loop, { type: 'Put', n: 1 })
      const open = outcomeOf(a.ask(loop, { type: 'GetRequest', n: 0 }))
      await sim.sleep(5)
      expect(steps).toBeGreaterThan(10)
      await Promise.all([node.stop(), node.stop()])
      const after = steps
      expect(await open).toBe('stopped')
      await sim.sleep(1000)
      expect(steps).toBe(after)
      expect(lawOf(node)).toBe(0)
      expect(node.counters().queued).toBe(0)
      expect(await outcomeOf(a.ask(loop, { type: 'GetRequest', n: 0 }))).toBe('node-stopped')
      expect(await outcomeOf(node.spawn(box({}), { name: 'more' }))).toBe('node-stopped')
      expect(() => a.tell(loop, { type: 'Put', n: 0 })).toThrow(expect.objectContaining({ code: 'node-stopped' }))
      expect(() => node.client('b')).toThrow(expect.objectContaining({ code: 'node-stopped' }))
      await node.stop()
    })
  })

  test('S31: a node that is stopped while engines start leaves none behind', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const { sim, node } = world(seed)
      await sim.run(async () => {
        let open = 0
        const opens = () => box({ acquire: () => sim.sleep(seed % 3).then(() => { open++; return { opened: 'it' } }), release: () => { open-- } })
        const starting = [1, 2, 3].map(n => outcomeOf(node.spawn(opens(), { name: `engine-${n}` })))
        await sim.sleep(seed % 4)
        await node.stop()
        expect(open).toBe(0)
        for (const outcome of await Promise.all(starting)) expect(outcome).toMatch(/^ok|^start-failed$/)
      })
    }
  })

  test('S31: a process with a stopped node, or an idle one, ends by itself', async () => {
    const node = await createNode()
    const to = await node.spawn(box({ get: t => [task('work', { n: t.msg.n, replyTo: t.replyTo }, { key: 'w' })], done: t => t.outcome === 'done' ? [] : undefined }), { name: 'box' })
    expect(await outcomeOf(node.client('a').ask(to, { type: 'GetRequest', n: 0 }, { deadline: 1 }))).toBe('deadline')
    await node[Symbol.asyncDispose]()
    expect(await outcomeOf(node.spawn(box({}), { name: 'more' }))).toBe('node-stopped')
  })

  test('settings must be positive numbers', async () => {
    for (const askDeadline of [0, -1, NaN, Infinity]) expect(await outcomeOf(createNode({ askDeadline }))).toBe('invalid-argument')
  })
})
