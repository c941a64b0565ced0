import type { ExternalIdentity } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import type { Argon2Parameters } from '../../crypto/argon2.ts'
import { eraseSecrets } from '../local-memory/secrets.ts'
import { readBackup, writeBackup } from './backup.ts'
import type { Damage } from './inspection.ts'
import { storeFault } from './ledger.ts'
import type { Ledger } from './ledger.ts'
import { secretOf } from './keyslot.ts'
import { reenter, settle } from './opening.ts'
import { Secret } from './passphrase.ts'
import { identityOf, unsealFacts } from './record.ts'
import { purgeable, reseal } from './reseal.ts'
import type { Keyslots, Slot, Unlocker } from './root-keys.ts'
import { IDENTITIES } from './rows.ts'
import { copiesOf, store } from './transfer.ts'
import type { Imported } from './transfer.ts'
import { VaultBackend } from './vault-backend.ts'
import type { ImportOptions, Vault, VaultIdentity, VaultSources } from './vault.ts'

export interface VaultParts extends VaultSources {
  readonly ledger: Ledger
  readonly keyslots: Keyslots
  readonly damage: readonly Damage[]
  readonly undoPeriod: number
  readonly argon2: Argon2Parameters | undefined
}

const PAGE = 256

/** A vault that was opened. */
export class SealedVault implements Vault {
  readonly backend: VaultBackend
  readonly damage: readonly Damage[]
  readonly #ledger: Ledger
  readonly #parts: VaultParts

  constructor(parts: VaultParts) {
    this.#parts = parts
    this.#ledger = parts.ledger
    this.damage = Object.freeze(parts.damage)
    this.backend = new VaultBackend(parts.ledger, parts)
  }

  get isLocked(): boolean {
    return this.#ledger.isLocked
  }

  unlock(unlock: Unlocker): Promise<void> {
    const { keyslots, random } = this.#parts
    return this.#ledger.alone(async () => {
      this.#ledger.requireWorking()
      this.#ledger.unlock(await reenter(this.#ledger, keyslots, await keyslots.unlock(unlock), random))
    }, 'always')
  }

  lock(): Promise<void> {
    const locked = this.#ledger.lock()
    this.backend.lock()
    return locked
  }

  slots(): readonly Slot[] {
    return this.#parts.keyslots.slots
  }

  addSlot(unlock: Unlocker): Promise<string> {
    return asked(unlock, one => this.#ledger.alone(() => this.#parts.keyslots.addSlot(this.#ledger.session.keys, one)))
  }

  removeSlot(id: string): Promise<void> {
    return this.#ledger.alone(() => this.#parts.keyslots.removeSlot(this.#ledger.session.keys, id))
  }

  async changePassphrase(from: Unlocker, to: Unlocker): Promise<void> {
    await asked(from, old => asked(to, one => this.#ledger.alone(() => this.#parts.keyslots.addSlot(this.#ledger.session.keys, one, old))))
  }

  rotate(): Promise<void> {
    return this.#ledger.alone(() => this.#reseal(new Set()))
  }

  purge(identities?: readonly ExternalIdentity[]): Promise<number> {
    return this.#ledger.alone(async () => {
      // A purge that was cut short after its batch leaves the old root key, also where whom it named is not found any more.
      await settle(this.#parts.keyslots, this.#ledger.session)
      const purged = await purgeable(this.#ledger, this.#parts.now(), identities?.map(({ name }) => name))
      if (purged.size > 0) await this.#reseal(purged)
      return purged.size
    })
  }

  async *identities(): AsyncGenerator<VaultIdentity> {
    let from: Uint8Array | undefined = IDENTITIES.from
    while (from !== undefined) {
      // oxlint-disable-next-line no-await-in-loop -- page by page: other operations come between
      const page: Page = await this.#page(from)
      yield* page.identities
      from = page.next
    }
  }

  exportBackup(identities: readonly ExternalIdentity[], unlock: Unlocker): Promise<Uint8Array> {
    return asked(unlock, async one => {
      const records = await copiesOf(this.#ledger, identities)
      try {
        return await writeBackup(records, one, this.#parts)
      } finally {
        for (const { secrets } of records) eraseSecrets(secrets)
      }
    })
  }

  async importBackup(backup: Uint8Array, unlock: Unlocker, { purged = 'refuse' }: ImportOptions = {}): Promise<readonly Imported[]> {
    const records = await readBackup(backup, unlock)
    try {
      return await store(this.#ledger, records, this.#parts.now(), purged === 'import', name => this.backend.claim(name))
    } finally {
      for (const { secrets } of records) eraseSecrets(secrets)
    }
  }

  async close(): Promise<void> {
    const locked = this.lock()
    this.#ledger.fail(new Fault('locked', 'The vault was closed: open it anew'))
    await locked
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #reseal(purged: ReadonlySet<string>): Promise<void> {
    const { keyslots, random } = this.#parts
    await reseal(this.#ledger, keyslots, random, purged)
    for (const name of purged) this.backend.end(name)
    if (purged.size === 0) return
    try {
      await this.#ledger.store.compact?.()
    } catch (cause) {
      throw this.#ledger.fail(storeFault(cause))
    }
  }

  #page(from: Uint8Array): Promise<Page> {
    return this.#ledger.alone(async () => {
      const identities: VaultIdentity[] = []
      for await (const row of this.#ledger.store.range({ from, to: IDENTITIES.to })) {
        if (identities.length === PAGE) return { identities, next: row.key }
        const facts = unsealFacts(this.#ledger.session, row)
        if (facts === undefined) continue
        const { params, capabilities, format, deleted } = facts
        identities.push({ externalIdentity: identityOf(facts), params, capabilities, format, ...deleted && { deleted: { undoUntil: deleted.until } } })
      }
      return { identities, next: undefined }
    })
  }
}

/** Has the unlocker's secret before anything waits for its turn, or is unsealed: whoever is asked may take his time, and nobody else must, nor a lock. */
async function asked<T>(unlocker: Unlocker, act: (unlocker: Unlocker) => Promise<T>): Promise<T> {
  const secret = await secretOf(unlocker)
  try {
    return await act(new Secret(unlocker.kind, secret))
  } finally {
    secret.fill(0)
  }
}

interface Page {
  readonly identities: readonly VaultIdentity[]
  readonly next: Uint8Array | undefined
}
