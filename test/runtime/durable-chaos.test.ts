import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Node } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import { lawOf } from './law.ts'
import { notesOf, puppet, refTo, rowsOf, tell } from './puppet.ts'

const NAMES = ['root', 'root/0', 'root/1', 'root/2', 'root/3', 'root/0/0', 'root/0/1', 'root/1/0', 'root/0/0/0']

/** What each engine has noted, but for what comes of tasks and timers in its own time. */
async function notesOfAll(node: Node): Promise<ReadonlyMap<string, readonly string[]>> {
  const notes = new Map<string, readonly string[]>()
  for (const name of NAMES) {
    const known = await notesOf(node.client('user'), refTo(node, name)).catch(() => undefined)
    if (known !== undefined) notes.set(name, known.filter(note => note !== 'tick' && note !== 'worked'))
  }
  return notes
}

async function chaos(seed: number): Promise<void> {
  const sim = simulate({ seed })
  const store = sim.store()
  let node = sim.createNode({ store })
  let last = 0
  const family = puppet({
    closed: sim.choose(2) === 0, ...sim.choose(2) === 0 && { keepsChildren: true },
    supervision: { strategy: (['one-for-one', 'one-for-all', 'rest-for-one'] as const)[sim.choose(3)] ?? 'one-for-one', restarts: sim.choose(2) * 1_000 },
  })
  const services = { acquire: () => sim.choose(3) === 0 ? sim.sleep(sim.choose(10)) : undefined, work: () => sim.sleep(sim.choose(20)) }
  const start = () => node.spawn(family, { name: 'root', services, acquaintances: [node.client('user')] })
  const deed = () => {
    const what = sim.choose(16)
    return what < 4 ? `note ${last++}` : what < 7 ? 'spawn' : what < 11 ? `tell ${sim.choose(3)} ${last++}` : what < 12 ? `end ${sim.choose(3)}`
      : what < 13 ? 'work' : what < 14 ? `tick ${20 + sim.choose(30)}` : what < 15 ? 'crash' : 'nothing'
  }
  await sim.run(async () => {
    await start()
    for (let round = 0; round < 5; round++) {
      for (let n = 0; n < 12; n++) {
        const to = refTo(node, NAMES[sim.choose(NAMES.length)] ?? 'root')
        tell(node.client('user'), to, ...Array.from({ length: 1 + sim.choose(4) }, deed), ...sim.choose(25) === 0 ? ['leave'] : []).catch(() => {})
        if (sim.choose(3) === 0) await sim.sleep(sim.choose(12))
        if (sim.choose(40) === 0) void node.stop(refTo(node, 'root')).catch(() => {})
      }
      await sim.sleep(sim.choose(30))
      if (sim.choose(2) === 0) {
        if (sim.choose(2) === 0) await node.stop()
        node = sim.restart(node)
        await start()
        continue
      }
      // When all is stored, another life has what this one has.
      await sim.sleep(500)
      await start().catch(() => {})
      await sim.sleep(500)
      const before = await notesOfAll(node)
      node = sim.restart(node)
      await start()
      await sim.sleep(100)
      const after = await notesOfAll(node)
      for (const [name, notes] of before) expect([name, after.get(name)]).toEqual([name, notes])
      for (const notes of after.values()) expect(new Set(notes).size).toBe(notes.length)
    }
    // One that has left can't be spawned again in this life, and has left nothing behind.
    await start().catch(() => {})
    await node.stop(refTo(node, 'root'), { forget: true }).catch(() => {})
    await sim.sleep(100)
    expect(await rowsOf(store)).toEqual(['engine root self', 'node'])
  })
  expect(sim.reported).toEqual([])
  expect(lawOf(node)).toBe(0)
}

test('S69, S72, S76, S77, S78: durable engines that do anything, end in any way and lose power at any time come back as they were, hear nothing twice and leave nothing behind', () =>
  fc.assert(fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 }), chaos), { numRuns: 100 }))
