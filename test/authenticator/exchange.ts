import { Refusal } from './status.ts'
import type { Timers } from './timers.ts'

/** What a command can do to its transport while it runs. */
export interface Exchange {
  /** Has the platform know that the command is at work, or waits for a touch, from now on. */
  readonly keepAlive: (status: 'processing' | 'touch') => void
  /** Aborts when the platform cancels. */
  readonly signal: AbortSignal
}

export type TouchReason = 'makeCredential' | 'getAssertion' | 'selection' | 'reset'
/** What the person does: touches at once (true), denies (false), or takes their time. */
export type Touch = (why: TouchReason, signal: AbortSignal) => boolean | Promise<boolean>

/** Milliseconds that a person has (CTAP 2.1, section 6: at least 10 seconds, 30 are recommended). */
const PATIENCE = 30_000

export class Person {
  readonly #touch: Touch
  readonly #timers: Timers

  constructor(touch: Touch, timers: Timers) {
    this.#touch = touch
    this.#timers = timers
  }

  /** Resolves when they have touched. */
  async present(why: TouchReason, { keepAlive, signal }: Exchange): Promise<void> {
    if (signal.aborted) throw new Refusal('KEEPALIVE_CANCEL')
    const over = new AbortController()
    const ended = Promise.withResolvers<boolean>()
    const cancelled = (): void => ended.reject(new Refusal('KEEPALIVE_CANCEL'))
    signal.addEventListener('abort', cancelled)
    const cancelTimer = this.#timers.after(PATIENCE, () => ended.reject(new Refusal('USER_ACTION_TIMEOUT')))
    try {
      const touched = this.#touch(why, over.signal)
      if (typeof touched !== 'boolean') keepAlive('touch')
      if (!await (typeof touched === 'boolean' ? touched : Promise.race([touched, ended.promise]))) throw new Refusal('OPERATION_DENIED')
      if (typeof touched !== 'boolean') keepAlive('processing')
    } finally {
      signal.removeEventListener('abort', cancelled)
      cancelTimer()
      over.abort()
    }
  }
}
