import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import type { ExternalIdentity } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import { sameBytes, utf8 } from '../../crypto/bytes.ts'
import { keyOf, keysUnder } from '../../stores/key.ts'
import type { Store } from '../../stores/store.ts'
import { InTurn } from '../vault/in-turn.ts'
import { packRecord, unpackRecord } from './record.ts'
import type { CredentialRecord } from './record.ts'

/** Changes of a store come one after the other, since each is of what it read: also where several backends have the store. */
const changes = new WeakMap<Store, InTurn>()

function changesOf(store: Store): InTurn {
  const known = changes.get(store) ?? new InTurn()
  changes.set(store, known)
  return known
}

/**
 * The identities of one backend whose keys authenticators have, in a store (docs/formats.md, "Credentials"): rows whose keys begin with `credential` and the backend's subtype. All
 * reject with `store-failed`, `store-damaged`, `store-newer`; those that write, with `invalid-argument` for a record that could not be read again.
 */
export class CredentialRecords {
  readonly #store: Store
  readonly #subtype: string
  readonly #changes: InTurn

  constructor(store: Store, subtype: string) {
    this.#store = store
    this.#subtype = subtype
    this.#changes = changesOf(store)
  }

  /** `undefined` for one that is not there, and one whose bundle is another. */
  async find({ name, bundle }: Pick<CredentialRecord, 'name' | 'bundle'>): Promise<CredentialRecord | undefined> {
    const record = await this.#read(name)
    return record && sameBundle(record.bundle, bundle) ? record : undefined
  }

  /** Rejects with `not-found` where {@link find} finds none. */
  async held(identity: ExternalIdentity): Promise<CredentialRecord> {
    const record = await this.find(identity)
    if (record === undefined) throw notHeld()
    return record
  }

  /** For who was given a signer or decryptor, since the identity was here then. Rejects with `backend-failed` when it was deleted. */
  async living(identity: ExternalIdentity): Promise<CredentialRecord> {
    const record = await this.find(identity)
    if (record === undefined) throw deleted()
    return record
  }

  /** What was generated under that key, and lives. */
  async findAttempt(key: string): Promise<CredentialRecord | undefined> {
    const attempt = attemptOf(key)
    const value = await this.#store.get(this.#attemptKey(attempt))
    const record = value && await this.#read(new TextDecoder().decode(value))
    if (record !== undefined && record.attempt !== attempt) throw misplaced()
    return record
  }

  /** Rejects with `backend-failed` when there is one of that name, or that attempt, already. */
  add(record: CredentialRecord): Promise<void> {
    return this.#changes.run(async () => {
      if (await this.#store.get(this.#key(record.name)) !== undefined || await this.#store.get(this.#attemptKey(record.attempt)) !== undefined) {
        throw new Fault('backend-failed', 'This identity, or one for the same attempt, is there already')
      }
      await this.#store.write([
        { key: this.#key(record.name), value: packRecord(record) },
        { key: this.#attemptKey(record.attempt), value: new TextEncoder().encode(record.name) },
      ])
    })
  }

  /** Replaces what is kept of an identity by what `change` makes of it. Rejects with `not-found` when there is none any more, and as `change` throws. */
  change(name: string, change: (record: CredentialRecord) => CredentialRecord): Promise<CredentialRecord> {
    return this.#changes.run(async () => {
      const record = await this.#read(name)
      if (record === undefined) throw new Fault('not-found', 'This identity was deleted meanwhile')
      const changed = change(record)
      await this.#store.write([{ key: this.#key(name), value: packRecord(changed) }])
      return changed
    })
  }

  /** Whether it was there. */
  remove(name: string): Promise<boolean> {
    return this.#changes.run(async () => {
      const record = await this.#read(name)
      if (record === undefined) return false
      await this.#store.write([{ key: this.#key(name), value: undefined }, { key: this.#attemptKey(record.attempt), value: undefined }])
      return true
    })
  }

  /** In the order of their names. */
  async *all(): AsyncGenerator<CredentialRecord> {
    for await (const { key, value } of this.#store.range(keysUnder('credential', this.#subtype, 'identity'))) {
      const record = unpackRecord(value)
      if (!sameBytes(key, this.#key(record.name))) throw misplaced()
      yield record
    }
  }

  async #read(name: string): Promise<CredentialRecord | undefined> {
    const value = await this.#store.get(this.#key(name))
    const record = value && unpackRecord(value)
    if (record !== undefined && record.name !== name) throw misplaced()
    return record
  }

  #key(name: string): Uint8Array {
    return keyOf('credential', this.#subtype, 'identity', name)
  }

  #attemptKey(attempt: string): Uint8Array {
    return keyOf('credential', this.#subtype, 'attempt', attempt)
  }
}

/** What is kept of the key that an identity was generated under. Throws `invalid-argument` for text with lone surrogates. */
export function attemptOf(key: string): string {
  return bytesToHex(sha256(utf8(key, 'The key of an attempt')))
}

export function notHeld(): Fault {
  return new Fault('not-found', 'This backend does not hold the identity: it was deleted, or generated elsewhere')
}

export function deleted(): Fault {
  return new Fault('backend-failed', 'Its identity was deleted')
}

function misplaced(): Fault {
  return new Fault('store-damaged', 'What is stored of an identity on a device is another one\'s: restore the store from a copy')
}

function sameBundle(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameBytes(a, b)
}
