import { describe, expect, test } from 'vitest'
import { reply } from '../../src/index.ts'
import { explore } from '../../src/simulation.ts'
import type { Scenario } from '../../src/simulation.ts'
import { box } from '../runtime/box.ts'

/** An engine that forgets itself when it gets a 7 after a 3. */
const scenario: Scenario<number> = {
  plan: choose => Array.from({ length: 30 }, () => choose(10)),
  async perform(simulation, operations) {
    const node = simulation.createNode()
    const seen: number[] = []
    const engine = await node.spawn(box({
      put: t => { seen.push(t.msg.n); return [] },
      get: () => reply({ n: seen.includes(3) && seen.indexOf(3) < seen.lastIndexOf(7) ? 0 : 1 }),
    }), { name: 'engine' })
    const client = node.client('client')
    for (const n of operations) client.tell(engine, { type: 'Put', n })
    const { n } = await client.ask(engine, { type: 'GetRequest', n: 0 })
    if (n === 0) throw new Error('forgotten')
  },
}

describe('explore', () => {
  test('S32: finds a seed, makes its operations small, and says what was observed', async () => {
    const explored = await explore({ seed: 3, runs: 100, ...scenario })
    const { finding } = explored
    if (finding === undefined) return expect.fail('nothing was found')
    expect(finding.operations).toEqual([3, 7])
    expect(finding.error).toMatchObject({ message: 'forgotten' })
    expect(finding.smallError).toMatchObject({ message: 'forgotten' })
    expect(finding.transcript.some(line => line.includes('client → engine  Put {"n":7}'))).toBe(true)
    // The seed gives the same schedule as the first one.
    const again = await explore({ seed: finding.seed, runs: 1, ...scenario })
    expect(again.finding).toMatchObject({ seed: finding.seed, operations: [3, 7], transcript: finding.transcript })
    expect(await explore({ seed: 3, runs: 100, ...scenario })).toMatchObject({ runs: explored.runs, steps: explored.steps, traceHash: explored.traceHash })
  })

  test('makes single operations simpler when it is told how', async () => {
    const { finding } = await explore<{ readonly n: number }>({
      runs: 5,
      plan: choose => [{ n: 10 + choose(1000) }],
      perform: async (_simulation, operations) => { if (operations.some(({ n }) => n >= 5)) throw new Error('five or more') },
      simpler: ({ n }) => [{ n: n >> 1 }, { n: n - 1 }],
    })
    expect(finding?.operations).toEqual([{ n: 5 }])
  })

  test('finds what an observer throws, and what waits for nothing', async () => {
    const thrown = await explore<number>({
      runs: 2, plan: () => [1],
      async perform(simulation) {
        const node = simulation.createNode()
        node.observe(() => { throw new Error('of an observer') })
        await node.spawn(box({}), { name: 'engine' })
        await simulation.sleep(1)
      },
    })
    expect(thrown.finding?.error).toMatchObject({ message: 'of an observer' })
    const stuck = await explore<number>({ runs: 2, plan: () => [], perform: () => new Promise(() => {}) })
    expect(stuck.finding?.error).toMatchObject({ code: 'not-available' })
  })

  test('all is well when nothing goes wrong', async () => {
    const options = { plan: () => [], perform: async (simulation: { sleep(ms: number): Promise<void> }) => simulation.sleep(5) }
    expect(await explore({ runs: 7, ...options })).toMatchObject({ runs: 7, finding: undefined, steps: 0 })
    await expect(explore({ runs: 0, ...options })).rejects.toMatchObject({ code: 'invalid-argument' })
    await expect(explore({ seed: -1, runs: 1, ...options })).rejects.toMatchObject({ code: 'invalid-argument' })
  })
})
