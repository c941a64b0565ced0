import { assign, emit, setup } from 'xstate'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { child, reply, spawn, updateMailbox } from '../../src/index.ts'
import type { EngineRef, Observed, Overflow, Strategy } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import { defineMachineEngine, hostedAction } from '../../src/xstate.ts'
import { deadLetters, emitted, stageOf, stageProtocol } from './stage.ts'
import type { StageProtocol } from './stage.ts'

const nothing = z.object({})
const counting = setup({ types: { events: {} as { type: 'take'; n: number; kept: number | undefined }, emitted: {} as { type: 'took'; n: number; kept: number | undefined } }, actions: { note: hostedAction<number>() } })
  .createMachine({ on: { take: { actions: [emit(({ event }) => ({ ...event, type: 'took' })), { type: 'note', params: ({ event }) => event.n }] } } })
interface Counting { protocol: StageProtocol; config: typeof nothing; machine: typeof counting; mailboxState: number }

function world(seed: number) {
  const sim = simulate({ seed })
  const node = sim.createNode()
  const seen: Observed[] = []
  node.observe(event => seen.push(event))
  return { sim, node, seen, client: node.client('client') }
}

test.each<[Overflow, readonly number[], string]>([
  ['reject', [0, 1], 'mailbox-full'], ['drop-newest', [0, 1], 'dropped'], ['drop-oldest', [3, 4], 'dropped'],
])('S5, S44, S47: its mailboxes are those it declares: %s', async (overflow, taken, reason) => {
  const family = defineMachineEngine<Counting>({
    protocol: stageProtocol, config: nothing, machine: counting, open: true,
    mailboxes: { 0: { capacity: 1 }, 3: { capacity: 2, overflow, priority: 1, state: 40 } },
    events: { Send: ({ msg, mailboxState }) => ({ type: 'take', n: msg.n, kept: mailboxState }), AskRequest: () => undefined },
    actions: { note: n => updateMailbox(3, n) },
  })
  const { sim, node, seen, client } = world(1)
  await sim.run(async () => {
    const to = await node.spawn(family, { name: 'counting' })
    await sim.sleep(1)
    for (let n = 0; n < 5; n++) client.tell(to, { type: 'Send', event: '', n }, { mailbox: 3 })
    client.tell(to, { type: 'Send', event: '', n: 10 })
    client.tell(to, { type: 'Send', event: '', n: 11 })
    client.tell(to, { type: 'Send', event: '', n: 12 }, { mailbox: 1 })
    await sim.sleep(1)
    const [first, second] = taken
    expect(emitted(seen)).toEqual([
      { type: 'took', n: first, kept: 40 }, { type: 'took', n: second, kept: first }, { type: 'took', n: 10, kept: undefined },
    ])
    expect(deadLetters(seen)).toEqual([reason, reason, reason, 'mailbox-full', 'no-mailbox'])
    await node.stop()
  })
})

const KIDS = 3
const kid = stageOf(setup({ actions: { fail: hostedAction(), answer: hostedAction() } }).createMachine({ on: { fail: { actions: 'fail' }, ask: { actions: 'answer' } } }), {
  id: 'kid', actions: { fail: () => { throw new Error('on purpose') }, answer: () => reply({ answer: 'here' }) },
})
const bearing = setup({
  types: { context: {} as { next: number }, input: {} as { next: number }, events: {} as { type: 'bear' } | { type: 'fail' } },
  actions: { bear: hostedAction(), fail: hostedAction() },
}).createMachine({
  context: ({ input }) => ({ next: input.next }),
  on: { bear: { actions: ['bear', assign({ next: ({ context }) => context.next + 1 })] }, fail: { actions: 'fail' } },
})
interface Bearing { protocol: StageProtocol; config: typeof nothing; machine: typeof bearing }

function parent(strategy: Strategy, keepsChildren: boolean) {
  return defineMachineEngine<Bearing>({
    protocol: stageProtocol, config: nothing, machine: bearing, open: true, children: () => [kid], supervision: { strategy, restarts: 1, exhausted: 'stop' },
    ...keepsChildren && { keepsChildren },
    input: (_config, { nextChild }) => ({ next: nextChild }),
    events: { Send: ({ msg }) => ({ type: msg.event === 'bear' ? 'bear' : 'fail' }), AskRequest: () => undefined },
    actions: {
      bear: (_params, { self, context }) => spawn(kid, { as: child(kid, self, context.next) }),
      fail: () => { throw new Error('on purpose') },
    },
  })
}

const lives = (seen: readonly Observed[]) => seen.flatMap(event => event.kind === 'restarted' ? [`${event.engine.name} restarted`] : event.kind === 'ended' ? [`${event.engine.name} ${event.reason}`] : [])

test.each<[Strategy, readonly number[]]>([['one-for-one', [1]], ['one-for-all', [0, 1, 2]], ['rest-for-one', [1, 2]]])(
  'S29: its supervision is that of its children: %s', async (strategy, restarted) => {
    const { sim, node, seen, client } = world(2)
    await sim.run(async () => {
      const to = await node.spawn(parent(strategy, false), { name: 'parent' })
      const nth = (n: number): EngineRef<StageProtocol> => JSON.parse(JSON.stringify({ node: to.node, name: `parent/${n}` }))
      for (let n = 0; n < KIDS; n++) client.tell(to, { type: 'Send', event: 'bear', n })
      await sim.sleep(1)
      client.tell(nth(1), { type: 'Send', event: 'fail', n: 0 })
      await sim.sleep(100)
      expect(lives(seen)).toEqual(restarted.map(n => `parent/${n} restarted`))
      client.tell(nth(1), { type: 'Send', event: 'fail', n: 0 })
      await sim.sleep(100)
      expect(lives(seen).filter(life => life.endsWith('crashed'))).toEqual(['parent/1 crashed'])
      expect(lives(seen)).not.toContain('parent restarted')
      await node.stop()
    })
  })

test.each([true, false])('S27, S48: its children live on at its restart if it keeps them (%s), and their numbers go on', async keeps => {
  const { sim, node, seen, client } = world(3)
  await sim.run(async () => {
    const to = await node.spawn(parent('one-for-one', keeps), { name: 'parent' })
    client.tell(to, { type: 'Send', event: 'bear', n: 0 })
    client.tell(to, { type: 'Send', event: 'fail', n: 0 })
    await sim.sleep(100)
    client.tell(to, { type: 'Send', event: 'bear', n: 0 })
    await sim.sleep(1)
    expect(lives(seen)).toEqual(keeps ? ['parent restarted'] : ['parent/0 stopped', 'parent restarted'])
    expect(seen.flatMap(event => event.kind === 'spawned' ? [event.engine.name] : [])).toEqual(['parent', 'parent/0', 'parent/1'])
    await node.stop()
  })
})
