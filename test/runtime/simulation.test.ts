import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { reply, request, send, timer, update } from '../../src/index.ts'
import { SeededRandom } from '../../src/simulation/random.ts'
import { simulate } from '../../src/simulation.ts'
import { box } from './box.ts'

async function run(seed: number): Promise<{ hash: string; order: string; steps: number }> {
  const sim = simulate({ seed })
  const node = sim.createNode()
  let order = ''
  await sim.run(async () => {
    const sink = await node.spawn(box({ put: t => { order += t.msg.n; return [] }, get: t => reply({ n: t.msg.n }) }), { name: 'sink' })
    const relays = await Promise.all([1, 2, 3, 4].map(n => node.spawn(box({
      put: () => [send(sink, { type: 'Put', n }), timer('tick', { after: n % 2 }), request(sink, { type: 'GetRequest', n }, { key: 'ask' })],
      elapsed: () => send(sink, { type: 'Put', n }),
      answered: (_t, _c, e) => update({ ...e, children: 1 }),
    }), { name: `relay-${n}` })))
    for (const relay of relays) node.client('a').tell(relay, { type: 'Put', n: 0 })
    await sim.sleep(10)
    await node.stop()
  })
  return { hash: sim.traceHash(), order, steps: sim.steps }
}

describe('the seeded host', () => {
  test('S32: the same seed gives the same run', async () => {
    for (let seed = 0; seed < 20; seed++) expect(await run(seed)).toEqual(await run(seed))
  })

  test('S32: seeds give different interleavings, and the hash tells them apart', async () => {
    const runs = await Promise.all(Array.from({ length: 60 }, (_, seed) => run(seed)))
    expect(new Set(runs.map(r => r.order)).size).toBeGreaterThan(30)
    expect(new Set(runs.map(r => r.hash)).size).toBe(60)
    for (const { order } of runs) expect([...order].toSorted().join('')).toBe('11223344')
  })

  test('the trace hash sees a single message that differs', async () => {
    const hashOf = async (n: number) => {
      const sim = simulate({ seed: 1 })
      const node = sim.createNode()
      await sim.run(async () => {
        const to = await node.spawn(box({ put: () => [] }), { name: 'box' })
        node.client('a').tell(to, { type: 'Put', n })
        await sim.sleep(1)
        await node.stop()
      })
      return sim.traceHash()
    }
    expect(await hashOf(1)).toBe(await hashOf(1))
    expect(await hashOf(1)).not.toBe(await hashOf(2))
  })

  test('virtual time passes without waiting, and a scenario that nothing will end is found out', async () => {
    const sim = simulate({ seed: 1, time: 0 })
    await sim.run(() => sim.sleep(86_400_000))
    expect(sim.time).toBeGreaterThanOrEqual(86_400_000)
    await expect(sim.run(() => new Promise(() => {}))).rejects.toMatchObject({ code: 'not-available' })
    await expect(sim.run(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine')
    expect(() => simulate({ seed: -1 })).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
  })

  test('its choices are even enough, and depend on the whole seed', () => {
    fc.assert(fc.property(fc.maxSafeNat(), seed => {
      const random = new SeededRandom(seed)
      const counts = [0, 0, 0, 0, 0, 0, 0]
      for (let i = 0; i < 7000; i++) {
        const choice = random.below(7)
        counts[choice] = (counts[choice] ?? 0) + 1
      }
      for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(200)
    }), { numRuns: 30 })
    const seeds = [0, 1, 2, 3, 2 ** 32, 2 ** 32 + 1, 2 ** 33, 2 ** 33 + 2, 2 ** 52]
    expect(new Set(seeds.map(seed => new SeededRandom(seed).bytes(16).toString())).size).toBe(seeds.length)
  })
})
