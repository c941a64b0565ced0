import { describeBackend, findBackend, sameBackend } from '../../backends/backend.ts'
import type { Undoable } from '../../backends/backend.ts'
import { isRecord } from '../../core/data.ts'
import { reply, stop, task, timer, update } from '../../core/effect.ts'
import { sameEngine } from '../../core/engine-id.ts'
import { IpseError } from '../../core/errors.ts'
import type { TaskHandlers } from '../../core/engine.ts'
import { refuse } from '../../core/protocol.ts'
import type { Step } from '../../core/rule.ts'
import type { Outcome } from '../../core/trigger.ts'
import { backendRefusal } from '../backend-failure.ts'
import { withoutServing } from './engines.ts'
import { awakeEngines, changed, enginesIn, liveIdentity } from './environment.ts'
import type { Identity, IdentityManagementEnvironment } from './environment.ts'
import type { Answer, AskedFor, Config, IdentityManagement, IdentityRefusal } from './family.ts'

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
  const deletion = { life: environment.life, request: replyTo.id }
  return [
    task('delete', { backend, externalIdentity, replyTo }, { key: `delete/${replyTo.id}`, deadline: backendDeadline }),
    update<Environment>(changed(environment, externalIdentity.name, { deletion })),
  ]
}

export const erase: TaskHandlers<IdentityManagement>['delete'] = async ({ backend: name, externalIdentity, replyTo }, services, signal) => {
  const backend = findBackend(services, name)
  if (backend === undefined) return refuse('unknown-backend', `Unknown backend: this engine was given no ${describeBackend(name)} backend`)
  try {
    const answer: unknown = await backend.delete(externalIdentity, signal, replyTo.sender)
    return isUndoable(answer) ? { undoUntil: answer.undoUntil } : null
  } catch (error) {
    // Erased already: by an earlier attempt that was given up too soon.
    if (!(error instanceof IpseError && error.code === 'not-found')) throw error
    return null
  }
}

function isUndoable(answer: unknown): answer is Undoable {
  return isRecord(answer) && 'undoUntil' in answer && Number.isFinite(answer.undoUntil)
}

/**
 * The keys are gone: stop both engines, and forget the identity, at once or when it can't be had back any more. If the backend failed, it is as
 * it was. A delete of another life may have been asked for again: the last one decides.
 */
export function forgetIdentity(end: Outcome<IdentityManagement, 'delete'>, { backendDeadline }: Config, environment: Environment): Step<IdentityManagement> {
  const { externalIdentity: { name }, replyTo } = end.input
  const identity = environment.identities.get(name)
  const isLast = identity?.deletion?.request === replyTo.id
  const output = end.outcome === 'done' ? end.output : backendRefusal(end)
  if (output !== null && 'err' in output) {
    return [reply(output, { to: replyTo }), ...isLast ? [update<Environment>(changed(environment, name, { deletion: null }))] : []]
  }
  const answer = reply(output ?? {}, { to: replyTo })
  if (identity === undefined || !isLast) return answer
  const { identities, deleted } = environment
  const engines = enginesIn(awakeEngines(environment, identity))
  const dormant: Identity = { ...identity, engines: null, deletion: null }
  return [
    answer,
    update<Environment>({
      ...environment,
      identities: identities.delete(name),
      serving: withoutServing(environment, identity),
      deleted: output === null ? deleted : deleted.set(name, { identity: dormant, request: replyTo.id, undoUntil: output.undoUntil }),
    }),
    // Remembered a little longer than by the backend, for an undelete that is under way then.
    ...output === null ? [] : [timer(`forget/${name}`, { after: Math.max(0, output.undoUntil - end.time) + backendDeadline })],
    ...engines.map(engine => stop(engine)),
  ]
}
