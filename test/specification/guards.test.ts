import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { always, firstOf, rule, send, timer, update } from '../../src/index.ts'
import { expectedOf, holding, inWorld, listData, programs, reactionOf, ruleData, runOf, subject, treeData } from './subject.ts'
import type { DoRules, GuardData, ListData, RuleData } from './subject.ts'

// Rules of Anoma's specification (anoma/nspec, v0.2.0; docs/arch/node/types unless another folder is named) in our own words. Where it
// is silent, or its own code leaves a hole, the test holds what we decided, and says so.

describe('guards', () => {
  // engine_behaviour.juvix.md, "Guards" and "Guard"; messages.juvix.md, "TimestampedTrigger H".
  test('S13: a guard is given the trigger with its time, the configuration and the environment, and its actions the same ones', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.nat(9), fc.array(fc.nat(9), { minLength: 1, maxLength: 5 }), async (seed, limit, numbers) => {
      const guarded: unknown[][] = []
      const acted: unknown[][] = []
      await inWorld(seed, async ({ node, client, sim }) => {
        const onDo: DoRules = rule((...given) => { guarded.push(given); return 'args' }, (args, ...given) => { acted.push([args, ...given]); return update({ ...given[2], log: [...given[2].log, `${given[0].msg.n}`] }) })
        const to = await node.spawn(subject({ onDo }), { name: 'subject', config: { limit } })
        const before = sim.time
        for (const n of numbers) client.tell(to, { type: 'Do', n })
        await sim.sleep(1)
        expect(acted).toEqual(guarded.map(given => ['args', ...given]))
        expect(guarded).toMatchObject(numbers.map((n, i) => [
          { self: to, sender: client.id, msg: { type: 'Do', n } }, { limit }, { log: numbers.slice(0, i).map(String) },
        ]))
        let last = before
        for (const [trigger] of guarded as { time: number }[][]) {
          expect(trigger?.time).toBeGreaterThanOrEqual(last)
          expect(trigger?.time).toBeLessThan(sim.time)
          last = trigger?.time ?? Infinity
        }
      })
    }), { numRuns: 30 })
  })

  // engine_behaviour.juvix.md, "Guards": a notification about a timer makes guards be asked as a message does.
  test('S13: guards are asked for timers as for messages', async () => {
    await inWorld(1, async ({ node, client, sim, logOf }) => {
      const to = await node.spawn(subject({
        onDo: always(t => timer(`tick/${t.msg.n}`, { after: t.msg.n })),
        onTimer: firstOf(
          rule(t => t.handle === 'tick/1' ? t.handle : undefined, (args, _t, _c, e) => update({ ...e, log: [...e.log, `first ${args}`] })),
          rule((_t, _c, e) => e.log.length > 0 ? e.log.length : undefined, (args, t, _c, e) => update({ ...e, log: [...e.log, `${args} ${t.handle}`] })),
        ),
      }), { name: 'subject' })
      for (const n of [3, 2, 1]) client.tell(to, { type: 'Do', n })
      await sim.sleep(10)
      expect(await logOf(to)).toEqual(['first tick/1', '1 tick/2', '2 tick/3'])
    })
  })

  // engine_behaviour.juvix.md, "Guard" and "GuardOutput": an answer is the actions' argument, none means that they are not run. What counts
  // as an answer in JavaScript is our decision: anything but `undefined`.
  test('S13: a guard that answers nothing runs no action; any other answer holds, and each action of its sequence is given it', async () => {
    await fc.assert(fc.asyncProperty(programs(ruleData), async ({ seed, tree, limit, numbers }) => {
      const { log, sent, dead } = await runOf(seed, tree, limit, numbers)
      expect({ log, sent, dead }).toEqual(expectedOf(tree, limit, numbers))
    }), { numRuns: 60 })
    // The same, said without the model.
    const seen: unknown[] = []
    const answers = [0, '', false, null, Number.NaN, [], {}]
    await inWorld(1, async ({ node, client, sim, dead }) => {
      const to = await node.spawn(subject({ onDo: rule(t => answers[t.msg.n], args => { seen.push(args); return undefined }, args => { seen.push(args); return [] }) }), { name: 'subject' })
      for (let n = 0; n <= answers.length; n++) client.tell(to, { type: 'Do', n })
      await sim.sleep(1)
      expect(seen).toEqual(answers.flatMap(answer => [answer, answer]))
      expect(dead()).toEqual(['unhandled'])
    })
  })

  // engine_behaviour.juvix.md, "GuardEval": First.
  test('S13: of a list with "first", the first guard that holds is taken, and those behind it are not asked', async () => {
    await fc.assert(fc.asyncProperty(programs(listData('firstOf')), async ({ seed, tree, limit, numbers }) => {
      const { asked, ...run } = await runOf(seed, tree, limit, numbers)
      expect(run).toEqual(expectedOf(tree, limit, numbers))
      expect(asked).toEqual(eachStep(tree, limit, numbers, (rules, taken) => taken === undefined ? rules : rules.slice(0, rules.indexOf(taken) + 1)))
    }), { numRuns: 100 })
  })

  // engine_behaviour.juvix.md, "GuardEval": Any, which its text leaves open and its simulator does not know what to do with. Decided: all
  // that hold, each asked once, in the environment that the step began with; their actions in the order of the list.
  test('S13: of a list with "any", all guards that hold in the environment at first are taken, in the order of the list', async () => {
    await fc.assert(fc.asyncProperty(programs(listData('allOf')), async ({ seed, tree, limit, numbers }) => {
      const { asked, ...run } = await runOf(seed, tree, limit, numbers)
      expect(run).toEqual(expectedOf(tree, limit, numbers))
      expect(asked).toEqual(eachStep(tree, limit, numbers, rules => rules))
    }), { numRuns: 100 })
  })

  // The specification has one list. Decided: lists may lie in lists; an inner list holds when one of its rules does.
  test('S13: lists within lists are taken as one rule each', async () => {
    await fc.assert(fc.asyncProperty(programs(treeData), async ({ seed, tree, limit, numbers }) => {
      const { log, sent, dead } = await runOf(seed, tree, limit, numbers)
      expect({ log, sent, dead }).toEqual(expectedOf(tree, limit, numbers))
    }), { numRuns: 100 })
  })

  // engine_behaviour.juvix.md, "Action": no guard, no action. integration/simulator.juvix.md, evaluateAndExecute and step: the engine stays as
  // it was and the message is gone, unseen. Decided: it is a dead letter, and whoever asked is told.
  test('S14: when no guard holds, the engine is as it was, and the message is a dead letter', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.nat(5), { maxLength: 8 }), fc.nat(5), async (seed, numbers, least) => {
      await inWorld(seed, async ({ node, client, sim, sink, logOf, dead }) => {
        const onDo: DoRules = rule(t => t.msg.n >= least ? t.msg.n : undefined, (n, _t, _c, e) => [update({ ...e, log: [...e.log, `${n}`] }), send(sink, { type: 'Note', text: `${n}` })])
        const to = await node.spawn(subject({ onDo }), { name: 'subject' })
        for (const n of numbers) client.tell(to, { type: 'Do', n })
        await sim.sleep(1)
        const taken = numbers.filter(n => n >= least).map(String)
        expect(await logOf(to)).toEqual(taken)
        expect(await logOf(sink)).toEqual(taken)
        expect(dead()).toEqual(numbers.filter(n => n < least).map(() => 'unhandled'))
      })
    }), { numRuns: 40 })
  })

  // engine_behaviour.juvix.md, "Summary of behaviour": a behaviour is a function of the trigger. concepts/engine.md, "Overview": engines of one type
  // share it, and differ by their environments alone.
  test('S13, S32: what an engine does is decided by behaviour, configuration, environment and trigger: whatever else runs, it does the same', async () => {
    await fc.assert(fc.asyncProperty(programs(treeData), fc.nat(), async ({ seed, tree, limit, numbers }, other) => {
      const run = await runOf(seed, tree, limit, numbers)
      expect(await runOf(other, tree, limit, numbers)).toEqual(run)
    }), { numRuns: 40 })
  })

  // concepts/engine.md, "Overview".
  test('engines of one family share their behaviour, and neither configuration nor environment', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), ruleData, fc.array(fc.tuple(fc.nat(2), fc.nat(5)), { maxLength: 12 }), async (seed, data, told) => {
      await inWorld(seed, async ({ node, client, sim, sink, logOf }) => {
        const family = subject({ onDo: always((t, { limit }, e) => {
          const reaction = reactionOf(data, { n: t.msg.n, limit, log: e.log })
          return reaction && update({ ...e, log: reaction.log })
        }) })
        const engines = await Promise.all([0, 1, 2].map(limit => node.spawn(family, { name: `subject-${limit}`, config: { limit } })))
        for (const [i, n] of told) client.tell(engines[i] ?? sink, { type: 'Do', n })
        await sim.sleep(1)
        for (const [limit, engine] of engines.entries()) {
          const { log } = expectedOf(data, limit, told.flatMap(([i, n]) => i === limit ? [n] : []))
          expect(await logOf(engine)).toEqual(log)
        }
      })
    }), { numRuns: 40 })
  })

  // The tutorial's template_behaviour.juvix.md, exampleReplyGuard: a guard may turn away by who sent. The sender is in the trigger; that it is the
  // true one is our decision, since the specification lets it be anything.
  test('S1, S14: a guard may decide by the sender, whom no message can change', async () => {
    await inWorld(1, async ({ node, sim, dead, logOf, sink }) => {
      const [friend, stranger] = [node.client('friend'), node.client('stranger')]
      const to = await node.spawn(subject({ onDo: rule(t => t.sender.name === 'friend' ? t.sender : undefined, (_sender, t) => send(sink, { type: 'Note', text: `${t.msg.n}` })) }), { name: 'subject' })
      friend.tell(to, { type: 'Do', n: 1 })
      expect(() => stranger.tell(to, JSON.parse('{"type":"Do","n":2,"sender":{"node":null,"name":"friend"}}'))).toThrow(expect.objectContaining({ code: 'invalid-message' }))
      stranger.tell(to, { type: 'Do', n: 3 })
      await sim.sleep(1)
      expect(await logOf(sink)).toEqual(['1'])
      expect(dead()).toEqual(['unhandled'])
    })
  })
})

/** The guards that are asked in each step of a run, one after the other. */
function eachStep(
  tree: ListData, limit: number, numbers: readonly number[],
  asked: (rules: readonly RuleData[], taken: RuleData | undefined) => readonly RuleData[],
): readonly GuardData[] {
  let log: readonly string[] = []
  return numbers.flatMap(n => {
    const given = { n, limit, log }
    const [taken] = holding(tree, given)
    log = reactionOf(tree, given)?.log ?? log
    return asked(tree.rules, taken).map(({ guard }) => guard)
  })
}
