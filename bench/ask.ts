import { dispatch, query, spawn, start, stop } from 'nact'
import type { Ref } from 'nact'
import { z } from 'zod'
import { always, createNode, defineEngine, defineProtocol, exchange, reply } from '../src/index.ts'
import type { Behaviour, ProtocolOf } from '../src/index.ts'
import { rowOf } from './report.ts'
import type { Row } from './report.ts'
import { assertComplete, race, timed } from './rounds.ts'
import type { Effort, Lane } from './rounds.ts'

const ASKS = 100_000
const IN_FLIGHT = 100
const PATIENCE = 30_000

const echoProtocol = defineProtocol({
  id: 'bench/echo', version: 1, codes: [],
  requests: { EchoRequest: exchange({ n: z.number() }, { n: z.number() }) },
  tells: {},
})
interface EchoProtocol extends ProtocolOf<typeof echoProtocol> {}
const echoConfig = z.strictObject({})
interface Echo {
  protocol: EchoProtocol
  config: typeof echoConfig
  environment: {}
}
const echoBehaviour: Behaviour<Echo> = { messages: { EchoRequest: always(({ msg }) => reply({ n: msg.n })) } }
const echo = defineEngine<Echo>({ protocol: echoProtocol, config: echoConfig, environment: () => ({}), behaviour: echoBehaviour })

/** `ask`: one at a time. `ask-100`: a hundred in flight. Each answer is compared with its question. */
export async function ask(effort: Effort): Promise<readonly Row[]> {
  await using node = await createNode()
  const client = node.client('bench')
  const to = await node.spawn(echo, { name: 'echo', config: {}, acquaintances: [client.id] })
  const ours = async (n: number) => (await client.ask(to, { type: 'EchoRequest', n })).n

  const system = start()
  const theirTo = spawn(system, theirEcho, 'echo')
  const theirs = async (n: number) => (await query(theirTo, (asker: Ref<Answer>): Question => ({ n, asker }), PATIENCE)).n
  try {
    return [
      rowOf('ask', 'nact', await race(effort, ASKS, answered(1, ours), answered(1, theirs))),
      rowOf(`ask-${IN_FLIGHT}`, 'nact', await race(effort, ASKS, answered(IN_FLIGHT, ours), answered(IN_FLIGHT, theirs))),
    ]
  } finally {
    stop(system)
  }
}

/** A lane of that many askers, each of which asks again when it is answered. */
function answered(askers: number, question: (n: number) => Promise<number>): Lane {
  return async operations => {
    let asked = 0
    let right = 0
    const asker = async () => {
      while (asked < operations) {
        const n = ++asked
        if (await question(n) === n) right++
      }
    }
    const time = await timed(() => Promise.all(Array.from({ length: askers }, asker)))
    assertComplete('ask', right, operations)
    return time
  }
}

interface Answer {
  readonly n: number
}

interface Question {
  readonly n: number
  readonly asker: Ref<Answer>
}

function theirEcho(_state: undefined, { n, asker }: Question): undefined {
  dispatch(asker, { n })
}
