import { Fault } from '../../core/errors.ts'

const FREE = 3
/** Milliseconds. */
const SHORTEST = 1000
const LONGEST = 60_000

/**
 * Makes guessing slow for who guesses through this process: after three wrong guesses each further one starts a wait, of a second first and of twice
 * as long each time, up to a minute. A right one ends it.
 */
export class UnlockMeter {
  readonly #now: () => number
  #wrong = 0
  #since = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** Throws `unlock-delayed` while the wait lasts. */
  assertOpen(): void {
    const now = this.#now()
    // A clock that was set back would make the wait longer by as much.
    this.#since = Math.min(this.#since, now)
    const left = this.#since + this.#wait() - now
    if (left > 0) throw new Fault('unlock-delayed', `There were ${this.#wrong} wrong attempts in a row: wait ${Math.ceil(left / 1000)} s`)
  }

  wrong(): void {
    this.#wrong++
    this.#since = this.#now()
  }

  right(): void {
    this.#wrong = 0
  }

  #wait(): number {
    return this.#wrong <= FREE ? 0 : Math.min(SHORTEST * 2 ** (this.#wrong - FREE - 1), LONGEST)
  }
}
