import type { Timers } from './timers.ts'

/** Time that passes when a test says so. */
export class HeldTimers implements Timers {
  #now = 0
  #waiting: readonly { readonly due: number; readonly work: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, work: () => void): () => void {
    const entry = { due: this.#now + ms, work }
    this.#waiting = [...this.#waiting, entry]
    return () => {
      this.#waiting = this.#waiting.filter(each => each !== entry)
    }
  }

  /** What comes due is done in its order, at its time. */
  pass(ms: number): void {
    const end = this.#now + ms
    for (;;) {
      const [next] = this.#waiting.filter(({ due }) => due <= end).toSorted((one, other) => one.due - other.due)
      if (next === undefined) break
      this.#waiting = this.#waiting.filter(each => each !== next)
      this.#now = next.due
      next.work()
    }
    this.#now = end
  }
}
