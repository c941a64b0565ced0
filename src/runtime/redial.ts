import { Expiry } from './deadlines.ts'
import type { Deadlines } from './deadlines.ts'
import type { Host } from '../core/clock.ts'

/** How many milliseconds pass before another link is tried for what is stored: at first, and at most. */
const SHORTEST = 100
const LONGEST = 60_000

/** Tries again after a while, which doubles each time that nothing came of it. */
export class Redial {
  readonly #host: Host
  readonly #deadlines: Deadlines
  readonly #dial: () => void
  #pause = SHORTEST
  #next: Expiry | undefined

  constructor(host: Host, deadlines: Deadlines, dial: () => void) {
    this.#host = host
    this.#deadlines = deadlines
    this.#dial = dial
  }

  later(): void {
    if (this.#next !== undefined) return
    this.#next = new Expiry(() => {
      this.#next = undefined
      this.#dial()
    })
    this.#deadlines.set(this.#next, this.#host.now(), this.#pause)
    this.#pause = Math.min(this.#pause * 2, LONGEST)
  }

  /** Something came of it. */
  reset(): void {
    this.#pause = SHORTEST
  }

  stop(): void {
    if (this.#next !== undefined) this.#deadlines.cancel(this.#next)
    this.#next = undefined
  }
}
