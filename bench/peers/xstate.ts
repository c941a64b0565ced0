import { createActor, fromTransition } from 'xstate'
import type { ActorRefFrom } from 'xstate'
import { assertComplete, timed } from '../rounds.ts'
import { BATCH, BROOD, counted, played } from '../work.ts'
import type { Peer } from './peer.ts'

/**
 * XState: its cheapest actors, `fromTransition`. A target that is at rest handles an event within `send`, so that nothing waits in a
 * mailbox and nothing takes turns. There is no ask, so the rows of asks have no XState.
 */
export function xstate(): Peer {
  const counter = createActor(counterLogic).start()
  const sender = createActor(senderLogic).start()
  const ping = createActor(playerLogic).start()
  const pong = createActor(playerLogic).start()
  ping.send({ type: 'Meet', other: pong })
  pong.send({ type: 'Meet', other: ping })
  const total = () => counter.getSnapshot().context
  return {
    name: 'XState',
    lanes: {
      tell: counted(total, () => sender.send({ type: 'Batch', to: counter, count: BATCH })),
      'tell-client': counted(total, () => {
        for (let i = 0; i < BATCH; i++) counter.send({ type: 'Add', by: 1 })
      }),
      'ping-pong': played(hits => new Promise<number>(over => ping.send({ type: 'Play', hits, over })).then(left => hits - left)),
      spawn: async operations => {
        let time = 0
        for (let spawned = 0; spawned < operations; spawned += BROOD) {
          const parent = createActor(nurseryLogic).start()
          time += await timed(() => {
            parent.send({ type: 'Hatch', count: BROOD, self: parent })
            assertComplete('spawn', parent.getSnapshot().context.hatched, BROOD)
          })
          for (const { chick } of parent.getSnapshot().context.chicks) chick.stop()
          parent.stop()
        }
        return time
      },
    },
    close() {
      for (const actor of [counter, sender, ping, pong]) actor.stop()
    },
  }
}

interface Add {
  readonly type: 'Add'
  readonly by: number
}
const counterLogic = fromTransition((total: number, { by }: Add) => total + by, 0)

interface Batch {
  readonly type: 'Batch'
  readonly to: { send(event: Add): void }
  readonly count: number
}
const senderLogic = fromTransition((sent: number, { to, count }: Batch) => {
  for (let i = 0; i < count; i++) to.send({ type: 'Add', by: 1 })
  return sent + count
}, 0)

type PlayerEvent =
  | { readonly type: 'Meet'; readonly other: PlayerRef }
  | { readonly type: 'Play'; readonly hits: number; readonly over: (left: number) => void }
  | { readonly type: 'Ball'; readonly left: number }
interface PlayerRef {
  send(event: PlayerEvent): void
}
interface PlayerState {
  readonly other?: PlayerRef
  readonly over?: (left: number) => void
}
const first: PlayerState = {}
const playerLogic = fromTransition((state: PlayerState, event: PlayerEvent): PlayerState => {
  if (event.type === 'Meet') return { other: event.other }
  if (state.other === undefined) return state
  if (event.type === 'Play') {
    state.other.send({ type: 'Ball', left: event.hits - 1 })
    return { other: state.other, over: event.over }
  }
  if (event.left > 0) state.other.send({ type: 'Ball', left: event.left - 1 })
  else state.over?.(event.left)
  return state
}, first)

type NurseryEvent = { readonly type: 'Hatch'; readonly count: number; readonly self: { send(event: NurseryEvent): void } } | { readonly type: 'Hatched' }
interface NurseryState {
  readonly hatched: number
  readonly chicks: readonly { readonly chick: ActorRefFrom<typeof chickLogic> }[]
}
interface Hello {
  readonly type: 'Hello'
  readonly parent: { send(event: NurseryEvent): void }
}
const chickLogic = fromTransition((state: null, event: Hello) => {
  // Being stopped is an event too.
  if (event.type === 'Hello') event.parent.send({ type: 'Hatched' })
  return state
}, null)
const empty: NurseryState = { hatched: 0, chicks: [] }
const nurseryLogic = fromTransition((state: NurseryState, event: NurseryEvent): NurseryState => {
  if (event.type === 'Hatched') return { ...state, hatched: state.hatched + 1 }
  if (event.type !== 'Hatch') return state
  const chicks = Array.from({ length: event.count }, () => {
    const chick = createActor(chickLogic).start()
    chick.send({ type: 'Hello', parent: event.self })
    return { chick }
  })
  return { ...state, chicks }
}, empty)
