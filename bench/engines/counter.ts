import { z } from 'zod'
import { always, defineEngine, defineProtocol, engineRef, exchange, reply, send, update } from '../../src/index.ts'
import type { Plain, ProtocolOf } from '../../src/index.ts'

export const noConfig = z.strictObject({})

export const counterProtocol = defineProtocol({
  id: 'bench/counter', version: 1, codes: [],
  requests: { CountRequest: exchange({}, { count: z.number() }) },
  tells: { Add: { by: z.number() } },
})
export interface CounterProtocol extends ProtocolOf<typeof counterProtocol> {}
interface Counter {
  protocol: CounterProtocol
  config: typeof noConfig
  environment: { readonly count: number }
}
/** Adds up what it is told, and says how much that is. */
export const counter = defineEngine<Counter>({
  protocol: counterProtocol, config: noConfig, environment: () => ({ count: 0 }),
  behaviour: {
    messages: {
      Add: always(({ msg }, _config, { count }) => update({ count: count + msg.by })),
      CountRequest: always((_asked, _config, { count }) => reply({ count })),
    },
  },
})

const senderProtocol = defineProtocol({
  id: 'bench/sender', version: 1, codes: [],
  requests: { BatchRequest: exchange({ to: engineRef<CounterProtocol>(), count: z.number() }, {}) },
  tells: {},
})
interface SenderProtocol extends ProtocolOf<typeof senderProtocol> {}
interface Sender {
  protocol: SenderProtocol
  config: typeof noConfig
  environment: {}
}
/** Sends a counter as many messages as it is asked to, in one step. */
export const sender = defineEngine<Sender>({
  protocol: senderProtocol, config: noConfig, environment: () => ({}),
  behaviour: {
    messages: {
      BatchRequest: always(({ msg: { to, count } }) => {
        const batch: Plain[] = []
        for (let i = 0; i < count; i++) batch.push(send(to, { type: 'Add', by: 1 }))
        return [reply({}), ...batch]
      }),
    },
  },
})
