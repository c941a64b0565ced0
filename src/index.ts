import { bytesToHex } from '@noble/hashes/utils.js'
import { encryptTo } from './crypto/ciphertext.ts'
import { verifyCommitment } from './crypto/commitment.ts'
import { formatIdentityName, parseIdentityName } from './crypto/identity-name.ts'
import { randomBytes } from './crypto/random.ts'
import { ed25519Suite } from './crypto/suites/ed25519.ts'
import { externalIdentityOf, isExternalIdentity } from './core/engine-id.ts'
import { Fault } from './core/errors.ts'
import type { ExternalIdentity } from './core/engine-id.ts'
import { RuntimeNode } from './runtime/node.ts'
import type { Node, NodeOptions } from './runtime/node.ts'
import { platformHost } from './runtime/platform.ts'

// The only place that joins core, crypto, engines, backends and runtime.

// ── a node ───────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Makes a node in this process, under a NodeID of its own. Needs no service, no file and no configuration. Rejects with
 * `invalid-argument` for a setting that is no positive, finite number, or a transport that lacks `open`, `dial` or `close`; and as its
 * transport does when that can't be opened.
 */
export async function createNode(options: NodeOptions = {}): Promise<Node> {
  // The name is an Ed25519 public key. Its secret would sign handshakes; no transport here asks for one.
  const secretKey = ed25519Suite.generate(randomBytes)
  const publicKey = ed25519Suite.publicKey(secretKey)
  secretKey.fill(0)
  const id = formatIdentityName({ sign: { suite: ed25519Suite, publicKey } })
  const node = new RuntimeNode({ id, boot: bytesToHex(randomBytes(16)), host: platformHost(), options })
  await node.open()
  return node
}

export type { Node, NodeOptions, SpawnOptions } from './runtime/node.ts'
export type { Counters } from './runtime/delivery.ts'
export type {
  DeadLetterReason, Observed, ObservedDeadLetter, ObservedEmission, ObservedEnd, ObservedLink, ObservedMessage, ObservedRestart, ObservedSpawn, ObservedStep, Observer,
} from './runtime/observation.ts'
export type { AskOptions, Client } from './core/client.ts'
export { memoryNetwork } from './transports/memory/index.ts'
export type { MemoryNetwork } from './transports/memory/network.ts'
export type { Link, LinkEvents, Transport, TransportEvents } from './transports/transport.ts'

// ── identities ───────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * Whether `commitment` is one over `data` in the name of `identity`. Needs no node. Rejects with `invalid-identity` for a name that
 * is none, `not-available` for an identity that cannot commit, `invalid-argument` for what is not bytes.
 */
export async function verify(identity: ExternalIdentity, data: Uint8Array, commitment: Uint8Array): Promise<boolean> {
  return verifyCommitment(nameOf(identity), data, commitment)
}

/**
 * Encrypts at most 1 MiB to an identity (HPKE base mode, RFC 9180, section 6.1). Needs no node. Rejects with `invalid-identity` for a
 * name that is none, `not-available` for an identity that cannot decrypt or a platform that cannot encrypt, `invalid-argument` for
 * what is not bytes or too much, `backend-failed` when the platform fails.
 */
export async function encrypt(identity: ExternalIdentity, data: Uint8Array): Promise<Uint8Array> {
  return encryptTo(nameOf(identity), data)
}

function nameOf(identity: ExternalIdentity): string {
  if (isExternalIdentity(identity)) return identity.name
  throw new Fault('invalid-identity', 'An external identity is { node: null, name }, as Identity Management answers it')
}

/** The external identity of that name, as `externalIdentity.name` prints it. Throws `invalid-identity`. */
export function parseExternalIdentity(name: string): ExternalIdentity {
  return externalIdentityOf(parseIdentityName(name).name)
}

export { identities } from './engines/identity-management/identities.ts'
export type { Borrowed, Commits, Decrypts, GenerateIdentity, Identities, Owned, Ownership } from './engines/identity-management/identities.ts'
export { identityManagement } from './engines/identity-management/index.ts'
export { identityManagementProtocol } from './engines/identity-management/messages.ts'
export type { IdentityManagement } from './engines/identity-management/family.ts'
export type { IdentityManagementProtocol } from './engines/identity-management/messages.ts'
export { commitment } from './engines/commitment/index.ts'
export type { Commitment } from './engines/commitment/behaviour.ts'
export { COMMITMENT_LIMIT, commitmentProtocol } from './engines/commitment/messages.ts'
export type { CommitmentProtocol } from './engines/commitment/messages.ts'
export { decryption } from './engines/decryption/index.ts'
export type { Decryption } from './engines/decryption/behaviour.ts'
export { DECRYPTION_LIMIT, decryptionProtocol } from './engines/decryption/messages.ts'
export type { DecryptionProtocol } from './engines/decryption/messages.ts'
export { localMemory } from './backends/local-memory/index.ts'
export type { Backend, BackendName, Backends, Capabilities, CiphertextRefusal, Decryptor, GenerateOptions, Signer } from './backends/backend.ts'

// ── writing engines ──────────────────────────────────────────────────────────────────────────────────────────────

export { formatEngineID, parseEngineID, sameEngine } from './core/engine-id.ts'
export type { EngineID, EngineRef, ExternalIdentity, NodeID } from './core/engine-id.ts'
export { Failed, Fault, IpseError, Refused } from './core/errors.ts'
export type { FailureCode, FaultCode, Refusal } from './core/errors.ts'
export { defineProtocol, exchange, exchangeBy, refuse } from './core/protocol.ts'
export type {
  Exchange, MessageName, MessageOf, Protocol, ProtocolDefinition, ProtocolOf, ReplyBy, RequestName, RequestOf, ResponseOf, Shape, SuccessOf,
} from './core/protocol.ts'
export { bytes, coded, engineID, engineRef, externalIdentity, sensitive } from './core/schema.ts'
export type { BoundaryCode } from './core/schema.ts'
export { defineEngine } from './core/engine.ts'
export type { Behaviour, Definition, Engine, Resource, TaskHandlers } from './core/engine.ts'
export type { Ask, ConfigOf, Family, MailboxStateOf, ServicesOf } from './core/family.ts'
export type { Life, Strategy, Supervision } from './core/supervision.ts'
export { allOf, always, firstOf, rule } from './core/rule.ts'
export type { RequestStep, Rules, Step } from './core/rule.ts'
export {
  cancel, child, defer, emit, forward, grant, keep, release, reply, request, revoke, send, spawn, stop, task, timer, update, updateMailbox, watch,
} from './core/effect.ts'
export type {
  Effect, MailboxUpdate, Plain, Posting, Reply, Requested, Settlement, Settling, Spawned, Started, Timed, Update,
} from './core/effect.ts'
export type { MailboxOptions, Mailboxes, Overflow } from './core/mailbox.ts'
export type { Answered, Asked, Done, Elapsed, EndReason, MailboxID, NotDone, Outcome, ReplyTo, Terminated, Told, Trigger } from './core/trigger.ts'
export { Table } from './core/table.ts'
