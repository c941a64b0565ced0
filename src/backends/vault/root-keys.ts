/** How a keyslot is opened: with what someone knows, or with what lies in a file or in the environment of the process. */
export type SlotKind = 'passphrase' | 'key-file' | 'environment'

/** Opens one kind of keyslot. Made by `passphrase`, `keyFile` and `environmentKey`. */
export interface Unlocker {
  readonly kind: SlotKind
  /** The secret, as bytes that the caller erases. Rejects with `invalid-argument`, `not-available` (no such file or variable). */
  secret(): Promise<Uint8Array>
}

/** A slot as anyone may see it. */
export interface Slot {
  /** Short text, unique among the slots. */
  readonly id: string
  readonly kind: SlotKind
}

/**
 * What keyslots hold: the root key of each generation that is in use, of 32 random bytes. There is one generation, but for the time in which a rotation
 * moves from one to the next, when there are two.
 */
export interface RootKeys {
  /** 16 random bytes, which name the vault for good. */
  readonly vault: Uint8Array
  /** By generation, counted from 1. */
  readonly keys: ReadonlyMap<number, Uint8Array>
  /** Whether the store has been set up: from then on, a store without a manifest is a damaged one. */
  readonly isInitialised: boolean
}

/**
 * The keyslots of one vault, as their file has them. None of its methods changes anything when it rejects, and each that changes something rejects with
 * `keyslots-damaged` unless `current` are exactly the root keys that the file holds, and with `store-failed`. One is done after the other.
 */
export interface Keyslots {
  readonly slots: readonly Slot[]
  /**
   * The root keys, which the caller erases. Rejects with `wrong-passphrase` when no slot opens with this, `unlock-delayed` after too many of
   * those (its text says how long to wait), `keyslots-damaged`, `backend-failed` where there is not the memory that a passphrase takes, and as the unlocker does.
   */
  unlock(unlocker: Unlocker): Promise<RootKeys>
  /** Seals these root keys to all slots, and replaces the file. Those that are left out are gone. Both are read at the call. */
  replaceKeys(current: RootKeys, next: RootKeys): Promise<void>
  /**
   * Adds a slot, or replaces the one that `replacing` names or opens, and answers its id. Rejects with `not-found`, `invalid-argument` for one slot too many; where `replacing` is to open one, as
   * `unlock` does; and as the unlocker does.
   */
  addSlot(current: RootKeys, unlocker: Unlocker, replacing?: string | Unlocker): Promise<string>
  /** Rejects with `not-found`, and with `invalid-argument` for the last slot. */
  removeSlot(current: RootKeys, id: string): Promise<void>
}
