import fc from 'fast-check'
import { assign, createMachine } from 'xstate'
import type { AnyStateMachine } from 'xstate'
import { describe, expect, test, vi } from 'vitest'
import { simulate } from '../../src/simulation.ts'
import { EVENTS, machineOf } from './machines.ts'
import { OurEngine, TheirActor } from './peers.ts'
import type { Told } from './peers.ts'

type Command =
  | { readonly do: 'send'; readonly event: string; readonly n: number }
  | { readonly do: 'wait'; readonly hundreds: number }
  | { readonly do: 'settle'; readonly which: number; readonly isGood: boolean }

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('send' as const), event: fc.constantFrom(...EVENTS), n: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), hundreds: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(3), isGood: fc.boolean() }) },
)

/** How often each thing happened, so that the comparison is known to have compared something. */
interface Tally { transitions: number; unhandled: number; notes: number; emitted: number; tasks: number; timers: number; waits: number; done: number; errors: number }

const noTally = (): Tally => ({ transitions: 0, unhandled: 0, notes: 0, emitted: 0, tasks: 0, timers: 0, waits: 0, done: 0, errors: 0 })

/** Plays the same commands to both, and compares all that can be told of them after each. */
async function compare(machine: AnyStateMachine, seed: number, n: number, commands: readonly Command[], forgets: boolean, tally: Tally): Promise<void> {
  const theirs = new TheirActor(machine, n)
  const sim = simulate({ seed })
  const node = sim.createNode()
  const ours = new OurEngine(sim, node)
  await sim.run(async () => {
    await ours.start(node, machine, n, forgets)
    await theirs.pass(0)
    let isOver = !same(ours.told(), theirs.told())
    for (const each of commands) {
      if (isOver) break
      if (each.do === 'send') {
        const event = { type: each.event, n: each.n }
        const [isIgnored, before] = [theirs.ignores(event), ours.unhandled]
        theirs.send(event)
        ours.tell(event)
        await ours.pass(0)
        expect(ours.unhandled - before).toBe(isIgnored ? 1 : 0)
        tally[isIgnored ? 'unhandled' : 'transitions']++
      } else if (each.do === 'settle') {
        for (const { desk } of [ours, theirs]) desk.settle(each.which, each.isGood)
        await ours.pass(0)
        await theirs.pass(0)
      } else {
        // Steps take a moment on our side: whether a timer comes before another that runs out with it is not compared.
        if (!await theirs.pass(each.hundreds * 100 + 47)) return node.stop()
        await ours.pass(each.hundreds * 100 + 47)
        tally.waits++
      }
      isOver = !same(ours.told(), theirs.told())
    }
    const { notes, emitted, tasks, status } = ours.told()
    tally.notes += notes.length
    tally.emitted += emitted.length
    tally.tasks += tasks.length
    tally.timers += ours.seen.filter(event => event.kind === 'step' && event.on === 'timer').length
    tally.done += Number(status === 'done')
    tally.errors += Number(status === 'error')
    await node.stop()
  })
}

/** A step that crashes does nothing at all, where XState has done what came before the error: only that it failed is compared. */
function same(ours: Told, theirs: Told): boolean {
  if (theirs.status === 'error' || ours.status === 'error') {
    expect(ours.status).toBe(theirs.status)
    return false
  }
  expect(ours).toEqual(theirs)
  return true
}

// XState warns of timers that outlive their actor: those it did not cancel, as when two were set under one id.
vi.spyOn(console, 'warn').mockImplementation(() => {})

describe('a hosted machine does what it does under createActor', () => {
  test.each([['from the snapshot at hand', false], ['from its environment alone, encoded and decoded', true]])('S11, S26, S52, S53: %s', async (_how, forgets) => {
    const tally = noTally()
    await fc.assert(fc.asyncProperty(fc.nat(1_000_000), fc.nat(9), fc.array(command, { minLength: 1, maxLength: 13 }),
      (seed, n, commands) => compare(machineOf(seed), seed, n, commands, forgets, tally)), { numRuns: 300, endOnFailure: false })
    for (const count of Object.values(tally)) expect(count).toBeGreaterThan(0)
  }, 60_000)

  // Two regions take one event: the one stays, by its history, in what the other leaves. XState then has a state without its parents.
  test.each([false, true])('S26: in a state that is active without its parents (forgets: %s)', async forgets => {
    const machine = createMachine({
      id: 'm', initial: 'both', context: { n: 0 },
      states: {
        both: {
          type: 'parallel', on: { leave: 'out' },
          states: {
            one: { initial: 'in', states: { in: { on: { go: 'past', ping: { actions: assign({ n: ({ context }) => context.n + 1 }) } } }, past: { type: 'history', history: 'deep' } } },
            other: { on: { go: '#out' } },
          },
        },
        out: { id: 'out', initial: 'there', on: { back: 'both' }, states: { there: {} } },
      },
    })
    const tally = noTally()
    await compare(machine, 1, 0, ['leave', 'back', 'go', 'ping'].map(event => ({ do: 'send', event, n: 0 })), forgets, tally)
    expect(tally.transitions).toBe(4)
  })
})
