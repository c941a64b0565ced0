import { equalBytes } from '@noble/ciphers/utils.js'
import type { ExternalIdentity } from '../../core/engine-id.ts'
import { externalIdentityOf } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import { draw } from '../../crypto/random.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import type { Adopted, Backend, Decryptor, GenerateOptions, Signer, Undoable } from '../backend.ts'
import { HeldDecryptor, HeldSigner, requireCommitter, requireOpener } from '../local-memory/holder.ts'
import * as offer from '../local-memory/offer.ts'
import { OpenKeys } from '../local-memory/open-keys.ts'
import { eraseSecrets, makeSecrets } from '../local-memory/secrets.ts'
import type { Batch } from './batch.ts'
import type { Damage } from './inspection.ts'
import { lockedFault } from './ledger.ts'
import type { Ledger } from './ledger.ts'
import { OpenedIdentities } from './opened.ts'
import type { Opened } from './opened.ts'
import { identityOf, isOver, sealRecord, unsealFacts, unsealRecord } from './record.ts'
import type { Facts, IdentityRecord } from './record.ts'
import { attemptKey, attemptOf, identityKey } from './rows.ts'
import type { Session } from './session.ts'

/** How many milliseconds deletes can be taken back for, what is damaged, and where time and keys come from. */
export interface VaultBackendOptions {
  readonly undoPeriod: number
  readonly damage: readonly Damage[]
  readonly random: RandomBytes
  readonly now: () => number
}

type Rows = Pick<Batch, 'get'>

/** Identities whose keys lie sealed in a vault, and are in memory only while a signer or decryptor of theirs is open. */
export class VaultBackend implements Backend {
  readonly name = offer.name
  readonly params = offer.params
  readonly capabilities = offer.capabilities
  readonly formats = offer.formats
  readonly #ledger: Ledger
  readonly #options: VaultBackendOptions
  readonly #opened = new OpenedIdentities(name => this.#unseal(name))
  readonly #claims = new Map<string, Uint8Array>()

  constructor(ledger: Ledger, options: VaultBackendOptions) {
    this.#ledger = ledger
    this.#options = options
  }

  async generate(options: GenerateOptions): Promise<ExternalIdentity> {
    const asked = offer.requireOffered(options)
    const attempt = attemptOf(asked.key)
    return this.#ledger.change(async (rows, session) => {
      const before = await this.#attempted(rows, session, attempt)
      if (before !== undefined) {
        offer.requireSameAttempt(before, asked)
        return { changes: [], done: () => identityOf(before) }
      }
      const { name: { name, bundle }, secrets } = makeSecrets(asked, this.#options.random)
      try {
        if (await rows.get(identityKey(name)) !== undefined) throw offer.repeated()
        const { params, capabilities, format } = asked
        const changes = [
          sealRecord(session, { facts: { name, params, capabilities, format, attempt, ...bundle && { bundle } }, secrets }),
          session.seal(attemptKey(attempt), new TextEncoder().encode(name)),
        ]
        return { changes, done: () => externalIdentityOf(name, bundle) }
      } finally {
        eraseSecrets(secrets)
      }
    })
  }

  delete({ name }: ExternalIdentity): Promise<Undoable | undefined> {
    return this.#ledger.change<Undoable | undefined>(async (rows, session) => {
      const record = await this.#record(rows, session, name)
      try {
        const { facts, secrets } = record
        const at = this.#options.now()
        const deleted = facts.deleted ?? { at, until: Math.ceil(at + this.#options.undoPeriod) }
        const done = () => {
          this.end(name)
          return deleted.until > at ? { undoUntil: deleted.until } : undefined
        }
        return { changes: facts.deleted ? [] : [sealRecord(session, { facts: { ...facts, deleted }, secrets })], done }
      } finally {
        eraseSecrets(record.secrets)
      }
    })
  }

  undelete({ name }: ExternalIdentity): Promise<void> {
    return this.#ledger.change(async (rows, session) => {
      const record = await this.#record(rows, session, name)
      try {
        const { deleted, ...facts } = record.facts
        return { changes: deleted ? [sealRecord(session, { facts, secrets: record.secrets })] : [], done() {} }
      } finally {
        eraseSecrets(record.secrets)
      }
    })
  }

  async adopt({ name }: ExternalIdentity, claim: Uint8Array): Promise<Adopted> {
    const known = this.#claims.get(name)
    if (known === undefined || !equalBytes(known, claim)) throw new Fault('not-found', 'The vault gave out no such claim for this identity')
    return this.#ledger.change(async (rows, session) => {
      const record = await this.#record(rows, session, name)
      eraseSecrets(record.secrets)
      const { deleted, params, capabilities, format } = record.facts
      if (deleted !== undefined) throw this.#notHeld()
      return { changes: [], done: () => ({ params, capabilities, format }) }
    })
  }

  signer({ name }: ExternalIdentity): Promise<Signer> {
    return this.#using(name, async opened => {
      await this.#tryOut(opened, name, requireCommitter)
      return new HeldSigner(opened)
    })
  }

  decryptor({ name }: ExternalIdentity): Promise<Decryptor> {
    return this.#using(name, async opened => {
      await this.#tryOut(opened, name, requireOpener)
      return new HeldDecryptor(opened)
    })
  }

  /** A claim to the identity, in place of any before. */
  claim(name: string): Uint8Array {
    const claim = draw(this.#options.random, 32)
    this.#claims.set(name, claim)
    return Uint8Array.from(claim)
  }

  /** What is open of the identity is closed, for good. */
  end(name: string): void {
    this.#opened.end(name)
    this.#claims.delete(name)
  }

  /** All that is unsealed is erased. */
  lock(): void {
    this.#opened.lock()
  }

  async #using<T>(name: string, give: (opened: Opened) => Promise<T>): Promise<T> {
    this.#ledger.requireWorking()
    const opened = this.#opened.use(name)
    try {
      return await give(opened)
    } catch (error) {
      opened.release()
      throw opened.isEnded ? this.#notHeld() : error
    }
  }

  /**
   * Opens the keys, and sees whether they are what is needed. Of a vault that is locked, nobody can tell more than that it has a record: engines that start then
   * work once it is unlocked.
   */
  async #tryOut(opened: Opened, name: string, requirePart: (keys: OpenKeys) => unknown): Promise<void> {
    try {
      const keys = await opened.keys()
      await requirePart(keys)
      if (keys.erased) throw opened.erased()
    } catch (error) {
      if (!(error instanceof Fault && error.code === 'locked')) throw error
      if (await this.#ledger.store.get(identityKey(name)) === undefined) throw this.#notHeld()
    }
  }

  async #unseal(name: string): Promise<OpenKeys> {
    // At once, whatever the ledger is busy with.
    this.#ledger.requireWorking()
    if (this.#ledger.isLocked) throw lockedFault()
    return this.#ledger.change(async (rows, session) => {
      const value = await rows.get(identityKey(name))
      const done = () => {
        if (this.#ledger.isLocked) throw lockedFault()
        const { facts, secrets } = this.#unsealed(session, name, value)
        if (facts.deleted === undefined) return new OpenKeys(offer.cryptosystemOf(facts.params), secrets, name, facts.format)
        eraseSecrets(secrets)
        throw this.#notHeld()
      }
      return { changes: [], done }
    })
  }

  /** The secrets are the caller's to erase. Throws `not-found`, also for one that was deleted for good; `backend-failed` for one that is damaged. */
  async #record(rows: Rows, session: Session, name: string): Promise<IdentityRecord> {
    return this.#unsealed(session, name, await rows.get(identityKey(name)))
  }

  #unsealed(session: Session, name: string, value: Uint8Array | undefined): IdentityRecord {
    if (value === undefined) throw this.#notHeld()
    const record = unsealRecord(session, { key: identityKey(name), value })
    if (record === undefined) throw damaged()
    if (!isOver(record.facts, this.#options.now())) return record
    eraseSecrets(record.secrets)
    throw this.#notHeld()
  }

  /** What this attempt generated, if that lives. Throws `backend-failed` while it is not known whether it does, or while it is deleted and could be taken back. */
  async #attempted(rows: Rows, session: Session, attempt: string): Promise<Facts | undefined> {
    const key = attemptKey(attempt)
    const value = await rows.get(key)
    if (value === undefined) return undefined
    const name = session.unseal({ key, value })
    const identity = name && identityKey(new TextDecoder().decode(name))
    const sealed = identity && await rows.get(identity)
    const facts = sealed && unsealFacts(session, { key: identity, value: sealed })
    if (facts === undefined) throw damaged()
    if (isOver(facts, this.#options.now())) return undefined
    if (facts.deleted === undefined) return facts
    throw new Fault('backend-failed', 'This key generated an identity that was deleted, and can still be taken back: use a new key')
  }

  #notHeld(): Fault {
    return new Fault('not-found', `The vault does not hold this identity: it was deleted, or generated elsewhere${this.#options.damage.length > 0 ? '; or it is among what is lost (vault.damage)' : ''}`)
  }
}

function damaged(): Fault {
  return new Fault('backend-failed', 'The record of this identity is damaged: import it from a backup')
}
