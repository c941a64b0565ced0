import { describeBackend, findBackend, sameBackend } from '../../backends/backend.ts'
import type { Capabilities } from '../../backends/backend.ts'
import { reply, task, update } from '../../core/effect.ts'
import { externalIdentityOf, isExternalIdentity, sameEngine } from '../../core/engine-id.ts'
import type { EngineID } from '../../core/engine-id.ts'
import { Fault, IpseError } from '../../core/errors.ts'
import type { TaskHandlers } from '../../core/engine.ts'
import { refuse } from '../../core/protocol.ts'
import type { Step } from '../../core/rule.ts'
import { Table } from '../../core/table.ts'
import type { Outcome } from '../../core/trigger.ts'
import { backendRefusal } from '../backend-failure.ts'
import { liveIdentity } from './environment.ts'
import type { Identity, IdentityManagementEnvironment } from './environment.ts'
import type { Answer, AskedFor, Config, IdentityManagement, IdentityRefusal } from './family.ts'

type Environment = IdentityManagementEnvironment
type Adopt = AskedFor<'AdoptIdentityRequest'>
type Adopting = Pick<Adopt['msg'], 'backend' | 'externalIdentity'>
type Verdict = { readonly capabilities: Capabilities } | IdentityRefusal

/** One text for all that cannot be adopted, so that nothing is learnt about a claim. */
function notAdoptable() {
  return refuse('not-found', 'External identity not found: this backend has no such identity for this claim, or it was deleted')
}

/** What is answered when the identity is known here. Who shows the claim first becomes the owner. */
function verdictOnKnown({ externalIdentity, backend }: Adopting, asker: EngineID, environment: Environment): Verdict | undefined {
  const { name } = externalIdentity
  const known = environment.identities.get(name)
  if (known === undefined) return environment.deleted.has(name) ? notAdoptable() : undefined
  if (!sameEngine(known.owner, asker)) return refuse('exists', 'Identity already exists: it has an owner')
  return liveIdentity(environment, externalIdentity) && sameBackend(known.backend, backend) ? { capabilities: known.capabilities } : notAdoptable()
}

export function checkIfKnown({ msg, sender }: Adopt, _config: Config, environment: Environment): Verdict | undefined {
  return verdictOnKnown(msg, sender, environment)
}

export function answerKnown(verdict: Verdict): Answer<'AdoptIdentityRequest'> {
  return reply(verdict)
}

export function adoptIdentity({ msg, sender, replyTo }: Adopt, { backendDeadline }: Config): Answer<'AdoptIdentityRequest'> {
  const { externalIdentity, backend, claim } = msg
  return task('adopt', { externalIdentity, backend, claim, owner: sender, replyTo }, { key: `adopt/${replyTo.id}`, deadline: backendDeadline })
}

export const showClaim: TaskHandlers<IdentityManagement>['adopt'] = async ({ backend: name, externalIdentity, claim }, services, signal) => {
  const backend = findBackend(services, name)
  if (backend === undefined) return refuse('unknown-backend', `Unknown backend: this engine was given no ${describeBackend(name)} backend`)
  if (backend.adopt === undefined) return notAdoptable()
  try {
    const { capabilities, bundle = externalIdentity.bundle } = await backend.adopt(externalIdentity, claim, signal)
    const found = externalIdentityOf(externalIdentity.name, bundle)
    if (!CAPABILITIES.has(capabilities) || !isExternalIdentity(found)) throw new Fault('backend-failed', 'The backend answered with something that is no identity')
    return { capabilities, externalIdentity: found }
  } catch (error) {
    if (!(error instanceof IpseError && error.code === 'not-found')) throw error
    return notAdoptable()
  }
}

const CAPABILITIES: ReadonlySet<Capabilities> = new Set(['Commit', 'Decrypt', 'CommitAndDecrypt'])

/** It begins dormant, without grants. */
export function ownIdentity(end: Outcome<IdentityManagement, 'adopt'>, _config: Config, environment: Environment): Step<IdentityManagement> {
  const { input: { backend, externalIdentity, owner, replyTo } } = end
  const found = end.outcome === 'done' ? end.output : backendRefusal(end)
  const verdict = 'err' in found ? found : verdictOnKnown({ backend, externalIdentity }, owner, environment)
  if (verdict !== undefined || 'err' in found) return verdict && reply(verdict, { to: replyTo })
  const { capabilities } = found
  const identity: Identity = { externalIdentity: found.externalIdentity, backend, capabilities, owner, engines: null, deletion: null, grants: Table.empty() }
  return [
    reply({ capabilities }, { to: replyTo }),
    update<Environment>({ ...environment, identities: environment.identities.set(externalIdentity.name, identity) }),
  ]
}
