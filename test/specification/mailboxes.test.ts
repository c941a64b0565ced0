import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { reply, send, updateMailbox } from '../../src/index.ts'
import { inPostWorld, post } from '../runtime/post.ts'
import type { PostState } from '../runtime/post.ts'

// Rules of Anoma's specification (anoma/nspec, v0.2.0; docs/arch/node/types unless another folder is named) in our own words. Where it
// is silent, or its own code leaves a hole, the test holds what we decided, and says so. In its simulator messages never enter a
// mailbox: what is said of them is in types and prose.

const told = fc.array(fc.record({ to: fc.nat(1), mailbox: fc.nat(2) }), { maxLength: 30 })

describe('mailboxes', () => {
  // messages.juvix.md, "EngineMsg": the identifier is optional. engine_environment.juvix.md, "On the mailbox cluster": who needs no cluster may use 0.
  // anomian.juvix.md, chapter 4: there is at least one.
  test('S44: each engine has a mailbox, 0, in which all comes for which no other is named', async () => {
    for (const mailboxes of [undefined, {}, { 3: {} }]) {
      await inPostWorld(1, async ({ sim, node }) => {
        const seen: number[] = []
        const to = await node.spawn(post({ ...mailboxes && { mailboxes }, put: t => { seen.push(t.mailbox); return [] }, get: t => { seen.push(t.mailbox); return reply({ n: 1 }) } }), { name: 'post' })
        const a = node.client('a')
        a.tell(to, { type: 'Put', n: 1 })
        a.tell(to, { type: 'Put', n: 1 }, {})
        a.tell(to, { type: 'Put', n: 1 }, { mailbox: 0 })
        await a.ask(to, { type: 'GetRequest', n: 1 })
        await sim.sleep(1)
        expect(seen).toEqual([0, 0, 0, 0])
      })
    }
  })

  // messages.juvix.md, "Types": identifiers are unique to their engine alone. "Mailbox S": messages, and optionally a state.
  test('S44, S47: a mailbox is its engine\'s own: the same number elsewhere is another mailbox, with other messages and another state', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), told, async (seed, list) => {
      await inPostWorld(seed, async ({ sim, node }) => {
        const seen = [[], []] as { n: number; mailbox: number; state: PostState | undefined }[][]
        // Each message leaves its number with its mailbox.
        const engines = await Promise.all([0, 1].map(i => node.spawn(post({
          mailboxes: { 1: { state: { last: -1 } }, 2: {} },
          put: t => { seen[i]?.push({ n: t.msg.n, mailbox: t.mailbox, state: t.mailboxState }); return updateMailbox(t.mailbox, { last: t.msg.n }) },
        }), { name: `post-${i}` })))
        for (const [n, { to, mailbox }] of list.entries()) {
          const engine = engines[to]
          if (engine !== undefined) node.client('a').tell(engine, { type: 'Put', n }, { mailbox })
        }
        await sim.sleep(1)
        for (const i of [0, 1]) {
          for (const id of [0, 1, 2]) {
            const numbers = list.flatMap(({ to, mailbox }, n) => to === i && mailbox === id ? [n] : [])
            const states = [id === 1 ? { last: -1 } : undefined, ...numbers.map(last => ({ last }))]
            expect(seen[i]?.filter(({ mailbox }) => mailbox === id)).toEqual(numbers.map((n, at) => ({ n, mailbox: id, state: states[at] })))
          }
        }
      })
    }), { numRuns: 40 })
  })

  // anomian.juvix.md, chapter 4: a mailbox is a queue of messages. messages.juvix.md, "Mailbox S", has a list. Decided: first in, first out for each sender; nothing is
  // said between mailboxes but by priority, which is the family's to say, and not the state's.
  test('S2: what comes in a mailbox is handled in the order in which it came', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), told, async (seed, list) => {
      await inPostWorld(seed, async ({ sim, node }) => {
        const seen: number[][] = [[], [], []]
        const to = await node.spawn(post({ mailboxes: { 1: { priority: 1 }, 2: { priority: -1 } }, put: t => { seen[t.mailbox]?.push(t.msg.n); return [] } }), { name: 'post' })
        for (const [n, { to: who, mailbox }] of list.entries()) node.client(`c${who}`).tell(to, { type: 'Put', n }, { mailbox })
        await sim.sleep(1)
        expect(seen).toEqual([0, 1, 2].map(id => list.flatMap(({ mailbox }, n) => mailbox === id ? [n] : [])))
      })
    }), { numRuns: 40 })
  })

  // messages.juvix.md, "EngineMsg" and "Trigger H": what arrived is told with its sender, its target and its mailbox.
  test('S1: a trigger says who sent, to whom, and in which mailbox it came', async () => {
    await inPostWorld(1, async ({ sim, node }) => {
      const seen: object[] = []
      const to = await node.spawn(post({ mailboxes: { 4: {} }, put: t => { seen.push({ sender: t.sender, self: t.self, mailbox: t.mailbox, msg: t.msg }); return [] } }), { name: 'post' })
      const relay = await node.spawn(post({ put: t => send(to, t.msg, { mailbox: t.msg.n }) }), { name: 'relay' })
      const a = node.client('a')
      a.tell(to, { type: 'Put', n: 4 }, { mailbox: 4 })
      await sim.sleep(1)
      a.tell(relay, { type: 'Put', n: 4 })
      await sim.sleep(1)
      const msg = { type: 'Put', n: 4 }
      expect(seen).toEqual([{ sender: a.id, self: to, mailbox: 4, msg }, { sender: relay, self: to, mailbox: 4, msg }])
    })
  })

  // anomian.juvix.md, chapter 4: what is sent is delivered, sooner or later. Decided: at most once, and with a dead letter for what is not: no mailbox of that number
  // among them.
  test('S3, S4: each message is handled once, or is a dead letter with its reason', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.nat(6), { maxLength: 30 }), fc.integer({ min: 1, max: 5 }), async (seed, mailboxes, capacity) => {
      await inPostWorld(seed, async ({ sim, node, events }) => {
        const seen: number[] = []
        const to = await node.spawn(post({ mailboxes: { 0: { capacity }, 2: { capacity, overflow: 'drop-newest' }, 4: { capacity, overflow: 'drop-oldest' } }, put: t => { seen.push(t.msg.n); return [] } }), { name: 'post' })
        for (const [n, mailbox] of mailboxes.entries()) node.client('a').tell(to, { type: 'Put', n }, { mailbox })
        await sim.sleep(1)
        const dead = events.flatMap(event => event.kind === 'dead-letter' ? [{ n: (event.msg as { n: number }).n, reason: event.reason }] : [])
        expect([...seen, ...dead.map(({ n }) => n)].toSorted((a, b) => a - b)).toEqual([...mailboxes.keys()])
        for (const { n, reason } of dead) expect(reason).toBe(mailboxes[n] === 0 ? 'mailbox-full' : mailboxes[n] === 2 || mailboxes[n] === 4 ? 'dropped' : 'no-mailbox')
      })
    }), { numRuns: 40 })
  })
})
