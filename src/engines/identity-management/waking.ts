import { describeBackend, findBackend, includes } from '../../backends/backend.ts'
import type { Backend, Capabilities } from '../../backends/backend.ts'
import { reply, task, update } from '../../core/effect.ts'
import type { EngineID, ExternalIdentity } from '../../core/engine-id.ts'
import type { TaskHandlers } from '../../core/engine.ts'
import { IpseError } from '../../core/errors.ts'
import { refuse } from '../../core/protocol.ts'
import type { Step } from '../../core/rule.ts'
import type { Outcome } from '../../core/trigger.ts'
import { backendRefusal } from '../backend-failure.ts'
import { checkExternalIdentity, verifyCapabilities } from './access.ts'
import { handOut, spawnEngines } from './engines.ts'
import { awakeEngines, liveIdentity } from './environment.ts'
import type { Identity, IdentityManagementEnvironment } from './environment.ts'
import type { Answer, AskedFor, Config, Connecting, IdentityManagement, IdentityRefusal, WakeInput } from './family.ts'

// An identity whose engines were of another life is dormant. It wakes when somebody who may connects: others who may connect themselves.

type Environment = IdentityManagementEnvironment

/** The identity, if it has no engines in this life. */
export function dormantIdentity({ msg }: AskedFor<'ConnectIdentityRequest'>, environment: Environment): Identity | undefined {
  const identity = liveIdentity(environment, msg.externalIdentity)
  return identity && awakeEngines(environment, identity) === undefined ? identity : undefined
}

export function wakeIdentity(identity: Identity, { msg, sender, replyTo }: AskedFor<'ConnectIdentityRequest'>, config: Config): Answer<'ConnectIdentityRequest'> {
  return wake(identity, sender, msg.capabilities, { of: 'connect', to: replyTo }, config)
}

/** Asks the backend first, so that the asker hears why it cannot be. */
export function wake({ externalIdentity, backend, capabilities }: Identity, sender: EngineID, wanted: Capabilities, replyTo: WakeInput['replyTo'], { backendDeadline }: Config) {
  const connecting: Connecting = { sender, msg: { externalIdentity, backend, capabilities: wanted } }
  return task('wake', { connecting, capabilities, replyTo }, { key: `wake/${replyTo.to.id}`, deadline: backendDeadline })
}

export const openOnce: TaskHandlers<IdentityManagement>['wake'] = async ({ connecting: { msg }, capabilities }, services, signal) => {
  const backend = findBackend(services, msg.backend)
  if (backend === undefined) return refuse('unknown-backend', `Unknown backend: this engine was given no ${describeBackend(msg.backend)} backend`)
  try {
    await tryOut(backend, msg.externalIdentity, capabilities, signal)
    return null
  } catch (error) {
    if (!(error instanceof IpseError && error.code === 'not-found')) throw error
    return refuse('engine-gone', 'Engine gone: the backend holds no keys of this identity any more. Its owner can delete it, and generate another')
  }
}

/** Opens what the engines will open, so that nobody is given an identity whose engines cannot start. */
export async function tryOut(backend: Backend, identity: ExternalIdentity, capabilities: Capabilities, signal: AbortSignal): Promise<void> {
  const signer = includes(capabilities, 'Commit') ? await backend.signer(identity, signal) : undefined
  let closed: Promise<void> | undefined
  const close = () => closed ??= (async () => signer?.close())()
  // A backend that never answers about the decryptor must not keep the signer open.
  const giveUp = () => void close().catch(() => {})
  signal.addEventListener('abort', giveUp)
  try {
    signal.throwIfAborted()
    // Beside the signer: a backend that keeps keys only while they are used then fetches them once.
    if (includes(capabilities, 'Decrypt')) await (await backend.decryptor(identity, signal)).close()
  } finally {
    signal.removeEventListener('abort', giveUp)
    await close()
  }
}

/** Much may have happened meanwhile: who asked may not connect any more, or another has woken it. */
export function spawnAgain(end: Outcome<IdentityManagement, 'wake'>, config: Config, environment: Environment): Step<IdentityManagement> {
  const { connecting, replyTo } = end.input
  const { msg, sender } = connecting
  const identity = liveIdentity(environment, msg.externalIdentity)
  const refusal = checkExternalIdentity(connecting, config, environment) ?? verifyCapabilities(connecting, config, environment)
  if (refusal !== undefined || identity === undefined) return refusal && answer(replyTo, refusal)
  const awake = awakeEngines(environment, identity)
  const failure = end.outcome === 'done' ? end.output : backendRefusal(end)
  if (awake === undefined && failure !== null) return answer(replyTo, failure)
  const { engines, effects, environment: next } = awake === undefined ? spawnEngines(identity, end.self, config, environment)
    : { engines: awake, effects: [], environment }
  const { response, grants } = handOut(engines, msg.capabilities, sender)
  return [
    ...effects, ...grants, update<Environment>(next),
    'err' in response ? answer(replyTo, response)
      : replyTo.of === 'connect' ? reply(response, { to: replyTo.to })
        : reply({ externalIdentity: identity.externalIdentity, ...response }, { to: replyTo.to }),
  ]
}

function answer(replyTo: WakeInput['replyTo'], refusal: IdentityRefusal) {
  return replyTo.of === 'connect' ? reply(refusal, { to: replyTo.to }) : reply(refusal, { to: replyTo.to })
}
