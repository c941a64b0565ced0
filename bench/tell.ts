import { dispatch, query, spawn, start, stop } from 'nact'
import type { Ref } from 'nact'
import { z } from 'zod'
import { always, createNode, defineEngine, defineProtocol, engineRef, exchange, reply, send, update } from '../src/index.ts'
import type { Behaviour, ProtocolOf } from '../src/index.ts'
import { rowOf } from './report.ts'
import type { Row } from './report.ts'
import { assertComplete, race, timed } from './rounds.ts'
import type { Effort, Lane } from './rounds.ts'

const BATCH = 10_000
const BATCHES = 20
const PATIENCE = 30_000

const counterProtocol = defineProtocol({
  id: 'bench/counter', version: 1, codes: [],
  requests: { CountRequest: exchange({}, { count: z.number() }) },
  tells: { Add: { by: z.number() } },
})
interface CounterProtocol extends ProtocolOf<typeof counterProtocol> {}
const counterConfig = z.strictObject({})
interface Counter {
  protocol: CounterProtocol
  config: typeof counterConfig
  environment: { readonly count: number }
}
const counterBehaviour: Behaviour<Counter> = {
  messages: {
    Add: always(({ msg }, _config, { count }) => update({ count: count + msg.by })),
    CountRequest: always((_asked, _config, { count }) => reply({ count })),
  },
}
const counter = defineEngine<Counter>({
  protocol: counterProtocol, config: counterConfig, environment: () => ({ count: 0 }), behaviour: counterBehaviour,
})

const senderProtocol = defineProtocol({
  id: 'bench/sender', version: 1, codes: [],
  requests: { BatchRequest: exchange({ to: engineRef<CounterProtocol>(), count: z.number() }, {}) },
  tells: {},
})
interface SenderProtocol extends ProtocolOf<typeof senderProtocol> {}
interface Sender {
  protocol: SenderProtocol
  config: typeof counterConfig
  environment: {}
}
const senderBehaviour: Behaviour<Sender> = {
  messages: {
    BatchRequest: always(({ msg }) => [reply({}), ...Array.from({ length: msg.count }, () => send(msg.to, { type: 'Add', by: 1 }))]),
  },
}
const sender = defineEngine<Sender>({ protocol: senderProtocol, config: counterConfig, environment: () => ({}), behaviour: senderBehaviour })

/** `tell`: from host code. `tell-engines`: from an engine, whose step sends a batch. The receiver counts. */
export async function tell(effort: Effort): Promise<readonly Row[]> {
  await using node = await createNode()
  const client = node.client('bench')
  const from = await node.spawn(sender, { name: 'sender', config: {}, acquaintances: [client.id] })
  const to = await node.spawn(counter, { name: 'counter', config: {}, acquaintances: [client.id, from] })
  const ours = counted(async () => (await client.ask(to, { type: 'CountRequest' })).count, () => {
    for (let i = 0; i < BATCH; i++) client.tell(to, { type: 'Add', by: 1 })
  })
  const oursBetween = counted(async () => (await client.ask(to, { type: 'CountRequest' })).count,
    () => client.ask(from, { type: 'BatchRequest', to, count: BATCH }))

  const system = start()
  const theirTo = spawn(system, theirCounter, 'counter')
  const theirFrom = spawn(system, theirSender, 'sender')
  const theirCount = () => query(theirTo, (asker: Ref<number>): CounterMessage => ({ type: 'Count', asker }), PATIENCE)
  const theirs = counted(theirCount, () => {
    for (let i = 0; i < BATCH; i++) dispatch(theirTo, { type: 'Add', by: 1 })
  })
  const theirsBetween = counted(theirCount, () => query(theirFrom, (asker: Ref<true>): SenderMessage => ({ to: theirTo, count: BATCH, asker }), PATIENCE))
  try {
    return [
      rowOf('tell', 'nact', await race(effort, BATCH * BATCHES, ours, theirs)),
      rowOf('tell-engines', 'nact', await race(effort, BATCH * BATCHES, oursBetween, theirsBetween)),
    ]
  } finally {
    stop(system)
  }
}

/** A lane of batches. Each ends when the receiver, asked after the batch, has counted it whole. */
function counted(count: () => Promise<number>, batch: () => unknown): Lane {
  return operations => timed(async () => {
    const before = await count()
    for (let sent = BATCH; sent <= operations; sent += BATCH) {
      await batch()
      assertComplete('tell', await count() - before, sent)
    }
  })
}

type CounterMessage = { readonly type: 'Add'; readonly by: number } | { readonly type: 'Count'; readonly asker: Ref<number> }

function theirCounter(count = 0, msg: CounterMessage): number {
  if (msg.type === 'Add') return count + msg.by
  dispatch(msg.asker, count)
  return count
}

interface SenderMessage {
  readonly to: Ref<CounterMessage>
  readonly count: number
  readonly asker: Ref<true>
}

function theirSender(_state: undefined, { to, count, asker }: SenderMessage): undefined {
  for (let i = 0; i < count; i++) dispatch(to, { type: 'Add', by: 1 })
  dispatch(asker, true)
}
