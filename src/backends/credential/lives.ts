import { Fault } from '../../core/errors.ts'

/** What ends when an identity is deleted: whatever is asked in its name. */
export class Lives {
  readonly #byName = new Map<string, AbortController>()

  /** Aborts when that identity is deleted. */
  of(name: string): AbortSignal {
    const life = this.#byName.get(name) ?? new AbortController()
    this.#byName.set(name, life)
    return life.signal
  }

  end(name: string): void {
    this.#byName.get(name)?.abort(new Fault('backend-failed', 'Its identity was deleted'))
    this.#byName.delete(name)
  }
}

/** One signer or decryptor, until it is closed or its identity deleted. */
export class Use {
  readonly #life: AbortSignal
  readonly #closed = new AbortController()

  constructor(life: AbortSignal) {
    this.#life = life
  }

  /** Aborts when this ends, or `signal` does. Throws why where that was before. */
  until(signal: AbortSignal): AbortSignal {
    const ended = AbortSignal.any([this.#life, this.#closed.signal, signal])
    ended.throwIfAborted()
    return ended
  }

  close(): void {
    this.#closed.abort(new Fault('backend-failed', 'It was closed: ask the backend for another one'))
  }
}
