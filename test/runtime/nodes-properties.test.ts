import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { forward, keep, memoryNetwork, reply, request, send, stop, update, watch } from '../../src/index.ts'
import type { EngineID, EngineRef, Observed } from '../../src/index.ts'
import { packData } from '../../src/core/encoding.ts'
import { readFrame, writeAck, writeHello, writeItem, writeItems, writeWelcome } from '../../src/runtime/frames.ts'
import { simulate } from '../../src/simulation.ts'
import { box, outcomeOf } from './box.ts'
import type { BoxProtocol } from './box.ts'
import { BOOT, laws, message, nodeID, place, Stranger } from './nodes.ts'
import type { Place } from './nodes.ts'
import { lawOf } from './law.ts'

/** Looks at the law after each event. */
function guard(places: readonly Place[]): string[] {
  const problems: string[] = []
  for (const { node } of places) {
    node.observe((event: Observed) => { if (lawOf(node) !== 0) problems.push(`${lawOf(node)} at ${event.kind} ${event.step}`) })
  }
  return problems
}

type Act = { readonly act: 'tell' | 'ask' | 'relay' | 'watch' | 'request' | 'pass' | 'stop' | 'sleep' | 'cut'; readonly from: number; readonly to: number }
const acts = fc.array(fc.record({
  act: fc.constantFrom<Act['act'][]>('tell', 'tell', 'tell', 'ask', 'ask', 'relay', 'watch', 'request', 'pass', 'stop', 'sleep', 'sleep', 'cut'),
  from: fc.nat(2), to: fc.nat(2),
}), { minLength: 5, maxLength: 60 })

describe('nodes under every interleaving', () => {
  test('S2, S3, S4, S18, S30: order, at most once, the law on each node, one end for each request and watch', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), acts, async (seed, script) => {
      const sim = simulate({ seed })
      const network = memoryNetwork({ buffer: seed % 3 === 0 ? 0 : 1 << 20 })
      const places = [0, 1, 2].map(() => place(sim, network, { outbox: seed % 2 === 0 ? 4 : 100, askDeadline: 50 }))
      const problems = guard(places)
      const told = new Map<string, number[]>()
      const asked: Promise<string>[] = []
      const answers = new Map<string, number>()
      const ends = new Map<string, number>()
      let [count, requested, watched] = [0, 0, 0]
      const refs: EngineRef<BoxProtocol>[] = []
      const at = (n: number): Place => places[n] ?? expect.fail('no such node')
      const target = (n: number): EngineRef<BoxProtocol> => refs[n] ?? expect.fail('no such engine')
      await sim.run(async () => {
        for (let n = 0; n < 3; n++) {
          refs[n] = await at(n).node.spawn(box({
            // Below zero: what to do. Else a number to note, by its sender.
            put: (t, _c, e) => {
              if (t.msg.n >= 0) {
                const key = `${t.sender.node}/${t.sender.name} ${t.self.node}`
                told.set(key, [...told.get(key) ?? [], t.msg.n])
                return []
              }
              const to = target(-t.msg.n % 10)
              switch (Math.floor(-t.msg.n / 10)) {
                case 1: return [request(to, { type: 'GetRequest', n: 1 }, { key: `ask/${e.children}` }), update({ ...e, children: e.children + 1 })]
                case 2: return [watch(to)]
                case 3: return [send(to, { type: 'Put', n: ++count })]
                default: return stop()
              }
            },
            // Below zero: for another, who answers.
            get: t => t.msg.n < 0 && target(-t.msg.n - 1).node !== t.self.node ? forward(t, target(-t.msg.n - 1))
              : t.msg.n === 7 ? keep(t.replyTo) : reply({ n: Math.abs(t.msg.n) * 2 }),
            answered: t => {
              const key = `${t.self.node} ${t.key}`
              answers.set(key, (answers.get(key) ?? 0) + 1)
              return []
            },
            terminated: t => {
              const key = `${t.self.node} ${t.engine.node} ${t.engine.name}`
              ends.set(key, (ends.get(key) ?? 0) + 1)
              return []
            },
          }), { name: 'box' })
        }
        for (const { act, from, to } of script) {
          const [{ host, transport }, other, own] = [at(from), target(to), target(from)]
          switch (act) {
            case 'tell': host.tell(other, { type: 'Put', n: ++count }); break
            case 'ask': asked.push(outcomeOf(host.ask(other, { type: 'GetRequest', n: to === 2 ? 7 : 3 }))); break
            case 'relay': asked.push(outcomeOf(host.ask(other, { type: 'GetRequest', n: -1 - from }))); break
            case 'request': requested++; host.tell(own, { type: 'Put', n: -10 - to }); break
            case 'watch': if (to !== from) { watched++; host.tell(own, { type: 'Put', n: -20 - to }) } break
            case 'pass': host.tell(own, { type: 'Put', n: -30 - to }); break
            case 'stop': if (to === 1) host.tell(own, { type: 'Put', n: -40 }); break
            case 'cut': transport.cut(); break
            case 'sleep': await sim.sleep(from + 0.1)
          }
        }
        await sim.sleep(200)
        const ended = await Promise.all(asked)
        for (const outcome of ended) expect(outcome).toMatch(/^(?:ok \{"n":[246]\}|deadline|stopped|unreachable|unhandled)$/)
        for (const numbers of told.values()) for (let i = 1; i < numbers.length; i++) expect(numbers[i]).toBeGreaterThan(numbers[i - 1] ?? Infinity)
        for (const times of answers.values()) expect(times).toBe(1)
        expect(answers.size).toBeLessThanOrEqual(requested)
        expect([...ends.values()].reduce((sum, times) => sum + times, 0)).toBeLessThanOrEqual(watched)
        for (const { node } of places) expect(node.counters().queued).toBe(0)
        for (const { node } of places) await node.stop()
        await sim.sleep(1)
        // Without loss, whatever was handed over has arrived.
        const sum = (of: 'handedToTransport' | 'arrived' | 'uncertain') => places.reduce((total, { node }) => total + node.counters()[of], 0)
        expect(sum('arrived')).toBeLessThanOrEqual(sum('handedToTransport'))
        expect(sum('handedToTransport') - sum('arrived')).toBeLessThanOrEqual(sum('uncertain'))
        expect(laws(...places)).toEqual([0, 0, 0])
        expect(problems).toEqual([])
        expect(sim.reported).toEqual([])
      })
    }), { numRuns: 150 })
  })

  test('S32: the same seed gives the same run, over a memory network too', async () => {
    const run = async (seed: number) => {
      const sim = simulate({ seed })
      const network = memoryNetwork()
      const [a, b] = [place(sim, network), place(sim, network)]
      await sim.run(async () => {
        const to = await b.node.spawn(box({ get: t => reply({ n: t.msg.n }) }), { name: 'box' })
        await Promise.all([1, 2, 3, 4, 5].map(n => a.host.ask(to, { type: 'GetRequest', n })))
      })
      return sim.traceHash()
    }
    expect(await run(1)).toBe(await run(1))
    expect(await run(1)).not.toBe(await run(2))
  })
})

describe('links that lose, repeat and reorder', () => {
  test('S2, S3, S4: messages arrive at most once and in order, and asks end', async () => {
    const fate = fc.constantFrom('keep', 'keep', 'keep', 'keep', 'lose', 'repeat', 'hold', 'swap')
    await fc.assert(fc.asyncProperty(fc.nat(), fc.infiniteStream(fate), async (seed, fates) => {
      const sim = simulate({ seed })
      const network = memoryNetwork()
      const [here, there] = [place(sim, network, { askDeadline: 30_000 }), place(sim, network)]
      const problems = guard([here, there])
      for (const { transport } of [here, there]) {
        const held = new Map<string, Uint8Array>()
        transport.tap = (frame, link, dialed) => {
          const key = `${link} ${dialed}`
          const before = held.get(key)
          held.delete(key)
          const { value } = fates.next()
          switch (value) {
            case 'lose': return before === undefined ? [] : [before]
            case 'repeat': return [frame, ...before === undefined ? [] : [before], frame]
            case 'hold': held.set(key, frame); return before === undefined ? [] : [before]
            case 'swap': return before === undefined ? [frame] : [frame, before]
            default: return before === undefined ? [frame] : [before, frame]
          }
        }
      }
      await sim.run(async () => {
        const seen: number[] = []
        const to = await there.node.spawn(box({ put: t => { seen.push(t.msg.n); return [] }, get: t => reply({ n: t.msg.n }) }), { name: 'box' })
        const asked: Promise<string>[] = []
        for (let n = 0; n < 60; n++) {
          here.host.tell(to, { type: 'Put', n })
          if (n % 7 === 0) asked.push(outcomeOf(here.host.ask(to, { type: 'GetRequest', n })))
          if (n % 3 === 0) await sim.sleep(0.05)
        }
        for (const outcome of await Promise.all(asked)) expect(outcome).toMatch(/^ok|^unreachable$|^deadline$/)
        await sim.sleep(20_000)
        for (let i = 1; i < seen.length; i++) expect(seen[i]).toBeGreaterThan(seen[i - 1] ?? Infinity)
        expect(here.node.counters().queued).toBe(0)
        expect(laws(here, there)).toEqual([0, 0])
        expect(problems).toEqual([])
        expect(sim.reported).toEqual([])
      })
    }), { numRuns: 150 })
  })
})

describe('hostile frames', () => {
  const name = fc.constantFrom('box', 'closed', 'host', 'nobody', 'x', 'a b', '__proto__')
  const odd = fc.oneof(fc.constant(null), fc.integer(), fc.double(), fc.string(), fc.uint8Array({ maxLength: 20 }), fc.constant(BOOT),
    fc.object({ maxDepth: 3, withNullPrototype: true }), fc.constantFrom('stopped', 'deadline', 'Put', 'GetRequest'))
  const msg = fc.oneof(odd, fc.record({ type: fc.constantFrom('Put', 'GetRequest', '__proto__', 'constructor'), n: odd, sender: odd }, { requiredKeys: ['type'] }))
  const valid = fc.oneof(
    fc.tuple(name, msg, name).map(([to, value, from]) => writeItems(1, [writeItem(message(to, value, from))])),
    fc.tuple(name, msg, name, fc.nat(3)).map(([to, value, from, id]) => writeItems(1, [writeItem(message(to, value, from, { id, left: 50 }))])),
    fc.tuple(name, name, fc.nat(3), odd).map(([to, from, id, response]) => writeItems(1, [writeItem({ kind: 'reply', to, from, id, boot: BOOT, response })])),
    fc.tuple(name, name).map(([watcher, engine]) => writeItems(1, [writeItem({ kind: 'watch', watcher, engine }), writeItem({ kind: 'terminated', watcher, engine, reason: 'crashed' }), writeItem({ kind: 'unwatch', watcher })])),
    fc.tuple(fc.nat(4), name, msg, name).map(([n, to, value, from]) => writeItems(1, [writeItem({ kind: 'stored', n, to, mailbox: 0, from, msg: value })])),
    fc.constant(writeHello(BOOT, null)), fc.constant(writeWelcome(BOOT, BOOT)), fc.tuple(fc.nat(3), fc.nat(3)).map(([n, stored]) => writeAck(n, stored)),
  )
  /** A frame, with some of its bytes changed, cut off or doubled. */
  const mutated = fc.tuple(valid, fc.array(fc.record({ at: fc.nat(), to: fc.nat(255) }), { maxLength: 3 }), fc.nat(3)).map(([frame, changes, how]) => {
    const bytes = frame.slice()
    for (const { at, to } of changes) bytes[at % bytes.length] = to
    return how === 0 ? bytes.slice(0, bytes.length >> 1) : how === 1 ? Uint8Array.from([...bytes, ...bytes]) : bytes
  })
  const fields = fc.array(fc.oneof(odd, name, fc.nat(6)), { maxLength: 8 })
  const crafted = fc.tuple(fc.nat(4), fc.nat(2), fc.array(fields, { maxLength: 3 })).map(([kind, n, items]) =>
    Uint8Array.from([packData([kind, n]), ...items.map(item => { try { return packData(item) } catch { return new Uint8Array() } })].flatMap(part => [...part])))
  const hostile = fc.oneof(fc.uint8Array({ maxLength: 60 }), valid, mutated, crafted)

  test('no bytes make a reader throw anything but an error, or answer anything but a frame', () => {
    fc.assert(fc.property(hostile, bytes => {
      try {
        expect(['hello', 'welcome', 'items', 'ack']).toContain(readFrame(bytes).kind)
      } catch (error) {
        expect(error).toBeInstanceOf(Error)
      }
    }), { numRuns: 3_000 })
    for (const bytes of [new Uint8Array(1 << 20).fill(0x81), new Uint8Array(1 << 20).fill(0xd9), Uint8Array.of(0x82, 2, 1, 0xbb, 255, 255, 255, 255, 255, 255, 255, 255), new Uint8Array((16 << 20) + 1)]) {
      expect(() => readFrame(bytes)).toThrow(Error)
    }
  })

  test('S1, S4, S57: they neither crash a node nor pass for somebody else; others are served as before', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), fc.array(fc.record({ bytes: hostile, isBack: fc.boolean(), isGreeted: fc.boolean() }), { minLength: 1, maxLength: 12 }), async (seed, attempts) => {
      const sim = simulate({ seed })
      const network = memoryNetwork()
      const [here, friend] = [place(sim, network), place(sim, network)]
      const problems = guard([here, friend])
      const stranger = new Stranger(nodeID(1), network)
      await sim.run(async () => {
        const senders: EngineID[] = []
        const to = await here.node.spawn(box({ put: t => { senders.push(t.sender); return [] }, get: t => { senders.push(t.sender); return reply({ n: 1 }) } }), { name: 'box' })
        await here.node.spawn(box({ closed: true, put: t => { senders.push(t.sender); return [] } }), { name: 'closed', acquaintances: [friend.host, here.host] })
        const there: EngineRef<BoxProtocol> = JSON.parse(JSON.stringify({ node: stranger.id, name: 'there' }))
        for (const { bytes, isBack, isGreeted } of attempts) {
          if (isBack) {
            here.host.tell(there, { type: 'Put', n: 0 })
            await sim.sleep(0.1)
            stranger.back?.send(bytes)
          } else {
            stranger.dial(here.node.id)
            await sim.sleep(0.1)
            if (isGreeted) stranger.hello()
            stranger.out?.send(bytes)
          }
          await sim.sleep(0.1)
        }
        expect(await friend.host.ask(to, { type: 'GetRequest', n: 1 })).toEqual({ n: 1 })
        await sim.sleep(100)
        const known = new Set([stranger.id, friend.node.id])
        for (const sender of senders) expect(known).toContain(sender.node)
        expect(laws(here, friend)).toEqual([0, 0])
        expect(problems).toEqual([])
        expect(sim.reported).toEqual([])
      })
    }), { numRuns: 250 })
  })
})
