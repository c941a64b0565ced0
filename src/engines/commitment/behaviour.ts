import type { Backends, Signer } from '../../backends/backend.ts'
import { reply, task } from '../../core/effect.ts'
import type { Behaviour, TaskHandlers } from '../../core/engine.ts'
import { Fault } from '../../core/errors.ts'
import { isPromise } from '../../core/promise.ts'
import { refuse } from '../../core/protocol.ts'
import type { ResponseOf } from '../../core/protocol.ts'
import { always } from '../../core/rule.ts'
import type { ReplyTo } from '../../core/trigger.ts'
import { backendFailure } from '../backend-failure.ts'
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
    sign(input: { readonly data: Uint8Array; readonly replyTo: ReplyTo<ResponseOf<CommitmentProtocol, 'CommitmentRequest'>> }): Uint8Array
  }
}

export const commitmentTasks: TaskHandlers<Commitment> = {
  sign({ data }, { signer }, signal) {
    const commitment: unknown = signer.sign(data, signal)
    return isPromise(commitment) ? Promise.resolve(commitment).then(checked) : checked(commitment)
  },
}

function checked(commitment: unknown): Uint8Array {
  if (commitment instanceof Uint8Array) return commitment
  throw new Fault('backend-failed', 'The signer answered with something that is not bytes')
}

export const commitmentBehaviour: Behaviour<Commitment> = {
  messages: {
    CommitmentRequest: always(function sign({ msg, replyTo }, { backendDeadline }) {
      return task('sign', { data: msg.data, replyTo }, { key: `${replyTo.id}`, deadline: backendDeadline })
    }),
  },
  outcomes: {
    sign: always(function answer(end) {
      return reply(end.outcome === 'done' ? { commitment: end.output } : refuse('backend-failed', backendFailure(end)), { to: end.input.replyTo })
    }),
  },
}
