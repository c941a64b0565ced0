import { assign, createActor, setup } from 'xstate'
import { createNode, reply } from '../src/index.ts'
import { defineMachineEngine, hostedAction } from '../src/xstate.ts'
import { counterProtocol, noConfig, sender } from './engines/counter.ts'
import type { CounterProtocol } from './engines/counter.ts'
import { rowOf } from './report.ts'
import type { Row } from './report.ts'
import { race } from './rounds.ts'
import type { Effort } from './rounds.ts'
import { BATCH, counted } from './work.ts'

/** Never reached, so that each guard is asked and each event counts. */
const LIMIT = 1_000_000_000

const machine = setup({
  types: { context: {} as { count: number }, events: {} as { type: 'Add'; by: number } | { type: 'Count' } },
  actions: { answer: hostedAction(), add: assign({ count: ({ context, event }) => context.count + (event.type === 'Add' ? event.by : 0) }) },
  guards: { isBelow: ({ context }) => context.count < LIMIT },
}).createMachine({
  initial: 'counting', context: { count: 0 },
  states: {
    counting: { on: { Add: [{ guard: 'isBelow', actions: 'add' }, { target: 'full' }], Count: { actions: 'answer' } } },
    full: { on: { Count: { actions: 'answer' } } },
  },
})

interface Counter { protocol: CounterProtocol; config: typeof noConfig; machine: typeof machine }

const counter = defineMachineEngine<Counter>({
  protocol: counterProtocol, config: noConfig, machine,
  events: { Add: ({ msg }) => msg, CountRequest: () => ({ type: 'Count' }) },
  actions: { answer: (_params, { context }) => reply({ count: context.count }) },
})

/** One machine, a guard and an assign for each event: as an engine that another engine tells, and as XState's own actor, which is called. */
export async function hostedMachine(effort: Effort): Promise<readonly Row[]> {
  await using node = await createNode()
  const client = node.client('bench')
  const from = await node.spawn(sender, { name: 'sender', acquaintances: [client] })
  const to = await node.spawn(counter, { name: 'counter', acquaintances: [client, from] })
  const actor = createActor(machine).start()
  const ours = counted(async () => (await client.ask(to, { type: 'CountRequest' })).count, () => client.ask(from, { type: 'BatchRequest', to, count: BATCH }))
  const theirs = counted(() => actor.getSnapshot().context.count, () => {
    for (let i = 0; i < BATCH; i++) actor.send({ type: 'Add', by: 1 })
  })
  try {
    const [mine = [], other = []] = await race(effort, BATCH, [ours, theirs])
    return [rowOf('hosted-machine', 'XState', mine, other)]
  } finally {
    actor.stop()
  }
}
