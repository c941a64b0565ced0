import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createNode, defer, release, reply, updateMailbox } from '../../src/index.ts'
import type { Node } from '../../src/index.ts'
import { MAILBOX_LIMIT } from '../../src/core/mailbox.ts'
import { Envelope } from '../../src/runtime/envelope.ts'
import { Mailbox, MailboxCluster } from '../../src/runtime/mailbox.ts'
import { inPostWorld, post } from './post.ts'
import type { PostRules, PutTrigger } from './post.ts'
import { outcomeOf } from './box.ts'
import { lawOf } from './law.ts'

/** A cluster of mailboxes with these priorities, by MailboxID. */
class Cluster {
  readonly waiting: number[]
  readonly #cluster: MailboxCluster

  constructor(priorities: readonly number[]) {
    this.waiting = priorities.map(() => 0)
    this.#cluster = new MailboxCluster(priorities.map(priority => ({ capacity: 1, overflow: 'reject', priority, state: undefined })), new Mailbox())
  }

  arrive(id: number): void {
    const name = { node: null, name: 'a' }
    this.#cluster.get(id)?.push(new Envelope('message', name, { id: name }, name, id, {}, undefined))
    this.waiting[id] = (this.waiting[id] ?? 0) + 1
  }

  /** The mailbox that the next step is of. */
  take(): number | undefined {
    const item = this.#cluster.take()
    if (item?.kind !== 'message') return undefined
    this.waiting[item.mailbox] = (this.waiting[item.mailbox] ?? 0) - 1
    return item.mailbox
  }
}

describe('a cluster', () => {
  test('S45: of two mailboxes in which something always waits, the lower one has exactly one step in sixteen', async () => {
    const cluster = new Cluster([0, 1])
    for (let n = 0; n < 200; n++) for (const id of [0, 1]) cluster.arrive(id)
    expect(Array.from({ length: 160 }, () => cluster.take())).toEqual(Array.from({ length: 160 }, (_, i) => i % 16 === 15 ? 0 : 1))
    await fc.assert(fc.asyncProperty(fc.nat(), fc.boolean(), async (seed, isZeroHigh) => {
      await inPostWorld(seed, async ({ sim, node }) => {
        const order: number[] = []
        const high = isZeroHigh ? 0 : 1
        const to = await node.spawn(post({ mailboxes: { [high]: { priority: 1 }, [1 - high]: {} }, put: t => { order.push(t.mailbox); return [] } }), { name: 'post' })
        for (let n = 0; n < 96; n++) for (const mailbox of [0, 1]) node.client('a').tell(to, { type: 'Put', n }, { mailbox })
        await sim.sleep(10)
        expect(order.slice(0, 96)).toEqual(Array.from({ length: 96 }, (_, i) => i % 16 === 15 ? 1 - high : high))
      })
    }), { numRuns: 5 })
  })

  test('S45: none waits for more than fifteen steps of others, however many there are, whatever comes and when', () => {
    const priorities = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: MAILBOX_LIMIT })
    // Before each step, what arrives: everywhere, or here and there.
    const arrivals = fc.array(fc.oneof({ weight: 4, arbitrary: fc.array(fc.nat(15), { maxLength: 6 }) }, { weight: 1, arbitrary: fc.constant(Array.from({ length: MAILBOX_LIMIT }, (_, id) => id)) }), { minLength: 40, maxLength: 200, size: 'max' })
    let longest = 0
    fc.assert(fc.property(priorities, arrivals, fc.boolean(), (list, steps, isFull) => {
      const cluster = new Cluster(list)
      const passed = list.map(() => 0)
      for (const step of steps) {
        for (const id of step) if (id < list.length) cluster.arrive(id)
        if (isFull) for (const id of list.keys()) if (cluster.waiting[id] === 0) cluster.arrive(id)
        const waits = cluster.waiting.map(count => count > 0)
        const taken = cluster.take()
        expect(taken === undefined).toBe(!waits.includes(true))
        for (const id of list.keys()) {
          passed[id] = waits[id] && id !== taken ? (passed[id] ?? 0) + 1 : 0
          longest = Math.max(longest, passed[id] ?? 0)
          expect(passed[id]).toBeLessThanOrEqual(15)
        }
      }
    }), { numRuns: 400 })
    expect(longest).toBe(15)
  })

  test('S47: what engines of a family do to the first state of a mailbox, no other of them sees, also on the platform itself', async () => {
    const node: Node = await createNode()
    const seen: unknown[] = []
    const family = post({
      mailboxes: { 1: { state: { last: 1 } } },
      put: t => { seen.push(t.mailboxState?.last, Reflect.set(t.mailboxState ?? {}, 'last', 9)); return [] },
      get: t => reply({ n: t.mailboxState?.last ?? -1 }),
    })
    const a = node.client('a')
    for (const name of ['one', 'other']) {
      const to = await node.spawn(family, { name })
      a.tell(to, { type: 'Put', n: 0 }, { mailbox: 1 })
      expect(await a.ask(to, { type: 'GetRequest', n: 0 }, { mailbox: 1 })).toEqual({ n: 1 })
    }
    expect(seen).toEqual([1, false, 1, false])
    await node.stop()
  })
})

describe('a restart', () => {
  const CRASH = -1
  /** Defers what is even until the box is open; `CRASH` crashes. */
  function rulesOf(seen: string[], isReleasing: () => boolean): PostRules {
    const take = (t: PutTrigger) => {
      seen.push(`${t.mailbox} ${t.msg.n} ${t.mailboxState?.last}`)
      return updateMailbox(t.mailbox, { last: t.msg.n })
    }
    return {
      mailboxes: Object.fromEntries([0, 1, 2].map(id => [id, { state: { last: -10 * id } }])),
      started: () => isReleasing() ? release('k') : [],
      put: t => {
        if (t.msg.n === CRASH) throw new Error('on purpose')
        return t.msg.n % 2 === 0 && !isReleasing() ? defer('k') : take(t)
      },
      get: t => isReleasing() ? reply({ n: t.msg.n }) : defer('k'),
    }
  }

  test('S2, S4, S29, S46, S47: mailboxes begin with the family\'s state again; what was deferred still is, until the new life releases it', async () => {
    const puts = fc.array(fc.record({ mailbox: fc.nat(2), isDeferred: fc.boolean(), isLate: fc.boolean() }), { maxLength: 12 })
    await fc.assert(fc.asyncProperty(fc.nat(), puts, fc.nat(3), async (seed, list, asks) => {
      await inPostWorld(seed, async ({ sim, node, events, dead }) => {
        const seen: string[] = []
        let isReleasing = false
        const to = await node.spawn(post(rulesOf(seen, () => isReleasing)), { name: 'post' })
        const a = node.client('a')
        const numbers = list.map(({ isDeferred }, i) => 2 * i + (isDeferred ? 0 : 1))
        const sendAll = (late: boolean) => { for (const [i, { mailbox, isLate }] of list.entries()) if (isLate === late) a.tell(to, { type: 'Put', n: numbers[i] ?? 0 }, { mailbox }) }
        sendAll(false)
        const asked = Array.from({ length: asks }, (_, n) => outcomeOf(a.ask(to, { type: 'GetRequest', n })))
        await sim.sleep(1)
        const deferred = list.filter(({ isDeferred, isLate }) => isDeferred && !isLate).length + asks
        expect(node.counters()).toMatchObject({ deferred, queued: 0 })
        // A life that releases nothing, and takes none of them up; and then one that does.
        const steps = () => events.filter(event => event.kind === 'step' && event.on === 'message').length
        const before = steps()
        a.tell(to, { type: 'Put', n: CRASH })
        await sim.sleep(100)
        expect(events.filter(event => event.kind === 'restarted').length).toBe(1)
        expect(node.counters()).toMatchObject({ deferred, queued: 0 })
        expect(steps()).toBe(before)
        seen.length = 0
        isReleasing = true
        a.tell(to, { type: 'Put', n: CRASH })
        await sim.sleep(1)
        sendAll(true)
        await sim.sleep(100)
        expect(node.counters()).toMatchObject({ deferred: 0, queued: 0 })
        for (const id of [0, 1, 2]) {
          const released = [...list.entries()].filter(([, { mailbox, isDeferred, isLate }]) => mailbox === id && isDeferred && !isLate)
          const late = [...list.entries()].filter(([, { mailbox, isLate }]) => mailbox === id && isLate)
          let last = -10 * id
          const expected = [...released, ...late].map(([i]) => {
            const line = `${id} ${numbers[i]} ${last}`
            last = numbers[i] ?? 0
            return line
          })
          expect(seen.filter(line => line.startsWith(`${id} `))).toEqual(expected)
        }
        expect(await Promise.all(asked)).toEqual(asked.map((_, n) => `ok {"n":${n}}`))
        expect(dead()).toEqual(['Put crashed', 'Put crashed'])
      })
    }), { numRuns: 80 })
  })
})

test('S4: a message that is put off by a rule which ends its own engine is a dead letter', async () => {
  const node = await createNode()
  const host = node.client('host')
  const reasons: string[] = []
  node.observe(event => void (event.kind === 'dead-letter' && reasons.push(event.reason)))
  const to = await node.spawn(post({ put: t => { void node.stop(t.self); return defer('k') } }), { name: 'post' })
  host.tell(to, { type: 'Put', n: 0 })
  expect(await outcomeOf(host.ask(to, { type: 'GetRequest', n: 0 }))).toBe('stopped')
  expect(lawOf(node)).toBe(0)
  expect(reasons).toEqual(['stopped', 'stopped'])
  await node.stop()
})
