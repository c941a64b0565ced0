import { describeBackend, findBackend, sameBackend } from '../../backends/backend.ts'
import { cancel, reply, task, update } from '../../core/effect.ts'
import { sameEngine } from '../../core/engine-id.ts'
import { IpseError } from '../../core/errors.ts'
import type { TaskHandlers } from '../../core/engine.ts'
import { refuse } from '../../core/protocol.ts'
import type { Step } from '../../core/rule.ts'
import type { Elapsed, Outcome } from '../../core/trigger.ts'
import { backendRefusal } from '../backend-failure.ts'
import { isNamed, liveIdentity } from './environment.ts'
import type { IdentityManagementEnvironment } from './environment.ts'
import type { Answer, AskedFor, Config, IdentityManagement, IdentityRefusal } from './family.ts'
import type { IdentityManagementProtocol } from './messages.ts'

type Environment = IdentityManagementEnvironment
type Undelete = AskedFor<'UndeleteIdentityRequest'>

/** Holds when there is nothing for this asker to take back. Until when it can be, the backend knows best. */
export function checkIfDeleted({ msg, sender }: Undelete, _config: Config, { deleted }: Environment): IdentityRefusal | undefined {
  const identity = deleted.get(msg.externalIdentity.name)?.identity
  if (identity === undefined || !isNamed(identity, msg.externalIdentity) || !sameBackend(identity.backend, msg.backend)) return notDeleted()
  return sameEngine(identity.owner, sender) ? undefined : refuse('not-owner', 'Not the owner: only the owner of an identity takes its delete back')
}

function notDeleted() {
  return refuse('not-found', 'Identity does not exist: this backend has none of that name that was deleted and can be had back')
}

export function undeleteIdentity({ msg, replyTo }: Undelete, { backendDeadline }: Config, { deleted }: Environment): Answer<'UndeleteIdentityRequest'> {
  const entry = deleted.get(msg.externalIdentity.name)
  if (entry === undefined) return undefined
  const { identity: { backend, externalIdentity }, request } = entry
  return task('undelete', { backend, externalIdentity, request, replyTo }, { key: `undelete/${replyTo.id}`, deadline: backendDeadline })
}

export const restore: TaskHandlers<IdentityManagement>['undelete'] = async ({ backend: name, externalIdentity }, services, signal) => {
  const backend = findBackend(services, name)
  if (backend === undefined) return refuse('unknown-backend', `Unknown backend: this engine was given no ${describeBackend(name)} backend`)
  if (backend.undelete === undefined) return notDeleted()
  try {
    await backend.undelete(externalIdentity, signal)
    return null
  } catch (error) {
    if (!(error instanceof IpseError && error.code === 'not-found')) throw error
    return notDeleted()
  }
}

/** The identity is there again, dormant. It is no news if another request has taken the same delete back; it is refused if it was deleted once more. */
export function rememberIdentity(end: Outcome<IdentityManagement, 'undelete'>, _config: Config, environment: Environment): Step<IdentityManagement> {
  const { externalIdentity, request, replyTo } = end.input
  const { name } = externalIdentity
  const refusal = end.outcome === 'done' ? end.output : backendRefusal(end)
  if (refusal !== null) return reply(refusal, { to: replyTo })
  const entry = environment.deleted.get(name)
  if (entry?.request !== request) return reply(liveIdentity(environment, externalIdentity) === undefined ? notDeleted() : {}, { to: replyTo })
  return [
    reply({}, { to: replyTo }),
    update<Environment>({ ...environment, identities: environment.identities.set(name, entry.identity), deleted: environment.deleted.delete(name) }),
    cancel(`forget/${name}`),
  ]
}

/** It can't be had back any more. */
export function forgetDeleted({ handle }: Elapsed<IdentityManagementProtocol, 'forget'>, _config: Config, environment: Environment) {
  return update<Environment>({ ...environment, deleted: environment.deleted.delete(handle.slice('forget/'.length)) })
}
