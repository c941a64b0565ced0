import { z } from 'zod'
import { always, defineEngine, defineProtocol, engineRef, exchange, keep, reply, request, update } from '../../src/index.ts'
import type { Ask, EngineRef, ProtocolOf, ReplyTo, ResponseOf } from '../../src/index.ts'
import { noConfig } from './counter.ts'

const echoProtocol = defineProtocol({
  id: 'bench/echo', version: 1, codes: [],
  requests: { EchoRequest: exchange({ n: z.number() }, { n: z.number() }) },
  tells: {},
})
export interface EchoProtocol extends ProtocolOf<typeof echoProtocol> {}
interface Echo {
  protocol: EchoProtocol
  config: typeof noConfig
  environment: {}
}
export const echo = defineEngine<Echo>({
  protocol: echoProtocol, config: noConfig, environment: () => ({}),
  behaviour: { messages: { EchoRequest: always(({ msg }) => reply({ n: msg.n })) } },
})

const askerProtocol = defineProtocol({
  id: 'bench/asker', version: 1, codes: [],
  requests: { AskRequest: exchange({ to: engineRef<EchoProtocol>(), times: z.number() }, { right: z.number() }) },
  tells: {},
})
interface AskerProtocol extends ProtocolOf<typeof askerProtocol> {}
interface Asking {
  readonly to: EngineRef<EchoProtocol>
  readonly left: number
  readonly right: number
  readonly replyTo: ReplyTo<ResponseOf<AskerProtocol, 'AskRequest'>>
}
interface Asker {
  protocol: AskerProtocol
  config: typeof noConfig
  environment: { readonly asking?: Asking }
  asks: { echo: Ask<EchoProtocol, 'EchoRequest'> }
}
/** Asks an echo again and again, one request at a time, and says how often the answer was right. */
export const asker = defineEngine<Asker>({
  protocol: askerProtocol, config: noConfig, environment: () => ({}),
  behaviour: {
    messages: {
      AskRequest: always(({ msg: { to, times }, replyTo }) =>
        [keep(replyTo), update({ asking: { to, left: times, right: 0, replyTo } }), request(to, { type: 'EchoRequest', n: times }, { key: 'echo' })]),
    },
    answers: {
      echo: always(({ reply: answer }, _config, { asking }) => {
        if (asking === undefined) return undefined
        const { to, replyTo } = asking
        const right = asking.right + (answer !== undefined && 'n' in answer && answer.n === asking.left ? 1 : 0)
        const left = asking.left - 1
        if (left === 0) return [reply({ right }, { to: replyTo }), update({})]
        return [update({ asking: { to, left, right, replyTo } }), request(to, { type: 'EchoRequest', n: left }, { key: 'echo' })]
      }),
    },
  },
})
