import { describeBackend, findBackend, includes, sameBackend } from '../../backends/backend.ts'
import type { Effect } from '../../core/effect.ts'
import type { Backend, Capabilities } from '../../backends/backend.ts'
import { child, grant, keep, reply, spawn, task, update, watch } from '../../core/effect.ts'
import type { ExternalIdentity } from '../../core/engine-id.ts'
import { externalIdentityOf, formatEngineID, isExternalIdentity } from '../../core/engine-id.ts'
import type { TaskHandlers } from '../../core/engine.ts'
import { Fault } from '../../core/errors.ts'
import { refuse } from '../../core/protocol.ts'
import type { Step } from '../../core/rule.ts'
import { Table } from '../../core/table.ts'
import type { Outcome } from '../../core/trigger.ts'
import { backendFailure } from '../backend-failure.ts'
import { commitment } from '../commitment/index.ts'
import { decryption } from '../decryption/index.ts'
import { liveIdentity } from './access.ts'
import { attemptKey, enginesOf } from './environment.ts'
import type { Attempt, Identity, IdentityManagementEnvironment, Wish } from './environment.ts'
import type { Answer, AskedFor, Config, GenerateInput, GenerateResponse, IdentityManagement } from './family.ts'

type Environment = IdentityManagementEnvironment
type Generate = AskedFor<'GenerateIdentityRequest'>

// ── the request ──────────────────────────────────────────────────────────────────────────────────────────────────

/** The attempt of that `requestId`, if the asker has used it. */
export function attemptOf({ msg, sender }: Generate, { attempts }: Environment): Attempt | undefined {
  return msg.requestId === undefined ? undefined : attempts.get(attemptKey(sender, msg.requestId))
}

/** The same `requestId` again: the same answer, now or when it is there. */
export function repeatAnswer(attempt: Attempt, { msg, sender, replyTo }: Generate, _config: Config, environment: Environment): Answer<'GenerateIdentityRequest'> {
  if (!isSameWish(attempt.wish, msg)) {
    return reply(refuse('request-conflict', `Request conflict: the requestId ${JSON.stringify(msg.requestId)} was used for something else`))
  }
  if (attempt.state === 'generating') {
    const attempts = environment.attempts.set(attemptKey(sender, msg.requestId ?? ''), { ...attempt, waiting: attempt.waiting.set(`${replyTo.id}`, replyTo) })
    return [keep(replyTo), update<Environment>({ ...environment, attempts })]
  }
  const identity = liveIdentity(environment, attempt.identity)
  return reply(identity === undefined
    ? refuse('not-found', 'Identity does not exist: it was generated for this requestId, and deleted since')
    : responseOf(identity))
}

export function createNewIdentity({ msg, sender, self, replyTo }: Generate, { backendDeadline }: Config, environment: Environment): Answer<'GenerateIdentityRequest'> {
  const { backend, params, capabilities, format, requestId } = msg
  const wish: Wish = { backend, params, capabilities, ...format && { format } }
  const attempt = requestId === undefined ? null : attemptKey(sender, requestId)
  // The attempt's own key, so that what an attempt too late leaves behind is never another's identity.
  const key = `${formatEngineID(self)}/${replyTo.id}`
  return [
    task('generate', { ...wish, key, owner: sender, attempt, replyTo }, { key: `generate/${replyTo.id}`, deadline: backendDeadline }),
    ...attempt === null ? []
      : [update<Environment>({ ...environment, attempts: environment.attempts.set(attempt, { wish, state: 'generating', waiting: Table.from([[`${replyTo.id}`, replyTo]]) }) })],
  ]
}

function isSameWish(a: Wish, b: Wish): boolean {
  return (a.format ?? 'framed') === (b.format ?? 'framed') && a.params === b.params && a.capabilities === b.capabilities && sameBackend(a.backend, b.backend)
}

// ── the backend's part ───────────────────────────────────────────────────────────────────────────────────────────

export const generate: TaskHandlers<IdentityManagement>['generate'] = async ({ backend: name, params, capabilities, format, key }, services, signal) => {
  const backend = findBackend(services, name)
  if (backend === undefined) return refuse('unknown-backend', `Unknown backend: this engine was given no ${describeBackend(name)} backend`)
  if (!backend.params.includes(params)) return refuse('unknown-params', `Unknown params: this backend generates ${backend.params.join(', ')}`)
  if (!backend.capabilities.includes(capabilities)) {
    return refuse('not-available', `Capabilities not available: this backend offers ${backend.capabilities.join(', ')}`)
  }
  if (format === 'raw' && !backend.formats?.includes(format)) return refuse('not-available', 'Capabilities not available: this backend signs nothing raw')
  const identity: unknown = await backend.generate({ key, params, capabilities, ...format && { format } }, signal)
  if (!isExternalIdentity(identity)) throw new Fault('backend-failed', 'The backend answered with something that is no external identity')
  const erase = async () => backend.delete(identity, new AbortController().signal)
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

/** Opens what the engines will open, so that nobody is given an identity whose engines cannot start. */
async function tryOut(backend: Backend, identity: ExternalIdentity, capabilities: Capabilities, signal: AbortSignal): Promise<void> {
  if (includes(capabilities, 'Commit')) await (await backend.signer(identity, signal)).close()
  if (includes(capabilities, 'Decrypt')) await (await backend.decryptor(identity, signal)).close()
}

// ── its outcome ──────────────────────────────────────────────────────────────────────────────────────────────────

export function spawnEngines(end: Outcome<IdentityManagement, 'generate'>, config: Config, environment: Environment): Step<IdentityManagement> {
  const { input, self } = end
  const output = end.outcome === 'done' ? end.output : refuse('backend-failed', backendFailure(end))
  if ('err' in output) return answerAttempt(input, output, environment)
  if (environment.identities.has(output.name)) {
    return answerAttempt(input, refuse('exists', 'Identity already exists: the backend answered with one it had made before'), environment)
  }
  const { backend, capabilities, owner } = input
  let { children } = environment
  const commitmentEngine = capabilities === 'Decrypt' ? undefined : child(commitment, self, children++)
  const decryptionEngine = capabilities === 'Commit' ? undefined : child(decryption, self, children++)
  const identity: Identity = {
    externalIdentity: output, backend, capabilities, owner, isDeleting: false, grants: Table.empty(),
    ...commitmentEngine && { commitmentEngine },
    ...decryptionEngine && { decryptionEngine },
  }
  const engines = enginesOf(identity)
  const engineConfig = { backend, identity: output, backendDeadline: config.backendDeadline }
  return [
    ...commitmentEngine ? [spawn(commitment, { as: commitmentEngine, config: engineConfig })] : [],
    ...decryptionEngine ? [spawn(decryption, { as: decryptionEngine, config: engineConfig })] : [],
    ...engines.flatMap(engine => [watch(engine), grant(engine, owner)]),
    ...answerAttempt(input, responseOf(identity), {
      ...environment,
      children,
      identities: environment.identities.set(output.name, identity),
      serving: engines.reduce((serving, { name }) => serving.set(name, output.name), environment.serving),
    }),
  ]
}

/** Answers all who wait for this attempt, and remembers it if it succeeded. */
function answerAttempt({ attempt: key, replyTo }: GenerateInput, response: GenerateResponse, environment: Environment): readonly Effect<IdentityManagement>[] {
  const attempt = key === null ? undefined : environment.attempts.get(key)
  if (key === null || attempt?.state !== 'generating') return [reply(response, { to: replyTo }), update<Environment>(environment)]
  const attempts = 'err' in response ? environment.attempts.delete(key)
    : environment.attempts.set(key, { wish: attempt.wish, state: 'generated', identity: response.externalIdentity })
  return [...Array.from(attempt.waiting, ([, to]) => reply(response, { to })), update<Environment>({ ...environment, attempts })]
}

/** What the owner is told of its identity. */
function responseOf({ externalIdentity, capabilities, commitmentEngine, decryptionEngine }: Identity): GenerateResponse {
  if (capabilities === 'Commit' && commitmentEngine) return { externalIdentity, commitmentEngine }
  if (capabilities === 'Decrypt' && decryptionEngine) return { externalIdentity, decryptionEngine }
  if (commitmentEngine && decryptionEngine) return { externalIdentity, commitmentEngine, decryptionEngine }
  return refuse('engine-gone', 'Engine gone: an engine of this identity has ended. Delete it, and generate another')
}
