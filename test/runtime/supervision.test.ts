import { describe, expect, test } from 'vitest'
import { child, keep, reply, request, spawn, task, timer, update, watch } from '../../src/index.ts'
import type { Engine, Supervision } from '../../src/index.ts'
import { box, deferred, outcomeOf } from './box.ts'
import type { Box, BoxRules } from './box.ts'
import { lawOf } from './law.ts'
import { lifeWorld } from './life-world.ts'

class Crash extends Error {}

/** `Put { n: -1 }` crashes; other numbers are logged. `GetRequest` answers how many are in the log, and -1 is kept. */
function fragile(rules: BoxRules = {}): Engine<Box> {
  return box({
    put: (t, _c, e) => {
      if (t.msg.n < 0) throw new Crash('on purpose')
      return update({ ...e, log: [...e.log, t.msg.n] })
    },
    get: (t, _c, e) => t.msg.n < 0 ? keep(t.replyTo) : reply({ n: e.log.length }),
    ...rules,
  })
}

/** `Put { n }` spawns and watches that many children, with the supervision that the test has; -1 crashes. */
function parent(kid: Engine<Box>, rules: BoxRules = {}, supervision?: Supervision): Engine<Box> {
  return box({
    children: () => [kid],
    put: (t, _c, e) => {
      if (t.msg.n < 0) throw new Crash('of the parent')
      const names = Array.from({ length: t.msg.n }, (_, i) => child(kid, t.self, e.children + i))
      return [...names.flatMap(as => [spawn(kid, { as, ...supervision && { supervision } }), watch(as)]), update({ ...e, children: e.children + t.msg.n })]
    },
    ...rules,
  })
}

const CRASH = { type: 'Put', n: -1 } as const

describe('a restart', () => {
  test('S29, S48: keeps EngineID, mailbox and acquaintances; the message that crashed it is a dead letter with the error', async () => {
    for (let seed = 0; seed < 20; seed++) {
      const { sim, node, a, events, lives, dead } = lifeWorld(seed)
      await sim.run(async () => {
        const lifes: unknown[] = []
        const to = await node.spawn(fragile({ closed: true, environment: life => { lifes.push(life); return { log: [], kept: [], children: life.nextChild } } }), { name: 'box', acquaintances: [a] })
        const begun = outcomeOf(a.ask(to, { type: 'GetRequest', n: -1 }))
        for (const n of [1, 2]) a.tell(to, { type: 'Put', n })
        a.tell(to, CRASH)
        const waiting = outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))
        for (const n of [3, 4]) a.tell(to, { type: 'Put', n })
        const last = outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))
        // What was handled before is forgotten, and what its handling owed has failed; what waited is handled.
        expect([await begun, await waiting, await last]).toEqual(['crashed', 'ok {"n":0}', 'ok {"n":2}'])
        expect(lives()).toEqual(['box restarts 1'])
        expect(dead()).toEqual(['Put crashed'])
        expect(events.find(e => e.kind === 'dead-letter')).toMatchObject({ error: { message: 'on purpose' } })
        expect(events.find(e => e.kind === 'restarted')).toMatchObject({ engine: to, error: { message: 'on purpose' } })
        expect(lifes).toEqual([{ nextChild: 0, restarts: 0 }, { nextChild: 0, restarts: 1 }])
        expect(await outcomeOf(node.client('b').ask(to, { type: 'GetRequest', n: 0 }))).toBe('not-acquainted')
        expect(lawOf(node)).toBe(0)
        await node.stop()
      })
    }
  })

  test('S29: a request that crashed it fails with `crashed`; a task that failed is no crash', async () => {
    const { sim, node, a, lives } = lifeWorld()
    await sim.run(async () => {
      const to = await node.spawn(box({
        get: t => t.msg.n < 0 ? JSON.parse('7') : task('work', { n: t.msg.n, replyTo: t.replyTo }, { key: 'w' }),
        work: () => { throw new Crash('in a task') },
        done: t => t.input.replyTo && reply({ n: t.outcome === 'failed' ? 1 : 0 }, { to: t.input.replyTo }),
      }), { name: 'box' })
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))).toBe('ok {"n":1}')
      expect(lives()).toEqual([])
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: -1 }))).toBe('crashed')
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))).toBe('ok {"n":1}')
      await node.stop()
    })
  })

  test('S48: ends timers, tasks, watches and requests of the old life, also those whose signals and replies wait', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const { sim, node, a, dead, events, ref } = lifeWorld(seed)
      await sim.run(async () => {
        const heard: string[] = []
        const aborted: number[] = []
        let life = 0
        const slow = deferred<number>()
        const quick = await node.spawn(box({ get: t => reply({ n: t.msg.n }) }), { name: 'quick' })
        const later = await node.spawn(box({ get: (t, _c, e) => [keep(t.replyTo), update({ ...e, kept: [t.replyTo] })], put: (_t, _c, e) => e.kept.map(to => reply({ n: 1 }, { to })) }), { name: 'later' })
        const mortal = await node.spawn(box({}), { name: 'mortal' })
        const to = await node.spawn(box({
          environment: ({ restarts }) => { life = restarts; return { log: [], kept: [], children: 0 } },
          put: t => {
            if (t.msg.n < 0) throw new Crash()
            return t.msg.n > 0 ? [] : [
              timer('tick', { after: 1 }), timer('tock/late', { after: 100 }), watch(mortal), watch(ref('nobody')),
              request(quick, { type: 'GetRequest', n: 1 }, { key: 'ask/quick' }), request(later, { type: 'GetRequest', n: 1 }, { key: 'ask/later' }),
              request(ref('nobody'), { type: 'GetRequest', n: 1 }, { key: 'ask/nobody' }),
              task('work', { n: 1 }, { key: 'quick' }), task('work', { n: 2 }, { key: 'slow' }),
            ]
          },
          work: ({ n }, _live, signal) => { signal.addEventListener('abort', () => aborted.push(n)); return n === 1 ? Promise.resolve(n) : slow.promise },
          elapsed: t => { heard.push(`${life} ${t.handle}`); return [] },
          answered: t => { heard.push(`${life} ${t.key}`); return [] },
          done: t => { heard.push(`${life} ${t.key}`); return [] },
          terminated: t => { heard.push(`${life} ${t.engine.name}`); return [] },
        }), { name: 'box' })
        a.tell(to, { type: 'Put', n: 0 })
        for (let n = 0; n < seed % 5; n++) a.tell(to, { type: 'Put', n: 1 })
        a.tell(to, CRASH)
        await sim.sleep(50)
        // The task that ignores its signal is waited for, up to the node's releaseDeadline.
        expect([events.filter(e => e.kind === 'restarted').length, aborted]).toEqual([0, expect.arrayContaining([2])])
        await sim.sleep(5_000)
        expect(events.filter(e => e.kind === 'restarted').length).toBe(1)
        slow.resolve(2)
        a.tell(later, { type: 'Put', n: 0 })
        await node.stop(mortal)
        await sim.sleep(200)
        expect(heard.filter(each => !each.startsWith('0'))).toEqual([])
        expect(dead().filter(each => each.endsWith('late-reply')).length + dead().filter(each => each.endsWith('abandoned')).length
          + heard.filter(each => each === '0 ask/quick').length).toBe(2)
        expect(lawOf(node)).toBe(0)
        await node.stop()
      })
    }
  })

  test('S29: those who watch hear of the end alone, once', async () => {
    const { sim, node, a, lives } = lifeWorld()
    await sim.run(async () => {
      const heard: string[] = []
      const to = await node.spawn(fragile(), { name: 'box' })
      const watcher = await node.spawn(box({ put: () => watch(to), terminated: t => { heard.push(`${t.engine.name} ${t.reason}`); return [] } }), { name: 'watcher' })
      a.tell(watcher, { type: 'Put', n: 0 })
      await sim.sleep(1)
      for (let n = 1; n <= 3; n++) {
        a.tell(to, CRASH)
        await sim.sleep(100)
      }
      expect(heard).toEqual([])
      a.tell(to, CRASH)
      await sim.sleep(100)
      expect(heard).toEqual(['box crashed'])
      expect(lives()).toEqual(['box restarts 1', 'box restarts 2', 'box restarts 3', 'box crashed'])
      await node.stop()
      expect(heard).toEqual(['box crashed'])
    })
  })

  test('S48: it accepts meanwhile and handles nothing; its resource is released, and acquired anew', async () => {
    const { sim, node, a } = lifeWorld()
    await sim.run(async () => {
      const order: string[] = []
      const gates = [deferred<void>(), deferred<void>()]
      let opened = 0
      const to = await node.spawn(fragile({
        put: t => { order.push(`put ${t.msg.n}`); if (t.msg.n < 0) throw new Crash(); return [] },
        acquire: () => { order.push('acquire'); return opened++ === 0 ? { opened: 'it' } : Promise.resolve(gates[1]?.promise).then(() => ({ opened: 'it' })) },
        release: () => { order.push('release'); return gates[0]?.promise },
      }), { name: 'box' })
      a.tell(to, CRASH)
      await sim.sleep(100)
      a.tell(to, { type: 'Put', n: 1 })
      const asked = outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))
      await sim.sleep(100)
      expect(node.counters().queued).toBe(2)
      expect(order).toEqual(['acquire', 'put -1', 'release'])
      gates[0]?.resolve()
      await sim.sleep(100)
      expect(order).toEqual(['acquire', 'put -1', 'release', 'acquire'])
      gates[1]?.resolve()
      expect(await asked).toBe('ok {"n":0}')
      expect(order).toEqual(['acquire', 'put -1', 'release', 'acquire', 'put 1'])
      await node.stop()
      expect(order.filter(each => each === 'release').length).toBe(2)
    })
  })

  test('S48: its children stop first, unless they are kept; names go on where they were', async () => {
    for (const keepsChildren of [false, true]) {
      const { sim, node, a, lives, ref } = lifeWorld()
      await sim.run(async () => {
        const order: string[] = []
        const kid = fragile({ release: () => { order.push('child') } })
        const to = await node.spawn(parent(kid, { keepsChildren, release: () => { order.push('parent') } }), { name: 'parent' })
        a.tell(to, { type: 'Put', n: 2 })
        await sim.sleep(1)
        a.tell(ref('parent/1'), { type: 'Put', n: 7 })
        a.tell(to, CRASH)
        a.tell(to, { type: 'Put', n: 1 })
        await sim.sleep(100)
        expect(lives()).toEqual(keepsChildren ? ['parent restarts 1'] : ['parent/0 stopped', 'parent/1 stopped', 'parent restarts 1'])
        expect(order).toEqual(keepsChildren ? ['parent'] : ['child', 'child', 'parent'])
        const known = (n: number) => outcomeOf(a.ask(ref(`parent/${n}`), { type: 'GetRequest', n: 0 }))
        expect([await known(1), await known(2)]).toEqual([keepsChildren ? 'ok {"n":1}' : 'stopped', 'ok {"n":0}'])
        await node.stop()
        expect(order.toSorted()).toEqual(['child', 'child', 'child', 'parent', 'parent'])
      })
    }
  })

  test('S29: what goes wrong with a release is told, unless a crash is, and holds nothing up', async () => {
    const releases = [[() => { throw new Crash('stuck') }, { message: 'stuck' }], [() => Promise.reject(new Crash('stuck')), { message: 'stuck' }], [() => new Promise<void>(() => {}), { code: 'backend-failed' }]] as const
    for (const [release, error] of releases) {
      const { sim, node, a, events, ref } = lifeWorld()
      await sim.run(async () => {
        const to = await node.spawn(parent(fragile({ release }), { supervision: { strategy: 'one-for-all' } }), { name: 'parent' })
        a.tell(to, { type: 'Put', n: 2 })
        await sim.sleep(1)
        a.tell(ref('parent/0'), CRASH)
        await sim.sleep(10_000)
        // The second restarts on account of the first: it has no other error.
        expect(events.filter(e => e.kind === 'restarted')).toMatchObject([
          { engine: { name: 'parent/0' }, error: { message: 'on purpose' } },
          { engine: { name: 'parent/1' }, error },
        ])
        for (const i of [0, 1]) expect(await outcomeOf(a.ask(ref(`parent/${i}`), { type: 'GetRequest', n: 0 }))).toBe('ok {"n":0}')
        await node.stop()
      })
    }
  })
})

describe('budget and backoff', () => {
  test('S49: each restart waits twice as long as the one before; those that are long past do not count', async () => {
    const { sim, node, a, events } = lifeWorld()
    await sim.run(async () => {
      const to = await node.spawn(fragile(), { name: 'box', supervision: { restarts: 6, within: 1_000, backoff: { first: 10, longest: 50 } } })
      const waits = async (count: number) => {
        const seen: number[] = []
        for (let n = 0; n < count; n++) {
          events.length = 0
          a.tell(to, CRASH)
          await sim.sleep(60)
          const [crash, restart] = [events.find(e => e.kind === 'dead-letter'), events.find(e => e.kind === 'restarted')]
          seen.push(Math.round((restart?.time ?? NaN) - (crash?.time ?? NaN)))
        }
        return seen
      }
      expect(await waits(5)).toEqual([10, 20, 40, 50, 50])
      await sim.sleep(1_000)
      expect(await waits(2)).toEqual([10, 20])
      await node.stop()
    })
  })

  test('S49: the default is 3 restarts in 5 s for each child, not for all of them; then its parent crashes with its error', async () => {
    for (let seed = 0; seed < 10; seed++) {
      const { sim, node, a, events, lives, ref } = lifeWorld(seed)
      await sim.run(async () => {
        const to = await node.spawn(parent(fragile()), { name: 'parent' })
        a.tell(to, { type: 'Put', n: 3 })
        await sim.sleep(1)
        for (let n = 0; n < 3; n++) {
          for (const i of [0, 1, 2]) a.tell(ref(`parent/${i}`), CRASH)
          await sim.sleep(200)
        }
        expect(lives().toSorted()).toEqual([0, 1, 2].flatMap(i => [1, 2, 3].map(n => `parent/${i} restarts ${n}`)))
        events.length = 0
        a.tell(ref('parent/1'), CRASH)
        await sim.sleep(200)
        expect(lives()).toEqual(['parent/1 crashed', 'parent/0 stopped', 'parent/2 stopped', 'parent restarts 1'])
        expect(events.find(e => e.kind === 'restarted')).toMatchObject({ error: { code: 'child-crashed', cause: { message: 'on purpose' } } })
        await node.stop()
      })
    }
  })

  test('S29, S49: what escalates to the host stops the root, with the errors on the way as causes', async () => {
    const { sim, node, a, events, lives, ref } = lifeWorld()
    await sim.run(async () => {
      const inner = parent(fragile(), { supervision: { crash: 'escalate' } })
      const outer = parent(inner, { children: () => [inner], supervision: { restarts: 0 } })
      const to = await node.spawn(outer, { name: 'root', supervision: { crash: 'escalate' } })
      a.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
      a.tell(ref('root/0'), { type: 'Put', n: 1 })
      await sim.sleep(1)
      a.tell(ref('root/0/0'), CRASH)
      await sim.sleep(1)
      expect(lives()).toEqual(['root/0/0 crashed', 'root/0 crashed', 'root crashed'])
      expect(events.findLast(e => e.kind === 'ended')).toMatchObject({ error: { code: 'child-crashed', cause: { code: 'child-crashed', cause: { message: 'on purpose' } } } })
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))).toBe('stopped')
      await node.stop()
    })
  })

  test('S29: with kept children, the one that escalates ends, and its siblings live on', async () => {
    const { sim, node, a, lives, ref } = lifeWorld()
    await sim.run(async () => {
      const kid = fragile({ release: () => sim.sleep(50) })
      const to = await node.spawn(parent(kid, { keepsChildren: true, supervision: { crash: 'escalate' } }), { name: 'parent' })
      a.tell(to, { type: 'Put', n: 3 })
      await sim.sleep(1)
      a.tell(ref('parent/1'), CRASH)
      await sim.sleep(20)
      // Another one that escalates to a parent which restarts already: that restart is the answer to both.
      a.tell(ref('parent/2'), CRASH)
      await sim.sleep(500)
      expect(lives()).toEqual(['parent/1 crashed', 'parent/2 crashed', 'parent restarts 1'])
      expect(await outcomeOf(a.ask(ref('parent/0'), { type: 'GetRequest', n: 0 }))).toBe('ok {"n":0}')
      await node.stop()
      expect(lives().slice(3)).toEqual(['parent/0 stopped', 'parent stopped'])
    })
  })

  test('S29: a child that has had its restarts may be stopped instead; its parent hears of it, and nobody else is touched', async () => {
    const { sim, node, a, lives, ref } = lifeWorld()
    await sim.run(async () => {
      const heard: string[] = []
      const to = await node.spawn(parent(fragile(), { terminated: t => { heard.push(`${t.engine.name} ${t.reason}`); return [] } }, { restarts: 1, exhausted: 'stop' }), { name: 'parent' })
      a.tell(to, { type: 'Put', n: 2 })
      await sim.sleep(1)
      for (let n = 0; n < 2; n++) a.tell(ref('parent/0'), CRASH)
      await sim.sleep(100)
      expect(lives()).toEqual(['parent/0 restarts 1', 'parent/0 crashed'])
      expect(heard).toEqual(['parent/0 crashed'])
      await node.stop()
    })
  })

  test('S29: a spawn says for its child what is to be otherwise than in the definition', async () => {
    const { sim, node, a, lives, ref } = lifeWorld()
    await sim.run(async () => {
      const definition: BoxRules = { supervision: { crash: 'stop', restarts: 1, backoff: { first: 0, longest: 0 } } }
      const [plain, other] = [await node.spawn(parent(fragile(), definition), { name: 'plain' }), await node.spawn(parent(fragile(), definition, { crash: 'restart' }), { name: 'other' })]
      for (const to of [plain, other]) a.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
      for (const name of ['plain/0', 'other/0']) a.tell(ref(name), CRASH)
      await sim.sleep(1)
      expect(lives().toSorted()).toEqual(['other/0 restarts 1', 'plain/0 crashed'])
      a.tell(ref('other/0'), CRASH)
      await sim.sleep(1)
      expect(lives()).toContain('other/0 crashed')
      await node.stop()
    })
  })

  test('a supervision that is none is refused where it is given', async () => {
    const wrong: unknown[] = [
      null, 7, 'stop', { crash: 'resume' }, { restarts: -1 }, { restarts: 1.5 }, { restarts: Infinity }, { restarts: '3' }, { within: 0 }, { within: -1 }, { within: Infinity },
      { backoff: 10 }, { backoff: { first: 10 } }, { backoff: { first: 10, longest: 5 } }, { backoff: { first: -1, longest: 5 } }, { backoff: { first: 1, longest: Infinity } },
      { exhausted: 'restart' }, { restart: 3 },
    ]
    const { sim, node, a, lives, events } = lifeWorld()
    await sim.run(async () => {
      for (const [i, each] of [...wrong, { strategy: 'one-for-one' }].entries()) {
        const supervision: Supervision = JSON.parse(JSON.stringify({ each }), (key, value: unknown) => key !== 'each' && value === null ? Infinity : value).each
        expect(await outcomeOf(node.spawn(box({}), { name: 'box', supervision })), JSON.stringify(each)).toBe('invalid-argument')
        const to = await node.spawn(parent(box({}), {}, supervision ?? JSON.parse('"none"')), { name: `parent-${i}`, supervision: { crash: 'stop' } })
        a.tell(to, { type: 'Put', n: 1 })
        await sim.sleep(1)
        expect(lives().at(-1)).toBe(`parent-${i} crashed`)
        expect(events.findLast(e => e.kind === 'ended')).toMatchObject({ error: { code: 'invalid-effect' } })
      }
      for (const each of [...wrong.filter(value => value !== null), { strategy: 'all' }]) {
        expect(() => box({ supervision: JSON.parse(JSON.stringify(each)) })).toThrow(expect.objectContaining({ code: 'invalid-definition' }))
      }
      // The name was not used up.
      await node.spawn(box({}), { name: 'box', supervision: { crash: 'restart', restarts: 0, within: 1, exhausted: 'stop', backoff: { first: 0, longest: 0 } } })
      await node.stop()
    })
  })
})
