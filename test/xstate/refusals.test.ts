import { assign, createActor, createMachine, emit, enqueueActions, forwardTo, fromCallback, fromPromise, log, raise, sendParent, sendTo, setup, spawnChild, stopChild } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { describe, expect, test } from 'vitest'
import { Fault, defer, send, task, timer, update } from '../../src/index.ts'
import { hostedAction, hostedTask } from '../../src/xstate.ts'
import { endOf, stageOf, withStage } from './stage.ts'
import type { Play } from './stage.ts'

const child = fromCallback(() => {})

/** A machine that has this on its one transition, in a nested state, so that finding it takes a walk. */
function acting(actions: unknown, implementations: object = {}): AnyStateMachine {
  const config = { initial: 'a', context: {}, states: { a: { initial: 'b', states: { b: { on: { go: { actions } } } } } } }
  return createMachine(config as never, implementations as never) as AnyStateMachine
}

function invoking(invoke: object, implementations: object = {}): AnyStateMachine {
  return createMachine({ initial: 'a', states: { a: { invoke } } } as never, implementations as never) as AnyStateMachine
}

function faultOf(work: () => unknown): Fault {
  try {
    work()
  } catch (error) {
    if (error instanceof Fault) return error
    throw error
  }
  throw new Error('It was not refused')
}

describe('a definition is refused, and the text says what to use instead', () => {
  const work: Play = { tasks: { work: () => 1 } }
  const refused: [string, () => AnyStateMachine, instead: RegExp, Play?][] = [
    ['an inline action', () => acting(() => {}), /function as an action.*hostedAction\(\)/],
    ['an inline action on entry', () => createMachine({ entry: () => {} }), /hostedAction\(\)/],
    ['an inline action on exit', () => createMachine({ exit: [() => {}] }), /hostedAction\(\)/],
    ['an inline action of always', () => createMachine({ initial: 'a', states: { a: { always: { target: 'b', actions: () => {} } }, b: {} } }), /hostedAction\(\)/],
    ['an inline action of after', () => createMachine({ initial: 'a', states: { a: { after: { 5: { actions: () => {} } } } } }), /hostedAction\(\)/],
    ['an inline action of onDone', () => invoking({ src: 'work', onDone: { actions: () => {} } }), /hostedAction\(\)/, work],
    ['an inline action of initial', () => createMachine({ initial: { target: 'a', actions: () => {} }, states: { a: {} } } as never) as AnyStateMachine, /hostedAction\(\)/],
    ['an implementation of a named action', () => acting('note', { actions: { note: () => {} } }), /never run.*hostedAction\(\)/, { actions: { note: () => [] } }],
    ['a named action that is not there', () => acting('note'), /"actions" of the engine/],
    ['a named action with params that is not there', () => acting({ type: 'note', params: 1 }), /"actions" of the engine/],
    ['an action implemented twice', () => acting('note', { actions: { note: assign({}) } }), /twice/, { actions: { note: () => [] } }],
    ['sendTo', () => acting(sendTo('other', { type: 'x' })), /\(machine\).a.b has sendTo or forwardTo: .*send\(to, message\)/],
    ['sendParent', () => acting(sendParent({ type: 'x' })), /a.b has sendParent: .*send\(to, message\)/],
    ['forwardTo', () => acting(forwardTo('other')), /a.b has sendTo or forwardTo: .*send\(to, message\)/],
    ['sendTo by name', () => acting('tell', { actions: { tell: sendTo('other', { type: 'x' }) } }), /send\(to, message\)/],
    ['spawnChild', () => acting(spawnChild(child)), /invoke a task.*spawn\(engine/],
    ['stopChild', () => acting(stopChild('other')), /stop\(child\)/],
    ['log', () => acting(log('hello')), /emit/],
    ['a callback actor', () => invoking({ src: child }), /hostedTask\(\)/],
    ['a child machine', () => invoking({ src: createMachine({}) }), /hostedTask\(\)/],
    ['a promise actor by name', () => invoking({ src: 'work' }, { actors: { work: fromPromise(() => Promise.resolve(1)) } }), /never run.*hostedTask\(\)/, work],
    ['a task without a handler', () => invoking({ src: 'work' }), /"tasks" of the engine/],
    ['a task without a handler that setup declares', () => invoking({ src: 'work' }, { actors: { work: hostedTask() } }), /"tasks" of the engine/],
    ['a systemId', () => invoking({ src: 'work', systemId: 'worker' }), /EngineIDs/, work],
    ['onSnapshot', () => invoking({ src: 'work', onSnapshot: {} }), /onDone/, work],
    ['a guard that is not there', () => createMachine({ on: { go: { guard: 'isOdd', actions: [] } } } as never) as AnyStateMachine, /"guards"/],
    ['a delay that is not there', () => createMachine({ initial: 'a', states: { a: { after: { soon: 'a' } } } } as never) as AnyStateMachine, /"delays"/],
    ['a delay by name that is no number', () => createMachine({ initial: 'a', states: { a: { after: { soon: 'a' } } } } as never, { delays: { soon: NaN } } as never) as AnyStateMachine, /the delay soon has a delay of NaN: .*finite/],
    ['a delay that never ends', () => acting(raise({ type: 'x' }, { delay: Infinity })), /a delay of Infinity: .*finite/],
    ['what is no machine', () => ({}) as AnyStateMachine, /createMachine/],
  ]
  test.each(refused)('%s', (_what, machine, instead, play = {}) => {
    const made = machine()
    const fault = faultOf(() => stageOf(made, play))
    expect(fault.code).toBe('invalid-definition')
    expect(fault.message).toMatch(instead)
  })

  test('and what is declared as it should be is not', () => {
    const machine = setup({
      actions: { note: hostedAction<number>(), inc: assign({}), tell: enqueueActions(({ enqueue }) => enqueue('inc')) },
      actors: { work: hostedTask<string, string>() }, guards: { isOdd: () => true }, delays: { soon: 5 },
    }).createMachine({
      initial: 'a', context: {},
      states: { a: { entry: ['inc', { type: 'note', params: 1 }, 'tell'], after: { soon: { guard: 'isOdd', target: 'a' } }, invoke: { src: 'work', input: '' } } },
    })
    expect(() => stageOf(machine, { actions: { note: () => [] }, tasks: { work: () => '' } })).not.toThrow()
    expect(() => stageOf(invoking({ src: 'work' }), work)).not.toThrow()
  })
})

describe('a step crashes on what no definition shows, and the text says what to use instead', () => {
  const enqueued = (enqueue: (queue: never) => void) => acting(enqueueActions(({ enqueue: queue }) => enqueue(queue as never)))
  const busy: Play = { tasks: { work: ((_input: unknown, _live: object, signal: AbortSignal) => new Promise(resolve => signal.addEventListener('abort', resolve))) as never } }
  const leaving = (enqueue: (queue: never) => void) => createMachine({
    initial: 'a', states: { a: { invoke: { id: 'job', src: 'work' }, on: { go: { actions: enqueueActions(({ enqueue: queue }) => enqueue(queue as never)) } } } },
  } as never) as AnyStateMachine
  const passing = (place: 'entry' | 'exit' | 'always' | 'initial', actions: unknown) => createMachine({
    initial: 'a', context: {}, states: {
      a: { on: { go: 'b' }, ...place === 'exit' && { exit: actions } },
      b: {
        ...place === 'entry' && { entry: actions }, ...place === 'always' && { always: { target: 'c', actions } },
        initial: place === 'initial' ? { target: 'd', actions } : 'd', states: { d: {} },
      },
      c: {},
    },
  } as never) as AnyStateMachine
  type Queue = { (action: unknown): void; sendTo: (...args: unknown[]) => void; sendParent: (event: unknown) => void; spawnChild: (src: unknown, options?: unknown) => void; stopChild: (id: string) => void }
  const refused: [string, () => AnyStateMachine, instead: RegExp, Play?][] = [
    ['an enqueued function', () => enqueued((queue: Queue) => queue(() => {})), /hostedAction\(\)/],
    ['an enqueued function with the name of an action', () => enqueued((queue: Queue) => queue(function note() {})), /hostedAction\(\)/, { actions: { note: () => [] } }],
    ['an enqueued name that is not there', () => enqueued((queue: Queue) => queue('nothing')), /"actions" of the engine/],
    ['an enqueued sendTo', () => enqueued((queue: Queue) => queue.sendTo({ send() {} }, { type: 'x' })), /sendTo.*send\(to, message\)/],
    ['an enqueued sendTo by id', () => enqueued((queue: Queue) => queue.sendTo('kid', { type: 'x' })), /sendTo.*send\(to, message\)/],
    ['sendTo as what is enqueued', () => enqueued((queue: Queue) => queue(sendTo('kid', { type: 'x' }))), /sendTo.*send\(to, message\)/],
    ['an enqueued sendTo in an enqueued enqueueActions', () => enqueued((queue: Queue) => queue(enqueueActions(({ enqueue }) => (enqueue as unknown as Queue).sendTo('kid', { type: 'x' })))), /send\(to, message\)/],
    ['an enqueued sendTo in an action by name', () => acting('tell', { actions: { tell: enqueueActions(({ enqueue }) => (enqueue as unknown as Queue).sendTo('kid', { type: 'x' })) } }), /send\(to, message\)/],
    ['an enqueued stopChild', () => leaving((queue: Queue) => queue.stopChild('job')), /stopChild.*stop\(child\)/, busy],
    ['stopChild as what is enqueued', () => leaving((queue: Queue) => queue(stopChild('job'))), /stopChild.*stop\(child\)/, busy],
    ['stopChild by its type alone', () => leaving((queue: Queue) => queue({ type: 'xstate.stopChild', params: { id: 'job' } })), /stopChild.*stop\(child\)/, busy],
    ...(['entry', 'exit', 'always', 'initial'] as const).map((place): [string, () => AnyStateMachine, RegExp] =>
      [`an enqueued stopChild in ${place}`, () => passing(place, enqueueActions(({ enqueue }) => enqueue.stopChild('other'))), /stopChild/]),
    ['an enqueued sendParent', () => enqueued((queue: Queue) => queue.sendParent({ type: 'x' })), /sendParent: .*send\(to, message\)/],
    ['an enqueued spawnChild', () => enqueued((queue: Queue) => queue.spawnChild(child, { id: 'kid' })), /invoke a task/],
    ['an enqueued log', () => enqueued((queue: Queue) => queue(log('x'))), /emit/],
    ['spawn in assign', () => acting(assign(({ spawn }) => ({ kid: spawn(child).id }))), /invoke a task/],
    ['spawn by name in assign', () => acting(assign(({ spawn }) => { (spawn as (src: string) => void)('work'); return {} })), /invoke a task/, { tasks: { work: () => 1 } }],
    ['spawn in assign on entry', () => createMachine({ initial: 'a', context: {}, states: { a: { on: { go: 'b' } }, b: { entry: assign(({ spawn }) => ({ kid: spawn(child).id })) } } } as never) as AnyStateMachine, /invoke a task/],
    ['spawn in one field of assign', () => acting(assign({ kid: ({ spawn }) => spawn(child).id })), /invoke a task/],
    ['self', () => acting(assign(({ self }) => { self.send({ type: 'x' }); return {} })), /"self".*raise/],
    ['system', () => acting(assign(({ system }) => ({ kid: system.get('kid') }))), /"system".*get.*EngineIDs/],
    ['system in one field of assign', () => acting(assign({ kid: ({ system }) => Object.keys(system.getAll()).length })), /"system".*EngineIDs/],
    ['system where a transition has a target', () => passing('entry', assign(({ system }) => ({ kid: system.get('kid') }))), /"system".*EngineIDs/],
    ['the system of self', () => acting(assign(({ self }) => ({ kid: self.system.get('kid') }))), /"system".*EngineIDs/],
    ['system in enqueueActions', () => acting(enqueueActions(({ system }) => system.get('kid'))), /"system".*EngineIDs/],
    ['system in the event of emit', () => acting(emit(({ system }) => ({ type: 'x', kid: system.get('kid') }) as never)), /"system".*EngineIDs/],
    ['a delay that is no number', () => acting(raise({ type: 'x' }, { delay: () => NaN })), /a delay of NaN: .*finite/],
    ['an enqueued delay that never ends', () => enqueued((queue: Queue) => queue(raise({ type: 'x' }, { delay: Infinity }))), /a delay of Infinity: .*finite/],
    ['a context that is no data', () => acting(assign({ f: () => () => {} })), /can't be encoded/],
    ['an emitted event that is no data', () => acting(emit({ type: 'x', f: () => {} } as never)), /can't be encoded/],
    ['the effect update from an action', () => acting('bad'), /assign/, { actions: { bad: () => update({}) as never } }],
    ['the effect timer from an action', () => acting('bad'), /after/, { actions: { bad: () => timer('after/x', { after: 1 }) as never } }],
    ['the effect task from an action', () => acting('bad'), /invoke/, { actions: { bad: () => task('work', 1, { key: 'x' }) as never } }],
    ['the effect defer from an action', () => acting('bad'), /context.*keep\(replyTo\)/, { actions: { bad: () => defer('later') as never } }],
    ['the effect defer among others', () => acting('bad'), /context.*keep\(replyTo\)/, { actions: { bad: ((_params: unknown, { self }: { self: never }) => [send(self, { type: 'Send', event: 'x', n: 0 } as never), defer('later')]) as never } }],
    ['what is no effect', () => acting('bad'), /no effect/, { actions: { bad: () => 'text' as never } }],
    ['an action that throws', () => acting('bad'), /on purpose/, { actions: { bad: () => { throw new Error('on purpose') } } }],
    ['an event without a type', () => acting(emit({ type: 'x' })), /\{ type/, { events: { Send: () => ({}) as never, AskRequest: () => undefined } }],
    ['xstate.stop', () => acting(emit({ type: 'x' })), /stop\(\)/, { events: { Send: () => ({ type: 'xstate.stop' }), AskRequest: () => undefined } }],
    ['xstate.stop where no transition has a target', () => acting(assign({})), /stop\(\)/, { events: { Send: () => ({ type: 'xstate.stop' }), AskRequest: () => undefined } }],
  ]
  test.each(refused)('S11, S52: %s', async (_what, machine, instead, play = {}) => {
    await withStage(machine(), play, async ({ seen, send: sendEvent }) => {
      expect(endOf(seen)).toBeUndefined()
      await sendEvent('go')
      const end = endOf(seen)
      expect(end).toMatchObject({ kind: 'ended', reason: 'crashed' })
      expect(String((end as { error?: unknown }).error)).toMatch(instead)
      expect(seen.filter(event => event.kind === 'emitted')).toEqual([])
    })
  })

  test('a machine that is hosted is not changed by it', () => {
    const kid = fromCallback(() => {})
    const config = { initial: 'a', states: { a: { invoke: { id: 'kid', src: 'kid' }, on: { go: { actions: enqueueActions(({ enqueue }) => enqueue.stopChild('kid')) } } } } }
    const machine = createMachine(config as never, { actors: { kid: hostedTask() } } as never) as AnyStateMachine
    stageOf(machine, { tasks: { kid: () => 1 } })
    const actor = createActor(machine.provide({ actors: { kid } })).start()
    expect(Object.keys(actor.getSnapshot().children)).toEqual(['kid'])
    actor.send({ type: 'go' })
    expect(Object.keys(actor.getSnapshot().children)).toEqual([])
    actor.stop()
  })

  test('S28: a context that spawns, or throws, is one that cannot start', async () => {
    for (const [context, text] of [[({ spawn }: { spawn: (logic: unknown) => { id: string } }) => ({ kid: spawn(child).id }), /invoke a task/], [() => { throw new Error('on purpose') }, /on purpose/]] as const) {
      await expect(withStage(createMachine({ context } as never) as AnyStateMachine, {}, async () => {})).rejects.toThrow(text)
    }
  })

  test('S15: a request that no action answers crashes', async () => {
    await withStage(acting('note'), { actions: { note: (_p, { self }) => send(self, { type: 'Send', event: 'none', n: 0 }) } }, async ({ client, to }) => {
      await expect(client.ask(to, { type: 'AskRequest', event: 'go' })).rejects.toMatchObject({ code: 'crashed' })
    })
  })
})
