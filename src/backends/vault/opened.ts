import { Fault } from '../../core/errors.ts'
import { deleted } from '../local-memory/holder.ts'
import type { Holder } from '../local-memory/holder.ts'
import type { OpenKeys } from '../local-memory/open-keys.ts'
import { lockedFault } from './ledger.ts'

/** Unseals the keys of the identity of that name. */
export type Unsealing = (name: string) => Promise<OpenKeys>

/** The keys that are unsealed: those of identities that have a signer or decryptor open, and no others. */
export class OpenedIdentities {
  readonly #unseal: Unsealing
  readonly #byName = new Map<string, Opened>()

  constructor(unseal: Unsealing) {
    this.#unseal = unseal
  }

  /** Shared by all who use that identity, each of whom releases it. */
  use(name: string): Opened {
    const opened = this.#byName.get(name) ?? new Opened(name, this.#unseal, one => this.#forget(name, one))
    this.#byName.set(name, opened)
    opened.use()
    return opened
  }

  /** Erases them for good: the identity was deleted. */
  end(name: string): void {
    const opened = this.#byName.get(name)
    this.#byName.delete(name)
    opened?.end()
  }

  /** Erases all, which are unsealed again when they are next used. */
  lock(): void {
    for (const opened of this.#byName.values()) opened.lock()
  }

  #forget(name: string, opened: Opened): void {
    if (this.#byName.get(name) === opened) this.#byName.delete(name)
  }
}

/** The keys of one identity, for as long as anyone uses them. */
export class Opened implements Holder {
  readonly #name: string
  readonly #unseal: Unsealing
  readonly #unused: (opened: Opened) => void
  #users = 0
  #keys: OpenKeys | undefined
  #opening: Promise<OpenKeys> | undefined
  #isEnded = false
  #locks = 0

  constructor(name: string, unseal: Unsealing, unused: (opened: Opened) => void) {
    this.#name = name
    this.#unseal = unseal
    this.#unused = unused
  }

  /** Whether its identity was deleted. */
  get isEnded(): boolean {
    return this.#isEnded
  }

  use(): void {
    this.#users++
  }

  keys(): OpenKeys | Promise<OpenKeys> {
    if (this.#isEnded) throw deleted()
    return this.#keys ?? (this.#opening ??= this.#open().finally(() => { this.#opening = undefined }))
  }

  erased(): Fault {
    return this.#isEnded ? deleted() : lockedFault()
  }

  release(): void {
    if (--this.#users > 0) return
    this.lock()
    this.#unused(this)
  }

  lock(): void {
    this.#locks++
    this.#keys?.erase()
    this.#keys = undefined
  }

  end(): void {
    this.#isEnded = true
    this.lock()
  }

  async #open(): Promise<OpenKeys> {
    const locks = this.#locks
    const keys = await this.#unseal(this.#name)
    // It may have been deleted meanwhile, also just now; or all let go of it; or it was locked.
    if (locks === this.#locks) return this.#keys = keys
    keys.erase()
    throw this.#users === 0 && !this.#isEnded ? new Fault('backend-failed', 'It was closed: ask the backend for another one') : this.erased()
  }
}
