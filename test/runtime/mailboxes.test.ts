import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { defer, forward, keep, release, reply, request, send, task, timer, update, updateMailbox } from '../../src/index.ts'
import type { Overflow } from '../../src/index.ts'
import { inPostWorld, post } from './post.ts'
import type { PostEnvironment, PostState, PutTrigger } from './post.ts'
import { outcomeOf } from './box.ts'

/** At most so many steps pass while something waits in a mailbox; the next is its. */
const LONGEST_WAIT = 15

const ids = fc.integer({ min: 0, max: 15 })
const clusters = fc.uniqueArray(fc.record({ id: ids, priority: fc.integer({ min: -2, max: 2 }) }), { maxLength: 16, selector: ({ id }) => id })
  .map(list => new Map<number, number>([[0, 0], ...list.map(({ id, priority }) => [id, priority] as const)]))
const optionsOf = (priorities: ReadonlyMap<number, number>) => Object.fromEntries(Array.from(priorities, ([id, priority]) => [id, { priority }]))

describe('mailboxes', () => {
  test('S2, S44: senders choose; what one sends another stays in order in each mailbox', async () => {
    const sends = fc.array(fc.record({ who: fc.nat(2), mailbox: fc.nat(3), wait: fc.boolean() }), { maxLength: 30 })
    await fc.assert(fc.asyncProperty(fc.nat(), fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)), sends, async (seed, priorities, list) => {
      await inPostWorld(seed, async ({ sim, node }) => {
        const seen = new Map<string, number[]>()
        const to = await node.spawn(post({
          mailboxes: Object.fromEntries(priorities.map((priority, id) => [id, { priority }])),
          put: t => { seen.set(`${t.sender.name} ${t.mailbox}`, [...seen.get(`${t.sender.name} ${t.mailbox}`) ?? [], t.msg.n]); return [] },
        }), { name: 'post' })
        const relay = await node.spawn(post({ put: t => send(to, t.msg, { mailbox: Math.floor(t.msg.n / 1000) }) }), { name: 'relay' })
        const expected = new Map<string, number[]>()
        for (const [i, { who, mailbox, wait }] of list.entries()) {
          const n = 1000 * mailbox + i
          const name = who === 2 ? 'relay' : `c${who}`
          if (who === 2) node.client('c2').tell(relay, { type: 'Put', n })
          else node.client(name).tell(to, { type: 'Put', n }, { mailbox })
          expected.set(`${name} ${mailbox}`, [...expected.get(`${name} ${mailbox}`) ?? [], n])
          if (wait) await sim.sleep(0.003)
        }
        await sim.sleep(1)
        expect(seen).toEqual(expected)
      })
    }), { numRuns: 40 })
  })

  test('S44: asks, requests and forwards choose a mailbox as well; mailbox 0 unless told', async () => {
    await inPostWorld(1, async ({ sim, node }) => {
      const seen: string[] = []
      const to = await node.spawn(post({
        mailboxes: { 1: {}, 7: {} },
        put: t => { seen.push(`${t.sender.name} ${t.mailbox}`); return [] },
        get: t => { seen.push(`${t.sender.name} ${t.mailbox}`); return reply({ n: t.msg.n }) },
      }), { name: 'post' })
      const other = await node.spawn(post({
        put: t => request(to, { type: 'GetRequest', n: 1 }, { key: 'ask', ...t.msg.n === 0 ? {} : { mailbox: t.msg.n } }),
        get: t => t.msg.n === 0 ? forward(t, to) : forward(t, to, { mailbox: t.msg.n }),
      }), { name: 'other' })
      const a = node.client('a')
      for (const mailbox of [0, 1, 7]) {
        a.tell(to, { type: 'Put', n: 0 }, { mailbox })
        expect(await a.ask(to, { type: 'GetRequest', n: 3 }, { mailbox })).toEqual({ n: 3 })
        a.tell(other, { type: 'Put', n: mailbox })
        await sim.sleep(1)
        expect(await a.ask(other, { type: 'GetRequest', n: mailbox })).toEqual({ n: mailbox })
      }
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(seen).toEqual([...[0, 1, 7].flatMap(mailbox => [`a ${mailbox}`, `a ${mailbox}`, `other ${mailbox}`, `a ${mailbox}`]), 'a 0'])
    })
  })

  test('S8, S18, S44: to a mailbox that is not there: a dead letter, and its asker is told; a stranger learns only that it is one', async () => {
    await inPostWorld(1, async ({ sim, node, dead }) => {
      const failures: unknown[] = []
      const a = node.client('a')
      const to = await node.spawn(post({ mailboxes: { 2: {} } }), { name: 'post' })
      const closed = await node.spawn(post({ closed: true }), { name: 'closed' })
      const other = await node.spawn(post({ put: () => [send(to, { type: 'Put', n: 1 }, { mailbox: 3 }), request(to, { type: 'GetRequest', n: 1 }, { key: 'ask', mailbox: 15 })], get: t => forward(t, to, { mailbox: 1 }), answered: t => { failures.push(t.failure); return [] } }), { name: 'other' })
      a.tell(to, { type: 'Put', n: 1 }, { mailbox: 1 })
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 1 }, { mailbox: 16 }))).toBe('unhandled')
      a.tell(other, { type: 'Put', n: 1 })
      expect(await outcomeOf(a.ask(other, { type: 'GetRequest', n: 1 }))).toBe('unhandled')
      await sim.sleep(1)
      expect(failures).toEqual(['unhandled'])
      expect(dead().toSorted()).toEqual(['GetRequest no-mailbox', 'GetRequest no-mailbox', 'GetRequest no-mailbox', 'Put no-mailbox', 'Put no-mailbox'])
      expect(await outcomeOf(a.ask(closed, { type: 'GetRequest', n: 1 }, { mailbox: 3 }))).toBe('not-acquainted')
      for (const mailbox of [-1, 0.5, NaN, '1' as unknown as number]) {
        expect(() => a.tell(to, { type: 'Put', n: 1 }, { mailbox })).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
        expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 1 }, { mailbox }))).toBe('invalid-argument')
      }
    })
  })

  test('S45: the highest priority goes first, equals take turns, and none waits for more than fifteen steps', async () => {
    const bursts = fc.array(fc.record({ mailboxes: fc.array(fc.tuple(fc.nat(15), fc.integer({ min: 1, max: 40 })), { maxLength: 16 }), wait: fc.nat(40) }), { minLength: 1, maxLength: 3 })
    await fc.assert(fc.asyncProperty(fc.nat(), clusters, bursts, async (seed, priorities, list) => {
      await inPostWorld(seed, async ({ sim, node }) => {
        const waiting = new Map(Array.from(priorities.keys(), id => [id, 0]))
        const passed = new Map(waiting)
        const problems: string[] = []
        const put = ({ mailbox }: PutTrigger) => {
          const candidates = [...waiting.keys()].filter(id => (waiting.get(id) ?? 0) > 0)
          const highest = Math.max(...candidates.map(id => priorities.get(id) ?? 0))
          const mine = passed.get(mailbox) ?? 0
          // Before its time only as far as it must, so that others who are as late have theirs in time.
          if (priorities.get(mailbox) !== highest && mine < LONGEST_WAIT + 1 - candidates.length) problems.push(`${mailbox} came before its turn, after ${mine} steps`)
          for (const id of candidates) {
            const others = passed.get(id) ?? 0
            if (id === mailbox) continue
            if (priorities.get(id) === priorities.get(mailbox) && others > mine) problems.push(`it was the turn of ${id}, not of ${mailbox}`)
            if (others >= LONGEST_WAIT) problems.push(`${id} waits for more than ${LONGEST_WAIT} steps`)
          }
          for (const id of waiting.keys()) passed.set(id, id !== mailbox && candidates.includes(id) ? (passed.get(id) ?? 0) + 1 : 0)
          waiting.set(mailbox, (waiting.get(mailbox) ?? 0) - 1)
          return []
        }
        const to = await node.spawn(post({ mailboxes: optionsOf(priorities), put }), { name: 'post' })
        const there = [...priorities.keys()]
        for (const { mailboxes, wait } of list) {
          for (const [any, count] of mailboxes) {
            const mailbox = there[any % there.length] ?? 0
            waiting.set(mailbox, (waiting.get(mailbox) ?? 0) + count)
            for (let n = 0; n < count; n++) node.client('a').tell(to, { type: 'Put', n }, { mailbox })
          }
          await sim.sleep(wait / 1000)
        }
        await sim.sleep(10)
        expect(problems).toEqual([])
        expect([...waiting.values()].every(count => count === 0)).toBe(true)
      })
    }), { numRuns: 60 })
  })

  test('S25, S45: outcomes that come before the next message are steps too, for those who wait', async () => {
    for (const tasks of [1, 3]) {
      await inPostWorld(tasks, async ({ sim, node, events }) => {
        const waits: number[] = []
        let last = 0
        const to = await node.spawn(post({
          mailboxes: { 0: { priority: 1 }, 1: {} },
          put: t => {
            if (t.mailbox === 0) return Array.from({ length: tasks }, (_, n) => task('work', n, { key: `${n}` }))
            const steps = events.filter(({ kind }) => kind === 'step').length
            waits.push(steps - last)
            last = steps
            return []
          },
        }), { name: 'post' })
        const a = node.client('a')
        for (let n = 0; n < 100; n++) a.tell(to, { type: 'Put', n })
        for (let n = 0; n < 4; n++) a.tell(to, { type: 'Put', n }, { mailbox: 1 })
        await sim.sleep(10)
        expect(waits).toHaveLength(4)
        expect(Math.max(...waits)).toBeLessThanOrEqual(LONGEST_WAIT + 1 + tasks)
      })
    }
  })

  test('S5, S45: replies and signals come in mailbox 0, exempt from its capacity, and share its priority', async () => {
    for (const [priority, most] of [[1, 1], [0, 2], [-1, LONGEST_WAIT]] as const) {
      await fc.assert(fc.asyncProperty(fc.nat(), async seed => {
        await inPostWorld(seed, async ({ sim, node }) => {
          let due = Infinity
          let passedOver = 0
          const order: string[] = []
          const server = await node.spawn(post({}), { name: 'server' })
          const to = await node.spawn(post({
            mailboxes: { 0: { capacity: 1, priority }, 1: {} },
            put: t => {
              if (t.msg.n > 0) {
                if (t.time > due && order.length < 3) passedOver++
                return []
              }
              due = t.time + 1.002
              return [timer('tick', { after: 1 }), request(server, { type: 'GetRequest', n: 1 }, { key: 'ask/1' }), request(server, { type: 'GetRequest', n: 2 }, { key: 'ask/2' })]
            },
            answered: t => { order.push(t.key); return [] },
            elapsed: () => { order.push('tick'); return [] },
          }), { name: 'post' })
          const a = node.client('a')
          a.tell(to, { type: 'Put', n: 0 })
          await sim.sleep(0.98)
          // In the midst of these, the timer runs out.
          for (let n = 1; n <= 100; n++) a.tell(to, { type: 'Put', n }, { mailbox: 1 })
          await sim.sleep(5)
          expect(order).toEqual(['ask/1', 'ask/2', 'tick'])
          expect(passedOver).toBeLessThanOrEqual(most)
          if (priority < 0) expect(passedOver).toBeGreaterThan(5)
        })
      }), { numRuns: 10 })
    }
  })

  test('S25, S46: what a task answers at once comes before all else, also in a mailbox of a higher priority, also what was released', async () => {
    const order: string[] = []
    await inPostWorld(1, async ({ sim, node }) => {
      const to = await node.spawn(post({
        mailboxes: { 1: { priority: 9 } },
        put: (t, e) => {
          if (t.msg.n === 0 && e.open.length === 0) return defer('late')
          order.push(`${t.msg.n}`)
          return t.msg.n === 1 ? [update({ open: ['late'] }), release('late'), task('work', 1, { key: 'work' }), send(t.self, { type: 'Put', n: 2 }, { mailbox: 1 })] : []
        },
      }), { name: 'post' })
      node.observe(event => { if (event.kind === 'step' && event.on === 'outcome') order.push('outcome') })
      for (const n of [0, 1, 3]) node.client('a').tell(to, { type: 'Put', n })
      await sim.sleep(1)
    })
    expect(order).toEqual(['1', 'outcome', '2', '0', '3'])
  })

  test('S12, S47: a trigger carries its mailbox\'s state as the step began; updateMailbox replaces it at the commit, and no other\'s', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.record({ mailbox: fc.nat(2), updates: fc.array(fc.nat(2), { maxLength: 3 }) }), { maxLength: 10 }), async (seed, list) => {
      await inPostWorld(seed, async ({ sim, node }) => {
        const states = new Map<number, PostState | undefined>([[0, undefined], [1, { last: -1 }], [2, { last: -2 }]])
        let taken = 0
        const to = await node.spawn(post({
          mailboxes: { 1: { state: { last: -1 }, priority: 1 }, 2: { state: { last: -2 } } },
          put: t => {
            expect(t.mailboxState).toEqual(states.get(t.mailbox))
            const updates = list[t.msg.n]?.updates ?? []
            for (const [i, id] of updates.entries()) states.set(id, { last: 10 * t.msg.n + i })
            taken++
            return updates.map((id, i) => updateMailbox(id, { last: 10 * t.msg.n + i }))
          },
        }), { name: 'post' })
        for (const [n, { mailbox }] of list.entries()) node.client('a').tell(to, { type: 'Put', n }, { mailbox })
        await sim.sleep(1)
        expect(taken).toBe(list.length)
      })
    }), { numRuns: 30 })
  })

  test('S11, S47: the state of a mailbox that is not there, or one that is no data, crashes the step', async () => {
    for (const put of [() => updateMailbox(5, { last: 1 }), () => updateMailbox(0, Reflect.apply(Object, undefined, [() => 1]))]) {
      await inPostWorld(1, async ({ sim, node, dead }) => {
        node.client('a').tell(await node.spawn(post({ put }), { name: 'post' }), { type: 'Put', n: 0 })
        await sim.sleep(1)
        expect(dead()).toEqual(['Put crashed'])
      })
    }
  })

  test.each<[string, object]>([
    ['a number above 15', { 16: {} }], ['a number below 0', { '-1': {} }], ['no whole number', { '1.5': {} }], ['no capacity', { 1: { capacity: 0 } }],
    ['half a capacity', { 0: { capacity: 1.5 } }], ['an unknown overflow', { 0: { overflow: 'explode' } }], ['a priority that is no number', { 0: { priority: NaN } }],
  ])('S44: a family whose mailbox has %s is refused', (_name, mailboxes) => {
    expect(() => Reflect.apply(post, undefined, [{ mailboxes }])).toThrow(expect.objectContaining({ code: 'invalid-definition' }))
  })
})

describe('overflow', () => {
  const policies = fc.constantFrom<Overflow>('reject', 'drop-newest', 'drop-oldest')
  test('S4, S5: a mailbox holds at most its capacity, whatever its priority; who is lost, and how, is its overflow\'s to say; those who asked are told', async () => {
    const bursts = fc.array(fc.record({ mailbox: fc.nat(2), count: fc.nat(9), asks: fc.boolean() }), { maxLength: 5 })
    await fc.assert(fc.asyncProperty(fc.nat(), fc.tuple(policies, policies, policies), fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 })), fc.nat(3), bursts, async (seed, overflow, capacity, deferred, list) => {
      await inPostWorld(seed, async ({ sim, node, events }) => {
        const handled: number[] = []
        // Below zero, they are deferred, and never released.
        const to = await node.spawn(post({
          mailboxes: Object.fromEntries([0, 1, 2].map(id => [id, { overflow: overflow[id] ?? 'reject', capacity: capacity[id] ?? 1, priority: 2 - id }])),
          put: t => { if (t.msg.n < 0) return defer('never'); handled.push(t.msg.n); return [] },
          get: t => { handled.push(t.msg.n); return reply({ n: t.msg.n }) },
        }), { name: 'post' })
        const a = node.client('a')
        const aside = new Map<number, number[]>()
        for (const id of [0, 1, 2]) {
          const some = Array.from({ length: Math.min(deferred, capacity[id] ?? 1) }, (_, i) => -1 - i - 10 * id)
          for (const n of some) a.tell(to, { type: 'Put', n }, { mailbox: id })
          aside.set(id, some)
        }
        await sim.sleep(1)
        let next = 0
        for (const { mailbox, count, asks } of list) {
          const before = handled.length
          const lostBefore = lostOf(events).length
          const room = capacity[mailbox] ?? 1
          const held = [...aside.get(mailbox) ?? []]
          const lost: number[] = []
          const numbers = Array.from({ length: count }, () => next++)
          for (const n of numbers) {
            if (held.length === room) lost.push(overflow[mailbox] === 'drop-oldest' ? held.shift() ?? n : n)
            if (lost.at(-1) !== n) held.push(n)
          }
          aside.set(mailbox, held.filter(n => n < 0))
          const ends = numbers.map(n => asks ? outcomeOf(a.ask(to, { type: 'GetRequest', n }, { mailbox })) : Promise.resolve(a.tell(to, { type: 'Put', n }, { mailbox })))
          await sim.sleep(1)
          expect(handled.slice(before)).toEqual(held.filter(n => n >= 0))
          const reason = overflow[mailbox] === 'reject' ? 'mailbox-full' : 'dropped'
          expect(lostOf(events).slice(lostBefore)).toEqual(lost.map(n => `${n} ${reason}`))
          const outcomes = await Promise.all(ends)
          if (asks) expect(outcomes).toEqual(numbers.map(n => lost.includes(n) ? 'mailbox-full' : `ok {"n":${n}}`))
        }
        expect(node.counters().deferred).toBe([...aside.values()].flat().length)
      })
    }), { numRuns: 120 })
  })

  function lostOf(events: readonly { kind: string; msg?: unknown; reason?: unknown }[]): readonly string[] {
    return events.flatMap(event => event.kind === 'dead-letter' ? [`${(event.msg as { n: number }).n} ${event.reason}`] : [])
  }

  test('S5, S18, S46: a request that was deferred and is dropped ends for who asked', async () => {
    await inPostWorld(1, async ({ sim, node, dead }) => {
      const to = await node.spawn(post({ mailboxes: { 0: { capacity: 2, overflow: 'drop-oldest' } }, get: t => t.msg.n === 0 ? defer('k') : reply({ n: t.msg.n }) }), { name: 'post' })
      const a = node.client('a')
      const first = outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      expect(node.counters().deferred).toBe(1)
      const rest = [1, 2].map(n => outcomeOf(a.ask(to, { type: 'GetRequest', n })))
      expect(await first).toBe('mailbox-full')
      expect(await Promise.all(rest)).toEqual(['ok {"n":1}', 'ok {"n":2}'])
      expect(dead()).toEqual(['GetRequest dropped'])
    })
  })
})

describe('defer and release', () => {
  test('S2, S4, S46: released messages come in the order of arrival, before all that came later, each in its mailbox; nothing else is looked at again', async () => {
    const tells = fc.array(fc.record({
      mailbox: fc.nat(2), wait: fc.boolean(),
      // A message for a key waits until that key is open. An order releases some, and may open them, or closes one.
      what: fc.oneof(
        { weight: 4, arbitrary: fc.record({ for: fc.nat(2) }) },
        { weight: 2, arbitrary: fc.record({ releases: fc.uniqueArray(fc.nat(3), { minLength: 1 }), opens: fc.boolean() }) },
        { weight: 1, arbitrary: fc.record({ closes: fc.nat(2) }) }),
    }), { maxLength: 40 })
    await fc.assert(fc.asyncProperty(fc.nat(), fc.tuple(fc.nat(1), fc.nat(1), fc.nat(1)), tells, async (seed, priorities, list) => {
      await inPostWorld(seed, async ({ sim, node, dead }) => {
        // By mailbox, what waits; by key, what was put off: numbers, in the order of arrival.
        const waiting = [new Set<number>(), new Set<number>(), new Set<number>()]
        const aside = new Map<string, Set<number>>()
        const problems: string[] = []
        let steps = 0
        let released = 0
        const letGo = (key: string) => {
          for (const n of aside.get(key) ?? []) {
            waiting[list[n]?.mailbox ?? 0]?.add(n)
            released++
          }
          aside.delete(key)
        }
        const put = (t: PutTrigger, e: PostEnvironment) => {
          steps++
          const { n } = t.msg
          const first = Math.min(...waiting[t.mailbox] ?? [])
          if (n !== first) problems.push(`${n} was taken before ${first}`)
          waiting[t.mailbox]?.delete(n)
          const what = list[n]?.what ?? { for: 0 }
          if ('for' in what) {
            const key = `${what.for}`
            if (e.open.includes(key)) return []
            aside.set(key, (aside.get(key) ?? new Set()).add(n))
            return defer(key)
          }
          if ('closes' in what) return update<PostEnvironment>({ open: e.open.filter(key => key !== `${what.closes}`) })
          const keys = what.releases.map(String)
          for (const key of keys) letGo(key)
          return [...keys.map(release), ...what.opens ? [update<PostEnvironment>({ open: [...e.open, ...keys] })] : []]
        }
        const to = await node.spawn(post({ mailboxes: Object.fromEntries(priorities.map((priority, id) => [id, { priority }])), put }), { name: 'post' })
        for (const [n, { mailbox, wait }] of list.entries()) {
          waiting[mailbox]?.add(n)
          node.client('a').tell(to, { type: 'Put', n }, { mailbox })
          if (wait) await sim.sleep(0.004)
        }
        await sim.sleep(10)
        expect(problems).toEqual([])
        expect(waiting.every(set => set.size === 0)).toBe(true)
        // No rescan: each message was taken once, and once more for each time it was released.
        expect(steps).toBe(list.length + released)
        expect(node.counters().deferred).toBe([...aside.values()].reduce((sum, set) => sum + set.size, 0))
        expect(node.counters().queued).toBe(0)
        expect(dead()).toEqual([])
      })
    }), { numRuns: 250 })
  })

  test.each<[string, (t: PutTrigger, e: PostEnvironment) => unknown]>([
    ['an update', (_t, e) => update({ open: [...e.open] })], ['an update that changes nothing', (_t, e) => update(e)],
    ['a send', t => send(t.self, t.msg)], ['a timer', () => timer('tick', { after: 1 })],
    ['a release', () => release('k')], ['a mailbox update', () => updateMailbox(0, { last: 1 })], ['a task', () => task('work', 1, { key: 'work' })],
    ['a request', t => request(t.self, { type: 'GetRequest', n: 1 }, { key: 'ask' })], ['another defer', () => defer('other')],
  ])('S11, S46: a step that defers and has %s beside it crashes', async (_name, other) => {
    for (const isFirst of [true, false]) {
      await inPostWorld(1, async ({ sim, node, dead }) => {
        const put = (t: PutTrigger, e: PostEnvironment) => Reflect.apply(Array.of, undefined, isFirst ? [defer('k'), other(t, e)] : [other(t, e), defer('k')])
        node.client('a').tell(await node.spawn(post({ put }), { name: 'post' }), { type: 'Put', n: 0 })
        await sim.sleep(1)
        expect(dead()).toEqual(['Put crashed'])
        expect(node.counters().deferred).toBe(0)
      })
    }
  })

  test('S11, S46: a request that is deferred can be neither answered nor kept in that step; a key must be a text', async () => {
    const bad = [() => [defer('k'), Reflect.apply(reply, undefined, [{ n: 1 }])], (t: { replyTo: never }) => [defer('k'), keep(t.replyTo)], () => Reflect.apply(defer, undefined, ['']), () => Reflect.apply(defer, undefined, [7])]
    for (const get of bad) {
      await inPostWorld(1, async ({ node }) => {
        const to = await node.spawn(post({ get: t => Reflect.apply(get, undefined, [t]) }), { name: 'post' })
        expect(await outcomeOf(node.client('a').ask(to, { type: 'GetRequest', n: 1 }))).toBe('crashed')
      })
    }
  })

  test('S11, S46: what is no message can not be deferred', async () => {
    for (const n of [0, 1]) {
      await inPostWorld(1, async ({ sim, node, events }) => {
        let reached = 0
        const deferring = (): ReturnType<typeof defer> => { reached++; return defer('k') }
        const to = await node.spawn(post({
          put: t => n === 0 ? timer('tick', { after: 1 }) : request(t.self, { type: 'GetRequest', n: 1 }, { key: 'ask' }),
          elapsed: deferring, answered: deferring,
        }), { name: 'post' })
        node.client('a').tell(to, { type: 'Put', n: 0 })
        await sim.sleep(10)
        expect(reached).toBe(1)
        // The steps that there were are those of messages.
        expect(events.filter(event => event.kind === 'step' && event.on !== 'message')).toEqual([])
        expect(node.counters().deferred).toBe(0)
      })
    }
  })

  test('S20, S22, S46: a request that is deferred keeps its deadline; if that passed, it is abandoned when its turn comes', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 20 }), async (seed, deadlines, until) => {
      await inPostWorld(seed, async ({ sim, node, dead }) => {
        const handled: number[] = []
        const to = await node.spawn(post({
          get: (t, e) => { if (e.open.length === 0) return defer('k'); handled.push(t.msg.n); return reply({ n: t.msg.n }) },
          put: () => [update({ open: ['k'] }), release('k')],
        }), { name: 'post' })
        const a = node.client('a')
        const begin = sim.time
        const asks = deadlines.map(async (deadline, n) => {
          const end = await outcomeOf(a.ask(to, { type: 'GetRequest', n }, { deadline: 10 * deadline }))
          return { end, time: Math.floor(sim.time - begin) }
        })
        await sim.sleep(1)
        expect(node.counters().deferred).toBe(deadlines.length)
        await sim.sleep(10 * until - 6)
        a.tell(to, { type: 'Put', n: 0 })
        await sim.sleep(1_000)
        const inTime = [...deadlines.keys()].filter(n => (deadlines[n] ?? 0) >= until)
        expect(handled).toEqual(inTime)
        expect(await Promise.all(asks)).toEqual(deadlines.map((deadline, n) => inTime.includes(n) ? { end: `ok {"n":${n}}`, time: 10 * until - 5 } : { end: 'deadline', time: 10 * deadline }))
        expect(dead()).toEqual(deadlines.filter(deadline => deadline < until).map(() => 'GetRequest abandoned'))
      })
    }), { numRuns: 30 })
  })

  test('S6, S46: a revoke counts for what was deferred', async () => {
    await inPostWorld(1, async ({ sim, node, dead }) => {
      const a = node.client('a')
      const b = node.client('b')
      const to = await node.spawn(post({ closed: true, get: (_t, e) => e.open.length === 0 ? defer('k') : reply({ n: 1 }), put: () => [update({ open: ['k'] }), release('k')] }), { name: 'post', acquaintances: [a, b] })
      const asked = outcomeOf(a.ask(to, { type: 'GetRequest', n: 1 }))
      await sim.sleep(1)
      node.revoke(to, a)
      b.tell(to, { type: 'Put', n: 0 })
      expect(await asked).toBe('not-acquainted')
      expect(dead()).toEqual(['GetRequest not-acquainted'])
    })
  })

  test('S4, S21, S30, S46: the end of an engine is the end of what it deferred', async () => {
    await inPostWorld(1, async ({ sim, node, dead }) => {
      const to = await node.spawn(post({ mailboxes: { 1: {} }, put: () => defer('k'), get: () => defer('other') }), { name: 'post' })
      const a = node.client('a')
      a.tell(to, { type: 'Put', n: 1 }, { mailbox: 1 })
      const asked = outcomeOf(a.ask(to, { type: 'GetRequest', n: 1 }))
      await sim.sleep(1)
      expect(node.counters()).toMatchObject({ deferred: 2, queued: 0 })
      await node.stop(to)
      expect(await asked).toBe('stopped')
      await sim.sleep(1)
      expect(dead().toSorted()).toEqual(['GetRequest stopped', 'Put stopped'])
    })
  })
})
