import type { BackendName, Capabilities, Format } from '../../backends/backend.ts'
import { update } from '../../core/effect.ts'
import type { Update } from '../../core/effect.ts'
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

/** The engines of an identity, as its capabilities have it, but for one that ended without being asked to. */
export interface Engines {
  /** In which life of Identity Management they were spawned. In another they are gone. */
  readonly life: number
  readonly commitmentEngine?: EngineRef<CommitmentProtocol>
  readonly decryptionEngine?: EngineRef<DecryptionProtocol>
}

export interface Identity {
  readonly externalIdentity: ExternalIdentity
  readonly backend: BackendName
  readonly capabilities: Capabilities
  /** Who generated or adopted it. */
  readonly owner: EngineID
  /** `null`, or of another life: the identity is dormant, and wakes when somebody connects. */
  readonly engines: Engines | null
  /** Nothing connects to it any more; it comes back if its backend fails to delete it, and with the next life, which may know of no delete. */
  readonly deletion: Deletion | null
  /** What others were granted, by {@link granteeKey}. */
  readonly grants: Table<Capabilities>
}

/** A delete that its backend was asked for. */
export interface Deletion {
  /** In which life it was asked for. */
  readonly life: number
  /** The id of the request: the outcome of another one does not end this. */
  readonly request: number
}

/** An identity that can be had back. */
export interface Deleted {
  /** As it will be again: dormant, with its grants. */
  readonly identity: Identity
  /** Which delete it was, by the id of its request. */
  readonly request: number
  /** Milliseconds since the Unix epoch, by its backend. */
  readonly undoUntil: number
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
  /** Under which key the backend was asked, in which life; and who waits for the outcome, by the request's id. */
  | { readonly state: 'generating'; readonly key: string; readonly life: number; readonly waiting: Table<GenerateReply> }
  | { readonly state: 'generated'; readonly identity: ExternalIdentity }
)

export interface IdentityManagementEnvironment {
  /** Which of its lives this is, counted from 1. Whatever it did in another, its engines and its watches are gone, and perhaps its tasks. */
  readonly life: number
  /** The number of the next child. */
  readonly children: number
  /** By name. */
  readonly identities: Table<Identity>
  /** Those that were deleted and can be had back, by name. */
  readonly deleted: Table<Deleted>
  /** The name of the identity that an engine serves, by the engine's name. Not stored. Those of other lives are dropped when the identity wakes or is deleted. */
  readonly serving: Table<string>
  /** By asker and `requestId`. */
  readonly attempts: Table<Attempt>
}

/** No identities. The numbers of children go on, so that the EngineIDs that were given out never lead to another identity. */
export function identityManagementEnvironment(_config: unknown, { nextChild }: Pick<Life, 'nextChild'>): IdentityManagementEnvironment {
  return { life: 0, children: nextChild, identities: Table.empty(), deleted: Table.empty(), serving: Table.empty(), attempts: Table.empty() }
}

/** The engines of the former life are gone. Each identity is seen to when it is next asked for: there may be many. */
export function beginLife(_started: unknown, _config: unknown, environment: IdentityManagementEnvironment): Update<IdentityManagementEnvironment> {
  return update<IdentityManagementEnvironment>({ ...environment, life: environment.life + 1 })
}

/** A key for `grants`: the whole EngineID, since a name alone could be another node's. */
export function granteeKey(grantee: EngineID): string {
  return formatEngineID(grantee)
}

/** A key for `attempts`. An EngineID's text has no white space, so no two pairs share a key. */
export function attemptKey(asker: EngineID, requestId: string): string {
  return `${formatEngineID(asker)} ${requestId}`
}

/** The identity of that name, unless it is being deleted. Its bundle may be left out, but not be another. */
export function liveIdentity({ identities, life }: IdentityManagementEnvironment, externalIdentity: ExternalIdentity): Identity | undefined {
  const identity = identities.get(externalIdentity.name)
  if (identity?.deletion?.life === life) return undefined
  return identity && isNamed(identity, externalIdentity) ? identity : undefined
}

/** Whether `named`, which has the identity's name, names it with no other bundle. */
export function isNamed({ externalIdentity }: Identity, named: ExternalIdentity): boolean {
  return named.bundle === undefined || isSame(named.bundle, externalIdentity.bundle)
}

function isSame(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return a.length === b?.length && a.every((byte, i) => byte === b[i])
}

/** Its engines, if they are of this life. `undefined` for an identity that is dormant. */
export function awakeEngines({ life }: IdentityManagementEnvironment, { engines }: Identity): Engines | undefined {
  return engines?.life === life ? engines : undefined
}

/** Those that there are. None of another life may be named in an effect. */
export function enginesIn(engines: Engines | null | undefined): readonly EngineID[] {
  return [engines?.commitmentEngine, engines?.decryptionEngine].filter(engine => engine !== undefined)
}

/** Changes one identity, if it is there. */
export function changed(environment: IdentityManagementEnvironment, name: string, change: Partial<Identity>): IdentityManagementEnvironment {
  const identity = environment.identities.get(name)
  return identity === undefined ? environment : { ...environment, identities: environment.identities.set(name, { ...identity, ...change }) }
}
