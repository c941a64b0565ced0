import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { always, child, rule, send, spawn, timer, update } from '../../src/index.ts'
import type { Effect, Engine } from '../../src/index.ts'
import { expectedOf, inWorld, programs, refOf, ruleData, runOf, subject } from './subject.ts'
import type { Do, DoRules, Subject, SubjectConfig, SubjectEnvironment } from './subject.ts'

// Rules of Anoma's specification (anoma/nspec, v0.2.0; docs/arch/node/types unless another folder is named) in our own words. Where it
// is silent, or its own code leaves a hole, the test holds what we decided, and says so.

type Act = (t: Do, config: SubjectConfig, environment: SubjectEnvironment) => readonly Effect<Subject>[] | undefined

/** One rule that always holds, with these actions. */
function sequence(...acts: readonly Act[]): DoRules {
  const [first = () => undefined, ...rest] = acts.map(act => (_args: unknown, t: Do, c: SubjectConfig, e: SubjectEnvironment) => act(t, c, e))
  return rule(() => true, first, ...rest)
}

const log = (e: SubjectEnvironment, text: string) => update<SubjectEnvironment>({ ...e, log: [...e.log, text] })

describe('actions', () => {
  // engine_behaviour.juvix.md, "ActionExec" and "ActionEffect"; integration/simulator.juvix.md, executeGuardOutput.
  test('S13: the actions of a sequence run in order; the environment that one leaves is given to the next, that of the last is kept', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 4 }), async (seed, changes, count) => {
      await inWorld(seed, async ({ node, client, sim }) => {
        const given: SubjectEnvironment[] = []
        const left: SubjectEnvironment[] = []
        const onDo = sequence(...changes.map((doesChange, i): Act => (_t, _c, e) => {
          given.push(e)
          const next = doesChange ? { ...e, log: [...e.log, `${i}`] } : e
          left.push(next)
          return doesChange ? [update(next)] : []
        }))
        const to = await node.spawn(subject({ onDo }), { name: 'subject' })
        for (let n = 0; n < count; n++) client.tell(to, { type: 'Do', n })
        await sim.sleep(1)
        expect(given.length).toBe(changes.length * count)
        // Also from step to step.
        for (const [i, environment] of given.entries()) if (i > 0) expect(environment).toBe(left[i - 1])
      })
    }), { numRuns: 40 })
  })

  // engine_behaviour.juvix.md, "Action": an action may answer nothing. integration/simulator.juvix.md, executeGuardOutput: such a one is passed over; when
  // all are, there is no step. Decided: the message is a dead letter then.
  test('S13, S14: an action that answers nothing is passed over; if all do, nothing has happened', async () => {
    await fc.assert(fc.asyncProperty(programs(ruleData.map(({ guard, actions }) => ({ guard: { ...guard, atLeast: 0 }, actions }))), async ({ seed, tree, limit, numbers }) => {
      const { log: logged, sent, dead } = await runOf(seed, tree, limit, numbers)
      expect({ log: logged, sent, dead }).toEqual(expectedOf(tree, limit, numbers))
      expect(dead.length).toBe(tree.actions.every(({ declines }) => declines) ? numbers.length : 0)
    }), { numRuns: 60 })
  })

  // engine_behaviour.juvix.md, "ActionEffect", msgs; integration/simulator.juvix.md, executeGuardOutput.
  test('S2, S12: the messages of a sequence leave in the order of its actions, and within an action in that of its effects', async () => {
    const sends = fc.array(fc.array(fc.nat(2), { maxLength: 3 }), { minLength: 1, maxLength: 4 })
    await fc.assert(fc.asyncProperty(fc.nat(), sends, fc.integer({ min: 1, max: 3 }), async (seed, acts, count) => {
      await inWorld(seed, async ({ node, client, sim, logOf }) => {
        const sinks = await Promise.all([0, 1, 2].map(i => node.spawn(subject(), { name: `sink-${i}` })))
        const onDo = sequence(...acts.map((targets, i): Act => t => targets.map((s, j) => send(refOf(sinks[s] ?? t.self), { type: 'Note', text: `${t.msg.n} ${i} ${j}` }))))
        const to = await node.spawn(subject({ onDo }), { name: 'subject' })
        for (let n = 0; n < count; n++) client.tell(to, { type: 'Do', n })
        await sim.sleep(1)
        for (const [s, sink] of sinks.entries()) {
          const expected = Array.from({ length: count }, (_, n) => acts.flatMap((targets, i) => targets.flatMap((target, j) => target === s ? [`${n} ${i} ${j}`] : [])))
          expect(await logOf(sink)).toEqual(expected.flat())
        }
      })
    }), { numRuns: 40 })
  })

  // integration/simulator.juvix.md, updateNetworkState: what a step sends comes behind what is under way.
  test('S2: what an engine sends itself comes behind what waited before', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.integer({ min: 1, max: 6 }), async (seed, count) => {
      await inWorld(seed, async ({ node, client, sim, logOf }) => {
        const to = await node.spawn(subject({ onDo: sequence((t, _c, e) => [send(t.self, { type: 'Note', text: `note ${t.msg.n}` }), log(e, `do ${t.msg.n}`)]) }), { name: 'subject' })
        for (let n = 0; n < count; n++) client.tell(to, { type: 'Do', n })
        await sim.sleep(1)
        const numbers = Array.from({ length: count }, (_, n) => n)
        expect(await logOf(to)).toEqual([...numbers.map(n => `do ${n}`), ...numbers.map(n => `note ${n}`)])
      })
    }), { numRuns: 20 })
  })

  // engine_behaviour.juvix.md, "ActionEffect", engines; integration/simulator.juvix.md, updateNetworkState. There a name that is taken replaces the
  // engine that has it. Decided: an action numbers its children, none twice, and they are there for the messages of their own step.
  test('S12, S27: the engines of all actions are spawned, each with its configuration, and take the messages of the same step', async () => {
    const kid = subject()
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.nat(3), { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 3 }), async (seed, counts, steps) => {
      await inWorld(seed, async ({ node, client, sim, logOf, events }) => {
        const onDo = sequence(...counts.map((count, i): Act => (t, _c, e) => {
          const kids = Array.from({ length: count }, (_, j) => ({ as: child(kid, t.self, e.children + j), text: `${t.msg.n} ${i} ${j}` }))
          return [
            // Ahead of the spawns, to show that this order does not matter.
            ...kids.map(({ as, text }) => send(as, { type: 'Note', text })),
            ...kids.map(({ as, text }) => spawn(kid, { as, config: { log: [text] } })),
            update({ ...e, children: e.children + count }),
          ]
        }))
        const to = await node.spawn(subject({ onDo, children: (): readonly Engine<never>[] => [kid] }), { name: 'subject' })
        for (let n = 0; n < steps; n++) client.tell(to, { type: 'Do', n })
        await sim.sleep(1)
        const texts = Array.from({ length: steps }, (_, n) => counts.flatMap((count, i) => Array.from({ length: count }, (_each, j) => `${n} ${i} ${j}`))).flat()
        const spawned = events.flatMap(event => event.kind === 'spawned' && event.parent !== undefined ? [event.engine] : [])
        expect(spawned.map(({ name }) => name)).toEqual(texts.map((_, i) => `subject/${i}`))
        for (const [i, engine] of spawned.entries()) expect(await logOf(refOf(engine))).toEqual([texts[i], texts[i]])
      })
    }), { numRuns: 30 })
  })

  // engine_behaviour.juvix.md, "ActionEffect", timers.
  test('S12, S26: the timers of all actions are set; of two for one handle the later counts', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 50 })), { minLength: 1, maxLength: 8 }), async (seed, sets) => {
      await inWorld(seed, async ({ node, client, sim, logOf }) => {
        const to = await node.spawn(subject({
          onDo: sequence(...sets.map(([handle, after]): Act => () => [timer(`tick/${handle}`, { after })])),
          onTimer: always((t, _c, e) => log(e, t.handle)),
        }), { name: 'subject' })
        client.tell(to, { type: 'Do', n: 0 })
        await sim.sleep(100)
        expect((await logOf(to)).toSorted()).toEqual([...new Set(sets.map(([handle]) => `tick/${handle}`))].toSorted())
      })
    }), { numRuns: 40 })
  })

  // integration/simulator.juvix.md, evaluateAndExecute, asks whether a reaction should be all or nothing. Decided: it is.
  test.each<[string, (t: Do, e: SubjectEnvironment) => unknown]>([
    ['throws', () => { throw new Error('no') }],
    ['answers with a promise', () => Promise.resolve([])],
    ['returns an effect that is not valid', t => timer('tick', { after: -t.msg.n - 1 })],
    ['leaves an environment that is no data', (_t, e) => update({ ...e, log: [Symbol('no data')] })],
  ])('S11: when any action of a sequence %s, nothing of the others happens either', async (_name, bad) => {
    const kid = subject()
    await fc.assert(fc.asyncProperty(fc.nat(), fc.nat(3), fc.nat(3), async (seed, before, after) => {
      await inWorld(seed, async ({ node, client, sim, sink, logOf, dead, events }) => {
        const good: Act = (t, _c, e) => [
          send(sink, { type: 'Note', text: 'no' }), timer('tick', { after: 1 }), spawn(kid, { as: child(kid, t.self, e.children) }), update({ ...e, children: e.children + 1 }),
        ]
        const wrong: Act = (t, _c, e) => bad(t, e) as ReturnType<Act>
        const acts = [...Array.from({ length: before }, () => good), wrong, ...Array.from({ length: after }, () => good)]
        let elapsed = 0
        const to = await node.spawn(subject({ onDo: sequence(...acts), onTimer: always(() => { elapsed++; return [] }), children: (): readonly Engine<never>[] => [kid] }), { name: 'subject' })
        client.tell(to, { type: 'Do', n: 0 })
        await sim.sleep(10)
        expect(await logOf(sink)).toEqual([])
        expect(elapsed).toBe(0)
        expect(events.flatMap(event => event.kind === 'spawned' ? [event.engine.name] : [])).toEqual(['sink', 'subject'])
        expect(dead()).toEqual(['crashed'])
      })
    }), { numRuns: 10 })
  })

  // engine_behaviour.juvix.md, at its head.
  test('S10: an engine handles one message at a time, whoever sends: each step begins where the one before it ended', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.nat(3), { minLength: 1, maxLength: 30 }), async (seed, senders) => {
      await inWorld(seed, async ({ node, sim, logOf }) => {
        let inside = 0
        let last: SubjectEnvironment | undefined
        const enter: Act = (_t, _c, e) => {
          expect(inside++).toBe(0)
          if (last !== undefined) expect(e).toBe(last)
          return []
        }
        const leave: Act = (t, _c, e) => {
          inside--
          last = { ...e, log: [...e.log, `${t.sender.name} ${t.msg.n}`] }
          return [update(last)]
        }
        const to = await node.spawn(subject({ onDo: sequence(enter, leave) }), { name: 'subject' })
        const relay = await node.spawn(subject({ onDo: sequence(t => [send(to, t.msg)]) }), { name: 'relay' })
        for (const [n, s] of senders.entries()) node.client(`c${s}`).tell(s === 3 ? relay : to, { type: 'Do', n })
        await sim.sleep(1)
        expect((await logOf(to)).toSorted()).toEqual(senders.map((s, n) => `${s === 3 ? 'relay' : `c${s}`} ${n}`).toSorted())
      })
    }), { numRuns: 40 })
  })

  // The tutorial's template_behaviour.juvix.md, exampleReplyAction, writes its own name as the sender, and could write another. Decided: the
  // runtime writes it. anomian.juvix.md, chapter 1: an engine may send to itself.
  test('S1: a message that an action sends has its engine as sender, to whomever it goes', async () => {
    await inWorld(1, async ({ node, client, sim }) => {
      const seen: string[] = []
      const onDo = sequence(t => {
        seen.push(`${t.sender.name} to ${t.self.name}`)
        // A message has no field for a sender, and an effect that has one is not heard.
        return t.msg.n === 0 ? [] : [Object.assign(send(t.self, { type: 'Do', n: 0 }), { sender: t.sender }), Object.assign(send(refOf({ node: null, name: 'other' }), { type: 'Do', n: 0 }), { sender: t.sender })]
      })
      const family = subject({ onDo })
      const to = await node.spawn(family, { name: 'subject' })
      await node.spawn(family, { name: 'other' })
      client.tell(to, { type: 'Do', n: 1 })
      await sim.sleep(1)
      expect(seen.toSorted()).toEqual(['client to subject', 'subject to other', 'subject to subject'])
    })
  })

  // integration/simulator.juvix.md, step: a message to an engine that is not there is taken away. Decided: it is a dead letter, never lost in
  // silence.
  test('S4: a message to an engine that is not there is a dead letter, and its sender goes on', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.boolean(), { maxLength: 8 }), async (seed, isThere) => {
      await inWorld(seed, async ({ node, client, sim, sink, logOf, dead }) => {
        const onDo = sequence((t, _c, e) => [send(isThere[t.msg.n] ? sink : refOf({ node: null, name: 'nobody' }), { type: 'Note', text: `${t.msg.n}` }), log(e, `${t.msg.n}`)])
        const to = await node.spawn(subject({ onDo }), { name: 'subject' })
        for (const n of isThere.keys()) client.tell(to, { type: 'Do', n })
        await sim.sleep(1)
        expect(await logOf(to)).toEqual([...isThere.keys()].map(String))
        expect(await logOf(sink)).toEqual([...isThere.keys()].filter(n => isThere[n]).map(String))
        expect(dead()).toEqual(isThere.filter(each => !each).map(() => 'stopped'))
      })
    }), { numRuns: 20 })
  })
})
