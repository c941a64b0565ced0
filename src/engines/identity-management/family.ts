import type { BackendName, Backends, Capabilities, Undoable } from '../../backends/backend.ts'
import type { EngineID, ExternalIdentity } from '../../core/engine-id.ts'
import type { Refusal } from '../../core/errors.ts'
import type { ConfigOf } from '../../core/family.ts'
import type { ResponseOf } from '../../core/protocol.ts'
import type { RequestStep } from '../../core/rule.ts'
import type { Asked, ReplyTo } from '../../core/trigger.ts'
import type { identityManagementConfig } from './config.ts'
import type { GenerateReply, IdentityManagementEnvironment, Wish } from './environment.ts'
import type { IdentityManagementProtocol } from './messages.ts'

/** The types of {@link identityManagement}. Its services are the backends that keys live on. */
export interface IdentityManagement {
  protocol: IdentityManagementProtocol
  config: typeof identityManagementConfig
  environment: IdentityManagementEnvironment
  services: Backends
  tasks: {
    /** Has the backend make an identity. `key` names the attempt to the backend. */
    generate(input: GenerateInput): ExternalIdentity | IdentityRefusal
    /** Has the backend erase an identity that nobody was told of. */
    discard(input: IdentityAt): null
    /** Sees whether the backend opens what the engines of an identity need. */
    wake(input: WakeInput): null | IdentityRefusal
    /** Has the backend erase an identity, or put it away. */
    delete(input: DeleteInput): Undoable | null | IdentityRefusal
    /** Has the backend take a delete back. */
    undelete(input: UndeleteInput): null | IdentityRefusal
    /** Has the backend say what it knows of an identity, to who has the claim to it. */
    adopt(input: AdoptInput): Found | IdentityRefusal
  }
  timers: 'forget'
}

export interface GenerateInput extends Wish {
  readonly key: string
  readonly owner: EngineID
  /** The attempt's key, when the asker named it. Otherwise `replyTo` alone waits. */
  readonly attempt: string | null
  readonly replyTo: GenerateReply
}

/** Who wants to connect, to what. */
export interface Connecting {
  readonly sender: EngineID
  readonly msg: IdentityAt & { readonly capabilities: Capabilities }
}

export interface WakeInput {
  /** Is checked again when the identity wakes. */
  readonly connecting: Connecting
  /** What the identity can do, which may be more than is asked for. */
  readonly capabilities: Capabilities
  /** What was asked for: a connect, or the answer of a generate once more. */
  readonly replyTo: { readonly of: 'connect'; readonly to: ReplyTo<Response<'ConnectIdentityRequest'>> } | { readonly of: 'generate'; readonly to: GenerateReply }
}

interface IdentityAt {
  readonly backend: BackendName
  readonly externalIdentity: ExternalIdentity
}

export interface DeleteInput extends IdentityAt {
  readonly replyTo: ReplyTo<Response<'DeleteIdentityRequest'>>
}

export interface UndeleteInput extends IdentityAt {
  /** Which delete is taken back, by the id of its request. */
  readonly request: number
  readonly replyTo: ReplyTo<Response<'UndeleteIdentityRequest'>>
}

export interface AdoptInput extends IdentityAt {
  readonly claim: Uint8Array
  readonly owner: EngineID
  readonly replyTo: ReplyTo<Response<'AdoptIdentityRequest'>>
}

/** An identity that a backend holds. */
export interface Found {
  /** With its bundle, also if that was left out. */
  readonly externalIdentity: ExternalIdentity
  readonly capabilities: Capabilities
}

type Response<N extends keyof IdentityManagementProtocol['requests'] & string> = ResponseOf<IdentityManagementProtocol, N>
export type IdentityRefusal = Refusal<IdentityManagementProtocol['codes']>
export type AskedFor<N extends keyof IdentityManagementProtocol['requests'] & string> = Asked<IdentityManagementProtocol, N>
export type GenerateResponse = Response<'GenerateIdentityRequest'>
/** What an action may make of the request of that name. */
export type Answer<N extends keyof IdentityManagementProtocol['requests'] & string> = RequestStep<IdentityManagement, Response<N>>
export type Config = ConfigOf<IdentityManagement>
