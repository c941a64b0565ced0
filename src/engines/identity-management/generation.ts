import { describeBackend, findBackend, sameBackend } from '../../backends/backend.ts'
import type { Effect } from '../../core/effect.ts'
import { keep, reply, task, update } from '../../core/effect.ts'
import { externalIdentityOf, formatEngineID, isExternalIdentity, sameEngine } from '../../core/engine-id.ts'
import type { TaskHandlers } from '../../core/engine.ts'
import { Fault } from '../../core/errors.ts'
import { refuse } from '../../core/protocol.ts'
import type { Step } from '../../core/rule.ts'
import { Table } from '../../core/table.ts'
import type { Outcome } from '../../core/trigger.ts'
import { backendRefusal } from '../backend-failure.ts'
import { handOut, spawnEngines } from './engines.ts'
import { attemptKey, awakeEngines, liveIdentity } from './environment.ts'
import type { Attempt, Identity, IdentityManagementEnvironment, Wish } from './environment.ts'
import type { Answer, AskedFor, Config, GenerateInput, GenerateResponse, IdentityManagement } from './family.ts'
import { tryOut, wake } from './waking.ts'

type Environment = IdentityManagementEnvironment
type Generate = AskedFor<'GenerateIdentityRequest'>

// ── the request ──────────────────────────────────────────────────────────────────────────────────────────────────

/** The attempt of that `requestId`, if the asker has used it. */
export function attemptOf({ msg, sender }: Generate, { attempts }: Environment): Attempt | undefined {
  return msg.requestId === undefined ? undefined : attempts.get(attemptKey(sender, msg.requestId))
}

/** The same `requestId` again: the same answer, now or when it is there. */
export function repeatAnswer(attempt: Attempt, asked: Generate, config: Config, environment: Environment): Answer<'GenerateIdentityRequest'> {
  const { msg, sender, replyTo } = asked
  if (!isSameWish(attempt.wish, msg)) {
    return reply(refuse('request-conflict', `Request conflict: the requestId ${JSON.stringify(msg.requestId)} was used for something else`))
  }
  // Perhaps nobody is at an attempt of another life any more.
  if (attempt.state === 'generating' && attempt.life !== environment.life) return createNewIdentity(asked, config, environment)
  if (attempt.state === 'generating') {
    const key = attemptKey(sender, msg.requestId ?? '')
    const attempts = environment.attempts.set(key, { ...attempt, waiting: attempt.waiting.set(`${replyTo.id}`, replyTo) })
    return [keep(replyTo), update<Environment>({ ...environment, attempts })]
  }
  const identity = liveIdentity(environment, attempt.identity)
  // Another may have adopted it since.
  if (identity === undefined || !sameEngine(identity.owner, sender)) {
    return reply(refuse('not-found', 'Identity does not exist: it was generated for this requestId, and deleted since'))
  }
  const engines = awakeEngines(environment, identity)
  if (engines === undefined) return wake(identity, sender, identity.capabilities, { of: 'generate', to: replyTo }, config)
  const { response, grants } = handOut(engines, identity.capabilities, sender)
  return [reply('err' in response ? response : { externalIdentity: identity.externalIdentity, ...response }), ...grants]
}

export function createNewIdentity({ msg, sender, self, replyTo }: Generate, { backendDeadline }: Config, environment: Environment): Answer<'GenerateIdentityRequest'> {
  const { backend, params, capabilities, format, requestId } = msg
  const wish: Wish = { backend, params, capabilities, ...format && { format } }
  const attempt = requestId === undefined ? null : attemptKey(sender, requestId)
  // The attempt's own key, so that what an attempt too late leaves behind is never another's identity; nor is it erased with what an
  // earlier life's attempt under the same requestId leaves behind.
  const key = `${formatEngineID(self)}/${replyTo.id}`
  const generating = { wish, state: 'generating', key, life: environment.life, waiting: Table.from([[`${replyTo.id}`, replyTo]]) } as const
  return [
    task('generate', { ...wish, key, owner: sender, attempt, replyTo }, { key: `generate/${replyTo.id}`, deadline: backendDeadline }),
    ...attempt === null ? [] : [update<Environment>({ ...environment, attempts: environment.attempts.set(attempt, generating) })],
  ]
}

function isSameWish(a: Wish, b: Wish): boolean {
  return (a.format ?? 'framed') === (b.format ?? 'framed') && a.params === b.params && a.capabilities === b.capabilities && sameBackend(a.backend, b.backend)
}

// ── the backend's part ───────────────────────────────────────────────────────────────────────────────────────────

export const generate: TaskHandlers<IdentityManagement>['generate'] = async ({ backend: name, params, capabilities, format, key, owner }, services, signal) => {
  const backend = findBackend(services, name)
  if (backend === undefined) return refuse('unknown-backend', `Unknown backend: this engine was given no ${describeBackend(name)} backend`)
  if (!backend.params.includes(params)) return refuse('unknown-params', `Unknown params: this backend generates ${backend.params.join(', ')}`)
  if (!backend.capabilities.includes(capabilities)) {
    return refuse('not-available', `Capabilities not available: this backend offers ${backend.capabilities.join(', ')}`)
  }
  if (format === 'raw' && !backend.formats?.includes(format)) return refuse('not-available', 'Capabilities not available: this backend signs nothing raw')
  const identity: unknown = await backend.generate({ key, params, capabilities, ...format && { format } }, signal, owner)
  if (!isExternalIdentity(identity)) throw new Fault('backend-failed', 'The backend answered with something that is no external identity')
  const erase = async () => { await backend.delete(identity, new AbortController().signal) }
  let erased: Promise<void> | undefined
  // If the backend fails even this, there is nothing more to try.
  const discard = () => erased ??= erase().catch(() => {})
  // The signal may abort at any time until this outcome is handled. Then nobody hears of the identity, so it must not stay.
  signal.addEventListener('abort', discard)
  try {
    if (signal.aborted) throw new Fault('backend-failed', 'The backend answered too late')
    await tryOut(backend, identity, capabilities, signal)
  } catch (error) {
    await discard()
    throw error
  }
  return externalIdentityOf(identity.name, identity.bundle)
}

/** If the backend fails even this, there is nothing more to try. */
export const discard: TaskHandlers<IdentityManagement>['discard'] = async ({ backend, externalIdentity }, services, signal) => {
  await findBackend(services, backend)?.delete(externalIdentity, signal)
  return null
}

// ── its outcome ──────────────────────────────────────────────────────────────────────────────────────────────────

export function keepIdentity(end: Outcome<IdentityManagement, 'generate'>, config: Config, environment: Environment): Step<IdentityManagement> {
  const { input, self } = end
  const { backend, capabilities, owner, replyTo } = input
  const output = end.outcome === 'done' ? end.output : backendRefusal(end)
  const isKnown = !('err' in output) && (environment.identities.has(output.name) || environment.deleted.has(output.name))
  if (!isAwaited(input, environment)) {
    // Another life began, and its owner asked again: this is not the identity that it hears of.
    return [
      reply(refuse('backend-failed', 'Backend failed: the request was lost in a restart'), { to: replyTo }),
      ...'err' in output || isKnown ? [] : [task('discard', { backend, externalIdentity: output }, { key: `discard/${replyTo.id}`, deadline: config.backendDeadline })],
    ]
  }
  if ('err' in output) return answerAttempt(input, output, environment)
  if (isKnown) {
    return answerAttempt(input, refuse('exists', 'Identity already exists: the backend answered with one it had made before'), environment)
  }
  const identity: Identity = { externalIdentity: output, backend, capabilities, owner, engines: null, deletion: null, grants: Table.empty() }
  const { engines, effects, environment: next } = spawnEngines(identity, self, config, environment)
  const { response, grants } = handOut(engines, capabilities, owner)
  return [...effects, ...grants, ...answerAttempt(input, 'err' in response ? response : { externalIdentity: output, ...response }, next)]
}

/** Whether its outcome is the attempt's: not when the asker had to begin another one under the same `requestId`. */
function isAwaited({ attempt: name, key }: GenerateInput, { attempts }: Environment): boolean {
  if (name === null) return true
  const attempt = attempts.get(name)
  return attempt?.state === 'generating' && attempt.key === key
}

/** Answers all who wait for this attempt, and remembers it if it succeeded. */
function answerAttempt({ attempt: key, replyTo }: GenerateInput, response: GenerateResponse, environment: Environment): readonly Effect<IdentityManagement>[] {
  const attempt = key === null ? undefined : environment.attempts.get(key)
  if (key === null || attempt?.state !== 'generating') return [reply(response, { to: replyTo }), update<Environment>(environment)]
  const attempts = 'err' in response ? environment.attempts.delete(key)
    : environment.attempts.set(key, { wish: attempt.wish, state: 'generated', identity: response.externalIdentity })
  return [...Array.from(attempt.waiting, ([, to]) => reply(response, { to })), update<Environment>({ ...environment, attempts })]
}
