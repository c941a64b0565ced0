import { dispatch, query, spawn, start, stop } from 'nact'
import type { ActorSystemRef, Ref } from 'nact'
import { assertComplete, timed } from '../rounds.ts'
import { answered, BATCH, BROOD, counted, IN_FLIGHT, PATIENCE, played } from '../work.ts'
import type { Peer } from './peer.ts'

/** nact: actors with mailboxes, a turn of the event loop for each message. Messages are neither copied nor checked. */
export function nact(): Peer {
  const system = start()
  const counter = spawn(system, count, 'counter')
  const sender = spawn(system, sendBatch, 'sender')
  const echo = spawn(system, answer, 'echo')
  const asker = spawn(system, askAgain, 'asker')
  const ping = spawn(system, play, 'ping')
  const pong = spawn(system, play, 'pong')
  dispatch(ping, { type: 'Meet', other: pong })
  dispatch(pong, { type: 'Meet', other: ping })

  const asked = <A, M>(to: Ref<M>, question: (asker: Ref<A>) => M): Promise<A> => query(to, question, PATIENCE)
  const total = () => asked<number, CounterMessage>(counter, asker => ({ type: 'Count', asker }))
  const question = (n: number) => asked<number, Question>(echo, asker => ({ n, asker }))
  return {
    name: 'nact',
    lanes: {
      tell: counted(total, () => asked<true, BatchMessage>(sender, asker => ({ to: counter, count: BATCH, asker }))),
      'tell-client': counted(total, () => {
        for (let i = 0; i < BATCH; i++) dispatch(counter, { type: 'Add', by: 1 })
      }),
      'ping-pong': played(hits => asked<number, PlayerMessage>(ping, asker => ({ type: 'Play', hits, asker })).then(left => hits - left)),
      ask: answered(1, question),
      [`ask-${IN_FLIGHT}`]: answered(IN_FLIGHT, question),
      request: operations => timed(async () =>
        assertComplete('request', await query(asker, (who: Ref<number>): AskMessage => ({ to: echo, times: operations, asker: who }), 10 * PATIENCE), operations)),
      spawn: async operations => {
        let time = 0
        for (let spawned = 0; spawned < operations; spawned += BROOD) {
          const parent = spawn(system, hatch)
          time += await timed(async () =>
            assertComplete('spawn', await asked<number, NurseryMessage>(parent, asker => ({ type: 'Hatch', count: BROOD, asker })), BROOD))
          stop(parent)
        }
        return time
      },
    },
    close: () => stop(system),
  }
}

/** Spawns idle actors, and answers how many of them answered. */
export async function populate(system: ActorSystemRef, count: number): Promise<number> {
  let answers = 0
  for (let i = 0; i < count; i++) {
    const echo = spawn(system, answer, `idle-${i}`)
    if (await query(echo, (asker: Ref<number>): Question => ({ n: i, asker }), PATIENCE) === i) answers++
  }
  return answers
}

type CounterMessage = { readonly type: 'Add'; readonly by: number } | { readonly type: 'Count'; readonly asker: Ref<number> }

function count(total = 0, msg: CounterMessage): number {
  if (msg.type === 'Add') return total + msg.by
  dispatch(msg.asker, total)
  return total
}

interface BatchMessage {
  readonly to: Ref<CounterMessage>
  readonly count: number
  readonly asker: Ref<true>
}

function sendBatch(_state: undefined, { to, count: size, asker }: BatchMessage): undefined {
  for (let i = 0; i < size; i++) dispatch(to, { type: 'Add', by: 1 })
  dispatch(asker, true)
}

interface Question {
  readonly n: number
  readonly asker: Ref<number>
}

function answer(_state: undefined, { n, asker }: Question): undefined {
  dispatch(asker, n)
}

interface AskMessage {
  readonly to: Ref<Question>
  readonly times: number
  readonly asker: Ref<number>
}

async function askAgain(_state: undefined, { to, times, asker }: AskMessage): Promise<undefined> {
  let right = 0
  for (let n = 0; n < times; n++) if (await query(to, (who: Ref<number>): Question => ({ n, asker: who }), PATIENCE) === n) right++
  dispatch(asker, right)
}

type PlayerMessage =
  | { readonly type: 'Meet'; readonly other: Ref<PlayerMessage> }
  | { readonly type: 'Play'; readonly hits: number; readonly asker: Ref<number> }
  | { readonly type: 'Ball'; readonly left: number }
interface PlayerState {
  readonly other?: Ref<PlayerMessage>
  readonly asker?: Ref<number>
}

function play(state: PlayerState = {}, msg: PlayerMessage): PlayerState {
  if (msg.type === 'Meet') return { other: msg.other }
  if (state.other === undefined) return state
  if (msg.type === 'Play') {
    dispatch(state.other, { type: 'Ball', left: msg.hits - 1 })
    return { other: state.other, asker: msg.asker }
  }
  if (msg.left > 0) dispatch(state.other, { type: 'Ball', left: msg.left - 1 })
  else if (state.asker !== undefined) dispatch(state.asker, msg.left)
  return state
}

type NurseryMessage = { readonly type: 'Hatch'; readonly count: number; readonly asker: Ref<number> } | { readonly type: 'Hatched' }
interface NurseryState {
  readonly hatched: number
  readonly count: number
  readonly asker?: Ref<number>
}

function hatch(state: NurseryState = { hatched: 0, count: 0 }, msg: NurseryMessage, { self }: { readonly self: Ref<NurseryMessage> }): NurseryState {
  if (msg.type === 'Hatch') {
    for (let i = 0; i < msg.count; i++) dispatch(spawn(self, greet), { parent: self })
    return { hatched: 0, count: msg.count, asker: msg.asker }
  }
  const hatched = state.hatched + 1
  if (hatched === state.count && state.asker !== undefined) dispatch(state.asker, hatched)
  return { ...state, hatched }
}

function greet(_state: undefined, { parent }: { readonly parent: Ref<NurseryMessage> }): undefined {
  dispatch(parent, { type: 'Hatched' })
}
