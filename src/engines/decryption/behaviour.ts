import type { Backends, CiphertextRefusal, Decryptor } from '../../backends/backend.ts'
import { reply, task } from '../../core/effect.ts'
import type { Behaviour, TaskHandlers } from '../../core/engine.ts'
import { refuse } from '../../core/protocol.ts'
import type { ResponseOf } from '../../core/protocol.ts'
import { always } from '../../core/rule.ts'
import type { ReplyTo } from '../../core/trigger.ts'
import { backendFailure } from '../backend-failure.ts'
import type { decryptionConfig } from './config.ts'
import type { DecryptionEnvironment } from './environment.ts'
import type { DecryptionProtocol } from './messages.ts'

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
  decrypt: ({ data }, { decryptor }, signal) => decryptor.decrypt(data, signal),
}

export const decryptionBehaviour: Behaviour<Decryption> = {
  messages: {
    DecryptionRequest: always(function decrypt({ msg, replyTo }, { backendDeadline }) {
      return task('decrypt', { data: msg.data, replyTo }, { key: `${replyTo.id}`, deadline: backendDeadline })
    }),
  },
  outcomes: {
    decrypt: always(function answer(end) {
      if (end.outcome !== 'done') return reply(refuse('backend-failed', backendFailure(end)), { to: end.input.replyTo })
      return reply(end.output instanceof Uint8Array ? { data: end.output } : end.output, { to: end.input.replyTo })
    }),
  },
}
