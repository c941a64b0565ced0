import type { Backends, Signer } from '../../backends/backend.ts'
import { reply, task } from '../../core/effect.ts'
import type { EngineID } from '../../core/engine-id.ts'
import type { Behaviour, TaskHandlers } from '../../core/engine.ts'
import { Fault } from '../../core/errors.ts'
import type { Refusal } from '../../core/errors.ts'
import { isPromise } from '../../core/promise.ts'
import { refuse } from '../../core/protocol.ts'
import type { ResponseOf } from '../../core/protocol.ts'
import { always } from '../../core/rule.ts'
import type { ReplyTo } from '../../core/trigger.ts'
import { backendRefusal, refusalOfError } from '../backend-failure.ts'
import type { BackendCode } from '../backend-failure.ts'
import type { commitmentConfig } from './config.ts'
import type { CommitmentEnvironment } from './environment.ts'
import type { CommitmentProtocol } from './messages.ts'

/** The types of {@link commitment}. Its resource is the signer of its identity, opened at start. */
export interface Commitment {
  protocol: CommitmentProtocol
  config: typeof commitmentConfig
  environment: CommitmentEnvironment
  services: Backends
  resource: { readonly signer: Signer }
  tasks: {
    sign(input: { readonly data: Uint8Array; readonly prehashed?: boolean; readonly replyTo: ReplyTo<ResponseOf<CommitmentProtocol, 'CommitmentRequest'>> }): Uint8Array
    signBatch(input: { readonly data: readonly Uint8Array[]; readonly replyTo: ReplyTo<ResponseOf<CommitmentProtocol, 'CommitmentBatchRequest'>> }): readonly Committed[]
  }
}

/** What came of one item of a batch. */
type Committed = { readonly commitment: Uint8Array } | Refusal<BackendCode>

export const commitmentTasks: TaskHandlers<Commitment> = {
  sign({ data, prehashed = false, replyTo }, { signer }, signal) {
    const commitment: unknown = prehashed ? signDigest(signer, data, signal) : signer.sign(data, signal, replyTo.sender)
    return isPromise(commitment) ? Promise.resolve(commitment).then(checked) : checked(commitment)
  },

  async signBatch({ data, replyTo }, { signer }, signal) {
    if (signer.signBatch === undefined) return signEach(signer, data, signal, replyTo.sender)
    const commitments: readonly unknown[] = await signer.signBatch(data, signal)
    if (commitments.length !== data.length) throw new Fault('backend-failed', 'The signer answered with another number of commitments than it was asked for')
    return commitments.map(committed)
  },
}

/** Of what is signed as it is. */
const DIGEST_LENGTH = 32

function signDigest(signer: Signer, digest: Uint8Array, signal: AbortSignal): unknown {
  if (signer.signDigest === undefined) throw new Fault('not-available', 'this identity signs no digests')
  return signer.signDigest(digest, signal)
}

/** One after the other, as most devices have it; one that fails leaves the others. */
async function signEach(signer: Signer, data: readonly Uint8Array[], signal: AbortSignal, asker: EngineID): Promise<readonly Committed[]> {
  const done: Committed[] = []
  for (const one of data) {
    signal.throwIfAborted()
    try {
      // oxlint-disable-next-line no-await-in-loop -- a device does one thing at a time
      done.push(committed(await signer.sign(one, signal, asker)))
    } catch (error) {
      done.push(uncommitted(error))
    }
  }
  return done
}

/** What a signer answered for one item. */
function committed(answer: unknown): Committed {
  return answer instanceof Error ? uncommitted(answer) : { commitment: checked(answer) }
}

function uncommitted(error: unknown): Committed {
  return refusalOfError(error)
}

function checked(commitment: unknown): Uint8Array {
  if (commitment instanceof Uint8Array) return commitment
  throw new Fault('backend-failed', 'The signer answered with something that is not bytes')
}

export const commitmentBehaviour: Behaviour<Commitment> = {
  messages: {
    CommitmentRequest: always(function sign({ msg, replyTo }, { backendDeadline }) {
      const { data, prehashed } = msg
      if (prehashed === true && data.length !== DIGEST_LENGTH) {
        return reply(refuse('not-available', `Capabilities not available: only digests of ${DIGEST_LENGTH} bytes are signed as they are`))
      }
      const input = prehashed === undefined ? { data, replyTo } : { data, prehashed, replyTo }
      return task('sign', input, { key: `${replyTo.id}`, deadline: backendDeadline })
    }),
    CommitmentBatchRequest: always(function signBatch({ msg, replyTo }, { backendDeadline }) {
      return task('signBatch', { data: msg.data, replyTo }, { key: `${replyTo.id}`, deadline: backendDeadline })
    }),
  },
  outcomes: {
    sign: always(function answer(end) {
      return reply(end.outcome === 'done' ? { commitment: end.output } : backendRefusal(end), { to: end.input.replyTo })
    }),
    signBatch: always(function answerBatch(end) {
      return reply(end.outcome === 'done' ? { commitments: end.output } : backendRefusal(end), { to: end.input.replyTo })
    }),
  },
}
