import type { BackendName, Backends } from '../../backends/backend.ts'
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
    /** Has the backend erase an identity. */
    delete(input: DeleteInput): null | IdentityRefusal
  }
}

export interface GenerateInput extends Wish {
  readonly key: string
  readonly owner: EngineID
  /** The attempt's key, when the asker named it. Otherwise `replyTo` alone waits. */
  readonly attempt: string | null
  readonly replyTo: GenerateReply
}

interface DeleteInput {
  readonly backend: BackendName
  readonly identity: ExternalIdentity
  readonly replyTo: ReplyTo<ResponseOf<IdentityManagementProtocol, 'DeleteIdentityRequest'>>
}

export type IdentityRefusal = Refusal<IdentityManagementProtocol['codes']>
export type AskedFor<N extends keyof IdentityManagementProtocol['requests'] & string> = Asked<IdentityManagementProtocol, N>
export type GenerateResponse = ResponseOf<IdentityManagementProtocol, 'GenerateIdentityRequest'>
/** What an action may make of the request of that name. */
export type Answer<N extends keyof IdentityManagementProtocol['requests'] & string> = RequestStep<IdentityManagement, ResponseOf<IdentityManagementProtocol, N>>
export type Config = ConfigOf<IdentityManagement>
