import { bytesToHex } from '@noble/hashes/utils.js'
import { Fault } from '../../core/errors.ts'
import { sameBytes } from '../../crypto/bytes.ts'
import { turn } from '../../crypto/turns.ts'
import type { Change, Store } from '../../stores/store.ts'
import type { AnchorLine } from './anchor.ts'
import { Batch } from './batch.ts'
import { hashOf, sealManifest } from './manifest.ts'
import type { Manifest, Tally } from './manifest.ts'
import { MANIFEST } from './rows.ts'
import type { Session } from './session.ts'

/** What one operation does to the vault's rows: found out first, then done whole or not at all. */
export interface Planned<T> {
  readonly changes: readonly Change[]
  /** Called once the changes are stored: the operation's answer. What it throws, the operation rejects with. */
  done(): T
}

/** Reads rows, as the operations before it leave them, and says what to change. What it throws, the operation rejects with. */
export type Plan<T> = (rows: Pick<Batch, 'get'>, session: Session) => Planned<T> | Promise<Planned<T>>

/** What the vault's rows are, and what is kept of it apart from the store. */
export interface Books {
  readonly manifest: Manifest
  /** The {@link hashOf} of the manifest's row. */
  readonly hash: Uint8Array
  /** Rows that were found damaged, as hexadecimal keys: the manifest's tally leaves them out. */
  readonly damaged: ReadonlySet<string>
}

/** What waits for its turn: alone, or together with others in a batch. */
interface Waiting {
  readonly plan?: (batch: Batch) => Promise<Settlement>
  readonly alone?: () => Promise<void>
  /** Whether it runs on a vault that is locked or has failed. */
  readonly isAlways: boolean
  reject(error: unknown): void
}

interface Settlement {
  commit(): void
}

/** Stands for a manifest that is missing. */
export const NOTHING = new Uint8Array()

/** So many plans are made at once, and so many between two turns of the event loop. */
const BATCH_LIMIT = 256
const PLANS_PER_TURN = 4

/**
 * Everything that reads or changes the vault's rows, one after the other. Changes that come while a batch is being stored share the next one, with one new
 * manifest: so the anchor, where there is one, is never more than one manifest behind.
 */
export class Ledger {
  readonly store: Store
  readonly #anchor: AnchorLine
  readonly #waiting: Waiting[] = []
  #isRunning = false
  /** How many have asked to lock it, and wait for what was begun. */
  #locking = 0
  #session: Session | undefined
  #books: Books
  #failure: Fault | undefined

  constructor(store: Store, anchor: AnchorLine, books: Books, session: Session) {
    this.store = store
    this.#anchor = anchor
    this.#books = books
    this.#session = session
  }

  get isLocked(): boolean {
    return this.#locking > 0 || this.#session === undefined
  }

  get books(): Books {
    return this.#books
  }

  /** Throws `locked`. */
  get session(): Session {
    if (this.#session === undefined || this.#locking > 0) throw lockedFault()
    return this.#session
  }

  /** Rejects with `locked`, `store-failed`, `backend-failed` (the anchor), and as the plan does. */
  change<T>(plan: Plan<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#enqueue({
        isAlways: false,
        reject,
        async plan(batch) {
          try {
            const { changes, done } = await plan(batch, batch.session)
            await batch.add(changes)
            return { commit: () => resolve(done()) }
          } catch (error) {
            // Answered with the others: what it found may be what those before it have changed.
            return { commit: () => reject(error) }
          }
        },
      })
    })
  }

  /** Runs when nothing else does. `always`: also on a vault that is locked or has failed. */
  alone<T>(work: () => T | Promise<T>, always?: 'always'): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#enqueue({ isAlways: always !== undefined, reject, alone: async () => resolve(await work()) })
    })
  }

  /** From the call on, nothing is read or changed any more; resolves when the keys are erased. */
  lock(): Promise<void> {
    this.#locking++
    return this.alone(() => {
      this.#locking--
      this.#session?.erase()
      this.#session = undefined
    }, 'always')
  }

  /** To be called alone. */
  unlock(session: Session): void {
    this.#session?.erase()
    this.#session = session
  }

  /** Nothing works any more, for this reason or an earlier one. Answers that. */
  fail(reason: Fault): Fault {
    return this.#failure ??= reason
  }

  requireWorking(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Stores these changes and the manifest that counts `tally` under this session, which is in use from then on. To be called alone. */
  async commit(changes: readonly Change[], session: Session, tally: Tally): Promise<void> {
    const { manifest, hash, damaged } = this.#books
    // Else another vault would lose what it has stored since, and acknowledged.
    if (!sameBytes(hashOf(await this.store.get(MANIFEST) ?? NOTHING), hash)) {
      throw new Fault('vault-damaged', 'The manifest is not the one that this vault stored: it is open twice, or its store was changed. Open it anew, and once')
    }
    // What was stored before must be what the anchor says, before anything follows.
    await this.#anchor.advance(hash)
    const next = { ...tally, epoch: manifest.epoch + 1, previous: hash }
    const row = sealManifest(session, next)
    try {
      await this.store.write([...changes, row])
    } catch (cause) {
      if (this.#session !== session) session.retire()
      throw this.fail(storeFault(cause))
    }
    const replaced = new Set(changes.map(({ key }) => bytesToHex(key)))
    this.#books = { manifest: next, hash: hashOf(row.value), damaged: new Set([...damaged].filter(key => !replaced.has(key))) }
    if (this.#session !== session) this.#session?.retire()
    this.#session = session
    await this.#anchor.advance(this.#books.hash)
  }

  #enqueue(waiting: Waiting): void {
    this.#waiting.push(waiting)
    if (!this.#isRunning) void this.#run()
  }

  async #run(): Promise<void> {
    this.#isRunning = true
    // So that what is asked for together shares the first batch too.
    await Promise.resolve()
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!next.isAlways && (this.#failure !== undefined || this.isLocked)) {
        this.#waiting.shift()
        next.reject(this.#failure ?? lockedFault())
      } else if (next.alone !== undefined) {
        this.#waiting.shift()
        // oxlint-disable-next-line no-await-in-loop -- one after the other is what this is for
        await next.alone().catch(next.reject)
      } else {
        // oxlint-disable-next-line no-await-in-loop -- as above
        await this.#together(this.#waiting.splice(0, this.#sharing()))
      }
    }
    this.#isRunning = false
  }

  /** How many of those who wait share the next batch. */
  #sharing(): number {
    const end = this.#waiting.findIndex(({ plan }) => plan === undefined)
    return Math.min(end < 0 ? this.#waiting.length : end, BATCH_LIMIT)
  }

  async #together(waiting: readonly Waiting[]): Promise<void> {
    try {
      const { session, books: { manifest, hash, damaged } } = this
      const batch = new Batch(this.store, session, damaged)
      const settlements: [Waiting, Settlement][] = []
      for (const one of waiting) {
        // oxlint-disable-next-line no-await-in-loop -- each sees what those before it change
        if (settlements.length % PLANS_PER_TURN === PLANS_PER_TURN - 1) await turn()
        // oxlint-disable-next-line no-await-in-loop -- as above
        const settlement = await one.plan?.(batch)
        if (settlement !== undefined) settlements.push([one, settlement])
      }
      if (batch.isEmpty) await this.#anchor.advance(hash)
      else await this.commit(batch.changes, session, batch.tally(manifest))
      for (const [{ reject }, { commit }] of settlements) {
        try {
          commit()
        } catch (error) {
          reject(error)
        }
      }
    } catch (error) {
      for (const { reject } of waiting) reject(error)
    }
  }
}

export function lockedFault(): Fault {
  return new Fault('locked', 'The vault is locked: vault.unlock(…) first')
}

/** What a store threw. */
export function storeFault(cause: unknown): Fault {
  return cause instanceof Fault ? cause : new Fault('store-failed', 'The store failed: see the cause. Open store and vault anew', { cause })
}
