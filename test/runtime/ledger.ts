import { z } from 'zod'
import { always, child, defineEngine, defineProtocol, exchange, grant, keep, reply, request, send, spawn, stop, Table, task, timer, update, watch } from '../../src/index.ts'
import type { Ask, Durability, Effect, Engine, EngineRef, MissedTicks, ProtocolOf, Trigger } from '../../src/index.ts'

/** A durable engine that notes all that happens to it, and does what it is told. */
export const ledgerProtocol = defineProtocol({
  id: 'test/ledger',
  version: 1,
  codes: [],
  requests: {
    /** Notes a number, and does things. */
    AddRequest: exchange({ key: z.string(), deeds: z.array(z.string()).exactOptional() }, { size: z.number() }),
    ReadRequest: exchange({}, { log: z.array(z.string()), children: z.array(z.string()) }),
    /** Is never answered. */
    WaitRequest: exchange({}, {}),
  },
  tells: { Pass: { key: z.string() } },
})
export interface LedgerProtocol extends ProtocolOf<typeof ledgerProtocol> {}

export interface LedgerEnvironment {
  /** By number, in order. */
  readonly log: Table<string>
  readonly size: number
  readonly children: Table<EngineRef<LedgerProtocol>>
  readonly lives: number
}

export interface Ledger {
  protocol: LedgerProtocol
  config: typeof ledgerConfig
  environment: LedgerEnvironment
  services: { readonly work?: (key: string) => string | Promise<string> }
  tasks: { work(input: { readonly key: string }): string }
  asks: { ask: Ask<LedgerProtocol, 'WaitRequest'> }
  timers: 'tick'
}
const ledgerConfig = z.strictObject({ other: z.string().exactOptional(), node: z.string().exactOptional() })
type Environment = LedgerEnvironment

export function refOf(node: string | null, name: string): EngineRef<LedgerProtocol>
export function refOf(node: string | null, name: string): { readonly node: string | null; readonly name: string } {
  return { node, name }
}

function noted(environment: Environment, text: string): Environment {
  return { ...environment, log: environment.log.set(`${environment.size}`.padStart(6, '0'), text), size: environment.size + 1 }
}

const policies: readonly MissedTicks[] = ['fire-once', 'skip', 'catch-up']

export function ledger({ version = 1, migrate, passing, durable = true, id = 'test/ledger' }: Partial<Durability<Environment>> & { readonly durable?: boolean; readonly id?: string } = {}): Engine<Ledger> {
  const family: Engine<Ledger> = defineEngine<Ledger>({
    id,
    protocol: ledgerProtocol,
    config: ledgerConfig,
    environment: () => ({ log: Table.empty(), size: 0, children: Table.empty(), lives: 0 }),
    behaviour: {
      started: always((_t: Trigger<LedgerProtocol>, _config, environment) => update<Environment>({ ...environment, lives: environment.lives + 1 })),
      messages: {
        AddRequest: always(({ msg: { key, deeds = [] }, self, sender }, { other, node = self.node }, environment) => {
          let next = noted(environment, key)
          const there = refOf(node, other ?? self.name)
          const effects = deeds.flatMap((deed): readonly Effect<Ledger>[] => {
            const [what = '', ...rest] = deed.split(' ')
            switch (what) {
              case 'pass': return [send(there, { type: 'Pass', key })]
              case 'work': return [task('work', { key }, { key: `work/${key}`, deadline: 60_000 })]
              case 'tick': return [timer(`tick/${key}`, { after: Number(rest[0]), every: Number(rest[1]), missed: policies.find(policy => policy === rest[2]) ?? 'fire-once' })]
              case 'once': return [timer(`tick/${key}`, { after: Number(rest[0]), missed: policies.find(policy => policy === rest[1]) ?? 'fire-once' })]
              case 'ask': return [request(there, { type: 'WaitRequest' }, { key: `ask/${key}` })]
              case 'spawn': {
                const kid = child(family, self, next.children.size)
                next = { ...next, children: next.children.set(key, kid) }
                return [spawn(family, { as: kid, config: other === undefined ? {} : { other } }), grant(kid, sender), watch(kid)]
              }
              case 'down': {
                const kid = next.children.get(rest[0] ?? '')
                return kid === undefined ? [] : [send(kid, { type: 'Pass', key })]
              }
              case 'end': return [stop(next.children.get(rest[0] ?? ''))]
              case 'crash': throw new Error('It was told to')
              default: return []
            }
          })
          return [reply({ size: next.size }), ...effects, update<Environment>(next)]
        }),
        ReadRequest: always((_t, _config, { log, children }) => reply({ log: Array.from(log, ([, text]) => text), children: Array.from(children, ([, { name }]) => name) })),
        WaitRequest: always(({ replyTo }) => keep(replyTo)),
        Pass: always(({ msg, sender }, _config, environment) => update<Environment>(noted(environment, `${sender.name} passed ${msg.key}`))),
      },
      outcomes: { work: always((end, _config, environment) => update<Environment>(noted(environment, `worked ${end.input.key} ${end.outcome}`))) },
      answers: { ask: always(({ key, failure }, _config, environment) => update<Environment>(noted(environment, `${key} ${failure ?? 'answered'}`))) },
      timers: { tick: always(({ handle }, _config, environment) => update<Environment>(noted(environment, handle))) },
      terminated: always(({ engine, reason }, _config, environment) => update<Environment>(noted(environment, `${engine.name} ${reason}`))),
    },
    tasks: { work: ({ key }, { work }) => work?.(key) ?? key },
    children: () => [family],
    ...durable && { durable: { version, ...migrate && { migrate }, ...passing && { passing } } },
    open: true,
  })
  return family
}
