import type { BackendName, Capabilities, Format } from '../../backends/backend.ts'
import { formatEngineID } from '../../core/engine-id.ts'
import type { EngineID, EngineRef, ExternalIdentity } from '../../core/engine-id.ts'
import type { ResponseOf } from '../../core/protocol.ts'
import type { Life } from '../../core/supervision.ts'
import { Table } from '../../core/table.ts'
import type { ReplyTo } from '../../core/trigger.ts'
import type { CommitmentProtocol } from '../commitment/messages.ts'
import type { DecryptionProtocol } from '../decryption/messages.ts'
import type { IdentityManagementProtocol } from './messages.ts'

export type GenerateReply = ReplyTo<ResponseOf<IdentityManagementProtocol, 'GenerateIdentityRequest'>>

export interface Identity {
  readonly externalIdentity: ExternalIdentity
  readonly backend: BackendName
  readonly capabilities: Capabilities
  /** Who generated it. */
  readonly owner: EngineID
  /** Its engines, as its capabilities have it, but for one that ended without being asked to. */
  readonly commitmentEngine?: EngineRef<CommitmentProtocol>
  readonly decryptionEngine?: EngineRef<DecryptionProtocol>
  /** Nothing connects to it any more; it comes back if its backend fails to delete it. */
  readonly isDeleting: boolean
  /** What others were granted, by {@link granteeKey}. */
  readonly grants: Table<Capabilities>
}

/** What an attempt to generate was asked with, so that the same `requestId` for something else is noticed. */
export interface Wish {
  readonly backend: BackendName
  readonly params: string
  readonly capabilities: Capabilities
  readonly format?: Format
}

/** What became of a `requestId`. Once an identity came of it, it is used up for good, also when that is deleted. */
export type Attempt = { readonly wish: Wish } & (
  /** Who waits for its outcome, by the request's id. */
  | { readonly state: 'generating'; readonly waiting: Table<GenerateReply> }
  | { readonly state: 'generated'; readonly identity: ExternalIdentity }
)

export interface IdentityManagementEnvironment {
  /** The number of the next child. */
  readonly children: number
  /** By name. */
  readonly identities: Table<Identity>
  /** The name of the identity that an engine serves, by the engine's name. */
  readonly serving: Table<string>
  /** By asker and `requestId`. */
  readonly attempts: Table<Attempt>
}

/**
 * No identities, also after a restart: what it knew is lost with its engines, and the keys in the backends are nobody's. The numbers of
 * children go on, so that the EngineIDs that were given out never lead to another identity.
 */
export function identityManagementEnvironment(_config: unknown, { nextChild }: Pick<Life, 'nextChild'>): IdentityManagementEnvironment {
  return { children: nextChild, identities: Table.empty(), serving: Table.empty(), attempts: Table.empty() }
}

/** A key for `grants`: the whole EngineID, since a name alone could be another node's. */
export function granteeKey(grantee: EngineID): string {
  return formatEngineID(grantee)
}

/** A key for `attempts`. An EngineID's text has no white space, so no two pairs share a key. */
export function attemptKey(asker: EngineID, requestId: string): string {
  return `${formatEngineID(asker)} ${requestId}`
}

export function enginesOf({ commitmentEngine, decryptionEngine }: Identity): readonly EngineID[] {
  return [commitmentEngine, decryptionEngine].filter(engine => engine !== undefined)
}
