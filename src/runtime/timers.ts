import type { MissedTicks } from '../core/effect.ts'
import { Deadline } from './deadlines.ts'
import type { EngineInstance } from './instance.ts'

/** A timer of an engine. It is the engine's until its signal is handled, so that a cancel before that is in time. */
export class Elapsing extends Deadline {
  readonly engine: EngineInstance
  readonly handle: string
  /** When it runs out next: milliseconds since the Unix epoch. */
  due: number
  readonly every: number | undefined
  readonly missed: MissedTicks
  readonly #onElapse: (timer: Elapsing) => void

  constructor(engine: EngineInstance, handle: string, due: number, every: number | undefined, missed: MissedTicks, onElapse: (timer: Elapsing) => void) {
    super()
    this.engine = engine
    this.handle = handle
    this.due = due
    this.every = every
    this.missed = missed
    this.#onElapse = onElapse
  }

  override elapse(): void {
    this.#onElapse(this)
  }

  /** Goes on to the tick after the one that was due, past those that were missed meanwhile. Answers whether there is one. */
  goOn(now: number): boolean {
    if (this.every === undefined) return false
    const ticks = this.missed === 'catch-up' ? 1 : Math.max(1, Math.floor((now - this.due) / this.every) + 1)
    this.due += ticks * this.every
    return true
  }
}
