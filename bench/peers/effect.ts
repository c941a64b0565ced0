import { Deferred, Effect, Fiber, Queue } from 'effect'
import { assertComplete, timed } from '../rounds.ts'
import { BATCH, BROOD, counted, IN_FLIGHT, played } from '../work.ts'
import type { Peer } from './peer.ts'

/**
 * Effect: an actor is a fiber that takes from its unbounded Queue, one message at a time. An ask is an offer with a Deferred that is
 * awaited, without a deadline; whoever asks is a fiber too, so `ask` and `request` are one there.
 */
export function effect(): Peer {
  const fibers: Fiber.Fiber<unknown, unknown>[] = []
  const actor = <M>(behaviour: (inbox: Inbox<M>) => Effect.Effect<never>): Inbox<M> => {
    const inbox = Effect.runSync(Queue.unbounded<M>())
    fibers.push(Effect.runFork(behaviour(inbox)))
    return inbox
  }
  const counter = actor(count)
  const sender = actor(sendBatch)
  const echo = actor(answer)
  const ping = actor(play)
  const pong = actor(play)
  Queue.offerUnsafe(ping, { type: 'Meet', other: pong })
  Queue.offerUnsafe(pong, { type: 'Meet', other: ping })

  const total = () => Effect.runPromise(asked<number, CounterMessage>(counter, answerTo => ({ type: 'Count', answerTo })))
  const asks = (askers: number) => (operations: number) => timed(async () => {
    let right = 0
    let n = 0
    const asker = Effect.gen(function* () {
      while (n < operations) {
        const mine = ++n
        if ((yield* asked<number, Question>(echo, answerTo => ({ n: mine, answerTo }))) === mine) right++
      }
    })
    await Effect.runPromise(Effect.all(Array.from({ length: askers }, () => asker), { concurrency: 'unbounded' }))
    assertComplete('ask', right, operations)
  })
  return {
    name: 'Effect',
    lanes: {
      tell: counted(total, () => Effect.runPromise(asked<number, BatchMessage>(sender, answerTo => ({ to: counter, count: BATCH, answerTo })))),
      'tell-client': counted(total, () => {
        for (let i = 0; i < BATCH; i++) Queue.offerUnsafe(counter, { type: 'Add', by: 1 })
      }),
      'ping-pong': played(hits => Effect.runPromise(asked<number, PlayerMessage>(ping, over => ({ type: 'Play', hits, over }))).then(left => hits - left)),
      ask: asks(1),
      [`ask-${IN_FLIGHT}`]: asks(IN_FLIGHT),
      request: asks(1),
      spawn: async operations => {
        let time = 0
        for (let spawned = 0; spawned < operations; spawned += BROOD) {
          const chicks: Fiber.Fiber<unknown, unknown>[] = []
          time += await timed(async () => assertComplete('spawn', await Effect.runPromise(hatch(BROOD, chicks)), BROOD))
          await Effect.runPromise(Fiber.interruptAll(chicks))
        }
        return time
      },
    },
    close: () => Effect.runPromise(Fiber.interruptAll(fibers)),
  }
}

type Inbox<M> = Queue.Queue<M>

function asked<A, M>(to: Inbox<M>, question: (answerTo: Deferred.Deferred<A>) => M): Effect.Effect<A> {
  return Effect.gen(function* () {
    const answerTo = yield* Deferred.make<A>()
    yield* Queue.offer(to, question(answerTo))
    return yield* Deferred.await(answerTo)
  })
}

type CounterMessage = { readonly type: 'Add'; readonly by: number } | { readonly type: 'Count'; readonly answerTo: Deferred.Deferred<number> }

const count = (inbox: Inbox<CounterMessage>) => Effect.gen(function* () {
  let total = 0
  for (;;) {
    const msg = yield* Queue.take(inbox)
    if (msg.type === 'Add') total += msg.by
    else yield* Deferred.succeed(msg.answerTo, total)
  }
})

interface BatchMessage {
  readonly to: Inbox<CounterMessage>
  readonly count: number
  readonly answerTo: Deferred.Deferred<number>
}

const sendBatch = (inbox: Inbox<BatchMessage>) => Effect.gen(function* () {
  for (;;) {
    const { to, count: size, answerTo } = yield* Queue.take(inbox)
    for (let i = 0; i < size; i++) yield* Queue.offer(to, { type: 'Add', by: 1 })
    yield* Deferred.succeed(answerTo, size)
  }
})

interface Question {
  readonly n: number
  readonly answerTo: Deferred.Deferred<number>
}

const answer = (inbox: Inbox<Question>) => Effect.gen(function* () {
  for (;;) {
    const { n, answerTo } = yield* Queue.take(inbox)
    yield* Deferred.succeed(answerTo, n)
  }
})

type PlayerMessage =
  | { readonly type: 'Meet'; readonly other: Inbox<PlayerMessage> }
  | { readonly type: 'Play'; readonly hits: number; readonly over: Deferred.Deferred<number> }
  | { readonly type: 'Ball'; readonly left: number }

const play = (inbox: Inbox<PlayerMessage>) => Effect.gen(function* () {
  let other = inbox
  let over: Deferred.Deferred<number> | undefined
  for (;;) {
    const msg = yield* Queue.take(inbox)
    if (msg.type === 'Meet') other = msg.other
    else if (msg.type === 'Play') {
      over = msg.over
      yield* Queue.offer(other, { type: 'Ball', left: msg.hits - 1 })
    } else if (msg.left > 0) yield* Queue.offer(other, { type: 'Ball', left: msg.left - 1 })
    else if (over !== undefined) yield* Deferred.succeed(over, msg.left)
  }
})

interface Hello {
  readonly parent: Inbox<'Hatched'>
}

/** Makes an inbox and a fiber for each chick, and offers each its first message. Answers when all have told that they had it. */
const hatch = (size: number, chicks: Fiber.Fiber<unknown, unknown>[]) => Effect.gen(function* () {
  const inbox = yield* Queue.unbounded<'Hatched'>()
  for (let i = 0; i < size; i++) {
    const chick = yield* Queue.unbounded<Hello>()
    chicks.push(yield* Effect.forkDetach(greet(chick)))
    yield* Queue.offer(chick, { parent: inbox })
  }
  let hatched = 0
  while (hatched < size) {
    yield* Queue.take(inbox)
    hatched++
  }
  return hatched
})

const greet = (inbox: Inbox<Hello>) => Effect.gen(function* () {
  for (;;) {
    const { parent } = yield* Queue.take(inbox)
    yield* Queue.offer(parent, 'Hatched')
  }
})
