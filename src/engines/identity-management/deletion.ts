import { describeBackend, findBackend, sameBackend } from '../../backends/backend.ts'
import { reply, stop, task, update } from '../../core/effect.ts'
import { sameEngine } from '../../core/engine-id.ts'
import { IpseError } from '../../core/errors.ts'
import type { TaskHandlers } from '../../core/engine.ts'
import { refuse } from '../../core/protocol.ts'
import type { Step } from '../../core/rule.ts'
import type { Outcome, Terminated } from '../../core/trigger.ts'
import { backendFailure } from '../backend-failure.ts'
import { liveIdentity } from './access.ts'
import { enginesOf } from './environment.ts'
import type { Identity, IdentityManagementEnvironment } from './environment.ts'
import type { Answer, AskedFor, Config, IdentityManagement, IdentityRefusal } from './family.ts'
import type { IdentityManagementProtocol } from './messages.ts'

type Environment = IdentityManagementEnvironment
type Delete = AskedFor<'DeleteIdentityRequest'>

/** Holds when there is nothing for this asker to delete. */
export function checkIfIdentityExists({ msg, sender }: Delete, _config: Config, environment: Environment): IdentityRefusal | undefined {
  const identity = liveIdentity(environment, msg.externalIdentity)
  if (identity === undefined || !sameBackend(identity.backend, msg.backend)) {
    return refuse('not-found', 'Identity does not exist: no such identity lives on this backend')
  }
  return sameEngine(identity.owner, sender) ? undefined : refuse('not-owner', 'Not the owner: only the owner of an identity deletes it')
}

/** From here on nobody connects. The engines serve until the backend has erased the keys, so that a failure changes nothing. */
export function deleteIdentityIfExists({ msg, replyTo }: Delete, { backendDeadline }: Config, environment: Environment): Answer<'DeleteIdentityRequest'> {
  const identity = environment.identities.get(msg.externalIdentity.name)
  if (identity === undefined) return undefined
  const { externalIdentity, backend } = identity
  return [
    task('delete', { backend, identity: externalIdentity, replyTo }, { key: `delete/${replyTo.id}`, deadline: backendDeadline }),
    update<Environment>(changed(environment, externalIdentity.name, { isDeleting: true })),
  ]
}

export const erase: TaskHandlers<IdentityManagement>['delete'] = async ({ backend: name, identity }, services, signal) => {
  const backend = findBackend(services, name)
  if (backend === undefined) return refuse('unknown-backend', `Unknown backend: this engine was given no ${describeBackend(name)} backend`)
  try {
    await backend.delete(identity, signal)
  } catch (error) {
    // Erased already: by an earlier attempt that was given up too soon.
    if (!(error instanceof IpseError && error.code === 'not-found')) throw error
  }
  return null
}

/** The keys are gone: stop both engines, and forget the identity. If the backend failed, it is as it was. */
export function forgetIdentity(end: Outcome<IdentityManagement, 'delete'>, _config: Config, environment: Environment): Step<IdentityManagement> {
  const { identity: { name }, replyTo } = end.input
  const refusal = end.outcome === 'done' ? end.output : refuse('backend-failed', backendFailure(end))
  if (refusal !== null) return [reply(refusal, { to: replyTo }), update<Environment>(changed(environment, name, { isDeleting: false }))]
  const identity = environment.identities.get(name)
  const engines = identity === undefined ? [] : enginesOf(identity)
  return [
    reply({}, { to: replyTo }),
    update<Environment>({
      ...environment,
      identities: environment.identities.delete(name),
      serving: engines.reduce((serving, engine) => serving.delete(engine.name), environment.serving),
    }),
    ...engines.map(engine => stop(engine)),
  ]
}

/** An engine ended that nobody stopped. Its identity stays, to be deleted; nothing connects to that engine any more. */
export function loseEngine({ engine }: Terminated<IdentityManagementProtocol>, _config: Config, environment: Environment) {
  const name = environment.serving.get(engine.name)
  const identity = name === undefined ? undefined : environment.identities.get(name)
  if (name === undefined || identity === undefined) return undefined
  const { commitmentEngine, decryptionEngine, ...rest } = identity
  const left: Identity = {
    ...rest,
    ...commitmentEngine && !sameEngine(commitmentEngine, engine) && { commitmentEngine },
    ...decryptionEngine && !sameEngine(decryptionEngine, engine) && { decryptionEngine },
  }
  return update<Environment>({
    ...environment, identities: environment.identities.set(name, left), serving: environment.serving.delete(engine.name),
  })
}

function changed(environment: Environment, name: string, change: Partial<Identity>): Environment {
  const identity = environment.identities.get(name)
  return identity === undefined ? environment
    : { ...environment, identities: environment.identities.set(name, { ...identity, ...change }) }
}
