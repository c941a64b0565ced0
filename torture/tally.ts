import { z } from 'zod'
import { always, defineEngine, defineProtocol, exchange, reply, send, Table, update } from '../src/index.ts'
import type { EngineRef, ProtocolOf } from '../src/index.ts'

const tallyProtocol = defineProtocol({
  id: 'torture/tally',
  version: 1,
  codes: [],
  requests: {
    /** Has another tally count the number. */
    PostRequest: exchange({ number: z.int() }, {}),
    ReadRequest: exchange({}, { counts: z.array(z.strictObject({ number: z.int(), times: z.int() })) }),
  },
  tells: { Count: { number: z.int() } },
})
export interface TallyProtocol extends ProtocolOf<typeof tallyProtocol> {}

interface Environment {
  readonly times: Table<number>
}

export interface Tally {
  protocol: TallyProtocol
  config: typeof config
  environment: Environment
}

/** The name of the other one, a sibling. */
const config = z.strictObject({ other: z.string() })

/** A durable engine that counts how often it was told each number: whatever is not once was lost, or handled twice. */
export const tally = defineEngine<Tally>({
  protocol: tallyProtocol,
  config,
  environment: () => ({ times: Table.empty() }),
  behaviour: {
    messages: {
      PostRequest: always(({ msg: { number }, self }, { other }) => [reply({}), send(sibling(self.node, other), { type: 'Count', number })]),
      ReadRequest: always((_asked, _config, { times }) => reply({ counts: Array.from(times, ([number, count]) => ({ number: Number(number), times: count })) })),
      Count: always(({ msg: { number } }, _config, { times }) => update<Environment>({ times: times.set(String(number), (times.get(String(number)) ?? 0) + 1) })),
    },
  },
  open: true,
  durable: { version: 1 },
})

function sibling(node: string | null, name: string): EngineRef<TallyProtocol>
function sibling(node: string | null, name: string): { readonly node: string | null; readonly name: string } {
  return { node, name }
}
