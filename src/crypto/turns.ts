import { nodePlatform } from './node/platform.ts'

/** The event loop's next turn. Elsewhere than on Node.js, a message to oneself is the shortest macrotask that there is. */
const loopTurn: () => Promise<void> = nodePlatform?.turn ?? (() => new Promise(resolve => {
  const { port1, port2 } = new MessageChannel()
  port1.addEventListener('message', () => {
    port1.close()
    resolve()
  })
  port1.start()
  port2.postMessage(undefined)
}))

/** Who waits for a turn, first come, first served: one for each batch that is under way. */
const waiting: (() => void)[] = []

/**
 * Lets the event loop take a turn: timers and input come first. Of all who wait, one goes on after each: much slow work at a time would otherwise
 * be one long stretch of it.
 */
export function turn(): Promise<void> {
  return new Promise(resolve => {
    if (waiting.push(resolve) === 1) void serve()
  })
}

async function serve(): Promise<void> {
  for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
    // oxlint-disable-next-line no-await-in-loop -- one turn after the other
    await loopTurn()
    next()
    // Only now: whoever waits anew while it is served finds that turns are given already.
    waiting.shift()
  }
}

/**
 * Does slow work item by item, and lets the event loop take a turn after each, or after `size`. The list is read once, before the first. Rejects with
 * the reason of `signal` once that aborts.
 */
export async function inTurns<T, R>(
  items: readonly T[], work: (item: T) => R, { size = 1, signal }: { readonly size?: number; readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly R[]> {
  const done: R[] = []
  for (const item of items.slice()) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other is what it is for
    if (done.length > 0 && done.length % size === 0) await turn()
    signal?.throwIfAborted()
    done.push(work(item))
  }
  return done
}
