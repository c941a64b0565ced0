import { z } from 'zod'
import { always, child, defineEngine, defineProtocol, engineID, engineRef, exchange, grant, keep, reply, send, spawn, update } from '../../src/index.ts'
import type { Effect, Engine, ProtocolOf, ReplyTo, ResponseOf } from '../../src/index.ts'
import { noConfig } from './counter.ts'

const nurseryProtocol = defineProtocol({
  id: 'bench/nursery', version: 1, codes: [],
  requests: { HatchRequest: exchange({ count: z.number(), known: z.array(engineID()) }, { hatched: z.number() }) },
  tells: { Hatched: {} },
})
export interface NurseryProtocol extends ProtocolOf<typeof nurseryProtocol> {}

const chickProtocol = defineProtocol({
  id: 'bench/chick', version: 1, codes: [],
  requests: { PeepRequest: exchange({}, {}) },
  tells: { Hello: { parent: engineRef<NurseryProtocol>() } },
})
export interface ChickProtocol extends ProtocolOf<typeof chickProtocol> {}
export interface Chick {
  protocol: ChickProtocol
  config: typeof noConfig
  environment: {}
}

export interface Nursery {
  protocol: NurseryProtocol
  config: typeof noConfig
  environment: {
    /** How many were spawned. */
    readonly spawned: number
    /** How many of these have not handled their first message. */
    readonly missing: number
    readonly asked?: { readonly count: number; readonly replyTo: ReplyTo<ResponseOf<NurseryProtocol, 'HatchRequest'>> }
  }
}

export interface Breed {
  /** Spawns as many chicks as asked for, in one step, and answers when each has handled its first message. */
  readonly nursery: Engine<Nursery>
  /** Tells its parent that it had a message, answers when asked, and keeps nothing. */
  readonly chick: Engine<Chick>
}

const NOTHING = Object.freeze({})

/** Families whose chicks are open, or closed with those for acquaintances whom the HatchRequest names. */
export function breed(doors: 'open' | 'closed'): Breed {
  const chick = defineEngine<Chick>({
    id: `bench/${doors}-chick`, protocol: chickProtocol, config: noConfig, environment: () => NOTHING,
    ...doors === 'open' && { open: true },
    behaviour: {
      messages: {
        Hello: always(({ msg: { parent } }) => send(parent, { type: 'Hatched' })),
        PeepRequest: always(() => reply({})),
      },
    },
  })
  const nursery = defineEngine<Nursery>({
    id: `bench/${doors}-nursery`, protocol: nurseryProtocol, config: noConfig, environment: () => ({ spawned: 0, missing: 0 }), open: true,
    children: () => [chick],
    behaviour: {
      messages: {
        HatchRequest: always(({ msg: { count, known }, self, replyTo }, _config, { spawned }) => {
          const effects: Effect<Nursery>[] = [update({ spawned: spawned + count, missing: count, asked: { count, replyTo } })]
          for (let i = 0; i < count; i++) {
            const as = child(chick, self, spawned + i)
            effects.push(spawn(chick, { as }), send(as, { type: 'Hello', parent: self }))
            for (const one of known) effects.push(grant(as, one))
          }
          return [keep(replyTo), ...effects]
        }),
        Hatched: always((_told, _config, { spawned, missing, asked }) => {
          if (missing > 1 || asked === undefined) return update({ spawned, missing: missing - 1, ...asked && { asked } })
          return [update({ spawned, missing: 0 }), reply({ hatched: asked.count }, { to: asked.replyTo })]
        }),
      },
    },
  })
  return { nursery, chick }
}
