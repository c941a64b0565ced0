import { Deadline } from './deadlines.ts'
import type { EngineInstance } from './instance.ts'

/** A timer of an engine. It is the engine's until its signal is handled, so that a cancel before that is in time. */
export class Elapsing extends Deadline {
  readonly engine: EngineInstance
  readonly handle: string
  readonly #onElapse: (timer: Elapsing) => void

  constructor(engine: EngineInstance, handle: string, onElapse: (timer: Elapsing) => void) {
    super()
    this.engine = engine
    this.handle = handle
    this.#onElapse = onElapse
  }

  override elapse(): void {
    this.#onElapse(this)
  }
}
