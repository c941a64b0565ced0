import type { EngineID, ExternalIdentity } from '../core/engine-id.ts'
import { Fault } from '../core/errors.ts'
import type { CiphertextRefusal } from '../crypto/ciphertext.ts'
import type { Format } from '../crypto/identity-name.ts'

/** What an identity can do. To commit it has a signing key, to decrypt an encryption key; its name binds exactly those. */
export type Capabilities = 'Commit' | 'Decrypt' | 'CommitAndDecrypt'

/** Which backend a message means. Backends have the same name when all the fields are the same. */
export type BackendName =
  | { readonly type: 'LocalMemory' }
  | { readonly type: 'LocalConnection'; readonly subtype: 'hid' | 'webauthn' | 'browser-extension' }
  | { readonly type: 'RemoteConnection'; readonly externalIdentity: ExternalIdentity }

/** What a backend is asked to make. */
export interface GenerateOptions {
  /** Names this attempt: the same key gives the same identity again, for as long as that identity lives. */
  readonly key: string
  /** The cryptosystem, one of the backend's `params`. */
  readonly params: string
  readonly capabilities: Capabilities
  /** What its signatures are of: framed data, unless told. */
  readonly format?: Format
}

/** `framed`: what is signed says what it is for (see `signable`). `raw`: bare bytes, for other ecosystems' tokens and transactions. */
export type { Format }

// An `asker` is for whom something is done, as the runtime has it: shown to the person at a device. It decides nothing.

/** Signs in the name of one identity. It takes data and never a signable: what is signed is decided here (see `signable`, and {@link Format}). */
export interface Signer {
  /** Signs for purpose `data`, and returns a commitment that `verify` accepts. Throws `backend-failed`, or a `DeviceCode`. */
  sign(data: Uint8Array, signal: AbortSignal, asker?: EngineID): Uint8Array | Promise<Uint8Array>
  /**
   * For each, in order, a commitment or why there is none; or it rejects, for all. It lets the event loop take its turns, and ends when `signal` aborts.
   * Where it is absent, the engine signs one after the other, which is for backends that answer later.
   */
  signBatch?(data: readonly Uint8Array[], signal: AbortSignal): Promise<readonly (Uint8Array | Error)[]>
  /** Signs a digest as it is: r ‖ s ‖ u8 recovery id. Throws `not-available` where the identity has no such signatures, or when absent. */
  signDigest?(digest: Uint8Array, signal: AbortSignal): Uint8Array | Promise<Uint8Array>
  /** Erases what this signer holds. It signs no more. */
  close(): void | Promise<void>
}

/** Decrypts what was encrypted to one identity. */
export interface Decryptor {
  /**
   * The plaintext; or a refusal, when these bytes are no ciphertext at all (`malformed-ciphertext`) or do not open under
   * this identity (`decryption-failed`, with nothing said about why). Throws `backend-failed`, or a `DeviceCode`.
   */
  decrypt(ciphertext: Uint8Array, signal: AbortSignal, asker?: EngineID): Uint8Array | CiphertextRefusal | Promise<Uint8Array | CiphertextRefusal>
  /** Erases what this decryptor holds. It decrypts no more. */
  close(): void | Promise<void>
}

export type { CiphertextRefusal }

/**
 * Where keys live. A backend yields signers and decryptors, never a key. Every method may answer at once or later; when
 * `signal` aborts, the caller has stopped waiting.
 */
export interface Backend {
  readonly name: BackendName
  /** The cryptosystems it can generate. */
  readonly params: readonly string[]
  /** What its identities can be capable of. */
  readonly capabilities: readonly Capabilities[]
  /** What it can sign: `framed` alone, unless told. */
  readonly formats?: readonly Format[]
  /**
   * Makes an identity with exactly the asked capabilities, whole or not at all: a generate that throws or rejects leaves
   * nothing behind. Never answers with one that was made under another key. Throws `not-available` for params, capabilities or a
   * format that it does not offer, `backend-failed` or a `DeviceCode` otherwise.
   */
  generate(options: GenerateOptions, signal: AbortSignal, asker?: EngineID): ExternalIdentity | Promise<ExternalIdentity>
  /**
   * Closes the signers and decryptors of an identity and erases its keys; or, where it answers until when, puts them away so that nothing but `undelete` has
   * them back. Asked again meanwhile, it answers the same. Throws `not-found`, `backend-failed`, or a `DeviceCode`.
   */
  delete(identity: ExternalIdentity, signal: AbortSignal, asker?: EngineID): void | Undoable | Promise<void | Undoable>
  /** Takes a delete back. Harmless for an identity that is not deleted. Throws `not-found` when its keys are gone, or when absent; `backend-failed`. */
  undelete?(identity: ExternalIdentity, signal: AbortSignal): void | Promise<void>
  /**
   * What is known of an identity that came to this backend by another way than `generate`, such as a backup, to who shows the claim that was given out for
   * it. Throws `not-found` for any other identity, bundle or claim, or when absent; `backend-failed`.
   */
  adopt?(identity: ExternalIdentity, claim: Uint8Array, signal: AbortSignal): Adopted | Promise<Adopted>
  /** Throws `not-found` for an identity it does not hold, `not-available` for one that cannot sign. */
  signer(identity: ExternalIdentity, signal: AbortSignal): Signer | Promise<Signer>
  /** Throws `not-found` for an identity it does not hold, `not-available` for one that cannot decrypt. */
  decryptor(identity: ExternalIdentity, signal: AbortSignal): Decryptor | Promise<Decryptor>
}

/** A delete that can be taken back, until a time in milliseconds since the Unix epoch. */
export interface Undoable {
  readonly undoUntil: number
}

/** What Identity Management has to know of an identity that it did not generate. */
export interface Adopted {
  readonly params: string
  readonly capabilities: Capabilities
  readonly format: Format
  /** Of an identity whose name is a hash: the asker may have left it out. */
  readonly bundle?: Uint8Array
}

/** The services that identity engines are spawned with. */
export interface Backends {
  readonly backends: readonly Backend[]
}

/** Whether an identity with the capabilities `have` can do all of `want`. */
export function includes(have: Capabilities, want: Capabilities): boolean {
  return have === want || have === 'CommitAndDecrypt'
}

/** The backend of that name, if it is among them. */
export function findBackend({ backends }: Backends, name: BackendName): Backend | undefined {
  if (!Array.isArray(backends)) throw new Fault('invalid-argument', 'Identity engines are spawned with services: { backends: [localMemory()] }, or others')
  return backends.find(backend => sameBackend(backend.name, name))
}

/** For people. */
export function describeBackend(name: BackendName): string {
  return name.type === 'LocalConnection' ? `${name.type} (${name.subtype})` : name.type
}

export function sameBackend(a: BackendName, b: BackendName): boolean {
  if (a.type === 'LocalConnection') return b.type === 'LocalConnection' && a.subtype === b.subtype
  if (a.type === 'RemoteConnection') return b.type === 'RemoteConnection' && a.externalIdentity.name === b.externalIdentity.name
  return b.type === 'LocalMemory'
}
