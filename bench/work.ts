import { assertComplete, timed } from './rounds.ts'
import type { Lane } from './rounds.ts'

// The sizes and shapes of the work, the same for everyone.

/** Messages of one batch of tells. */
export const BATCH = 10_000
/** Messages that are passed before a game of ping-pong is over. */
export const GAME = 10_000
/** Asks that a lane counts in. */
export const ASKS = 1_000
export const IN_FLIGHT = 100
/** Engines that one parent spawns for one question. */
export const BROOD = 1_000
/** How long a peer's question may take, in milliseconds. */
export const PATIENCE = 30_000

/** A lane of batches of tells. Each ends when the receiver, asked after the batch, has counted it whole. */
export function counted(count: () => number | Promise<number>, batch: () => unknown): Lane {
  return operations => timed(async () => {
    const before = await count()
    for (let sent = BATCH; sent <= operations; sent += BATCH) {
      await batch()
      assertComplete('tell', await count() - before, sent)
    }
  })
}

/** A lane of games. A game passes a ball that counts down, so that it ends only if each message was handled; it answers how many were. */
export function played(game: (hits: number) => number | Promise<number>): Lane {
  return operations => timed(async () => {
    for (let hits = 0; hits < operations; hits += GAME) assertComplete('ping-pong', await game(GAME), GAME)
  })
}

/** A lane of that many askers, each of which asks again when it is answered. Each answer is compared with its question. */
export function answered(askers: number, question: (n: number) => Promise<number>): Lane {
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
