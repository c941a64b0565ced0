import { expect } from 'vitest'
import { z } from 'zod'
import { always, child, defineEngine, defineProtocol, exchange, grant, keep, reply, revoke, send, spawn, stop, Table, task, timer, update } from '../../src/index.ts'
import type { Client, Definition, Effect, Engine, EngineRef, Node, ProtocolOf, Store } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import type { Simulation } from '../../src/simulation.ts'
import { lawOf } from './law.ts'

/** A durable engine that does as each request tells it. */
const protocol = defineProtocol({
  id: 'test/puppet', version: 1, codes: [],
  requests: { DoRequest: exchange({ deeds: z.array(z.string()) }, { notes: z.array(z.string()) }), HangRequest: exchange({}, {}) },
  tells: { Note: { text: z.string() } },
})
interface PuppetProtocol extends ProtocolOf<typeof protocol> {}
interface Environment { readonly notes: Table<string>; readonly children: number; readonly other?: unknown }
const config = z.strictObject({ text: z.string().exactOptional() })
interface Puppet {
  protocol: PuppetProtocol
  config: typeof config
  environment: Environment
  services: { readonly acquire?: (name: string) => void | Promise<void>; readonly work?: () => void | Promise<void> }
  resource: { readonly open: boolean }
  tasks: { work(input: undefined): null }
  timers: 'tick'
}
type Options = Pick<Definition<Puppet>, 'keepsChildren' | 'supervision'> & { readonly closed?: boolean; readonly version?: number; readonly heeds?: boolean; readonly isFuse?: boolean }

function noted(environment: Environment, text: string): Environment {
  return { ...environment, notes: environment.notes.set(`${environment.notes.size}`.padStart(4, '0'), text) }
}

const fuse = (): Engine<Puppet> => known ??= puppet({ isFuse: true })
let known: Engine<Puppet> | undefined

export function puppet({ closed = false, version = 1, heeds = true, isFuse = false, ...rest }: Options = {}): Engine<Puppet> {
  const family: Engine<Puppet> = defineEngine<Puppet>({
    id: isFuse ? 'test/fuse' : 'test/puppet', protocol, config,
    environment: (_config, { nextChild }) => ({ notes: Table.empty(), children: nextChild }),
    behaviour: {
      messages: {
        DoRequest: always(({ msg: { deeds }, self, sender }, _config, environment) => {
          let next = environment
          const effects = deeds.flatMap((deed): readonly Effect<Puppet>[] => {
            const [what = '', ...words] = deed.split(' ')
            const kid = child(family, self, Number(words[0] ?? 0))
            switch (what) {
              case 'note': next = noted(next, words.join(' ')); return []
              case 'spawn': {
                const made = child(family, self, next.children)
                next = { ...next, children: next.children + 1 }
                return [spawn(family, { as: made, config: words[0] === undefined ? {} : { text: words[0] === 'surrogate' ? '\uD800' : words[0] } }), grant(made, sender)]
              }
              case 'fuse': {
                const made = child(fuse(), self, next.children)
                next = { ...next, children: next.children + 1 }
                return [spawn(fuse(), { as: made, config: {} })]
              }
              case 'tell': return [send(kid, { type: 'Note', text: words.slice(1).join(' ') })]
              case 'grant': return [grant(kid, sender)]
              case 'revoke': return [revoke(kid, sender)]
              case 'end': return [stop(kid)]
              case 'leave': return [stop()]
              case 'work': return [task('work', undefined, { key: 'work' })]
              case 'tick': return [timer('tick', { after: Number(words[0]), every: Number(words[0]), missed: 'catch-up' })]
              case 'nothing': next = { ...next, other: Table.from([['nothing', undefined]]) }; return []
              case 'surrogate': next = { ...next, other: '\uD800' }; return []
              case 'crash': throw new Error('It was told to')
              default: return []
            }
          })
          return [reply({ notes: Array.from(next.notes, ([, text]) => text) }), ...effects, ...next === environment ? [] : [update<Environment>(next)]]
        }),
        HangRequest: always(({ replyTo }) => keep(replyTo)),
        Note: always(({ msg: { text }, self }, _config, environment) => isFuse ? boom() : text === 'spawn' ? spawn(family, { as: child(family, self, environment.children), config: { text: '\uD800' } }) : update<Environment>(noted(environment, text))),
      },
      outcomes: { work: always((_end, _config, environment) => update<Environment>(noted(environment, 'worked'))) },
      timers: { tick: always((_elapsed, _config, environment) => heeds ? update<Environment>(noted(environment, 'tick')) : undefined) },
    },
    tasks: { work: async (_input, { work }) => { await work?.(); return null } },
    resource: { acquire: async (_config, { acquire }) => { await acquire?.(''); return { open: true } } },
    children: () => isFuse ? [] : [family, fuse()],
    ...!isFuse && { durable: { version } },
    ...closed ? {} : { open: true as const },
    ...rest,
  })
  return family
}

export const refTo = (node: Node, name: string): EngineRef<PuppetProtocol> => JSON.parse(JSON.stringify({ node: node.id, name }))
export const tell = (client: Client, to: EngineRef<PuppetProtocol>, ...deeds: readonly string[]) => client.ask(to, { type: 'DoRequest', deeds }, { deadline: 1e6 })
export const notesOf = async (client: Client, to: EngineRef<PuppetProtocol>) => (await tell(client, to)).notes

function boom(): never {
  throw new Error('It was told to')
}

interface World { readonly sim: Simulation; readonly node: Node; readonly store: Store & { fail(): void } }
export async function inSimulation(scenario: (world: World) => Promise<void>, seeds = 10): Promise<void> {
  for (let seed = 0; seed < seeds; seed++) {
    const sim = simulate({ seed })
    const store = sim.store()
    const node = sim.createNode({ store })
    await sim.run(() => scenario({ sim, node, store }))
    expect(sim.reported).toEqual([])
    expect(lawOf(node)).toBe(0)
  }
}

export async function rowsOf(store: Store): Promise<readonly string[]> {
  const rows: string[] = []
  for await (const { key } of store.range({ from: new Uint8Array([1]), to: new Uint8Array([255]) })) rows.push(new TextDecoder().decode(key).replaceAll('\u0000\u0001', ' ').trim())
  return rows
}
