import type { Backends, CiphertextRefusal, Decryptor } from '../../backends/backend.ts'
import { reply, task } from '../../core/effect.ts'
import type { Behaviour, TaskHandlers } from '../../core/engine.ts'
import { Fault } from '../../core/errors.ts'
import { isPromise } from '../../core/promise.ts'
import { refuse } from '../../core/protocol.ts'
import type { ResponseOf } from '../../core/protocol.ts'
import { always } from '../../core/rule.ts'
import type { ReplyTo } from '../../core/trigger.ts'
import { backendRefusal } from '../backend-failure.ts'
import type { decryptionConfig } from './config.ts'
import type { DecryptionEnvironment } from './environment.ts'
import type { DecryptionProtocol } from './messages.ts'

/** The types of {@link decryption}. Its resource is the decryptor of its identity, opened at start. */
export interface Decryption {
  protocol: DecryptionProtocol
  config: typeof decryptionConfig
  environment: DecryptionEnvironment
  services: Backends
  resource: { readonly decryptor: Decryptor }
  tasks: {
    decrypt(input: { readonly data: Uint8Array; readonly replyTo: ReplyTo<ResponseOf<DecryptionProtocol, 'DecryptionRequest'>> }): Uint8Array | CiphertextRefusal
  }
}

export const decryptionTasks: TaskHandlers<Decryption> = {
  decrypt({ data, replyTo }, { decryptor }, signal) {
    const plaintext: unknown = decryptor.decrypt(data, signal, replyTo.sender)
    return isPromise(plaintext) ? Promise.resolve(plaintext).then(checked) : checked(plaintext)
  },
}

function checked(answer: unknown): Uint8Array | CiphertextRefusal {
  if (answer instanceof Uint8Array) return answer
  if (typeof answer === 'object' && answer !== null && 'code' in answer) {
    if (answer.code === 'malformed-ciphertext') return refuse('malformed-ciphertext', 'Malformed ciphertext')
    if (answer.code === 'decryption-failed') return refuse('decryption-failed', 'Decryption failed')
  }
  throw new Fault('backend-failed', 'The decryptor answered with something that is neither bytes nor a refusal')
}

export const decryptionBehaviour: Behaviour<Decryption> = {
  messages: {
    DecryptionRequest: always(function decrypt({ msg, replyTo }, { backendDeadline }) {
      return task('decrypt', { data: msg.data, replyTo }, { key: `${replyTo.id}`, deadline: backendDeadline })
    }),
  },
  outcomes: {
    decrypt: always(function answer(end) {
      if (end.outcome !== 'done') return reply(backendRefusal(end), { to: end.input.replyTo })
      return reply(end.output instanceof Uint8Array ? { data: end.output } : end.output, { to: end.input.replyTo })
    }),
  },
}
