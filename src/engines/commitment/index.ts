import { describeBackend, findBackend } from '../../backends/backend.ts'
import { defineEngine } from '../../core/engine.ts'
import { Fault } from '../../core/errors.ts'
import { isPromise } from '../../core/promise.ts'
import { commitmentBehaviour, commitmentTasks } from './behaviour.ts'
import type { Commitment } from './behaviour.ts'
import { commitmentConfig } from './config.ts'
import { commitmentEnvironment } from './environment.ts'
import { commitmentProtocol } from './messages.ts'

/**
 * Signs in the name of one identity. The key stays in its backend; the engine holds a signer. Anoma's node architecture
 * specification, engine family overview 'Commitment'.
 */
export const commitment = defineEngine<Commitment>({
  protocol: commitmentProtocol,
  config: commitmentConfig,
  environment: commitmentEnvironment,
  resource: {
    acquire(config, services, signal) {
      const backend = findBackend(services, config.backend)
      if (backend === undefined) throw new Fault('not-available', `There is no ${describeBackend(config.backend)} backend among the services`)
      const signer = backend.signer(config.identity, signal)
      return isPromise(signer) ? Promise.resolve(signer).then(opened => ({ signer: opened })) : { signer }
    },
    release: ({ signer }) => signer.close(),
  },
  tasks: commitmentTasks,
  behaviour: commitmentBehaviour,
})
