import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Client, EngineRef, Node, Store } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import type { Network, Simulation } from '../../src/simulation.ts'
import { lawOf } from './law.ts'
import { ledger } from './ledger.ts'
import type { LedgerProtocol } from './ledger.ts'

const add = (client: Client, to: EngineRef<LedgerProtocol>, key: string, ...deeds: readonly string[]) => client.ask(to, { type: 'AddRequest', key, deeds }, { deadline: 1e6 })
const read = async (client: Client, to: EngineRef<LedgerProtocol>) => (await client.ask(to, { type: 'ReadRequest' })).log

/** An engine, and to whom it passes what it is told. */
interface Post {
  readonly name: string
  readonly other: string
  /** The place of the node that the other lives on. */
  readonly at: number
}

/** A node in all its lives, with its engines. */
class Place {
  node: Node
  readonly store: Store & { fail(): void }
  readonly #sim: Simulation
  readonly #posts: readonly Post[]
  readonly #problems: string[]
  readonly #nodeAt: (place: number) => string
  #engines = new Map<string, EngineRef<LedgerProtocol>>()

  constructor(sim: Simulation, network: Network, posts: readonly Post[], problems: string[], nodeAt: (place: number) => string) {
    this.#sim = sim
    this.#posts = posts
    this.#problems = problems
    this.#nodeAt = nodeAt
    this.store = sim.store()
    this.node = this.#watched(sim.createNode({ network, store: this.store }))
  }

  /** Looks at the law after each event. */
  #watched(node: Node): Node {
    node.observe(event => { if (lawOf(node) !== 0) this.#problems.push(`${lawOf(node)} at ${event.kind} ${event.step}`) })
    return node
  }

  restart(): void {
    this.#engines = new Map()
    this.node = this.#watched(this.#sim.restart(this.node))
  }

  /** Spawns one of those that are not there. */
  async spawnOne(): Promise<boolean> {
    const { node } = this
    const missing = this.#posts.filter(({ name }) => !this.#engines.has(name))
    const post = missing[this.#sim.choose(missing.length || 1)]
    if (post === undefined) return false
    const ref = await node.spawn(ledger(), { name: post.name, config: { other: post.other, node: this.#nodeAt(post.at) } })
    if (node === this.node) this.#engines.set(post.name, ref)
    return true
  }

  /** Ends one of them for now: what crashes too often, and what the host stops, is resumed. */
  async stopOne(): Promise<void> {
    const [name, ref] = [...this.#engines][this.#sim.choose(this.#engines.size || 1)] ?? []
    if (name === undefined || ref === undefined) return
    this.#engines.delete(name)
    await this.node.stop(ref)
  }

  tell(key: string): void {
    const all = [...this.#engines.values()]
    const to = all[this.#sim.choose(all.length || 1)]
    if (to !== undefined) add(this.node.client('user'), to, key, 'pass').catch(() => {})
  }

  async logs(): Promise<ReadonlyMap<string, readonly string[]>> {
    const logs = new Map<string, readonly string[]>()
    for (const [name, ref] of this.#engines) logs.set(name, await read(this.node.client('user'), ref))
    return logs
  }

  /** The rows of messages that wait to be handled, or acknowledged. */
  async rows(): Promise<readonly string[]> {
    const rows: string[] = []
    for await (const { key } of this.store.range({ from: new Uint8Array([1]), to: new Uint8Array([255]) })) rows.push(new TextDecoder().decode(key).replaceAll('\u0000\u0001', ' '))
    return rows.filter(row => row.startsWith('out ') || row.includes(' message '))
  }
}

const posts: readonly (readonly Post[])[] = [
  [{ name: 'p', other: 'q', at: 1 }, { name: 'r', other: 'q', at: 1 }, { name: 's', other: 'p', at: 0 }],
  [{ name: 'q', other: 'p', at: 0 }, { name: 't', other: 'q', at: 1 }],
]
type Act = 'tell' | 'spawn' | 'stop' | 'restart' | 'cut' | 'heal' | 'loss' | 'sleep'
const acts = fc.array(fc.record({
  act: fc.constantFrom<Act[]>('tell', 'tell', 'tell', 'tell', 'tell', 'spawn', 'spawn', 'stop', 'restart', 'cut', 'heal', 'loss', 'sleep', 'sleep'),
  at: fc.nat(1), much: fc.nat(40),
}), { minLength: 10, maxLength: 80 })

describe('durable engines of two nodes', () => {
  test('S81, S82, S4: tell each other effectively once and in order, whatever is lost, cut off, stopped or crashes, and whoever comes back first', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), acts, async (seed, script) => {
      const sim = simulate({ seed })
      const network = sim.network({ window: 1 + seed % 8 })
      const problems: string[] = []
      const places: Place[] = []
      for (const own of posts) places.push(new Place(sim, network, own, problems, at => places[at]?.node.id ?? ''))
      await sim.run(async () => {
        for (const place of places) while (await place.spawnOne()) { /* all of them */ }
        let key = 0
        for (const { act, at, much } of script) {
          const place = places[at] ?? expect.fail('no such place')
          switch (act) {
            case 'tell': for (let n = 0; n <= much % 4; n++) place.tell(`${++key}`); break
            case 'spawn': void place.spawnOne().catch(() => {}); break
            case 'stop': void place.stopOne(); break
            case 'restart': place.restart(); break
            case 'cut': network.partition([place.node]); break
            case 'heal': network.heal(); break
            case 'loss': network.change({ loss: much % 3 / 5, duplication: much % 2 / 5 }); break
            case 'sleep': await sim.sleep(much * much % 23); break
          }
        }
        network.heal()
        network.change({ loss: 0, duplication: 0 })
        await sim.sleep(200_000)
        for (const place of places) while (await place.spawnOne()) { /* all of them */ }
        await sim.sleep(200_000)
        const logs = new Map((await Promise.all(places.map(place => place.logs()))).flatMap(of => [...of]))
        for (const { name, other } of posts.flat()) {
          const said = logs.get(name)?.filter(text => !text.includes('passed')).map(text => `${name} passed ${text}`)
          expect(logs.get(other)?.filter(text => text.startsWith(`${name} passed`))).toEqual(said)
        }
        expect(problems).toEqual([])
        for (const place of places) {
          expect(place.node.counters()).toMatchObject({ queued: 0, uncertain: expect.any(Number) })
          expect(lawOf(place.node)).toBe(0)
          expect(await place.rows()).toEqual([])
        }
        expect(sim.reported).toEqual([])
      })
    }), { numRuns: 150 })
  })
})
