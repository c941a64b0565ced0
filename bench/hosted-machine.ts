import { assign, createActor, setup } from 'xstate'
import { z } from 'zod'
import { createNode, defineProtocol, exchange, reply } from '../src/index.ts'
import type { ProtocolOf } from '../src/index.ts'
import { defineMachineEngine, hostedAction } from '../src/xstate.ts'
import { rowOf } from './report.ts'
import type { Row } from './report.ts'
import { assertComplete, race, timed } from './rounds.ts'
import type { Effort, Lane } from './rounds.ts'

const BATCH = 1_000
const BATCHES = 100
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

const protocol = defineProtocol({
  id: 'bench/hosted-counter', version: 1, codes: [],
  requests: { CountRequest: exchange({}, { count: z.number() }) },
  tells: { Add: { by: z.number() } },
})
interface CounterProtocol extends ProtocolOf<typeof protocol> {}
const config = z.strictObject({})
interface Counter { protocol: CounterProtocol; config: typeof config; machine: typeof machine }

const counter = defineMachineEngine<Counter>({
  protocol, config, machine,
  events: { Add: ({ msg }) => msg, CountRequest: () => ({ type: 'Count' }) },
  actions: { answer: (_params, { context }) => reply({ count: context.count }) },
})

/** One machine, a guard and an assign for each event: as an engine that is told messages, and as XState's own actor. */
export async function hostedMachine(effort: Effort): Promise<readonly Row[]> {
  await using node = await createNode()
  const client = node.client('bench')
  const to = await node.spawn(counter, { name: 'counter', config: {}, acquaintances: [client.id] })
  const actor = createActor(machine).start()
  const ours = counted(async () => (await client.ask(to, { type: 'CountRequest' })).count, () => client.tell(to, { type: 'Add', by: 1 }))
  const theirs = counted(async () => actor.getSnapshot().context.count, () => actor.send({ type: 'Add', by: 1 }))
  try {
    return [rowOf('hosted-machine', 'xstate', await race(effort, BATCH * BATCHES, ours, theirs))]
  } finally {
    actor.stop()
  }
}

/** A lane of batches. Each ends when the machine, asked after the batch, has counted it whole. */
function counted(count: () => Promise<number>, add: () => void): Lane {
  return operations => timed(async () => {
    const before = await count()
    for (let sent = 0; sent < operations; sent += BATCH) {
      const size = Math.min(BATCH, operations - sent)
      for (let i = 0; i < size; i++) add()
      assertComplete('hosted-machine', await count() - before, sent + size)
    }
  })
}
