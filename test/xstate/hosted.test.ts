import { assign, cancel, createActor, createMachine, emit, raise, setup } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { always, child, defineEngine, defineProtocol, exchange, keep, refuse, reply, request, send, spawn, stop, watch } from '../../src/index.ts'
import type { Ask, ProtocolOf, ReplyTo, ResponseOf } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import { defineMachineEngine, hostedAction, hostedTask } from '../../src/xstate.ts'
import { deferred } from '../runtime/box.ts'
import { deadLetters, emitted, endOf, stageOf, stageProtocol, withStage } from './stage.ts'
import type { Play, StageProtocol } from './stage.ts'

const told = (name: string) => emit({ type: name })
const machineOf = (config: object): AnyStateMachine => createMachine(config as never) as AnyStateMachine

describe('messages', () => {
  const lock = machineOf({
    initial: 'locked',
    states: {
      locked: { on: { coin: { target: 'open', actions: told('opened') }, dud: {} } },
      open: { on: { ask: { target: 'locked', actions: 'answer' }, same: { target: 'open' }, odd: { guard: () => false, target: 'locked' } } },
    },
  })
  const play: Play = { actions: { answer: () => reply({ answer: 'passed' }) } }

  test('S14, S54: one without a transition in this state is a dead letter, and its asker is told', async () => {
    await withStage(lock, play, async ({ send: event, client, to, seen }) => {
      await expect(client.ask(to, { type: 'AskRequest', event: 'ask' })).rejects.toMatchObject({ code: 'unhandled' })
      // No transition, a forbidden one, and one whose guard does not hold.
      await event('nothing')
      await event('dud')
      await event('coin')
      await event('odd')
      expect(deadLetters(seen)).toEqual(['unhandled', 'unhandled', 'unhandled', 'unhandled'])
      // A transition that changes nothing is one all the same.
      await event('same')
      expect(deadLetters(seen)).toHaveLength(4)
      expect(emitted(seen)).toEqual([{ type: 'opened' }])
      expect(await client.ask(to, { type: 'AskRequest', event: 'ask' })).toEqual({ answer: 'passed' })
    })
  })

  test('S14: one of which "events" makes nothing is a dead letter', async () => {
    await withStage(lock, { ...play, events: { Send: () => undefined, AskRequest: () => undefined } }, async ({ send: event, seen }) => {
      await event('coin')
      expect(deadLetters(seen)).toEqual(['unhandled'])
    })
  })

  test('S1 S15: an action sees who sent what, and may answer a request that the context kept', async () => {
    type Asker = ReplyTo<ResponseOf<StageProtocol, 'AskRequest'>>
    const machine = setup({
      types: { context: {} as { asker: Asker | null; n: number }, events: {} as { type: 'ask'; asker: Asker } | { type: 'settle' }, input: {} as { n: number } },
      actions: { wait: hostedAction(), settle: hostedAction<{ text: string }>() },
    }).createMachine({
      context: ({ input }) => ({ asker: null, n: input.n }), initial: 'idle',
      states: {
        idle: { on: { ask: { target: 'asked', actions: [assign({ asker: ({ event }) => event.asker }), 'wait'] } } },
        asked: { on: { settle: { target: 'idle', actions: { type: 'settle', params: ({ context }) => ({ text: `n is ${context.n}` }) } } } },
      },
    })
    interface Keeper { protocol: StageProtocol; config: z.ZodObject<{ n: z.ZodNumber }>; machine: typeof machine }
    const senders: unknown[] = []
    const keeper = defineMachineEngine<Keeper>({
      protocol: stageProtocol, config: z.object({ n: z.number() }), machine, open: true, input: ({ n }) => ({ n: n * 2 }),
      events: { AskRequest: ({ replyTo }) => ({ type: 'ask', asker: replyTo }), Send: () => ({ type: 'settle' }) },
      actions: {
        wait: (_params, { sender, replyTo, event }) => {
          senders.push(sender?.name, event.type)
          return replyTo === undefined ? [] : keep(replyTo)
        },
        settle: ({ text }, { context, replyTo, self, config }) => {
          senders.push(replyTo, self.name, config.n)
          return context.asker === null ? [] : reply({ answer: text }, { to: context.asker })
        },
      },
    })
    const sim = simulate({ seed: 3 })
    const node = sim.createNode()
    await sim.run(async () => {
      const to = await node.spawn(keeper, { name: 'keeper', config: { n: 4 } })
      const [alice, bob] = [node.client('alice'), node.client('bob')]
      const asked = alice.ask(to, { type: 'AskRequest', event: '' })
      await sim.sleep(1)
      bob.tell(to, { type: 'Send', event: '', n: 0 })
      expect(await asked).toEqual({ answer: 'n is 8' })
      expect(senders).toEqual(['alice', 'ask', undefined, 'keeper', 4])
      await node.stop()
    })
  })
})

describe('tasks', () => {
  const machine = machineOf({
    initial: 'idle', context: {},
    states: {
      idle: { on: { go: 'busy' } },
      busy: {
        invoke: {
          id: 'job', src: 'work', input: ({ event }: { event: { n: number } }) => event.n,
          onDone: { target: 'idle', actions: emit(({ event }) => ({ type: 'done', output: 'output' in event && event.output })) },
          onError: { target: 'idle', actions: emit(({ event }) => ({ type: 'failed', error: 'error' in event && event.error })) },
        },
        on: { leave: 'idle', again: { target: 'busy', reenter: true } },
      },
    },
  })

  test('S24: an outcome is the event that XState has for it', async () => {
    const work = (n: unknown) => n === 1 ? 'one' : Promise.reject(new Error('no'))
    await withStage(machine, { tasks: { work } }, async ({ send: event, seen }) => {
      await event('go', 1)
      await event('go', 2)
      expect(emitted(seen)).toEqual([{ type: 'done', output: 'one' }, { type: 'failed', error: { outcome: 'failed', message: 'no' } }])
    })
  })

  test('S24, S55: the outcome for a state that was left is not heard; entering it again starts another', async () => {
    const gates = [deferred<string>(), deferred<string>(), deferred<string>()]
    let started = 0
    await withStage(machine, { tasks: { work: () => gates[started++]?.promise } }, async ({ send: event, sim, seen }) => {
      await event('go', 1)
      await event('leave')
      await event('go', 1)
      await event('again', 1)
      for (const [i, gate] of gates.entries()) {
        gate.resolve(`outcome ${i}`)
        await sim.sleep(1)
        expect(emitted(seen)).toEqual(i < 2 ? [] : [{ type: 'done', output: 'outcome 2' }])
      }
      expect(started).toBe(3)
    })
  })

  test('S24: a deadline aborts the task, and is an error', async () => {
    let signal: AbortSignal | undefined
    const work = (_input: unknown, _live: object, given: AbortSignal) => {
      signal = given
      return new Promise(resolve => given.addEventListener('abort', resolve))
    }
    await withStage(machine, { tasks: { work: work as never }, deadlines: { work: 30 } }, async ({ send: event, sim, seen }) => {
      await event('go', 1)
      await sim.sleep(20)
      expect(signal?.aborted).toBe(false)
      await sim.sleep(20)
      expect(signal?.aborted).toBe(true)
      expect(emitted(seen)).toMatchObject([{ type: 'failed', error: { outcome: 'deadline' } }])
    })
  })

  test('S29: an error that no onError takes ends the engine, and says what is missing', async () => {
    const rash = machineOf({ initial: 'busy', states: { busy: { invoke: { src: 'work' } } } })
    await withStage(rash, { tasks: { work: () => { throw new Error('no') } } }, async ({ seen }) => {
      expect(endOf(seen)).toMatchObject({ reason: 'crashed', error: { code: 'invalid-effect', message: expect.stringContaining('add onError'), cause: { outcome: 'failed', message: 'no' } } })
    })
  })

  test('a placeholder does not pass for the thing itself under createActor', async () => {
    const task = createActor(hostedTask())
    const failure = new Promise(resolve => void task.subscribe({ error: resolve }))
    task.start()
    expect(await failure).toMatchObject({ code: 'not-available' })
  })
})

describe('timers', () => {
  test('S26, S50, S55: they begin at the start, and end with their state', async () => {
    const blink = machineOf({
      initial: 'off',
      states: { off: { after: { 100: { target: 'on', actions: told('on') } } }, on: { after: { 50: { target: 'off', actions: told('off') }, 40: { actions: told('almost') } }, on: { hold: 'held' } }, held: {} },
    })
    await withStage(blink, {}, async ({ sim, send: event, seen }) => {
      await sim.sleep(99)
      expect(emitted(seen)).toEqual([])
      await sim.sleep(145)
      expect(emitted(seen)).toEqual(['on', 'almost', 'off'].map(type => ({ type })))
      await sim.sleep(10)
      await event('hold')
      await sim.sleep(1000)
      expect(emitted(seen)).toHaveLength(4)
    })
  })
})

test('S53: the context is made once in each life, whatever comes in it', async () => {
  let made = 0
  const machine = machineOf({
    context: ({ input }: { input: { n: number } }) => { made++; return { n: input.n } },
    initial: 'a', states: { a: { on: { go: 'b', more: { actions: assign({ n: ({ context }: { context: { n: number } }) => context.n + 1 }) } } }, b: { on: { go: 'a'}, after: { 5: 'a' } } },
  })
  await withStage(machine, {}, async ({ sim, send: event }) => {
    for (const type of ['more', 'go', 'unknown', 'go', 'more', 'go']) await event(type)
    await sim.sleep(10)
    await event('more')
    expect(made).toBe(1)
  })
})

test('an id is no more than its text: toString cancels nothing that was not set under it', async () => {
  const machine = machineOf({
    initial: 'a', states: { a: { on: { go: { actions: [cancel('toString'), raise({ type: 'later' }, { id: 'constructor', delay: 1 })] }, later: 'b' } }, b: { entry: told('b') } },
  })
  await withStage(machine, {}, async ({ sim, send: event, seen }) => {
    await event('go')
    await sim.sleep(5)
    expect(emitted(seen)).toEqual([{ type: 'b' }])
  })
})

describe('delays before now', () => {
  const delays = { past: -5, reckoned: ({ context }: { context: { n: number } }) => -context.n }
  test.each([
    ['of after', { after: { '-5': 'b' } }],
    ['by name', { after: { past: 'b' } }],
    ['by a function', { after: { reckoned: 'b' } }],
    ['of raise', { entry: raise({ type: 'go' }, { delay: -1 }), on: { go: 'b' } }],
    ['without end', { entry: raise({ type: 'go' }, { delay: -Infinity }), on: { go: 'b' } }],
  ])('S26, S55: one %s runs out at once', async (_what, state) => {
    const machine = createMachine({ initial: 'a', context: { n: 20 }, states: { a: state, b: { entry: told('b') } } } as never, { delays } as never) as AnyStateMachine
    await withStage(machine, {}, ({ seen }) => {
      expect(endOf(seen)).toBeUndefined()
      expect(emitted(seen)).toEqual([{ type: 'b' }])
      expect(seen.filter(event => event.kind === 'step' && event.on === 'timer')).toHaveLength(1)
      return Promise.resolve()
    })
  })
})

describe('the end', () => {
  const machine = machineOf({
    initial: 'a', context: { n: 3 }, output: ({ context }: { context: { n: number } }) => ({ n: context.n }),
    states: { a: { entry: raise({ type: 'late' }, { delay: 10, id: 'late' }), on: { go: 'b' } }, b: { type: 'final', entry: told('entered') } },
  })

  test('S30, S56: the engine stops when the machine is done, after what "done" gives', async () => {
    await withStage(machine, { done: (output, { self }) => [send(self, { type: 'Send', event: JSON.stringify(output), n: 0 })] }, async ({ send: event, sim, seen }) => {
      await event('go')
      expect(emitted(seen)).toEqual([{ type: 'entered' }])
      expect(endOf(seen)).toMatchObject({ reason: 'stopped' })
      expect(seen).toContainEqual(expect.objectContaining({ kind: 'message', msg: { type: 'Send', event: '{"n":3}', n: 0 } }))
      await sim.sleep(100)
      expect(seen.some(each => each.kind === 'step' && each.on === 'timer')).toBe(false)
    })
  })

  test('S14, S26, S56: one that stays handles nothing any more', async () => {
    await withStage(machine, { stays: true }, async ({ send: event, sim, seen }) => {
      await event('go')
      await event('go')
      await sim.sleep(100)
      expect(endOf(seen)).toBeUndefined()
      expect(deadLetters(seen)).toEqual(['unhandled'])
      expect(seen.some(each => each.kind === 'step' && each.on === 'timer')).toBe(false)
    })
  })

  test('S30: a machine that is done from the beginning stops at its start', async () => {
    await withStage(machineOf({ initial: 'b', states: { b: { type: 'final' } } }), {}, async ({ seen }) => {
      expect(endOf(seen)).toMatchObject({ reason: 'stopped' })
    })
  })
})

test('S23 S30: requests of its own and ends of others are events', async () => {
  const otherProtocol = defineProtocol({ id: 'test/other', version: 1, codes: ['no'], requests: { TryRequest: exchange({}, { n: z.number() }) }, tells: { Stop: {} } })
  interface OtherProtocol extends ProtocolOf<typeof otherProtocol> {}
  const nothing = z.object({})
  interface Other { protocol: OtherProtocol; config: typeof nothing; environment: { readonly n: number } }
  const other = defineEngine<Other>({
    protocol: otherProtocol, config: nothing, environment: () => ({ n: 0 }), open: true,
    behaviour: { messages: { TryRequest: always(() => [reply(refuse('no', 'No')), stop()]), Stop: always(() => stop()) } },
  })
  const sim = simulate({ seed: 5 })
  const node = sim.createNode()
  await sim.run(async () => {
    const there = await node.spawn(other, { name: 'other' })
    const machine = setup({
      types: { events: {} as { type: 'go' } | { type: 'answered'; code: string } | { type: 'gone'; name: string }, emitted: {} as { type: 'heard'; what: string } },
      actions: { try: hostedAction() },
    }).createMachine({ on: {
      go: { actions: 'try' }, answered: { actions: emit(({ event }) => ({ type: 'heard', what: event.code })) }, gone: { actions: emit(({ event }) => ({ type: 'heard', what: event.name })) },
    } })
    interface Trier { protocol: StageProtocol; config: typeof nothing; machine: typeof machine; asks: { attempt: Ask<OtherProtocol, 'TryRequest'> } }
    const trier = defineMachineEngine<Trier>({
      protocol: stageProtocol, config: nothing, machine, open: true,
      events: { Send: () => ({ type: 'go' }), AskRequest: () => undefined },
      answers: { attempt: ({ reply: answer, failure }) => ({ type: 'answered', code: failure ?? ('code' in answer ? answer.code : 'well') }) },
      terminated: ({ engine }) => ({ type: 'gone', name: engine.name }),
      actions: { try: () => [watch(there), request(there, { type: 'TryRequest' }, { key: 'attempt/1' })] },
    })
    const heard: unknown[] = []
    node.observe(event => void (event.kind === 'emitted' && heard.push(event.event)))
    node.client('a').tell(await node.spawn(trier, { name: 'trier' }), { type: 'Send', event: '', n: 0 })
    await sim.sleep(1)
    expect(heard).toEqual([{ type: 'heard', what: 'no' }, { type: 'heard', what: 'other' }])
    await node.stop()
  })
})

describe('what any family may have', () => {
  test('S5, S44: mailboxes', async () => {
    const machine = machineOf({ on: { hear: { actions: emit({ type: 'heard' }) } } })
    await withStage(machine, { mailboxes: { 0: { capacity: 1 }, 1: { capacity: 2 } } }, async ({ sim, client, to, seen }) => {
      for (const mailbox of [0, 0, 1, 1, 1, 2]) client.tell(to, { type: 'Send', event: 'hear', n: 0 }, { mailbox })
      await sim.sleep(1)
      expect(emitted(seen)).toHaveLength(3)
      expect(deadLetters(seen)).toEqual(['mailbox-full', 'mailbox-full', 'no-mailbox'])
    })
  })

  test('S27, S48: a new life begins with the number that its next child has; children are kept, or dealt with, as the definition says', async () => {
    const machine = machineOf({
      context: ({ input }: { input: { n: number } }) => ({ n: input.n }),
      on: { bear: { actions: ['bear', assign({ n: (({ context }: { context: { n: number } }) => context.n + 1) as never })] } },
    })
    const grandchild = stageOf(machineOf({}), { id: 'test/grandchild', input: () => undefined, events: { Send: () => { throw new Error('mine') }, AskRequest: () => undefined } })
    const parent = stageOf(machine, {
      children: () => [grandchild], keepsChildren: true, supervision: { crash: 'stop' }, input: (_config, life) => ({ n: life.nextChild }),
      actions: { bear: (_params, { context, self }) => spawn(grandchild, { as: child(grandchild, self, (context as { n: number }).n) }) },
      events: { Send: ({ msg }) => { if (msg.event === 'boom') throw new Error('mine'); return { type: msg.event } }, AskRequest: () => undefined },
    })
    const sim = simulate({ seed: 2 })
    const node = sim.createNode()
    const lives: string[] = []
    node.observe(event => void (['spawned', 'restarted', 'ended'].includes(event.kind) && 'engine' in event && lives.push(`${event.kind} ${event.engine.name}`)))
    await sim.run(async () => {
      const to = await node.spawn(parent, { name: 'p' })
      const client = node.client('a')
      for (const event of ['bear', 'boom', 'bear']) client.tell(to, { type: 'Send', event, n: 0 })
      await sim.sleep(100)
      client.tell(child(grandchild, to, 0), { type: 'Send', event: '', n: 0 })
      await sim.sleep(100)
      expect(lives).toEqual(['spawned p', 'spawned p/0', 'restarted p', 'spawned p/1', 'ended p/0'])
      await node.stop()
    })
  })
})

test('engines of one family have nothing in common', async () => {
  const machine = machineOf({
    context: { n: 0 }, initial: 'a',
    on: { ask: { actions: 'answer' } },
    states: { a: { on: { add: { target: 'b', actions: 'add' } } }, b: { on: { add: { target: 'a', actions: 'add' } } } },
  }).provide({ actions: { add: assign({ n: (({ context, event }: { context: { n: number }; event: { n: number } }) => context.n + event.n) as never }) } as never }) as AnyStateMachine
  const adder = stageOf(machine, { actions: { answer: (_params, { context }) => reply({ answer: String(context.n) }) } })
  const sim = simulate({ seed: 8 })
  const node = sim.createNode()
  await sim.run(async () => {
    const client = node.client('client')
    const engines = await Promise.all([1, 2, 3].map(async n => ({ n, to: await node.spawn(adder, { name: `adder-${n}` }) })))
    for (let i = 0; i < 20; i++) for (const { n, to } of engines) client.tell(to, { type: 'Send', event: 'add', n })
    for (const { n, to } of engines) expect(await client.ask(to, { type: 'AskRequest', event: 'ask' })).toEqual({ answer: String(20 * n) })
    await node.stop()
  })
})
