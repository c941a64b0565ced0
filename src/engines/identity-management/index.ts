import { defineEngine } from '../../core/engine.ts'
import { commitment } from '../commitment/index.ts'
import { decryption } from '../decryption/index.ts'
import { identityManagementBehaviour, identityManagementTasks } from './behaviour.ts'
import { identityManagementConfig } from './config.ts'
import { identityManagementEnvironment } from './environment.ts'
import type { IdentityManagement } from './family.ts'
import { identityManagementProtocol } from './messages.ts'

/**
 * Generates, connects, shares and deletes identities on the backends it is spawned with, and answers with the EngineIDs of
 * the Commitment and Decryption engines that an identity's capabilities need. Open to all: who may do what is decided by the
 * identities' owners. What it knows outlasts a crash, and on a node with a store the process: then its identities are dormant, their engines
 * gone, until somebody who may connects. Anoma's node architecture specification, engine family overview 'Identity Management'; sharing,
 * undeleting and adopting are ours.
 */
export const identityManagement = defineEngine<IdentityManagement>({
  protocol: identityManagementProtocol,
  config: identityManagementConfig,
  environment: identityManagementEnvironment,
  behaviour: identityManagementBehaviour,
  tasks: identityManagementTasks,
  children: () => [commitment, decryption],
  // An engine that crashed opens its signer or decryptor anew. If that cannot be, it ends, and its identity alone is the worse for it.
  supervision: { exhausted: 'stop' },
  open: true,
  durable: { version: 1, passing: ['serving'] },
})
