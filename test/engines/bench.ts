import { expect } from 'vitest'
import type { Capabilities } from '../../src/backends/backend.ts'
import { freezeData } from '../../src/core/data.ts'
import { engineIDOf, externalIdentityOf } from '../../src/core/engine-id.ts'
import type { EngineID, ExternalIdentity } from '../../src/core/engine-id.ts'
import { EngineFamily } from '../../src/core/engine.ts'
import type { RuleTree } from '../../src/core/rule.ts'
import type { IdentityManagementEnvironment } from '../../src/engines/identity-management/environment.ts'
import { identityManagement } from '../../src/engines/identity-management/index.ts'
import { evaluate } from '../../src/runtime/evaluation.ts'
import { ELSEWHERE, HERE, untyped } from './test-backend.ts'

// Behaviours without a runtime: functions from a configuration, an environment and a trigger to effects.

export function familyOf(engine: object): EngineFamily {
  return engine instanceof EngineFamily ? engine : expect.fail('no family')
}

export interface AnyEffect { readonly effect: string; readonly [field: string]: unknown }
export interface Result { readonly effects: readonly AnyEffect[]; readonly environment: object }

export function run(rules: RuleTree | undefined, trigger: object, config: object, environment: object): Result | undefined {
  freezeData(environment)
  freezeData(trigger)
  const gathered = new Gathered(environment)
  const acted = evaluate(rules ?? expect.fail('no rule'), trigger, config, gathered)
  return acted ? { effects: untyped(gathered.effects), environment: gathered.environment } : undefined
}

class Gathered {
  readonly effects: object[] = []
  environment: object

  constructor(environment: object) {
    this.environment = environment
  }

  take(effect: object & { readonly environment?: object }): void {
    if (effect.environment === undefined) this.effects.push(effect)
    else this.environment = effect.environment
  }
}

export const BACKEND = { type: 'LocalMemory' } as const
export const SELF = engineIDOf(HERE, 'im')
export const [ALICE, BOB, CAROL] = [engineIDOf(HERE, 'alice'), engineIDOf(HERE, 'bob'), engineIDOf(HERE, 'carol')]
export const FAR_BOB = engineIDOf(ELSEWHERE, 'bob')
export const TIME = 1_000

export const management = familyOf(identityManagement)
export const CONFIG = { backendDeadline: 50 }

function isEnvironment(value: object): value is IdentityManagementEnvironment {
  return 'identities' in value && 'attempts' in value && 'serving' in value && 'children' in value
}

export interface Tried {
  readonly effects: readonly AnyEffect[]
  /** The response to the one who asked now, if there is one yet. */
  readonly response: { readonly err?: string; readonly code?: string } | undefined
  readonly changed: boolean
}

/** An Identity Management engine without a runtime: its environment, and the tasks that wait for their outcome. No effect may name a child that is none. */
export class Bench {
  environment: IdentityManagementEnvironment
  readonly tasks: AnyEffect[] = []
  /** The handles of the timers that run, and after how many milliseconds each runs out. */
  readonly timers = new Map<string, unknown>()
  /** The names of the engines that live. */
  readonly living = new Set<string>()
  #lastID = 0
  #lastIdentity = 0

  constructor() {
    const environment = management.environment(CONFIG, { nextChild: 0, restarts: 0 })
    this.environment = isEnvironment(environment) ? environment : expect.fail('no environment')
    this.#take(management.started, {})
  }

  /** A new life, with the environment of the last one. After a crash its tasks are dropped; when a process resumes it, they are run again. */
  begin(how: 'crashed' | 'resumed'): void {
    this.living.clear()
    if (how === 'crashed') this.tasks.length = 0
    this.#take(management.started, {})
  }

  ask(sender: EngineID, msg: { readonly type: string }): Tried {
    return this.#take(management.messages.get(msg.type)?.rules, { sender, msg, replyTo: { sender, id: ++this.#lastID } })
  }

  /** Ends the oldest task, or the one that comes `later` than so many. */
  finish(end: object = { outcome: 'done' }, later = 0): Tried {
    const task = this.tasks.splice(later, 1)[0] ?? expect.fail('no task')
    const output = 'output' in end || !('outcome' in end) || end.outcome !== 'done' ? {} : { output: this.#outputOf(task) }
    return this.#take(management.outcomes.get(String(task['task'])), { key: task['key'], input: task['input'], ...output, ...end })
  }

  #outputOf({ task, input }: AnyEffect): unknown {
    if (task === 'generate') return externalIdentityOf(`identity-${++this.#lastIdentity}`)
    return task === 'adopt' ? { externalIdentity: untyped(input).externalIdentity, capabilities: 'CommitAndDecrypt' } : null
  }

  elapse(handle: string): Tried {
    expect(this.timers.delete(handle)).toBe(true)
    return this.#take(management.timers.get('forget'), { handle })
  }

  terminate(engine: EngineID): Tried | undefined {
    this.living.delete(engine.name)
    const before = this.environment
    const result = run(management.terminated, { self: SELF, time: TIME, engine, reason: 'crashed' }, CONFIG, before)
    return result && this.#commit(result)
  }

  generate(owner: EngineID, capabilities: Capabilities = 'CommitAndDecrypt', requestId?: string): ExternalIdentity {
    this.ask(owner, generateOf(capabilities, requestId))
    this.finish()
    return externalIdentityOf(`identity-${this.#lastIdentity}`)
  }

  #take(rules: RuleTree | undefined, trigger: object): Tried {
    return this.#commit(run(rules, { self: SELF, time: TIME, ...trigger }, CONFIG, this.environment) ?? expect.fail('unhandled'))
  }

  #commit({ effects, environment }: Result): Tried {
    const changed = environment !== this.environment
    this.environment = isEnvironment(environment) ? environment : expect.fail('no environment')
    this.tasks.push(...effects.filter(({ effect }) => effect === 'task'))
    for (const { effect, as, child, engine, handle, after } of effects) {
      if (effect === 'spawn') this.living.add(nameOf(as))
      if (effect === 'grant' || effect === 'revoke' || effect === 'stop') expect([...this.living]).toContain(nameOf(child))
      if (effect === 'watch') expect([...this.living]).toContain(nameOf(engine))
      if (effect === 'stop') this.living.delete(nameOf(child))
      if (effect === 'timer') this.timers.set(String(handle), after)
      if (effect === 'cancel') this.timers.delete(String(handle))
    }
    return { effects, response: untyped(effects.find(({ effect }) => effect === 'reply' || effect === 'late-reply')?.['response']), changed }
  }
}

export const generateOf = (capabilities: Capabilities, requestId?: string) =>
  ({ type: 'GenerateIdentityRequest', backend: BACKEND, params: 'Ed25519', capabilities, ...requestId === undefined ? {} : { requestId } })
export const connect = (externalIdentity: ExternalIdentity, capabilities: Capabilities) => ({ type: 'ConnectIdentityRequest', externalIdentity, backend: BACKEND, capabilities })
export const grantOf = (externalIdentity: ExternalIdentity, grantee: EngineID, capabilities: Capabilities) => ({ type: 'GrantIdentityRequest', externalIdentity, grantee, capabilities })
export const revokeOf = (externalIdentity: ExternalIdentity, grantee: EngineID) => ({ type: 'RevokeIdentityRequest', externalIdentity, grantee })
export const deleteOf = (externalIdentity: ExternalIdentity) => ({ type: 'DeleteIdentityRequest', externalIdentity, backend: BACKEND })
export const undeleteOf = (externalIdentity: ExternalIdentity) => ({ type: 'UndeleteIdentityRequest', externalIdentity, backend: BACKEND })
export const adoptOf = (externalIdentity: ExternalIdentity) => ({ type: 'AdoptIdentityRequest', externalIdentity, backend: BACKEND, claim: Uint8Array.of(1, 2, 3) })
export const kinds = ({ effects }: Tried) => effects.map(({ effect }) => effect)
export const targets = ({ effects }: Tried, kind: string) => effects.filter(({ effect }) => effect === kind)
  .map(({ child, acquaintance }) => `${nameOf(child)} ${nameOf(acquaintance)}`)

export function nameOf(id: unknown): string {
  return typeof id === 'object' && id !== null && 'name' in id ? String(id.name) : ''
}
