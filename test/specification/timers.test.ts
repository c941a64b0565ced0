import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { always, cancel, send, stop, timer, update } from '../../src/index.ts'
import type { Effect } from '../../src/index.ts'
import { inWorld, refOf, subject } from './subject.ts'
import type { DoRules, Subject, SubjectEnvironment, TimerRules } from './subject.ts'

// Rules of Anoma's specification (anoma/nspec, v0.2.0; docs/arch/node/types unless another folder is named) in our own words. Where it
// is silent, or its own code leaves a hole, the test holds what we decided, and says so. Its simulator throws timers away: what is said of
// them is in types and prose. Times are milliseconds from the step that sets the timer, by decision; there they are seconds or minutes.

type Handle = 'tick' | 'tock' | `tick/${number}`
/** Sets a timer, or with `after` left out discards one. */
interface Order {
  readonly handle: Handle
  readonly after?: number
}
/** At a time, one step with these orders. */
interface Moment {
  readonly wait: number
  readonly orders: readonly Order[]
}

const effectOf = ({ handle, after }: Order): Effect<Subject> => after === undefined ? cancel(handle) : timer(handle, { after })
const noting: TimerRules = always((t, _c, e) => update<SubjectEnvironment>({ ...e, log: [...e.log, t.handle] }))

interface Heard {
  readonly handle: string
  /** Milliseconds since the beginning, without the thousandths that steps take here. */
  readonly time: number
}

/** Has engines follow their orders, and tells what each heard of its timers. */
function heardBy(seed: number, schedules: readonly (readonly Moment[])[]): Promise<readonly (readonly Heard[])[]> {
  return inWorld(seed, async ({ node, client, sim }) => {
    const begin = sim.time
    const heard = schedules.map((): Heard[] => [])
    const engines = await Promise.all(schedules.map((moments, i) => node.spawn(subject({
      onDo: always(t => moments[t.msg.n]?.orders.map(effectOf) ?? []),
      onTimer: always(t => { heard[i]?.push({ handle: t.handle, time: Math.floor(t.time - begin) }); return [] }),
    }), { name: `subject-${i}` })))
    await Promise.all(engines.map(async (engine, i) => {
      const moments = schedules[i] ?? []
      for (const n of moments.keys()) {
        await sim.sleep(begin + at(moments, n) - sim.time)
        client.tell(engine, { type: 'Do', n })
      }
    }))
    await sim.sleep(1_000)
    return heard
  })
}

/** When the n-th moment is. */
function at(moments: readonly Moment[], n: number): number {
  return moments.slice(0, n + 1).reduce((sum, { wait }) => sum + wait, 0)
}

/** What the specification says: a handle has one timer; setting it anew or discarding it ends the one before; each that is left runs out once. */
function expectedOf(moments: readonly Moment[]): readonly Heard[] {
  const heard: Heard[] = []
  const due = new Map<string, number>()
  const elapseUntil = (time: number) => {
    for (const [handle, when] of [...due].toSorted(([, a], [, b]) => a - b)) {
      if (when > time) continue
      heard.push({ handle, time: when })
      due.delete(handle)
    }
  }
  for (const [n, { orders }] of moments.entries()) {
    const now = at(moments, n)
    elapseUntil(now)
    for (const { handle, after } of orders) {
      if (after === undefined) due.delete(handle)
      else due.set(handle, now + after)
    }
  }
  elapseUntil(Infinity)
  return heard
}

const handles = fc.constantFrom<Handle>('tick', 'tock', 'tick/1', 'tick/2')
// Orders are given at full tens, timers run out at threes: never both at once.
const orders: fc.Arbitrary<Order> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ handle: handles, after: fc.nat(9).map(n => 10 * n + 3) }) },
  { weight: 1, arbitrary: fc.record({ handle: handles }) })
const moments: fc.Arbitrary<Moment> = fc.record({ wait: fc.integer({ min: 1, max: 5 }).map(n => 10 * n), orders: fc.array(orders, { minLength: 1, maxLength: 3 }) })
const schedules = fc.array(moments, { minLength: 1, maxLength: 8 })

/** By time, and among those of one time by handle: their order is another test's. */
const sorted = (heard: readonly Heard[]) => heard.toSorted((a, b) => a.time - b.time || (a.handle < b.handle ? -1 : 1))

describe('timers', () => {
  // engine_behaviour.juvix.md, "ActionEffect": timers are set, discarded, or superseded. messages.juvix.md, "Timer H": a time and a handle.
  test('S26: each timer that was neither discarded nor superseded runs out once, at its time, under its handle', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), schedules, async (seed, schedule) => {
      const [heard] = await heardBy(seed, [schedule])
      expect(sorted(heard ?? [])).toEqual(sorted(expectedOf(schedule)))
    }), { numRuns: 150 })
  })

  // engine_environment.juvix.md, "Engine environment type": timers are part of an engine's environment.
  test('S26: handles are an engine\'s own: nobody else sets, hears or discards what is under them', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(schedules, { minLength: 2, maxLength: 3 }), async (seed, all) => {
      const heard = await heardBy(seed, all)
      expect(heard.map(sorted)).toEqual(all.map(schedule => sorted(expectedOf(schedule))))
    }), { numRuns: 50 })
  })

  // engine_behaviour.juvix.md, "Guards": the trigger is a notification about timers that have elapsed. messages.juvix.md, "Trigger H": Elapsed has a list of
  // them. Decided: a trigger for each, in the order in which they ran out, also of those that ran out together.
  test('S26: timers are heard of one by one, in the order of their times', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.uniqueArray(fc.nat(60), { minLength: 1, maxLength: 12 }), async (seed, durations) => {
      await inWorld(seed, async ({ node, client, sim, logOf }) => {
        const to = await node.spawn(subject({ onDo: always(() => durations.map(after => timer(`tick/${after}`, { after }))), onTimer: noting }), { name: 'subject' })
        client.tell(to, { type: 'Do', n: 0 })
        await sim.sleep(100)
        expect(await logOf(to)).toEqual(durations.toSorted((a, b) => a - b).map(after => `tick/${after}`))
      })
    }), { numRuns: 40 })
  })

  // messages.juvix.md, "TimestampedTrigger H".
  test('S26: a trigger of a timer has a time, which is never before the timer\'s', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.double({ min: 0, max: 50, noNaN: true }), { minLength: 1, maxLength: 6 }), async (seed, durations) => {
      await inWorld(seed, async ({ node, client, sim }) => {
        const set: number[] = []
        const late: number[] = []
        const to = await node.spawn(subject({
          onDo: always(t => { set.push(t.time); return timer(`tick/${t.msg.n}`, { after: durations[t.msg.n] ?? 0 }) }),
          onTimer: always(t => { const n = Number(t.handle.slice(5)); late.push(t.time - ((set[n] ?? Infinity) + (durations[n] ?? 0))); return [] }),
        }), { name: 'subject' })
        for (const n of durations.keys()) client.tell(to, { type: 'Do', n })
        await sim.sleep(100)
        expect(late.length).toBe(durations.length)
        for (const by of late) {
          // To the last bit of a double of this size.
          expect(by).toBeGreaterThan(-1e-3)
          expect(by).toBeLessThan(1)
        }
      })
    }), { numRuns: 30 })
  })

  // basics.juvix.md, "Time": relative or absolute. Decided: relative alone; a trigger's time makes one of the other.
  test('S26: a timer for a time of the clock is one for what is left until then', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.integer({ min: 5, max: 500 }), fc.nat(4), async (seed, until, wait) => {
      await inWorld(seed, async ({ node, client, sim }) => {
        const target = Math.ceil(sim.time) + until
        const times: number[] = []
        const to = await node.spawn(subject({ onDo: always(t => timer('tick', { after: target - t.time })), onTimer: always(t => { times.push(t.time); return [] }) }), { name: 'subject' })
        await sim.sleep(wait)
        client.tell(to, { type: 'Do', n: 0 })
        await sim.sleep(1_000)
        expect(times.map(time => Math.floor(time + 1e-3))).toEqual([target])
      })
    }), { numRuns: 30 })
  })

  // messages.juvix.md, "Trigger H" and getSenderFromTrigger: a timer's trigger has no message and no sender. Decided: it is a signal, no message; it
  // is in no count of them, and when no rule wants it, it is no dead letter.
  test('S4, S26: a timer that ran out is no message', async () => {
    await inWorld(1, async ({ node, client, sim, dead }) => {
      const triggers: object[] = []
      const onDo: DoRules = always(t => [timer('tick', { after: 1 }), timer(`tock/${t.msg.n}`, { after: 1 })])
      const to = await node.spawn(subject({ onDo, onTimer: always(t => { triggers.push(t); return undefined }) }), { name: 'subject' })
      client.tell(to, { type: 'Do', n: 0 })
      const before = node.counters()
      await sim.sleep(10)
      expect(triggers).toEqual([{ self: to, time: expect.any(Number), handle: 'tick' }, { self: to, time: expect.any(Number), handle: 'tock/0' }])
      expect(node.counters()).toMatchObject({ originated: before.originated, handled: before.handled + before.queued, deadLettered: 0 })
      expect(dead()).toEqual([])
    })
  })

  // Decided: the signal of a timer waits its turn in mailbox 0, behind what came before; until it is handled, the timer can be superseded and discarded.
  test.each([['discarded', []], ['superseded', [30]]] as const)('S26: between running out and being heard, a timer can still be %s', async (how, expected) => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.integer({ min: 20, max: 60 }), async (seed, ahead) => {
      await inWorld(seed, async ({ node, client, sim }) => {
        const begin = Math.floor(sim.time)
        const times: number[] = []
        let last = 0
        const onDo: DoRules = always(t => {
          last = t.time - begin
          if (t.msg.n === 0) return timer('tick', { after: 10 })
          return t.msg.n < ahead ? [] : how === 'discarded' ? cancel('tick') : timer('tick', { after: 20 })
        })
        const to = await node.spawn(subject({ onDo, onTimer: always(t => { times.push(Math.floor(t.time - begin)); return [] }) }), { name: 'subject' })
        client.tell(to, { type: 'Do', n: 0 })
        // These are handled as the timer runs out: its signal comes behind them all.
        await sim.sleep(9.99)
        for (let n = 1; n <= ahead; n++) client.tell(to, { type: 'Do', n })
        await sim.sleep(100)
        expect(last).toBeGreaterThan(10.01)
        expect(times).toEqual(expected)
      })
    }), { numRuns: 20 })
  })

  // anomian.juvix.md, chapter 6, Schedule: what is to be done later may be anything that can be done now.
  test('S12, S26: when a timer runs out, its engine may do all that it may at a message: also set it again', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 20 }), async (seed, rounds, after) => {
      await inWorld(seed, async ({ node, client, sim, sink, logOf }) => {
        const onTimer: TimerRules = always((t, _c, e) => e.log.length + 1 < rounds
          ? [timer('tick', { after }), update({ ...e, log: [...e.log, t.handle] }), send(sink, { type: 'Note', text: `${e.log.length}` })]
          : [stop(), send(sink, { type: 'Note', text: 'last' })])
        const to = await node.spawn(subject({ onDo: always(() => timer('tick', { after })), onTimer }), { name: 'subject' })
        client.tell(to, { type: 'Do', n: 0 })
        await sim.sleep(1_000)
        expect(await logOf(sink)).toEqual([...Array.from({ length: rounds - 1 }, (_, n) => `${n}`), 'last'])
        await expect(client.ask(refOf(to), { type: 'GetRequest' })).rejects.toMatchObject({ code: 'stopped' })
      })
    }), { numRuns: 20 })
  })

  // engine_environment.juvix.md: timers are part of the environment, so they end with their engine.
  test('S26, S31: an engine that ended hears of no timer', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 6 }), fc.integer({ min: 2, max: 40 }), async (seed, durations, end) => {
      await inWorld(seed, async ({ node, client, sim, sink, logOf }) => {
        const to = await node.spawn(subject({
          onDo: always(() => durations.map(after => timer(`tick/${after}`, { after: 10 * after }))),
          onTimer: always(t => send(sink, { type: 'Note', text: t.handle })),
        }), { name: 'subject' })
        client.tell(to, { type: 'Do', n: 0 })
        await sim.sleep(10 * end - 5)
        await node.stop(to)
        await sim.sleep(1_000)
        expect(await logOf(sink)).toEqual(durations.filter(after => after < end).toSorted((a, b) => a - b).map(after => `tick/${after}`))
      })
    }), { numRuns: 30 })
  })
})
