import { describe, expect, test } from 'vitest'
import { keep, reply, send, timer } from '../../src/index.ts'
import type { EngineRef } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import { box, outcomeOf } from '../runtime/box.ts'
import type { BoxProtocol } from '../runtime/box.ts'

describe('a node that crashes', () => {
  test('does nothing more: no step, no timer, no answer; and nobody is told', async () => {
    const sim = simulate({ seed: 1 })
    const node = sim.createNode()
    let ticks = 0
    let isAnswered = false
    await sim.run(async () => {
      const ticking = await node.spawn(box({ put: () => timer('tick', { after: 1 }), elapsed: () => { ticks++; return timer('tick', { after: 1 }) }, get: t => keep(t.replyTo) }), { name: 'ticking' })
      const client = node.client('c')
      client.tell(ticking, { type: 'Put', n: 0 })
      client.ask(ticking, { type: 'GetRequest', n: 0 }, { deadline: 5 }).then(() => { isAnswered = true }, () => { isAnswered = true })
      await sim.sleep(3.5)
      const before = ticks
      expect(before).toBeGreaterThan(0)
      sim.crash(node)
      const hash = sim.traceHash()
      client.tell(ticking, { type: 'Put', n: 0 })
      await sim.sleep(1000)
      expect(ticks).toBe(before)
      expect(isAnswered).toBe(false)
      expect(sim.traceHash()).toBe(hash)
    })
    expect(() => sim.crash(node)).toThrow(expect.objectContaining({ code: 'not-found' }))
  })

  test('S60: an ask from elsewhere ends when its link is seen to be lost, or by its deadline; one of its own clients never does', async () => {
    const ends = async (delay: readonly [number, number], deadline: number) => {
      const sim = simulate({ seed: 3 })
      const network = sim.network({ delay: [1, 1] })
      const [here, there] = [sim.createNode({ network }), sim.createNode({ network })]
      return sim.run(async () => {
        const far = await there.spawn(box({ get: t => keep(t.replyTo) }), { name: 'far' })
        const asked = outcomeOf(here.client('c').ask(far, { type: 'GetRequest', n: 1 }, { deadline }))
        await sim.sleep(50)
        network.change({ delay })
        const start = sim.time
        sim.crash(there)
        return [await asked, Math.round(sim.time - start)]
      })
    }
    expect(await ends([20, 20], 1_000)).toEqual(['unreachable', 20])
    expect(await ends([200, 200], 100)).toEqual(['deadline', 50])

    const sim = simulate({ seed: 3 })
    const node = sim.createNode()
    await expect(sim.run(async () => {
      const near = await node.spawn(box({ get: t => keep(t.replyTo) }), { name: 'near' })
      const asked = node.client('c').ask(near, { type: 'GetRequest', n: 1 }, { deadline: 100 })
      sim.crash(node)
      await asked
    })).rejects.toMatchObject({ code: 'not-available', message: expect.stringMatching(/^The scenario waits for something/) })
  })

  test('S32: begins again under its name, with nothing on it and a boot epoch of its own; others reach it', async () => {
    const run = async (seed: number) => {
      const sim = simulate({ seed })
      const network = sim.network({ delay: [1, 5] })
      const [a, first] = [sim.createNode({ network }), sim.createNode({ network })]
      const boots = new Set<string>()
      a.observe(event => { if (event.kind === 'link' && event.state === 'open' && event.boot !== undefined) boots.add(event.boot) })
      const fates: string[] = []
      sim.observe((node, event) => { if (event.kind === 'crash' || event.kind === 'restart') fates.push(`${node} ${event.kind}`) })
      await sim.run(async () => {
        const get = box({ get: t => reply({ n: t.msg.n }) })
        const far: EngineRef<BoxProtocol> = await first.spawn(get, { name: 'far' })
        const client = a.client('c')
        await expect(client.ask(far, { type: 'GetRequest', n: 1 })).resolves.toEqual({ n: 1 })
        const second = sim.restart(first)
        expect(second.id).toBe(first.id)
        await sim.sleep(100)
        await expect(client.ask(far, { type: 'GetRequest', n: 2 })).rejects.toMatchObject({ code: 'stopped' })
        await second.spawn(get, { name: 'far' })
        await expect(client.ask(far, { type: 'GetRequest', n: 3 })).resolves.toEqual({ n: 3 })
        await Promise.all([a.stop(), second.stop()])
      })
      expect(boots.size).toBe(2)
      expect(fates).toEqual(['node-2 crash', 'node-2 restart'])
      return sim.traceHash()
    }
    expect(await run(1)).toBe(await run(1))
    expect(await run(1)).not.toBe(await run(2))
  })
})

describe('advance', () => {
  test('S32: does what happens within that time, before it returns', () => {
    const run = (seed: number) => {
      const sim = simulate({ seed })
      const node = sim.createNode()
      const order: string[] = []
      for (const name of ['a', 'b', 'c']) {
        // No promise is waited for: the engine starts within the first advance.
        void node.spawn(box({ put: t => { order.push(`${name}${t.msg.n}`); return t.msg.n < 3 ? [timer('tick', { after: 10 }), send(t.self, { type: 'Put', n: t.msg.n + 1 })] : [] }, elapsed: () => { order.push(`${name}!`); return [] } }), { name })
        node.client('client').tell({ node: node.id, name } as EngineRef<BoxProtocol>, { type: 'Put', n: 1 })
      }
      sim.advance(9)
      const [early, steps] = [order.length, sim.steps]
      sim.advance(9)
      return { order: order.join(' '), early, steps, late: order.length, hash: sim.traceHash() }
    }
    const first = run(1)
    expect(first).toEqual(run(1))
    expect(first).toMatchObject({ early: 9, steps: 9, late: 12 })
    expect(new Set(Array.from({ length: 20 }, (_, seed) => run(seed).order)).size).toBeGreaterThan(5)
  })
})

describe('a witness', () => {
  test('hears of every node, and ends the run with what it throws', async () => {
    const sim = simulate({ seed: 1 })
    const [a, b] = [sim.createNode(), sim.createNode()]
    const heard = new Set<string>()
    sim.observe((node, event) => {
      heard.add(node)
      if (event.kind === 'ended') throw new Error('enough')
    })
    await expect(sim.run(async () => {
      await Promise.all([a.spawn(box({}), { name: 'one' }), b.spawn(box({}), { name: 'two' })])
      await a.stop()
      return sim.sleep(1000)
    })).rejects.toThrow('enough')
    expect([...heard].toSorted()).toEqual(['node-1', 'node-2'])
  })
})
