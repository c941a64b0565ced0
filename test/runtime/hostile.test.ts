import { spawnSync } from 'node:child_process'
import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { always, child, createNode, defineEngine, defineProtocol, encrypt, keep, reply, send, spawn, task, timer, update, verify, watch } from '../../src/index.ts'
import type { EngineRef, Observed } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import { platformHost } from '../../src/runtime/platform.ts'
import { box, boxProtocol, outcomeOf } from './box.ts'
import type { BoxProtocol, BoxRules, GetReply } from './box.ts'
import { lawOf } from './law.ts'

function world() {
  const sim = simulate({ seed: 1 })
  const node = sim.createNode()
  return { sim, node, a: node.client('a') }
}

const answers: BoxRules['get'] = t => reply({ n: t.msg.n })

describe('what breaks its word', () => {
  test.each([true, false])('S11, S18: bytes that were transferred are no data, in a message or a reply (observed: %s)', async isObserved => {
    const { sim, node, a } = world()
    if (isObserved) node.observe(() => {})
    await sim.run(async () => {
      const gone = new Uint8Array(8)
      structuredClone(gone.buffer, { transfer: [gone.buffer] })
      const to = await node.spawn(box({ get: () => Reflect.apply(reply, undefined, [{ n: gone }]) }), { name: 'box' })
      expect(() => a.tell(to, { type: 'Put', n: 1, data: gone })).toThrow(expect.objectContaining({ code: 'not-encodable' }))
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 1 }))).toBe('crashed')
      expect(lawOf(node)).toBe(0)
      await node.stop()
    })
    expect(sim.reported).toEqual([])
  })

  test('S11, S18: a reply whose bytes are transferred behind the back of the step fails the ask, and nothing else', async () => {
    const { sim, node, a } = world()
    await sim.run(async () => {
      const bytes = new Uint8Array(8)
      // Read once to be checked, and once to be carried out: by then its buffer is gone.
      let reads = 0
      const response = { get n() { if (++reads > 1 && !bytes.buffer.detached) structuredClone(bytes.buffer, { transfer: [bytes.buffer] }); return bytes } }
      const to = await node.spawn(box({ get: t => t.msg.n === 0 ? Reflect.apply(reply, undefined, [response]) : reply({ n: t.msg.n }) }), { name: 'box' })
      node.observe(() => {})
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 0 }))).toMatch(/crashed|not-encodable/)
      expect(lawOf(node)).toBe(0)
      await node.stop()
    })
  })

  test('S24: a task whose outcome nobody heard has its signal aborted, also when hearing it crashed', async () => {
    const { sim, node, a } = world()
    await sim.run(async () => {
      let signal: AbortSignal | undefined
      const to = await node.spawn(box({ put: () => task('work', { n: 1 }, { key: 'k' }), work: (_i, _l, s) => { signal = s; return Promise.resolve(1) }, done: () => { throw new Error('no') } }), { name: 'box' })
      a.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
      expect(signal?.aborted).toBe(true)
      await node.stop()
    })
  })

  test('S24: once an engine is stopped by one of its task handlers, the next handler of that step is not called', async () => {
    const { sim, node, a } = world()
    await sim.run(async () => {
      const called: number[] = []
      const to: EngineRef<BoxProtocol> = await node.spawn(box({
        put: () => [1, 2].map(n => task('work', { n }, { key: `${n}` })),
        work: ({ n }) => { called.push(n); void node.stop(to); return n },
      }), { name: 'box' })
      a.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
      expect(called).toEqual([1])
      await node.stop()
    })
  })

  test('S11, S24: a handler whose result runs code when it is looked at fails its task, and nothing else', async () => {
    const { sim, node, a } = world()
    await sim.run(async () => {
      const outcomes: string[] = []
      const evil = new Proxy({}, { has() { throw new RangeError('mine') } })
      const to = await node.spawn(box({
        put: t => task('work', { n: t.msg.n }, { key: `${t.msg.n}` }), work: ({ n }) => n === 0 ? Reflect.apply(Object, undefined, [evil]) : n,
        done: t => { outcomes.push(`${t.key} ${t.outcome}`); return [] },
      }), { name: 'box' })
      for (const n of [0, 1]) a.tell(to, { type: 'Put', n })
      await sim.sleep(1)
      expect(outcomes).toEqual(['0 failed', '1 done'])
      await node.stop()
    })
    expect(sim.reported).toEqual([])
  })

  test('S28: services and a resource are plain objects, or nothing is spawned: merged, an instance would lose its methods', async () => {
    class Device { readonly opened = 'yes'; read(): string { return this.opened } }
    const { sim, node } = world()
    await sim.run(async () => {
      let released = 0
      const sync = box({ acquire: () => new Device(), release: () => { released++ } })
      const late = box({ acquire: () => Promise.resolve(new Device()), release: () => { released++ } })
      const nothing = box({ acquire: () => JSON.parse('7') })
      for (const [i, engine] of [sync, late, nothing].entries()) expect(await outcomeOf(node.spawn(engine, { name: `box-${i}` }))).toBe('start-failed')
      await sim.sleep(1)
      expect(released).toBe(2)
      const hostile = box({ acquire: () => Promise.resolve(Object.defineProperty({ opened: 'yes' }, 'x', { enumerable: true, get() { throw new RangeError('mine') } })) })
      expect(await outcomeOf(node.spawn(hostile, { name: 'hostile' }))).toBe('start-failed')
      expect(await outcomeOf(node.spawn(box({}), { name: 'box', services: JSON.parse('[]') }))).toBe('invalid-argument')
      await node.stop()
    })
    expect(sim.reported).toEqual([])
  })

  test('S26: a timer counts from its own step, however slow those before it in the turn were', async () => {
    const node = await createNode()
    const seen = await new Promise<{ set: number; heard: number }>(resolve => {
      let set = 0
      const slow = box({
        put: t => {
          const end = performance.now() + 5
          while (performance.now() < end);
          set = performance.now()
          return t.msg.n === 9 ? timer('tick', { after: 30 }) : []
        },
        elapsed: () => { resolve({ set, heard: performance.now() }); return [] },
      })
      void node.spawn(slow, { name: 'slow' }).then(to => { for (let n = 0; n < 10; n++) node.client('a').tell(to, { type: 'Put', n }) })
    })
    expect(seen.heard - seen.set).toBeGreaterThanOrEqual(29)
    await node.stop()
  })

  test('S15: only the request that is handled can be kept', async () => {
    const kept: BoxRules['get'][] = [() => Reflect.apply(keep, undefined, ['nonsense']), t => Reflect.apply(keep, undefined, [{ ...t.replyTo, id: t.replyTo.id + 1 }])]
    for (const get of kept) {
      const { sim, node, a } = world()
      await sim.run(async () => {
        const to = await node.spawn(box({ ...get && { get }, put: t => Reflect.apply(keep, undefined, [{ sender: t.sender, id: 1 }]) }), { name: 'box' })
        expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 1 }))).toBe('crashed')
        await node.stop()
      })
    }
  })

  test('S27: a name leaves room for those of children; two families of one id are told apart or refused', async () => {
    const { sim, node, a } = world()
    await sim.run(async () => {
      expect(await outcomeOf(node.spawn(box({}), { name: 'x'.repeat(129) }))).toBe('invalid-argument')
      const [one, two] = [box({ get: () => reply({ n: 1 }) }), box({ get: () => reply({ n: 2 }) })]
      const ended: Observed[] = []
      node.observe(event => { if (event.kind === 'ended') ended.push(event) })
      const to = await node.spawn(box({ children: () => [one, two], put: t => spawn(two, { as: child(two, t.self, 0) }) }), { name: 'x'.repeat(128), supervision: { crash: 'stop' } })
      a.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
      expect(ended).toMatchObject([{ reason: 'crashed', error: { code: 'invalid-definition' } }])
      await node.stop()
    })
  })

  test('S28: an acquaintance that is none spawns nothing; a client is one', async () => {
    const { sim, node, a } = world()
    await sim.run(async () => {
      for (const wrong of [null, undefined, 'a', {}, { node: 1, name: 'a' }]) {
        expect(await outcomeOf(node.spawn(box({}), { name: 'box', acquaintances: [JSON.parse(JSON.stringify(wrong) ?? 'null')] }))).toBe('invalid-argument')
      }
      const to = await node.spawn(box({ closed: true, get: answers }), { name: 'box', acquaintances: [a] })
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 1 }))).toBe('ok {"n":1}')
      node.revoke(to, a)
      expect(await outcomeOf(a.ask(to, { type: 'GetRequest', n: 1 }))).toBe('not-acquainted')
      expect(() => node.grant(to, JSON.parse('{}'))).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
      await node.stop()
    })
  })

  test('S16: an event has the time at which it happened', async () => {
    const { sim, node, a } = world()
    await sim.run(async () => {
      const to = await node.spawn(box({ put: () => [] }), { name: 'box' })
      await sim.sleep(10_000)
      const times: number[] = []
      node.observe(event => times.push(event.time))
      const before = sim.time
      a.tell(to, { type: 'Put', n: 1 })
      await sim.sleep(1)
      expect(times.length).toBe(2)
      for (const time of times) expect(time).toBeGreaterThanOrEqual(before)
      await node.stop()
    })
  })

  test('S16, S17: an observer that answers each event with a message holds nothing up, and hears of its own', async () => {
    const { sim, node, a } = world()
    await sim.run(async () => {
      const audit = await node.spawn(box({ put: (_t, _c, e) => update({ ...e, children: e.children + 1 }), get: answers }), { name: 'audit' })
      let heard = 0
      const off = node.observe(event => {
        heard++
        if (event.kind === 'message') a.tell(audit, { type: 'Put', n: 1 })
      })
      expect(await outcomeOf(a.ask(audit, { type: 'GetRequest', n: 1 }))).toBe('ok {"n":1}')
      await sim.sleep(0.1)
      expect(heard).toBeGreaterThan(5)
      off()
      // A dead letter that an observer caused is told too, though no engine runs.
      const letters: string[] = []
      const stop = node.observe(event => {
        if (event.kind === 'step') a.tell({ ...audit, name: 'nobody' }, { type: 'Put', n: 1 })
        if (event.kind === 'dead-letter') letters.push(event.reason)
      })
      a.tell(audit, { type: 'Put', n: 1 })
      await sim.sleep(1)
      expect(letters.length).toBeGreaterThan(0)
      stop()
      await node.stop()
    })
  })

  test('S31: an engine that was stopped before its timer ran out does not keep the process', () => {
    const program = `
      import { createNode, timer } from './src/index.ts'
      import { box } from './test/runtime/box.ts'
      const node = await createNode()
      const to = await node.spawn(box({ put: () => timer('tick', { after: 60_000 }) }), { name: 'timed' })
      node.client('a').tell(to, { type: 'Put', n: 1 })
      await new Promise(resolve => setTimeout(resolve, 5))
      await node.stop(to)
    `
    const { status, signal, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', program], { timeout: 15_000, encoding: 'utf8' })
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' })
  })

  test('S4, S8, S11: the EngineIDs in effects, and those that host code passes in, are read once, before anything is carried out', async () => {
    const { sim, node, a } = world()
    await sim.run(async () => {
      const seen: number[] = []
      const sink = await node.spawn(box({ put: t => { seen.push(t.msg.n); return [] }, get: answers }), { name: 'sink' })
      // Throws when it is read again.
      const once = (id: EngineRef<BoxProtocol>): EngineRef<BoxProtocol> => {
        let reads = 0
        return Object.defineProperty({ ...id }, 'node', { get() { if (reads++ > 0) throw new RangeError('mine'); return id.node } })
      }
      let kept: GetReply | undefined
      const sender = await node.spawn(box({
        get: t => { kept = t.replyTo; return keep(t.replyTo) },
        put: t => [
          send(once(sink), { type: 'Put', n: t.msg.n }), watch(once({ ...sink, name: 'nobody' })),
          ...kept === undefined ? [] : [reply<{ readonly n: number }>({ n: 7 }, { to: { ...kept, sender: once(sink) } })],
        ],
      }), { name: 'sender' })
      const asked = a.ask(sender, { type: 'GetRequest', n: 0 })
      a.tell(once(sender), { type: 'Put', n: 1 })
      expect(await asked).toEqual({ n: 7 })
      expect(seen).toEqual([1])
      expect(await outcomeOf(a.ask(once(sink), { type: 'GetRequest', n: 1 }))).toMatch(/^ok/)
      expect(lawOf(node)).toBe(0)
      await node.stop()
    })
    expect(sim.reported).toEqual([])
  })

  test('what host code gets wrong is an error of this library', async () => {
    const { sim, node, a } = world()
    await sim.run(async () => {
      expect(() => Reflect.apply(node.observe, node, [undefined])).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
      const to = await node.spawn(box({ get: answers }), { name: 'box' })
      const proxy = new Proxy({}, { ownKeys() { throw new RangeError('mine') } })
      expect(await outcomeOf(Reflect.apply(a.ask, a, [to, proxy]))).toBe('not-encodable')
      for (const wrong of [undefined, null, 'box', 7, {}]) expect(await outcomeOf(Reflect.apply(a.ask, a, [wrong, { type: 'GetRequest', n: 1 }]))).toBe('invalid-argument')
      expect(() => Reflect.apply(defineProtocol, undefined, [{ id: 'x', version: 1, codes: [], requests: {}, tells: null }])).toThrow(expect.objectContaining({ code: 'invalid-definition' }))
      for (const part of ['protocol', 'behaviour', 'environment', 'config']) {
        const whole = { protocol: boxProtocol, config: z.object({}), environment: () => ({}), behaviour: { messages: { Put: always(() => []), GetRequest: always(() => undefined) } } }
        expect(() => Reflect.apply(defineEngine, undefined, [{ ...whole, [part]: undefined }])).toThrow(expect.objectContaining({ code: 'invalid-definition' }))
      }
      for (const wrong of [undefined, {}, 'z6Mk', { node: null, name: '' }]) {
        expect(await outcomeOf(Reflect.apply(verify, undefined, [wrong, new Uint8Array(), new Uint8Array()]))).toBe('invalid-identity')
        expect(await outcomeOf(Reflect.apply(encrypt, undefined, [wrong, new Uint8Array()]))).toBe('invalid-identity')
      }
      await node.stop()
    })
  })

  test('S31: an ask that was aborted, or whose client was closed, does not keep the process', () => {
    const program = `
      import { createNode } from './src/index.ts'
      import { box } from './test/runtime/box.ts'
      const node = await createNode()
      const to = await node.spawn(box({}), { name: 'silent' })
      const stop = new AbortController()
      const asks = [node.client('a').ask(to, { type: 'GetRequest', n: 1 }, { signal: stop.signal }), node.client('b').ask(to, { type: 'GetRequest', n: 1 })]
      await new Promise(resolve => setTimeout(resolve, 5))
      stop.abort()
      node.client('b').close()
      console.log((await Promise.allSettled(asks)).map(({ reason }) => reason.code).join())
    `
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', program], { timeout: 15_000, encoding: 'utf8' })
    expect({ status, signal, stdout, stderr }).toEqual({ status: 0, signal: null, stdout: 'aborted,aborted\n', stderr: '' })
  })

  test("the platform's functions are called as a browser wants them: on no object of ours", async () => {
    const calls: unknown[] = []
    const { queueMicrotask: original } = globalThis
    globalThis.queueMicrotask = function (this: unknown, work: () => void) {
      calls.push(this)
      original(work)
    }
    try {
      await new Promise<void>(resolve => platformHost().soon(resolve))
    } finally {
      globalThis.queueMicrotask = original
    }
    expect(calls).toEqual([undefined])
  })
})
