import { z } from 'zod'
import { always, child, defineEngine, defineProtocol, engineID, engineRef, exchange, grant, reply, spawn, update } from '../../src/index.ts'
import type { ProtocolOf } from '../../src/index.ts'
import { counterProtocol, noConfig } from './counter.ts'
import type { CounterProtocol } from './counter.ts'

interface Gate {
  /** Resolves when the engine may begin. */
  readonly gate: Promise<void>
}

interface Gated {
  protocol: CounterProtocol
  config: typeof noConfig
  environment: { readonly count: number }
  services: Gate
  resource: {}
}
/** A counter that handles nothing until its gate opens, and lets a million messages wait. */
const gated = defineEngine<Gated>({
  id: 'bench/gated', protocol: counterProtocol, config: noConfig, environment: () => ({ count: 0 }), mailboxes: { 0: { capacity: 2_000_000 } },
  resource: { acquire: (_config, { gate }) => gate.then(() => ({})) },
  behaviour: {
    messages: {
      Add: always(({ msg }, _config, { count }) => update({ count: count + msg.by })),
      CountRequest: always((_asked, _config, { count }) => reply({ count })),
    },
  },
})

const keeperProtocol = defineProtocol({
  id: 'bench/keeper', version: 1, codes: [],
  requests: { SpawnRequest: exchange({ known: z.array(engineID()) }, { counter: engineRef<CounterProtocol>() }) },
  tells: {},
})
interface Keeper {
  protocol: ProtocolOf<typeof keeperProtocol>
  config: typeof noConfig
  environment: { readonly spawned: number }
  services: Gate
}
/** Spawns gated counters, so that there is a reference to one which has not started. */
export const keeper = defineEngine<Keeper>({
  protocol: keeperProtocol, config: noConfig, environment: () => ({ spawned: 0 }), children: () => [gated],
  behaviour: {
    messages: {
      SpawnRequest: always(({ msg: { known }, self }, _config, { spawned }) => {
        const as = child(gated, self, spawned)
        return [reply({ counter: as }), spawn(gated, { as }), ...known.map(one => grant(as, one)), update({ spawned: spawned + 1 })]
      }),
    },
  },
})
