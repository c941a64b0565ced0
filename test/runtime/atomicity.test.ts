import { describe, expect, test } from 'vitest'
import { createNode, emit, keep, reply, request, rule, send, task, update } from '../../src/index.ts'
import type { EngineRef, Observed, Step, Told } from '../../src/index.ts'
import { Scheduler } from '../../src/runtime/scheduler.ts'
import { NONE } from '../../src/runtime/affairs.ts'
import type { EngineInstance } from '../../src/runtime/instance.ts'
import { simulate } from '../../src/simulation.ts'
import { box, outcomeOf } from './box.ts'
import type { Box, BoxEnvironment, BoxProtocol, BoxRules } from './box.ts'
import { lawOf } from './law.ts'
import { inPostWorld, post } from './post.ts'
import type { PostState } from './post.ts'

// A step is all or nothing, whatever its actions do to what they made while others of the step still run.

interface World {
  readonly sim: ReturnType<typeof simulate>
  readonly events: Observed[]
  /** What the sink was told and asked. */
  readonly sunk: number[]
  ended(name: string): readonly object[]
}

/** Runs a scenario with a box of these rules, which may know of a sink. */
async function withBox(rules: (sink: EngineRef<BoxProtocol>) => BoxRules, scenario: (to: EngineRef<BoxProtocol>, a: ReturnType<ReturnType<World['sim']['createNode']>['client']>, world: World) => Promise<void>): Promise<void> {
  const sim = simulate({ seed: 1 })
  const node = sim.createNode()
  const events: Observed[] = []
  const sunk: number[] = []
  node.observe(event => events.push(event))
  await sim.run(async () => {
    const sink = await node.spawn(box({ put: t => { sunk.push(t.msg.n); return [] }, get: t => { sunk.push(t.msg.n); return reply({ n: t.msg.n }) } }), { name: 'sink' })
    const to = await node.spawn(box(rules(sink)), { name: 'box', supervision: { crash: 'stop' } })
    await scenario(to, node.client('a'), { sim, events, sunk, ended: name => events.filter(event => event.kind === 'ended' && event.engine.name === name) })
    await node.stop()
  })
  expect(sim.reported).toEqual([])
  expect(lawOf(node)).toBe(0)
}

const NOT_DATA = { reason: 'crashed', error: { code: 'not-encodable' } }

describe('what a later action does to what an earlier one made', () => {
  const spoil = (made: object): Step<Box> => {
    Reflect.set(made, 'n', () => 1)
    return []
  }

  /** What an action makes for the object that the next one spoils. */
  const effects: [string, (made: { n: number }, sink: EngineRef<BoxProtocol>) => Step<Box>][] = [
    ['a message', (made, sink) => send(sink, Object.assign(made, { type: 'Put' as const }))],
    ['a request', (made, sink) => request(sink, Object.assign(made, { type: 'GetRequest' as const }), { key: 'ask' })],
    ["a task's input", made => task('work', made, { key: 'work' })],
    ['an event', made => emit(made)],
    ['the state of a mailbox', made => ({ effect: 'update-mailbox', mailbox: 0, state: made }) as never],
  ]
  test.each(effects)('S11: %s that is no data any more when the step ends crashes it, and nothing of it happens', async (_name, make) => {
    const worked: unknown[] = []
    const made = { n: 1 }
    await withBox(sink => ({
      putRules: rule<Box, Told<BoxProtocol, 'Put'>, number>(() => 1, () => send(sink, { type: 'Put', n: 7 }), () => make(made, sink), () => spoil(made)),
      work: input => { worked.push(input); return 1 },
    }), async (to, a, { sim, events, sunk, ended }) => {
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(sunk).toEqual([])
      expect(worked).toEqual([])
      expect(events.filter(event => event.kind === 'emitted')).toEqual([])
      expect(ended('box')).toMatchObject([NOT_DATA])
      expect(events.filter(event => event.kind === 'dead-letter')).toMatchObject([{ name: 'Put', reason: 'crashed' }])
    })
  })

  test('S11, S18: nor is a reply answered with what is no data, neither at once nor to a request that was kept', async () => {
    const made = { n: 1 }
    await withBox(() => ({ getRules: rule(() => 1, () => reply(made), () => spoil(made)) }), async (to, a, { ended }) => {
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))).toBe('crashed')
      expect(ended('box')).toMatchObject([NOT_DATA])
    })
    const late = { n: 1 }
    await withBox(() => ({
      get: (t, _c, e) => [keep(t.replyTo), update({ ...e, kept: [t.replyTo] })],
      putRules: rule<Box, Told<BoxProtocol, 'Put'>, number>(() => 1, (_args, _t, _c, e) => e.kept.map(to => reply(late, { to })), () => spoil(late)),
    }), async (to, a, { sim, ended }) => {
      const asked = outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      a.tell(to, { type: 'Put', n: 0 })
      expect(await asked).toBe('crashed')
      expect(ended('box')).toMatchObject([NOT_DATA])
    })
  })

  test('S11: what is still data when the step ends is sent as it is then', async () => {
    const made = { type: 'Put' as const, n: 1 }
    await withBox(sink => ({
      putRules: rule<Box, Told<BoxProtocol, 'Put'>, number>(() => 1, () => send(sink, made), () => { made.n = 2; return [] }),
    }), async (to, a, { sim, sunk }) => {
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(sunk).toEqual([2])
    })
  })
})

describe('on the seeded host', () => {
  type Act = (args: number, t: Told<BoxProtocol, 'Put'>, config: { first: number[] }, e: BoxEnvironment) => Step<Box>
  const vandals: [string, Act, Act][] = [
    ['its configuration', () => [], (_args, _t, config) => { config.first.push(1); return [] }],
    ['its trigger', () => [], (_args, t) => { Object.assign(t, { time: 0 }); return [] }],
    ['the sender in its trigger', () => [], (_args, t) => { Object.assign(t.sender, { name: 'b' }); return [] }],
    ['the environment that the action before it left', (_args, _t, _c, e) => update({ ...e, log: [1] }), (_args, _t, _c, e) => { (e.log as number[]).push(2); return [] }],
  ]
  test.each(vandals)('S11: an action that changes %s crashes the step', async (_name, first, second) => {
    // Of its own, since the first environment shares the configuration's list else.
    const environment = () => ({ log: [], kept: [], children: 0 })
    await withBox(() => ({ environment, putRules: rule<Box, Told<BoxProtocol, 'Put'>, number>(() => 1, first, second) }), async (to, a, { sim, ended }) => {
      a.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(ended('box')).toMatchObject([{ reason: 'crashed', error: { name: 'TypeError' } }])
    })
  })

  test('S11, S47: an action that changes the state of its mailbox crashes the step, and others of the family begin with what was declared', async () => {
    for (const isReplaced of [false, true]) {
      await inPostWorld(1, async ({ sim, node, dead }) => {
        const seen: unknown[] = []
        const declared: PostState = { last: 1 }
        const family = post({
          mailboxes: { 1: { state: declared } },
          put: t => {
            seen.push(t.mailboxState?.last)
            if (t.msg.n === 0) Object.assign(t.mailboxState ?? {}, { last: 9 })
            return t.msg.n === 2 ? { effect: 'update-mailbox', mailbox: 1, state: { last: 5 } } as never : []
          },
        })
        Object.assign(declared, { last: 8 })
        const [one, other] = [await node.spawn(family, { name: 'one' }), await node.spawn(family, { name: 'other' })]
        const a = node.client('a')
        for (const n of isReplaced ? [2, 0] : [0]) a.tell(one, { type: 'Put', n }, { mailbox: 1 })
        await sim.sleep(100)
        for (const to of [one, other]) a.tell(to, { type: 'Put', n: 1 }, { mailbox: 1 })
        await sim.sleep(1)
        // After the crash, the first of them begins anew.
        expect(seen).toEqual(isReplaced ? [1, 5, 1, 1] : [1, 1, 1])
        expect(dead()).toEqual(['Put crashed'])
      })
    }
  })
})

describe('a commit', () => {
  /** Says one thing as often as it is asked while a step is checked, and throws from then on. */
  const turning = <T>(value: T, looks: number) => () => {
    if (looks-- > 0) return value
    throw new Error('asked once too often')
  }

  test.each([1, 2, 3, 4, 5])('S4, S11: is whole, whatever a getter of what it sends does at look %i', async looks => {
    const node = await createNode()
    const a = node.client('a')
    const seen: number[] = []
    const sink = await node.spawn(box({ put: t => { seen.push(t.msg.n); return [] } }), { name: 'sink' })
    const evil = Object.defineProperties({}, {
      type: { get: turning('Put', looks), enumerable: true }, n: { get: turning(0, looks), enumerable: true },
    })
    const odd = Object.defineProperty({ node: sink.node }, 'name', { get: turning(sink.name, 1), enumerable: true })
    const bad = await node.spawn(box({
      put: () => [Reflect.apply(send, undefined, [sink, evil]), Reflect.apply(send, undefined, [odd, { type: 'Put', n: 1 }]), send(sink, { type: 'Put', n: 2 })],
      get: t => reply({ n: t.msg.n }),
    }), { name: 'bad', supervision: { crash: 'stop' } })
    a.tell(bad, { type: 'Put', n: 0 })
    await outcomeOf(a.ask(bad, { type: 'GetRequest', n: 0 }))
    await outcomeOf(a.ask(sink, { type: 'GetRequest', n: 0 }, { deadline: 20 }))
    expect(lawOf(node)).toBe(0)
    // All of it, or nothing; of what cannot be read any more its engine sees to it.
    if (seen.length > 0) expect(seen).toEqual(expect.arrayContaining([1, 2]))
    await node.stop()
  })

  test('S17: a step that throws all the same is counted, so that others and the event loop have their turns', () => {
    const work: (() => void)[] = []
    const reported: unknown[] = []
    let now = 0
    const host = {
      now: () => now += 0.01, soon: (todo: () => void) => void work.push(todo), later: (todo: () => void) => void work.push(todo),
      wake: () => expect.fail('no alarm is set'), slice: 2, turn: 64, look: 16, report: (error: unknown) => void reported.push(error),
    }
    const scheduler = new Scheduler(host, () => { throw new Error('each time') }, { before() {}, isWaiting: () => false, after() {} })
    scheduler.add({ isReady: false, status: 'running', hasNext: true, affairs: NONE } as EngineInstance)
    for (let turn = 0; turn < 3; turn++) for (const todo of work.splice(0)) todo()
    expect(reported.length).toBeGreaterThan(0)
    expect(reported.length).toBeLessThan(10_000)
  })
})
