import type { Clock } from './exchange.ts'

/** Calls `work` in so many milliseconds, and not before. Answers what calls it off. */
export function after(clock: Clock, milliseconds: number, work: () => void): () => void {
  const due = clock.now() + milliseconds
  let wake = clock.wake(due, ring)
  return () => wake.cancel()

  function ring(): void {
    if (clock.now() >= due) work()
    else wake = clock.wake(due, ring)
  }
}

/** Resolves in so many milliseconds. Rejects with the signal's reason. */
export async function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const giveUp = () => reject(signal.reason)
  const cancel = after(clock, milliseconds, resolve)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    await promise
  } finally {
    cancel()
    signal.removeEventListener('abort', giveUp)
  }
}
