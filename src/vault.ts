import { promptPassphrase as promptAt } from './backends/vault/node/prompt-passphrase.ts'
import type { Unlocker } from './backends/vault/root-keys.ts'
import { openSealedVault } from './backends/vault/vault.ts'
import type { Vault, VaultOptions } from './backends/vault/vault.ts'
import { randomBytes } from './crypto/random.ts'
import { platformHost } from './runtime/platform.ts'

/**
 * Opens the vault in that store, or makes one where there is neither keyslot file nor vault. All of its records are looked at: a second or two for a
 * hundred thousand. One process opens a vault at a time, as it does the store.
 *
 * Rejects with `wrong-passphrase`, `unlock-delayed`, `keyslots-damaged`; `vault-damaged` (see `acceptDamage`), `vault-rolled-back` (see
 * `acceptRollback`), `backend-failed` (the anchor), `store-failed`, `invalid-argument`, and as the unlocker does. Then nothing was changed, but
 * for a vault that could not be made whole: it is made anew.
 */
export function openVault(options: VaultOptions): Promise<Vault> {
  return openSealedVault(options, { random: randomBytes, now: platformHost().now })
}

/** Opens the slots of a passphrase that is asked for at this process's terminal, without showing it, each time it is needed. Its secret rejects with `not-available` where there is none. */
export function promptPassphrase(question: string): Unlocker {
  return promptAt(question)
}

export type { ImportOptions, Vault, VaultIdentity, VaultOptions } from './backends/vault/vault.ts'
export type { Anchor } from './backends/vault/anchor.ts'
export type { Damage } from './backends/vault/inspection.ts'
export type { Imported, ImportOutcome } from './backends/vault/transfer.ts'
export type { KeyslotFile } from './backends/vault/keyslot-file.ts'
export type { Slot, SlotKind } from './backends/vault/root-keys.ts'
export type { Unlocker }
export { passphrase } from './backends/vault/passphrase.ts'
export { memoryKeyslots } from './backends/vault/memory-keyslot-file.ts'
export { fileKeyslots } from './backends/vault/node/keyslot-file.ts'
export { environmentKey } from './backends/vault/node/environment-key.ts'
export { keyFile, newKeyFile } from './backends/vault/node/key-file.ts'
export type { Argon2Parameters } from './crypto/argon2.ts'
