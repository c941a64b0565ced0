import type { Capabilities } from '../../backends/backend.ts'
import { child, grant, spawn, update, watch } from '../../core/effect.ts'
import type { Effect } from '../../core/effect.ts'
import { sameEngine } from '../../core/engine-id.ts'
import type { EngineID, EngineRef } from '../../core/engine-id.ts'
import { refuse } from '../../core/protocol.ts'
import type { Terminated } from '../../core/trigger.ts'
import { commitment } from '../commitment/index.ts'
import type { CommitmentProtocol } from '../commitment/messages.ts'
import { decryption } from '../decryption/index.ts'
import type { DecryptionProtocol } from '../decryption/messages.ts'
import { awakeEngines, changed, enginesIn } from './environment.ts'
import type { Engines, Identity, IdentityManagementEnvironment } from './environment.ts'
import type { Config, IdentityManagement, IdentityRefusal } from './family.ts'
import type { IdentityManagementProtocol } from './messages.ts'

type Environment = IdentityManagementEnvironment

/** What a step did: its effects so far, and the environment that it leaves. */
export interface Progress {
  readonly effects: readonly Effect<IdentityManagement>[]
  readonly environment: Environment
}

/** Spawns and watches the engines that an identity's capabilities need, in place of those that it had in another life. */
export function spawnEngines(identity: Identity, self: EngineID, { backendDeadline }: Config, environment: Environment): Progress & { readonly engines: Engines } {
  const { externalIdentity, backend, capabilities } = identity
  let { children } = environment
  const commitmentEngine = capabilities === 'Decrypt' ? undefined : child(commitment, self, children++)
  const decryptionEngine = capabilities === 'Commit' ? undefined : child(decryption, self, children++)
  const engines: Engines = { life: environment.life, ...commitmentEngine && { commitmentEngine }, ...decryptionEngine && { decryptionEngine } }
  const config = { backend, identity: externalIdentity, backendDeadline }
  const { name } = externalIdentity
  return {
    engines,
    effects: [
      ...commitmentEngine ? [spawn(commitment, { as: commitmentEngine, config })] : [],
      ...decryptionEngine ? [spawn(decryption, { as: decryptionEngine, config })] : [],
      ...enginesIn(engines).map(engine => watch(engine)),
    ],
    environment: {
      ...environment,
      children,
      identities: environment.identities.set(name, { ...identity, engines }),
      serving: enginesIn(engines).reduce((serving, engine) => serving.set(engine.name, name), withoutServing(environment, identity)),
    },
  }
}

/** `serving` without the engines of this identity, of whatever life. */
export function withoutServing({ serving }: Environment, { engines }: Identity): Environment['serving'] {
  return enginesIn(engines).reduce((rest, { name }) => rest.delete(name), serving)
}

/** What is answered to who may use these engines. */
export type Handed =
  | { readonly commitmentEngine: EngineRef<CommitmentProtocol> }
  | { readonly decryptionEngine: EngineRef<DecryptionProtocol> }
  | { readonly commitmentEngine: EngineRef<CommitmentProtocol>; readonly decryptionEngine: EngineRef<DecryptionProtocol> }

/** The engines for exactly these capabilities, unless one of them has ended; and the effects that let the asker use them. */
export function handOut({ commitmentEngine, decryptionEngine }: Engines, wanted: Capabilities, asker: EngineID) {
  const handed = wanted === 'Commit' ? commitmentEngine && { commitmentEngine }
    : wanted === 'Decrypt' ? decryptionEngine && { decryptionEngine }
      : commitmentEngine && decryptionEngine && { commitmentEngine, decryptionEngine }
  const response: Handed | IdentityRefusal = handed ?? refuse('engine-gone', 'Engine gone: an engine of this identity has ended. Its owner can delete it, and generate another')
  return { response, grants: handed === undefined ? [] : Object.values<EngineID>(handed).map(engine => grant(engine, asker)) }
}

/** An engine ended that nobody stopped. Its identity stays, to be deleted; nothing connects to that engine any more. */
export function loseEngine({ engine }: Terminated<IdentityManagementProtocol>, _config: Config, environment: Environment) {
  const name = environment.serving.get(engine.name)
  const identity = name === undefined ? undefined : environment.identities.get(name)
  const engines = identity && awakeEngines(environment, identity)
  if (name === undefined || engines === undefined) return undefined
  const { commitmentEngine, decryptionEngine, ...rest } = engines
  const left: Engines = {
    ...rest,
    ...commitmentEngine && !sameEngine(commitmentEngine, engine) && { commitmentEngine },
    ...decryptionEngine && !sameEngine(decryptionEngine, engine) && { decryptionEngine },
  }
  return update<Environment>({ ...changed(environment, name, { engines: left }), serving: environment.serving.delete(engine.name) })
}
