import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { always, child, send, spawn, update } from '../../src/index.ts'
import type { Engine } from '../../src/index.ts'
import { inWorld, subject } from './subject.ts'

// Rules of Anoma's specification (anoma/nspec, v0.2.0; docs/arch/node/types unless another folder is named) in our own words. Where it
// is silent, or its own code leaves a hole, the test holds what we decided, and says so.

describe('configurations and environments', () => {
  // engine_config.juvix.md, "Engine configuration type": name and NodeID. Decided: they come with the trigger, as `self`.
  test('an engine knows its own name and node', async () => {
    await inWorld(1, async ({ node, client, sim, logOf }) => {
      const to = await node.spawn(subject({ onDo: always((t, _c, e) => update({ ...e, log: [t.self.name, `${t.self.node}`] })) }), { name: 'subject' })
      client.tell(to, { type: 'Do', n: 0 })
      await sim.sleep(1)
      expect(await logOf(to)).toEqual(['subject', node.id])
    })
  })

  // engine_config.juvix.md, at its head: it is static. anomian.juvix.md, chapter 3: immutable for as long as the engine lives.
  test('a configuration is the same in each step, whatever its spawner does to the object it gave', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.string(), { maxLength: 4 }), async (seed, log) => {
      await inWorld(seed, async ({ node, client, sim }) => {
        const seen: unknown[] = []
        const mine = { limit: 3, log: [...log] }
        const to = await node.spawn(subject({ onDo: always((_t, config) => { seen.push(structuredClone(config)); return [] }) }), { name: 'subject', config: mine })
        for (let n = 0; n < 3; n++) {
          client.tell(to, { type: 'Do', n })
          await sim.sleep(1)
          mine.limit = n
          mine.log.push('changed')
        }
        expect(seen).toEqual(Array.from({ length: 3 }, () => ({ limit: 3, log })))
      })
    }), { numRuns: 20 })
  })

  // engine.juvix.md, "The type for engines": a name is unique across the system. Decided: on its node, and in its whole life.
  test('S27: a name leads to one engine, and never to another', async () => {
    await inWorld(1, async ({ node }) => {
      const to = await node.spawn(subject(), { name: 'subject' })
      await expect(node.spawn(subject(), { name: 'subject' })).rejects.toMatchObject({ code: 'name-taken' })
      await node.stop(to)
      await expect(node.spawn(subject(), { name: 'subject' })).rejects.toMatchObject({ code: 'name-taken' })
    })
  })

  // engine_environment.juvix.md, "Engine environment type": acquaintances are a set of names, its own goes without saying. concepts/engine.md, "Environment":
  // they are those who can interact with the engine. Decided: so can its parent; all others when the family is `open`; and the set is the
  // parent's to change.
  test('S6, S7: an engine hears itself, its parent and its acquaintances, and nobody else', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.uniqueArray(fc.nat(4)), fc.array(fc.nat(4), { maxLength: 12 }), async (seed, acquainted, senders) => {
      await inWorld(seed, async ({ node, sim, client, dead, sink, logOf }) => {
        const clients = Array.from({ length: 5 }, (_, i) => node.client(`c${i}`))
        // At Do, it tells itself what is noted.
        const kid = subject({ closed: true, onDo: always(t => [send(t.self, { type: 'Note', text: '' }), send(sink, { type: 'Note', text: `${t.sender.name} ${t.msg.n}` })]) })
        const to = await node.spawn(kid, { name: 'closed', acquaintances: acquainted.flatMap(i => clients[i] ?? []) })
        for (const [n, i] of senders.entries()) clients[i]?.tell(to, { type: 'Do', n })
        await sim.sleep(1)
        const heard = senders.flatMap((i, n) => acquainted.includes(i) ? [`c${i} ${n}`] : [])
        expect((await logOf(sink)).toSorted()).toEqual(heard.toSorted())
        expect(dead()).toEqual(senders.flatMap(i => acquainted.includes(i) ? [] : ['not-acquainted']))
        // Its notes to itself came through: nobody else's business, so only its mailbox tells.
        node.grant(to, client)
        expect((await logOf(to)).length).toBe(heard.length)
      })
    }), { numRuns: 40 })
  })

  test('S6: a child hears its parent, and not the parent of that', async () => {
    await inWorld(1, async ({ node, client, sim, sink, logOf, dead }) => {
      const kid = subject({ closed: true, onDo: always(t => send(sink, { type: 'Note', text: t.sender.name })) })
      const parent = subject({
        onDo: always((t, _c, e) => t.msg.n === 0
          ? [spawn(kid, { as: child(kid, t.self, 0) }), update({ ...e, children: 1 })]
          : send(child(kid, t.self, 0), { type: 'Do', n: 0 })),
        children: (): readonly Engine<never>[] => [kid],
      })
      const to = await node.spawn(parent, { name: 'parent' })
      client.tell(to, { type: 'Do', n: 0 })
      client.tell(to, { type: 'Do', n: 1 })
      await sim.sleep(1)
      client.tell(child(kid, to, 0), { type: 'Do', n: 2 })
      await sim.sleep(1)
      expect(await logOf(sink)).toEqual(['parent'])
      expect(dead()).toEqual(['not-acquainted'])
    })
  })
})
