import { bytesToHex } from '@noble/hashes/utils.js'
import { encryptTo } from './crypto/ciphertext.ts'
import { verifyCommitment, verifyCommitments } from './crypto/commitment.ts'
import type { Claim, VerifyOptions } from './crypto/commitment.ts'
import { encryptions } from './crypto/encryptions.ts'
import { formatIdentityName, parseIdentityName } from './crypto/identity-name.ts'
import { randomBytes } from './crypto/random.ts'
import { suites } from './crypto/suites.ts'
import { portableEd25519 } from './crypto/suites/ed25519/portable.ts'
import { commitment } from './engines/commitment/index.ts'
import { decryption } from './engines/decryption/index.ts'
import { identityManagement } from './engines/identity-management/index.ts'
import { externalIdentityOf, isExternalIdentity } from './core/engine-id.ts'
import { Fault } from './core/errors.ts'
import type { ExternalIdentity } from './core/engine-id.ts'
import { beginLife } from './runtime/life.ts'
import { RuntimeNode } from './runtime/node.ts'
import type { Cryptography } from './runtime/cryptography.ts'
import type { Node } from './runtime/node.ts'
import type { NodeOptions } from './runtime/node-options.ts'
import { platformHost } from './runtime/platform.ts'

// The only place that joins core, crypto, engines, backends and runtime.

// ── a node ───────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Makes a node in this process, under a NodeID of its own, or that of its store. Needs no service, no file and no configuration. Rejects with
 * `invalid-argument` for a setting that is no positive, finite number, or a transport that lacks `open`, `dial` or `close`; and as its
 * transport does when that can't be opened.
 */
export async function createNode(options: NodeOptions = {}): Promise<Node> {
  // The name is an Ed25519 public key. Its secret would sign handshakes; no transport here asks for one.
  const secretKey = portableEd25519.generate(randomBytes)
  const publicKey = portableEd25519.publicKey(secretKey)
  secretKey.fill(0)
  const id = formatIdentityName({ sign: { suite: portableEd25519, publicKey } })
  const life = options.store === undefined ? { id } : await beginLife(options.store, id)
  const node = new RuntimeNode({ ...life, boot: bytesToHex(randomBytes(16)), host: platformHost(), cryptography, options })
  await node.open()
  return node
}

const serving: ReadonlySet<object> = new Set([identityManagement, commitment, decryption])
const cryptography: Cryptography = {
  describe: () => Object.fromEntries([
    ...suites().map(({ params, path, provider }) => [params, { path, provider }] as const),
    ...encryptions().map(({ name, path, provider }) => [name, { path, provider }] as const),
  ]),
  serves: engine => serving.has(engine),
}

export type { NodeDescription, Provider } from './runtime/cryptography.ts'
export type { Node, SpawnOptions } from './runtime/node.ts'
export type { NodeOptions }
export type { Counters } from './runtime/counters.ts'
export type {
  DeadLetterReason, Observed, ObservedDeadLetter, ObservedEmission, ObservedEnd, ObservedLink, ObservedMessage, ObservedRestart, ObservedSpawn, ObservedStep, Observer,
} from './runtime/observation.ts'
export type { AskOptions, Client } from './core/client.ts'
export { memoryNetwork } from './transports/memory/index.ts'
export type { MemoryNetwork } from './transports/memory/network.ts'
export type { Link, LinkEvents, Transport, TransportEvents } from './transports/transport.ts'

// ── identities ───────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Whether `commitment` is one over `data` in the name of `identity`. Needs no node. Rejects with `invalid-identity` for an identity that
 * is none, `not-available` for one that cannot commit, `invalid-argument` for what is not bytes.
 */
export async function verify(identity: ExternalIdentity, data: Uint8Array, commitment: Uint8Array, options?: VerifyOptions): Promise<boolean> {
  return verifyCommitment(known(identity), data, commitment, options)
}

/**
 * Verifies many commitments, of whatever identities: `true` or `false` for each, in order, as {@link verify} says it, in less time. Rejects as that
 * does, if any of them gives it reason to.
 */
export async function verifyBatch(claims: readonly (Claim & { readonly identity: ExternalIdentity })[]): Promise<readonly boolean[]> {
  if (Array.isArray(claims)) for (const claim of claims) known(claim?.identity)
  return verifyCommitments(claims)
}

/**
 * Encrypts at most 1 MiB to an identity (HPKE base mode, RFC 9180, section 6.1). Needs no node. Rejects with `invalid-identity` for a
 * name that is none, `not-available` for an identity that cannot decrypt or a platform that cannot encrypt, `invalid-argument` for
 * what is not bytes or too much, `backend-failed` when the platform fails.
 */
export async function encrypt(identity: ExternalIdentity, data: Uint8Array): Promise<Uint8Array> {
  return encryptTo(known(identity), data)
}

function known(identity: ExternalIdentity): ExternalIdentity {
  if (isExternalIdentity(identity)) return identity
  throw new Fault('invalid-identity', 'An external identity is { node: null, name }, with its bundle if it has one, as Identity Management answers it')
}

/** The external identity of that name, as `externalIdentity.name` and `externalIdentity.bundle` have it. Throws `invalid-identity`. */
export function parseExternalIdentity(name: string, bundle?: Uint8Array): ExternalIdentity {
  parseIdentityName({ name, ...bundle && { bundle } })
  return externalIdentityOf(name, bundle && Uint8Array.from(bundle))
}

export { signable } from './crypto/signable.ts'
export type { Purpose } from './crypto/signable.ts'
export type { Claim, VerifyOptions }
export { assertionOf } from './crypto/assertion.ts'
export type { Assertion, AssertionPolicy } from './crypto/assertion.ts'
export type { AttestedCredential, AuthenticatorData } from './crypto/authenticator-data.ts'

export { identities } from './engines/identity-management/identities.ts'
export type { Borrowed, Commits, Decrypts, GenerateIdentity, Identities, Owned, Ownership } from './engines/identity-management/identities.ts'
export { identityManagementProtocol } from './engines/identity-management/messages.ts'
export type { IdentityManagement } from './engines/identity-management/family.ts'
export type { IdentityManagementProtocol } from './engines/identity-management/messages.ts'
export type { Commitment } from './engines/commitment/behaviour.ts'
export { commitment, decryption, identityManagement }
export { BATCH_LIMIT, COMMITMENT_LIMIT, commitmentProtocol } from './engines/commitment/messages.ts'
export type { CommitmentProtocol } from './engines/commitment/messages.ts'
export type { Decryption } from './engines/decryption/behaviour.ts'
export { DECRYPTION_LIMIT, decryptionProtocol } from './engines/decryption/messages.ts'
export type { DecryptionProtocol } from './engines/decryption/messages.ts'
export { localMemory } from './backends/local-memory/index.ts'
export type { Adopted, Backend, BackendName, Backends, Capabilities, CiphertextRefusal, Decryptor, Format, GenerateOptions, Signer, Undoable } from './backends/backend.ts'

export { memoryStore } from './stores/memory/index.ts'
export { keyOf, keysUnder } from './stores/key.ts'
export type { Change, KeyRange, Row, Store, StoreCapabilities } from './stores/store.ts'

// ── writing engines ──────────────────────────────────────────────────────────────────────────────────────────────

export { formatEngineID, parseEngineID, sameEngine } from './core/engine-id.ts'
export type { EngineID, EngineRef, ExternalIdentity, NodeID } from './core/engine-id.ts'
export { Failed, Fault, IpseError, Refused } from './core/errors.ts'
export type { DeviceCode, FailureCode, FaultCode, Refusal } from './core/errors.ts'
export { defineProtocol, exchange, exchangeBy, refuse } from './core/protocol.ts'
export type {
  Exchange, MessageName, MessageOf, Protocol, ProtocolDefinition, ProtocolOf, ReplyBy, RequestName, RequestOf, ResponseOf, Shape, SuccessOf,
} from './core/protocol.ts'
export { bytes, coded, engineID, engineRef, externalIdentity, sensitive } from './core/schema.ts'
export type { BoundaryCode } from './core/schema.ts'
export { defineEngine } from './core/engine.ts'
export type { Behaviour, Definition, Durability, Engine, Resource, StoredEnvironment, TaskHandlers } from './core/engine.ts'
export type { Ask, ConfigOf, Family, MailboxStateOf, ServicesOf } from './core/family.ts'
export type { Life, Strategy, Supervision } from './core/supervision.ts'
export { allOf, always, firstOf, rule } from './core/rule.ts'
export type { RequestStep, Rules, Step } from './core/rule.ts'
export {
  cancel, child, defer, emit, forward, grant, keep, release, reply, request, revoke, send, spawn, stop, task, timer, update, updateMailbox, watch,
} from './core/effect.ts'
export type {
  Effect, MailboxUpdate, MissedTicks, Plain, Posting, Reply, Requested, Settlement, Settling, Spawned, Started, Timed, TimerOptions, Update,
} from './core/effect.ts'
export type { MailboxOptions, Mailboxes, Overflow } from './core/mailbox.ts'
export type { Answered, Asked, Done, Elapsed, EndReason, MailboxID, NotDone, Outcome, ReplyTo, Terminated, Told, Trigger } from './core/trigger.ts'
export { Table } from './core/table.ts'
