import type { Host } from '../core/clock.ts'
import type { Change, Store } from '../stores/store.ts'

/**
 * Makes what steps committed outlast the process. What they changed is written in order, and what they say to others is held back until that can't
 * be undone any more. One batch is under way at a time; all that is committed meanwhile goes into the next.
 */
export class Journal {
  readonly store: Store
  readonly #host: Host
  readonly #onFailure: (error: unknown) => void
  #changes: Change[] = []
  #held: (() => void)[] = []
  /** Who waits until all is written, or never will be. */
  readonly #settling = new Set<() => void>()
  #isWriting = false
  #isSoon = false
  #isBroken = false

  /** `onFailure` hears, once, of a batch that could not be written: nothing is written or let go after it. */
  constructor(store: Store, host: Host, onFailure: (error: unknown) => void) {
    this.store = store
    this.#host = host
    this.#onFailure = onFailure
  }

  /** Whether all that was committed is written, and what it held back was let go. */
  get isIdle(): boolean {
    return this.#held.length === 0 && !this.#isWriting
  }

  /** Writes these changes after all that were committed before, then does `act`: at once, if there is nothing to wait for. */
  commit(changes: readonly Change[], act: () => void): void {
    if (this.#isBroken) return
    if (changes.length === 0 && this.isIdle) return act()
    for (const change of changes) this.#changes.push(change)
    this.#held.push(act)
    this.#wake()
  }

  /** Resolves when all that was committed so far is written, or never will be. */
  settled(): Promise<void> {
    return new Promise(resolve => {
      if (this.#isBroken) return resolve()
      this.#settling.add(resolve)
      this.commit([], () => {
        this.#settling.delete(resolve)
        resolve()
      })
    })
  }

  /** Lets go of nothing any more: the node's life is over. */
  #break(error: unknown): void {
    this.#isBroken = true
    this.#changes = []
    this.#held = []
    this.#onFailure(error)
    for (const resolve of this.#settling) resolve()
    this.#settling.clear()
  }

  #wake(): void {
    if (this.#isWriting || this.#isSoon) return
    this.#isSoon = true
    this.#host.soon(this.#write)
  }

  readonly #write = (): void => {
    this.#isSoon = false
    const held = this.#held
    const changes = this.#changes
    this.#held = []
    this.#changes = []
    this.#isWriting = true
    // Without changes, what is held back waited only for what was under way.
    const written = changes.length === 0 ? Promise.resolve() : this.#tryWrite(changes)
    void written.then(() => this.#letGo(held), (error: unknown) => this.#break(error))
  }

  async #tryWrite(changes: readonly Change[]): Promise<void> {
    await this.store.write(changes)
  }

  #letGo(held: readonly (() => void)[]): void {
    for (const act of held) {
      try {
        act()
      } catch (error) {
        this.#host.report(error)
      }
    }
    this.#isWriting = false
    if (this.#held.length > 0) this.#wake()
  }
}
