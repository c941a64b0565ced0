import { describe, expect, test } from 'vitest'
import { cancel, Fault, reply, send, stop, task, timer, update } from '../../src/index.ts'
import type { Observed } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import { box, deferred, outcomeOf } from './box.ts'
import type { BoxRules } from './box.ts'

function world(seed = 1) {
  const sim = simulate({ seed })
  const node = sim.createNode()
  const events: Observed[] = []
  node.observe(event => events.push(event))
  return { sim, node, events, a: node.client('a') }
}

const starts: BoxRules['put'] = t => task('work', { n: t.msg.n }, { key: `work/${t.msg.n}`, deadline: 100 })

describe('tasks', () => {
  test('S24: a task ends once: done, failed or past its deadline', async () => {
    const { sim, node, a } = world()
    const heard: string[] = []
    const signals: AbortSignal[] = []
    const late = deferred<number>()
    await sim.run(async () => {
      const to = await node.spawn(box({
        put: starts,
        work: ({ n }, _live, signal) => {
          signals.push(signal)
          switch (n) {
            case 0: return 10
            case 1: return Promise.resolve(11)
            case 2: throw new Fault('backend-failed', 'broken')
            case 3: return Promise.reject(new TypeError('odd'))
            case 4: return Promise.reject('a string')
            case 5: return JSON.parse('1', () => () => 1)
            default: return late.promise
          }
        },
        done: t => { heard.push(`${t.key} ${t.outcome} ${t.outcome === 'done' ? t.output : `${t.code ?? '-'} ${t.reason}`} of ${t.input.n}`); return [] },
      }), { name: 'box' })
      for (let n = 0; n <= 6; n++) a.tell(to, { type: 'Put', n })
      await sim.sleep(50)
      expect(signals[6]?.aborted).toBe(false)
      await sim.sleep(100)
      expect(signals[6]?.aborted).toBe(true)
      expect(signals.slice(0, 6).some(signal => signal.aborted)).toBe(false)
      late.resolve(16)
      await sim.sleep(1)
      expect(heard.toSorted()).toEqual([
        'work/0 done 10 of 0', 'work/1 done 11 of 1', 'work/2 failed backend-failed broken of 2', 'work/3 failed - odd of 3',
        'work/4 failed - the task threw something that is no error of 4',
        "work/5 failed not-encodable the output of task work can't be encoded: only plain data, bytes, tables and EngineIDs can of 5",
        'work/6 deadline - the task did not end before its deadline of 6',
      ])
      await node.stop()
    })
  })

  test('S24: stopping aborts what runs; nobody hears of it any more, and release waits for it', async () => {
    const { sim, node, a } = world()
    const order: string[] = []
    const work = deferred<number>()
    await sim.run(async () => {
      const to = await node.spawn(box({
        put: t => t.msg.n === 0 ? starts(t, { first: [] }, { log: [], kept: [], children: 0 }) : stop(),
        work: (_input, _live, signal) => {
          signal.addEventListener('abort', () => { order.push('aborted') })
          return work.promise.finally(() => { order.push('settled') })
        },
        done: () => { order.push('heard'); return [] },
        release: () => { order.push('released') },
      }), { name: 'box' })
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      a.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
      expect(order).toEqual(['aborted'])
      work.resolve(1)
      await sim.sleep(1)
      expect(order).toEqual(['aborted', 'settled', 'released'])
      await node.stop()
    })
  })

  test('S25: what a handler answers at once is handled before the next message, in the order of its tasks', async () => {
    const { sim, node, a } = world()
    const order: string[] = []
    await sim.run(async () => {
      const to = await node.spawn(box({
        put: t => { order.push(`put ${t.msg.n}`); return [task('work', { n: t.msg.n * 10 }, { key: 'a' }), task('work', { n: t.msg.n * 10 + 1 }, { key: 'b' })] },
        done: t => { order.push(`done ${t.input.n}`); return [] },
      }), { name: 'box' })
      for (let n = 1; n <= 3; n++) a.tell(to, { type: 'Put', n })
      await sim.sleep(1)
      expect(order).toEqual(['put 1', 'done 10', 'done 11', 'put 2', 'done 20', 'done 21', 'put 3', 'done 30', 'done 31'])
      await node.stop()
    })
  })

  test('a handler sees services and resource', async () => {
    const { sim, node, a } = world()
    const notes: string[] = []
    await sim.run(async () => {
      const to = await node.spawn(box({
        put: starts, acquire: () => ({ opened: 'a device' }), work: ({ n }, live) => { live.note?.(live.opened); return n },
      }), { name: 'box', services: { note: text => notes.push(text) } })
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(notes).toEqual(['a device'])
      await node.stop()
    })
  })
})

describe('timers', () => {
  test('S26: a timer runs out once, at its time; set anew it counts from then', async () => {
    const { sim, node, a } = world()
    const heard: [string, number][] = []
    await sim.run(async () => {
      const to = await node.spawn(box({
        put: t => [timer('tick', { after: t.msg.n }), timer('tock/1', { after: 10 })],
        elapsed: t => { heard.push([t.handle, t.time]); return [] },
      }), { name: 'box' })
      const begin = sim.time
      a.tell(to, { type: 'Put', n: 100 })
      await sim.sleep(50)
      a.tell(to, { type: 'Put', n: 100 })
      await sim.sleep(500)
      expect(heard.map(([handle, time]) => [handle, Math.round(time - begin)])).toEqual([['tock/1', 10], ['tock/1', 60], ['tick', 150]])
      await node.stop()
    })
  })

  test('S26: a cancelled timer is not heard of, even if it had run out', async () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 40; seed++) {
      const { sim, node, a } = world(seed)
      const heard: string[] = []
      await sim.run(async () => {
        const to = await node.spawn(box({
          put: t => t.msg.n === 0 ? timer('tick', { after: 0.01 }) : t.msg.n === 1 ? (heard.push('cancelled'), cancel('tick')) : [],
          elapsed: t => { heard.push(t.handle); return [] },
        }), { name: 'box' })
        // Each step takes a little time: the timer runs out while the cancel waits its turn, at the latest behind 40 others.
        a.tell(to, { type: 'Put', n: 0 })
        for (let n = 0; n < seed; n++) a.tell(to, { type: 'Put', n: 2 })
        a.tell(to, { type: 'Put', n: 1 })
        await sim.sleep(10)
        await node.stop()
      })
      outcomes.add(heard.join())
    }
    expect([...outcomes]).toEqual(['cancelled'])
  })

  test('S26: a timer that is set anew is heard of once, though it had run out before', async () => {
    const { sim, node, a } = world()
    const heard: number[] = []
    await sim.run(async () => {
      const to = await node.spawn(box({
        put: t => t.msg.n < 2 ? timer('tick', { after: t.msg.n === 0 ? 0.01 : 100 }) : [],
        elapsed: t => { heard.push(Math.round(t.time - begin)); return [] },
      }), { name: 'box' })
      const begin = sim.time
      a.tell(to, { type: 'Put', n: 0 })
      for (let n = 0; n < 40; n++) a.tell(to, { type: 'Put', n: 2 })
      a.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1000)
      await node.stop()
    })
    expect(heard).toEqual([100])
  })

  test('S26: a timer of 0 elapses, and many timers keep their order', async () => {
    const { sim, node, a } = world()
    const heard: string[] = []
    await sim.run(async () => {
      const to = await node.spawn(box({
        put: () => [30, 0, 20, 10, 20.5, 0].map((after, i) => timer(`tick/${i}`, { after })),
        elapsed: (t, _c, e) => { heard.push(t.handle); return update({ ...e, children: e.children + 1 }) },
        get: (_t, _c, e) => reply({ n: e.children }),
      }), { name: 'box' })
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(100)
      expect(heard).toEqual(['tick/1', 'tick/5', 'tick/3', 'tick/2', 'tick/4', 'tick/0'])
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))).toBe('ok {"n":6}')
      await node.stop()
    })
  })

  test('S31: an engine that ended hears of no timer', async () => {
    const { sim, node, events, a } = world()
    await sim.run(async () => {
      const to = await node.spawn(box({ put: t => [timer('tick', { after: 5 }), stop(), send(t.self, { type: 'Put', n: 1 })], elapsed: () => { throw new Error('heard') } }), { name: 'box' })
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(10)
      expect(events.filter(e => e.kind === 'ended')).toMatchObject([{ reason: 'stopped' }])
      await node.stop()
    })
  })
})
