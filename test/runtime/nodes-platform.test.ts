import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createNode, memoryNetwork, reply } from '../../src/index.ts'
import type { EngineRef, Transport, TransportEvents } from '../../src/index.ts'
import { box, outcomeOf } from './box.ts'
import type { BoxProtocol } from './box.ts'
import { lawOf } from './law.ts'
import { nodeID } from './nodes.ts'

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

  test('S17: a long outbox is sent in many turns', async () => {
    const network = memoryNetwork()
    await using here = await createNode({ transport: network.transport() })
    await using there = await createNode({ transport: network.transport() })
    let seen = 0
    const done = Promise.withResolvers<void>()
    const to = await there.spawn(box({ put: () => { if (++seen === 60_000) done.resolve(); return [] } }), { name: 'box' })
    const host = here.client('host')
    for (let n = 0; n < 60_000; n++) host.tell(to, { type: 'Put', n })
    let turns = 0
    let isOver = false
    const turn = () => { if (!isOver) { turns++; setImmediate(turn) } }
    turn()
    await done.promise
    isOver = true
    expect(turns).toBeGreaterThan(10)
    expect([lawOf(here), lawOf(there)]).toEqual([0, 0])
  })

  test('a transport that throws breaks no node', async () => {
    const network = memoryNetwork()
    const inner = network.transport()
    let isBroken = false
    const transport: Transport = {
      open: (self, events) => inner.open(self, events),
      dial: peer => { if (isBroken) throw new Error('broken'); inner.dial(peer) },
      close: () => inner.close(),
    }
    const here = await createNode({ transport })
    const there = await createNode({ transport: network.transport() })
    const to = await there.spawn(box({ get: t => reply({ n: t.msg.n }) }), { name: 'box' })
    isBroken = true
    expect(await outcomeOf(here.client('host').ask(to, { type: 'GetRequest', n: 1 }))).toBe('unreachable')
    isBroken = false
    expect(await outcomeOf(here.client('host').ask(to, { type: 'GetRequest', n: 1 }))).toBe('ok {"n":1}')
    expect([lawOf(here), lawOf(there)]).toEqual([0, 0])
    await here.stop()
    await there.stop()
  })

  test('S57: links that nobody asked for, to nobody, to the node itself, or after its end, are closed and heard no more', async () => {
    let events: TransportEvents | undefined
    const transport: Transport = { open: (_self, given) => { events = given }, dial: () => {}, close: () => {} }
    const node = await createNode({ transport })
    const stranger = nodeID(7)
    const offer = (peer: string, dialed: boolean) => {
      let closed = 0
      const listener = events?.linked({ peer, send: () => true, close: () => { closed++ } }, dialed)
      listener?.received(new Uint8Array([1, 2, 3]))
      listener?.drained()
      listener?.closed('gone')
      return closed
    }
    expect([offer(node.id, false), offer('nonsense', false), offer('', true), offer(stranger, true)]).toEqual([1, 1, 1, 1])
    expect(() => events?.unreachable(stranger, 'nobody asked')).not.toThrow()
    expect(lawOf(node)).toBe(0)
    await node.stop()
    expect(offer(stranger, false)).toBe(1)
    expect(() => events?.unreachable(stranger, 'too late')).not.toThrow()
  })

  test('a transport that answers a dial before it returns breaks no node', async () => {
    for (const answer of ['linked', 'unreachable'] as const) {
      let events: TransportEvents | undefined
      const transport: Transport = {
        open: (_self, given) => { events = given }, close: () => {},
        dial: peer => {
          if (answer === 'unreachable') events?.unreachable(peer, 'no way')
          else events?.linked({ peer, send: () => true, close: () => {} }, true).closed('gone at once')
        },
      }
      const node = await createNode({ transport })
      const to: EngineRef<BoxProtocol> = JSON.parse(JSON.stringify({ node: nodeID(7), name: 'box' }))
      expect(await outcomeOf(node.client('host').ask(to, { type: 'GetRequest', n: 0 }))).toBe('unreachable')
      expect(lawOf(node)).toBe(0)
      await node.stop()
    }
  })

  test('createNode rejects as its transport does, and for an outbox that is no number of messages', async () => {
    const transport = memoryNetwork().transport()
    await using node = await createNode({ transport })
    expect(await outcomeOf(createNode({ transport }))).toBe('invalid-argument')
    for (const outbox of [0, -1, 1.5, NaN]) expect(await outcomeOf(createNode({ outbox }))).toBe('invalid-argument')
    expect(node.counters().queued).toBe(0)
  })

  test('createNode rejects for what is no transport, and says what one needs', async () => {
    const whole = { open: () => {}, dial: () => {}, close: () => {} }
    const lacking = Object.keys(whole).map(name => ({ ...whole, [name]: undefined }))
    for (const transport of [{}, null, 'memory', memoryNetwork(), ...lacking]) {
      await expect(createNode({ transport: transport as Transport })).rejects.toMatchObject({
        name: 'Fault', code: 'invalid-argument', message: expect.stringMatching(/^transport must .*open, dial and close/),
      })
    }
    await using node = await createNode({ transport: whole })
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
