/** Does one thing at a time, in the order of asking. */
export class Lane {
  readonly #waiting = new Set<() => void>()
  #isTaken = false

  /** Rejects with the signal's reason at once when it aborts before `work` begins. Once it has begun, the signal is its own. */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    signal.throwIfAborted()
    if (this.#isTaken) await this.#turn(signal)
    this.#isTaken = true
    try {
      // It may have aborted since its turn came.
      signal.throwIfAborted()
      return await work()
    } finally {
      this.#leave()
    }
  }

  async #turn(signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const giveUp = () => {
      this.#waiting.delete(resolve)
      reject(signal.reason)
    }
    this.#waiting.add(resolve)
    signal.addEventListener('abort', giveUp, { once: true })
    try {
      await promise
    } finally {
      signal.removeEventListener('abort', giveUp)
    }
  }

  /** It stays taken when it is handed on, so that nobody overtakes. */
  #leave(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#isTaken = false
    } else {
      this.#waiting.delete(next)
      next()
    }
  }
}
