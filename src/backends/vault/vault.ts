import type { ExternalIdentity } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import type { Argon2Parameters } from '../../crypto/argon2.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import type { Store } from '../../stores/store.ts'
import type { Backend, Capabilities, Format, Undoable } from '../backend.ts'
import { AnchorLine, rolledBack } from './anchor.ts'
import type { Anchor } from './anchor.ts'
import type { Damage } from './inspection.ts'
import type { KeyslotFile } from './keyslot-file.ts'
import { createKeyslots, openKeyslots } from './keyslots.ts'
import { enter, hasRows } from './opening.ts'
import type { Keyslots, RootKeys, Slot, Unlocker } from './root-keys.ts'
import { SealedVault } from './sealed-vault.ts'
import type { Imported } from './transfer.ts'

/** What is told of an identity that a vault holds. */
export interface VaultIdentity {
  readonly externalIdentity: ExternalIdentity
  readonly params: string
  readonly capabilities: Capabilities
  readonly format: Format
  /** It was deleted, and until then, or until it is purged, that can be taken back. */
  readonly deleted?: Undoable
}

/**
 * Identities whose keys lie sealed in a store. Every method rejects with `locked` where it needs what is locked; with `store-failed`, after which the vault
 * must be opened anew; and with `backend-failed` while its anchor can't be advanced.
 */
export interface Vault extends AsyncDisposable {
  /** What identity engines are spawned with: `services: { backends: [vault.backend] }`. Of the name `{ type: 'LocalMemory' }`. */
  readonly backend: Backend
  readonly isLocked: boolean
  /** What was put up with: see `acceptDamage`. */
  readonly damage: readonly Damage[]
  /** Signers and decryptors that are open work again. All records are looked at, as when it was opened. Rejects with `wrong-passphrase`, `unlock-delayed`, `keyslots-damaged`, `vault-damaged`, and as the unlocker does. */
  unlock(unlock: Unlocker): Promise<void>
  /** Erases every key. From the call on, signers and decryptors fail with `locked`, and keep their identities. Harmless when repeated. */
  lock(): Promise<void>
  slots(): readonly Slot[]
  /** Another way to unlock it. Answers the slot's id. Rejects as the unlocker does. */
  addSlot(unlock: Unlocker): Promise<string>
  /** Rejects with `not-found`, `invalid-argument` for the last one. Whoever knew it may know the root key: see {@link rotate}. */
  removeSlot(id: string): Promise<void>
  /** Replaces the slot that `from` opens. Rejects with `wrong-passphrase`, `unlock-delayed`, and as the unlockers do. */
  changePassphrase(from: Unlocker, to: Unlocker): Promise<void>
  /** Seals everything anew under a new root key. Nothing else is done meanwhile. Rejects with `vault-damaged` where a record would be lost, or was changed since the vault was opened. */
  rotate(): Promise<void>
  /**
   * Ends identities for good: those named, which were deleted, or are damaged; unless any are, all whose delete can't be taken back any more. Answers how many. Everything else
   * is sealed anew under a new root key, and the keyslots are replaced, so that neither store nor keyslots open what was purged, whatever the store still
   * has of it. Then the store is compacted, where it can be; where it can't (`capabilities.compacts`), sealed remains are there until it reuses their place. Not promised:
   * that the device, its snapshots or a backup keep no older copy of keyslots and store, which open together with the passphrase of that time. Rejects with
   * `not-found`, with `invalid-argument` for one that is not deleted, `vault-damaged` where another record would be lost.
   */
  purge(identities?: readonly ExternalIdentity[]): Promise<number>
  /** All that it holds and that are not purged, in the order of their names. Each is told as it is when it is come to. */
  identities(): AsyncIterable<VaultIdentity>
  /** These identities, with their keys, sealed under what the unlocker gives. Rejects with `not-found`, and as the unlocker does. */
  exportBackup(identities: readonly ExternalIdentity[], unlock: Unlocker): Promise<Uint8Array>
  /**
   * Takes in what a backup holds, all or nothing; doing it twice is harmless. What was purged here is refused unless `purged` is `import`. Rejects with
   * `backup-damaged`, `wrong-passphrase`, and as the unlocker does.
   */
  importBackup(backup: Uint8Array, unlock: Unlocker, options?: ImportOptions): Promise<readonly Imported[]>
  /** Locks it, for good. The store is the caller's to close. Harmless when repeated. */
  close(): Promise<void>
}

export interface ImportOptions {
  readonly purged?: 'refuse' | 'import'
}

export interface VaultOptions {
  /** Where the identities are. The vault writes rows whose keys begin with `keyOf('vault')`, and others may have theirs beside them. */
  readonly store: Store
  /** Where the root key is, sealed: beside the store, and never in it. */
  readonly keyslots: KeyslotFile
  /** Opens the keyslots; or, where there is no vault, makes the first of them. */
  readonly unlock: Unlocker
  /** Without one, who can write to the disk can put back an older copy of keyslots and store together, and nobody notices. */
  readonly anchor?: Anchor
  /** Opens a vault that is not in the state that its anchor says, and has the anchor say this one. */
  readonly acceptRollback?: boolean
  /**
   * Opens a vault whose records are not what was stored. Those that are damaged stay as they are, and fail with `backend-failed` or `not-found`, until they are
   * imported from a backup or purged; the rest works. What is missing, or of an earlier time, is the state of the vault from its next change on.
   */
  readonly acceptDamage?: boolean
  /** How long a delete can be taken back, in milliseconds: 30 days unless told. */
  readonly undoPeriod?: number
  /** What a guess at a passphrase costs, for slots and backups that are made from now on. */
  readonly argon2?: Argon2Parameters
}

/** Where randomness and time (milliseconds since the Unix epoch) come from. */
export interface VaultSources {
  readonly random: RandomBytes
  readonly now: () => number
}

const UNDO_PERIOD = 30 * 24 * 60 * 60 * 1000

function requireMethods(value: unknown, name: string, methods: readonly string[], what: string): void {
  if (typeof value === 'object' && value !== null && methods.every(method => typeof Reflect.get(value, method) === 'function')) return
  throw new Fault('invalid-argument', `A vault is opened with { ${name} }: ${what}`)
}

/** See {@link VaultOptions}, and `openVault` in `src/vault.ts`. */
export async function openSealedVault({ store, keyslots: file, unlock, undoPeriod = UNDO_PERIOD, ...options }: VaultOptions, sources: VaultSources): Promise<Vault> {
  requireMethods(store, 'store', ['get', 'range', 'write'], 'a Store, such as lmdbStore answers')
  requireMethods(file, 'keyslots', ['read', 'replace'], 'a KeyslotFile, such as fileKeyslots(path)')
  requireMethods(unlock, 'unlock', ['secret'], 'an Unlocker, such as passphrase(…) or keyFile(path)')
  if (!(Number.isFinite(undoPeriod) && undoPeriod >= 0)) throw new Fault('invalid-argument', 'The undoPeriod is a number of milliseconds, not below 0')
  const anchor = new AnchorLine(options.anchor)
  const keyslotsOptions = { ...sources, ...options.argon2 && { argon2: options.argon2 } }
  const found = await openKeyslots(file, keyslotsOptions)
  const { keyslots, keys } = found === undefined ? await make() : { keyslots: found, keys: await found.unlock(unlock) }
  const { ledger, damage } = await enter({ ...sources, store, keyslots, keys, anchor, acceptRollback: options.acceptRollback, acceptDamage: options.acceptDamage })
  return new SealedVault({ ledger, keyslots, damage, undoPeriod, argon2: options.argon2, ...sources })

  async function make(): Promise<{ readonly keyslots: Keyslots; readonly keys: RootKeys }> {
    if (await hasRows(store)) throw new Fault('keyslots-damaged', 'The store has a vault, and its keyslot file is missing: put it back')
    if (options.acceptRollback !== true && await anchor.read() !== undefined) throw rolledBack()
    return createKeyslots(file, unlock, keyslotsOptions)
  }
}
