import { describe, expect, test } from 'vitest'
import { forward, send, stop, update, watch } from '../../src/index.ts'
import type { EngineID } from '../../src/index.ts'
import { readFrame } from '../../src/runtime/frames.ts'
import { box, outcomeOf } from './box.ts'
import { double, laws, pair, place, refTo } from './nodes.ts'

function watcherOf(targets: readonly EngineID[], heard: string[]) {
  return box({
    put: () => targets.map(target => watch(target)),
    terminated: t => { heard.push(`${t.engine.name} ${t.reason}`); return [] },
  })
}

describe('watches between nodes', () => {
  test('S30: an end is told to who watches from another node, once, with its reason', async () => {
    const { sim, here, there } = pair(30)
    await sim.run(async () => {
      const heard: string[] = []
      const ends = box({ put: t => { if (t.msg.n > 0) throw new Error('crash'); return stop() } })
      const [stops, crashes] = [await there.node.spawn(ends, { name: 'stops' }), await there.node.spawn(ends, { name: 'crashes', supervision: { crash: 'stop' } })]
      const closed = await there.node.spawn(box({ closed: true }), { name: 'closed' })
      const targets = [stops, crashes, closed, refTo(stops, 'nobody'), { node: `z6Mk${'x'.repeat(44)}`, name: 'nowhere' }, { node: 'odd', name: 'odd' }]
      const watcher = await here.node.spawn(watcherOf(targets, heard), { name: 'watcher' })
      here.host.tell(watcher, { type: 'Put', n: 0 })
      here.host.tell(watcher, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(new Set(heard)).toEqual(new Set(['closed stopped', 'nobody stopped', 'nowhere unreachable', 'odd unreachable']))
      heard.length = 0
      here.host.tell(stops, { type: 'Put', n: 0 })
      here.host.tell(crashes, { type: 'Put', n: 1 })
      await sim.sleep(1)
      expect(heard.toSorted()).toEqual(['crashes crashed', 'stops stopped'])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S30: the end of the watcher lets go of what it watches, there too', async () => {
    const { sim, here, there } = pair(30)
    await sim.run(async () => {
      const to = await there.node.spawn(box({ put: () => stop() }), { name: 'box' })
      const watcher = await here.node.spawn(watcherOf([to], []), { name: 'watcher' })
      here.host.tell(watcher, { type: 'Put', n: 0 })
      await sim.sleep(1)
      await here.node.stop(watcher)
      await sim.sleep(1)
      let frames = 0
      there.transport.tap = frame => { frames++; return [frame] }
      there.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(frames).toBe(0)
    })
  })

  test('S18, S30, S60: a lost link ends requests and watches in both directions with unreachable, and the next message dials anew', async () => {
    for (const which of ['here', 'there'] as const) {
      const { sim, ...nodes } = pair(18)
      const { here, there } = nodes
      await sim.run(async () => {
        const heard: string[] = []
        const [there1, here1] = [await there.node.spawn(box({}), { name: 'box' }), await here.node.spawn(box({}), { name: 'box' })]
        const watcher = await here.node.spawn(watcherOf([there1], heard), { name: 'watcher' })
        here.host.tell(watcher, { type: 'Put', n: 0 })
        const asks = [here.host.ask(there1, { type: 'GetRequest', n: 1 }), there.host.ask(here1, { type: 'GetRequest', n: 1 })].map(outcomeOf)
        await sim.sleep(1)
        nodes[which].transport.cut()
        expect(await Promise.all(asks)).toEqual(['unreachable', 'unreachable'])
        await sim.sleep(1)
        expect(heard).toEqual(['box unreachable'])
        expect(here.links).toContain(which === 'here' ? 'lost cut' : 'lost the other end has closed it')
        const answers = await here.node.spawn(box(double), { name: 'answers' })
        expect(await there.host.ask(answers, { type: 'GetRequest', n: 1 })).toEqual({ n: 2 })
        await sim.sleep(1)
        expect(laws(here, there)).toEqual([0, 0])
      })
    }
  })
})

describe('links', () => {
  test('S4, S59: what waits for a link counts as queued; one message too many is a dead letter', async () => {
    const { sim, here, there } = pair(4, { here: { outbox: 3 } })
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ ...double, put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      for (let n = 0; n < 5; n++) here.host.tell(to, { type: 'Put', n })
      expect(await outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 0 }))).toBe('unreachable')
      expect(here.node.counters()).toMatchObject({ originated: 6, queued: 3, deadLettered: 3 })
      await sim.sleep(1)
      expect(seen).toEqual([0, 1, 2])
      expect(here.dead).toEqual(['Put outbox-full', 'Put outbox-full', 'GetRequest outbox-full'])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test.each([1, 2, 3])('S60: a transport that throws when it is to send (frame %i) has lost the link, and breaks no node', async count => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const to = await there.node.spawn(box(double), { name: 'box' })
      let left = count
      here.transport.tap = frame => {
        if (--left === 0) throw new Error('no cable')
        return [frame]
      }
      const outcomes = []
      for (let n = 0; n < 3; n++) outcomes.push(await outcomeOf(here.host.ask(to, { type: 'GetRequest', n })))
      expect(outcomes).toContain('unreachable')
      expect(outcomes).toContain('ok {"n":4}')
      expect(here.links).toContainEqual(expect.stringContaining('no cable'))
      expect(laws(here, there)).toEqual([0, 0])
    })
    expect(sim.reported).toEqual([])
  })

  test('S21, S59: however many are refused or ended at once, the link stays', async () => {
    const { sim, here, there } = pair(4, { here: { outbox: 100 }, there: { outbox: 4 } })
    await sim.run(async () => {
      const to = await there.node.spawn(box(double), { name: 'box' })
      const keeper = await there.node.spawn(box({ put: () => stop() }), { name: 'keeper' })
      const asked = await Promise.all(Array.from({ length: 20 }, (_, n) => outcomeOf(here.host.ask(to, { type: 'GetRequest', n }))))
      expect(new Set(asked.map(outcome => outcome.slice(0, 2)))).toEqual(new Set(['ok', 'un']))
      const lost = here.links.length
      const kept: Promise<string>[] = []
      for (let n = 0; n < 200; n++) {
        kept.push(outcomeOf(here.host.ask(keeper, { type: 'GetRequest', n })))
        await sim.sleep(1)
      }
      const other = outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 1 }))
      here.host.tell(keeper, { type: 'Put', n: 0 })
      expect(new Set(await Promise.all(kept))).toEqual(new Set(['stopped']))
      expect(await other).toMatch(/^ok/)
      expect(here.links.length).toBe(lost)
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S4, S59: a node that is not there: dead letters, failed asks, ended watches, and another dial for the next message', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const to = await there.node.spawn(box(double), { name: 'box' })
      await there.node.stop()
      here.host.tell(to, { type: 'Put', n: 0 })
      const asked = outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 0 }))
      expect(await asked).toBe('unreachable')
      await sim.sleep(1)
      expect(here.dead).toEqual(['Put unreachable', 'GetRequest unreachable'])
      expect(here.transport.dials).toBe(1)
      here.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(here.transport.dials).toBe(2)
      expect(here.links).toEqual(['unreachable there is no such node on this network', 'unreachable there is no such node on this network'])
      expect(laws(here)).toEqual([0])
    })
  })

  test('S4: backpressure holds messages back, and the outbox holds them', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      here.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      here.transport.isFull = true
      for (let n = 1; n < 4; n++) {
        here.host.tell(to, { type: 'Put', n })
        await sim.sleep(1)
      }
      expect(seen).toEqual([0, 1])
      expect(here.node.counters()).toMatchObject({ queued: 2, handedToTransport: 2 })
      here.transport.drain()
      await sim.sleep(1)
      expect(seen).toEqual([0, 1, 2, 3])
    })
  })

  test('S2, S18, S58: what was not sent when a link is lost goes by the next one', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ ...double, put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      const silent = await there.node.spawn(box({}), { name: 'silent' })
      const sent = outcomeOf(here.host.ask(silent, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      here.transport.isFull = true
      for (let n = 0; n < 3; n++) {
        here.host.tell(to, { type: 'Put', n })
        await sim.sleep(1)
      }
      const unsent = outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 4 }))
      await sim.sleep(1)
      here.transport.isFull = false
      there.transport.cut()
      expect([await sent, await unsent]).toEqual(['unreachable', 'ok {"n":8}'])
      expect(seen).toEqual([0, 1, 2])
      await sim.sleep(1)
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S2: a message that leaves no room in its frame goes by itself', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      for (let n = 0; n < 9; n++) here.host.tell(to, { type: 'Put', n })
      // Too many bytes for its protocol, and just not too many for a frame.
      here.host.tell(to, { type: 'Put', n: 9, data: new Uint8Array((16 << 20) - 104) })
      here.host.tell(to, { type: 'Put', n: 10 })
      await sim.sleep(1)
      expect([here.dead, there.dead, seen]).toEqual([[], ['Put malformed'], [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]])
    })
  })

  test('S4, S59: messages that were not acknowledged when the link was lost are uncertain', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      here.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      // Acknowledgements are lost from here on, and then the messages too.
      there.transport.tap = () => []
      here.host.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
      here.transport.tap = () => []
      for (let n = 2; n < 4; n++) here.host.tell(to, { type: 'Put', n })
      await sim.sleep(1)
      expect(here.node.counters()).toMatchObject({ handedToTransport: 4, uncertain: 0 })
      here.transport.cut()
      expect(here.node.counters()).toMatchObject({ handedToTransport: 4, uncertain: 3 })
      expect(seen).toEqual([0, 1])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S58, S60: a frame that was lost as the last on its link is missed in time: watches end', async () => {
    const { sim, here, there } = pair(8)
    await sim.run(async () => {
      const heard: string[] = []
      const to = await there.node.spawn(box({ put: () => stop() }), { name: 'box' })
      const watcher = await here.node.spawn(watcherOf([to], heard), { name: 'watcher' })
      here.host.tell(watcher, { type: 'Put', n: 0 })
      await sim.sleep(1)
      there.transport.tap = () => []
      here.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(9_000)
      expect(heard).toEqual([])
      await sim.sleep(2_000)
      expect(heard).toEqual(['box unreachable'])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S4: acknowledgements wait for room as well, and one stands for all before it', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const to = await there.node.spawn(box({ put: () => [] }), { name: 'box' })
      there.transport.isFull = true
      const acks: number[] = []
      there.transport.tap = frame => {
        const read = readFrame(frame)
        if (read.kind === 'ack') acks.push(read.n)
        return [frame]
      }
      for (let n = 0; n < 3; n++) {
        here.host.tell(to, { type: 'Put', n })
        await sim.sleep(1)
      }
      expect(acks).toEqual([])
      there.transport.drain()
      await sim.sleep(1)
      expect(acks).toEqual([3])
      here.transport.cut()
      expect(here.node.counters()).toMatchObject({ handedToTransport: 3, uncertain: 0 })
    })
  })

  test('a node that says nothing is given up after its time', async () => {
    const { sim, here, there } = pair(4)
    await sim.run(async () => {
      const to = await there.node.spawn(box(double), { name: 'box' })
      here.transport.tap = () => []
      const begin = sim.time
      expect(await outcomeOf(here.host.ask(to, { type: 'GetRequest', n: 0 }))).toBe('unreachable')
      expect(sim.time - begin).toBeGreaterThanOrEqual(10_000)
      expect(sim.time - begin).toBeLessThan(10_001)
      await sim.sleep(1)
      expect(there.links).toEqual([expect.stringMatching(/^lost /)])
      expect(laws(here, there)).toEqual([0, 0])
    })
  })

  test('S30, S31: a node that stops says what it had to say, and its links close', async () => {
    const { sim, here, there } = pair(31)
    await sim.run(async () => {
      const seen: number[] = []
      const to = await there.node.spawn(box({ put: t => { seen.push(t.msg.n); return [] } }), { name: 'box' })
      const silent = await here.node.spawn(box({}), { name: 'silent' })
      here.host.tell(to, { type: 'Put', n: 0 })
      const asked = outcomeOf(there.host.ask(silent, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      here.host.tell(to, { type: 'Put', n: 1 })
      await here.node.stop()
      expect(await asked).toBe('stopped')
      await sim.sleep(1)
      expect(seen).toEqual([0, 1])
      expect([here.transport.links, there.transport.links]).toEqual([0, 0])
      expect(laws(here, there)).toEqual([0, 0])
      expect(here.node.counters().uncertain).toBeGreaterThan(0)
      await there.node.stop()
    })
  })

  test('S31: a transport that fails to close is reported, and the node has stopped', async () => {
    const { sim, here } = pair(31)
    here.transport.close = () => Promise.reject(new Error('stuck'))
    await sim.run(async () => here.node.stop())
    expect(sim.reported).toMatchObject([{ message: 'stuck' }])
  })

  test('S31: nothing is sent, and nobody dialed, after a node has stopped', async () => {
    const { sim, network, here, there } = pair(31)
    const third = place(sim, network)
    await sim.run(async () => {
      // A request that waits for its way through the node: its asker must not be told by a new link.
      const silent = await third.node.spawn(box({}), { name: 'silent' })
      const relay = await there.node.spawn(box({ get: t => forward(t, silent) }), { name: 'relay' })
      const asked = outcomeOf(here.host.ask(relay, { type: 'GetRequest', n: 5 }))
      await sim.sleep(1)
      await there.node.stop()
      const { dials } = there.transport
      expect(await asked).toBe('unreachable')
      await sim.sleep(1)
      expect(there.transport.dials).toBe(dials)
      expect(laws(here, there, third)).toEqual([0, 0, 0])
    })
  })

  test('a tell from an engine goes as one from a client does', async () => {
    const { sim, here, there } = pair(2)
    await sim.run(async () => {
      const senders: EngineID[] = []
      const to = await there.node.spawn(box({ put: t => { senders.push(t.sender); return [] } }), { name: 'box' })
      const teller = await here.node.spawn(box({ put: (t, _c, e) => [send(to, { type: 'Put', n: t.msg.n }), update(e)] }), { name: 'teller' })
      here.host.tell(teller, { type: 'Put', n: 1 })
      await sim.sleep(1)
      expect(senders).toEqual([teller])
    })
  })
})
