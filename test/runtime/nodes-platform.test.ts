import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createNode, memoryNetwork, reply } from '../../src/index.ts'
import { box, outcomeOf } from './box.ts'
import { lawOf } from './law.ts'

describe('nodes on the platform', () => {
  test('S17: however busy two nodes keep each other, the event loop has its turn', async () => {
    const network = memoryNetwork()
    await using here = await createNode({ transport: network.transport() })
    await using there = await createNode({ transport: network.transport() })
    const to = await there.spawn(box({ get: t => reply({ n: t.msg.n }) }), { name: 'box' })
    const host = here.client('host')
    let ticks = 0
    const timer = setInterval(() => { ticks++ }, 1)
    let rounds = 0
    while (ticks < 20) {
      expect(await host.ask(to, { type: 'GetRequest', n: rounds })).toEqual({ n: rounds })
      rounds++
    }
    ticks = 0
    const asks = Array.from({ length: 20_000 }, (_, n) => host.ask(to, { type: 'GetRequest', n }))
    await Promise.all(asks)
    expect(ticks).toBeGreaterThan(0)
    clearInterval(timer)
    expect([lawOf(here), lawOf(there)]).toEqual([0, 0])
    expect(here.counters()).toMatchObject({ handedToTransport: rounds + 20_000, arrived: rounds + 20_000 })
  })

  test('createNode rejects as its transport does, and for an outbox that is no number of messages', async () => {
    const transport = memoryNetwork().transport()
    await using node = await createNode({ transport })
    expect(await outcomeOf(createNode({ transport }))).toBe('invalid-argument')
    for (const outbox of [0, -1, 1.5, NaN]) expect(await outcomeOf(createNode({ outbox }))).toBe('invalid-argument')
    expect(node.counters().queued).toBe(0)
  })

  test('S31: a process whose nodes have links and nothing to say ends, though nobody stops them', async () => {
    const program = `
      import { createNode, identityManagement, localMemory, memoryNetwork } from './src/index.ts'
      const network = memoryNetwork()
      const [a, b] = [await createNode({ transport: network.transport() }), await createNode({ transport: network.transport() })]
      const im = await b.spawn(identityManagement, { name: 'im', services: { backends: [localMemory()] } })
      await a.client('x').ask(im, { type: 'ListIdentitiesRequest' })
      console.log('asked')`
    const { code, stdout, stderr } = await new Promise<{ code: number | null; stdout: string; stderr: string }>(done => {
      const child = execFile(process.execPath, ['--input-type=module-typescript', '-'], { cwd: join(import.meta.dirname, '../..'), timeout: 9_000 }, (_error, stdout, stderr) =>
        done({ code: child.exitCode, stdout, stderr }))
      child.stdin?.end(program)
    })
    expect([code, stdout, stderr]).toEqual([0, 'asked\n', ''])
  })
})
