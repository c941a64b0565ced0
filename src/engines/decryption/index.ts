import { describeBackend, findBackend } from '../../backends/backend.ts'
import { defineEngine } from '../../core/engine.ts'
import { Fault } from '../../core/errors.ts'
import { isPromise } from '../../core/promise.ts'
import { decryptionBehaviour, decryptionTasks } from './behaviour.ts'
import type { Decryption } from './behaviour.ts'
import { decryptionConfig } from './config.ts'
import { decryptionEnvironment } from './environment.ts'
import { decryptionProtocol } from './messages.ts'

/**
 * Decrypts what was encrypted to one identity. The key stays in its backend; the engine holds a decryptor. Anoma's node
 * architecture specification, engine family overview 'Decryption'.
 */
export const decryption = defineEngine<Decryption>({
  protocol: decryptionProtocol,
  config: decryptionConfig,
  environment: decryptionEnvironment,
  resource: {
    acquire(config, services, signal) {
      const backend = findBackend(services, config.backend)
      if (backend === undefined) throw new Fault('not-available', `There is no ${describeBackend(config.backend)} backend among the services`)
      const decryptor = backend.decryptor(config.identity, signal)
      return isPromise(decryptor) ? Promise.resolve(decryptor).then(opened => ({ decryptor: opened })) : { decryptor }
    },
    release: ({ decryptor }) => decryptor.close(),
  },
  tasks: decryptionTasks,
  behaviour: decryptionBehaviour,
})
