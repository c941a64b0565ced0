import { describe, expect, test } from 'vitest'
import { identityManagement, localMemory } from '../../src/index.ts'
import type { Observed } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'

const wish = { type: 'GenerateIdentityRequest', backend: { type: 'LocalMemory' }, params: 'Ed25519', capabilities: 'Commit' } as const

describe('an Identity Management that is stored', () => {
  test('S34: refuses a requestId that can not be stored, and lives on', async () => {
    const sim = simulate({ seed: 1 })
    const node = sim.createNode({ store: sim.store() })
    const events: Observed[] = []
    node.observe(event => events.push(event))
    await sim.run(async () => {
      const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [localMemory()] } })
      const client = node.client('user')
      for (const requestId of ['\uD800', 'a\uDC00b', '\uDC00\uD800']) {
        await expect(client.ask(im, { ...wish, requestId })).rejects.toMatchObject({ code: 'malformed' })
      }
      await client.ask(im, { ...wish, requestId: '\u{1F600}' })
      await sim.sleep(100)
    })
    expect(events.filter(({ kind }) => kind === 'restarted')).toEqual([])
  })

  test('S39: tells requests that nobody waits for from those of its other lives', async () => {
    const sim = simulate({ seed: 1 })
    const backend = localMemory()
    let node = sim.createNode({ store: sim.store() })
    await sim.run(async () => {
      for (const count of [1, 2, 3]) {
        const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [backend] } })
        const client = node.client('user')
        client.tell(im, wish)
        await sim.sleep(100)
        expect((await client.ask(im, { type: 'ListIdentitiesRequest' })).identities).toHaveLength(count)
        node = sim.restart(node)
      }
    })
    expect(sim.reported).toEqual([])
  })
})
