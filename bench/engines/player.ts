import { z } from 'zod'
import { always, defineEngine, defineProtocol, engineRef, exchange, keep, reply, send, update } from '../../src/index.ts'
import type { Client, EngineRef, Node, ProtocolOf, ReplyTo, ResponseOf } from '../../src/index.ts'
import { noConfig } from './counter.ts'

// A protocol whose messages name engines of the same protocol is typed by hand: inferred, it would refer to itself.
const playerProtocol = defineProtocol({
  id: 'bench/player', version: 1, codes: [],
  requests: { PlayRequest: exchange({ hits: z.number() }, { left: z.number() }) },
  tells: { Ball: { left: z.number() }, Meet: { other: engineRef<BallProtocol>() } },
})
interface BallProtocol {
  readonly id: 'bench/player'
  readonly codes: never
  readonly requests: {}
  readonly tells: { readonly Ball: { readonly left: z.ZodNumber } }
}
export interface PlayerProtocol extends ProtocolOf<typeof playerProtocol> {}
interface Player {
  protocol: PlayerProtocol
  config: typeof noConfig
  environment: {
    readonly other?: EngineRef<BallProtocol>
    readonly asker?: ReplyTo<ResponseOf<PlayerProtocol, 'PlayRequest'>>
  }
}
const player = defineEngine<Player>({
  protocol: playerProtocol, config: noConfig, environment: () => ({}),
  behaviour: {
    messages: {
      Meet: always(({ msg: { other } }) => update({ other })),
      PlayRequest: always(({ msg: { hits }, replyTo }, _config, { other }) =>
        other && [keep(replyTo), update({ other, asker: replyTo }), send(other, { type: 'Ball', left: hits - 1 })]),
      Ball: always(({ msg: { left } }, _config, { other, asker }) => {
        if (left > 0) return other && send(other, { type: 'Ball', left: left - 1 })
        return asker && reply({ left }, { to: asker })
      }),
    },
  },
})

/** Spawns two closed engines that know each other. The first, asked to play, answers when the last of an even number of hits is its own. */
export async function players(node: Node, client: Client, name = 'player'): Promise<EngineRef<PlayerProtocol>> {
  const one = await node.spawn(player, { name: `${name}-1`, acquaintances: [client] })
  const two = await node.spawn(player, { name: `${name}-2`, acquaintances: [client, one] })
  node.grant(one, two)
  client.tell(one, { type: 'Meet', other: two })
  client.tell(two, { type: 'Meet', other: one })
  return one
}
