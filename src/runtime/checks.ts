import { assertChangedData, assertData } from '../core/data.ts'
import { hasNames } from '../core/engine-id.ts'
import type { EngineID } from '../core/engine-id.ts'
import { Fault } from '../core/errors.ts'
import { nameIn } from '../core/family.ts'
import type { EngineFamily } from '../core/engine.ts'
import { parseConfig } from './config.ts'
import type { EngineInstance } from './instance.ts'

/** Effects as the runtime carries them out, once {@link checkEffects} has seen them. */
export type CheckedEffect =
  | { readonly effect: 'send'; readonly to: EngineID; readonly msg: object }
  | { readonly effect: 'reply'; readonly response: object }
  | { readonly effect: 'late-reply'; readonly response: object; readonly to: { readonly sender: EngineID; readonly id: number } }
  | { readonly effect: 'forward'; readonly to: EngineID }
  | { readonly effect: 'keep' }
  | { readonly effect: 'request'; readonly to: EngineID; readonly msg: object; readonly key: string; readonly deadline?: number }
  | { readonly effect: 'spawn'; readonly family: EngineFamily; readonly as: EngineID; readonly config: unknown }
  | { readonly effect: 'watch'; readonly engine: EngineID }
  | { readonly effect: 'grant' | 'revoke'; readonly child: EngineID; readonly acquaintance: EngineID }
  | { readonly effect: 'timer'; readonly handle: string; readonly after: number }
  | { readonly effect: 'cancel'; readonly handle: string }
  | { readonly effect: 'task'; readonly task: string; readonly input: unknown; readonly key: string; readonly deadline?: number }
  | { readonly effect: 'emit'; readonly event: object }
  | { readonly effect: 'stop'; readonly child?: EngineID }

/**
 * Checks all effects of a step, before any is carried out, and the environment it leaves. Throws `invalid-effect`,
 * `not-encodable`, `invalid-argument` (a child's config) or `invalid-definition` (two children of one id), which crashes the step: nothing of it happens. `request` is the id of the request that is being handled.
 */
export function checkEffects(
  effects: readonly unknown[], instance: EngineInstance, request: number | undefined, environment: object): readonly CheckedEffect[] {
  assertChangedData(environment, instance.environment, 'the environment')
  const check = new Check(instance, request)
  const checked = effects.map(effect => check.effect(effect))
  check.step()
  return checked
}

/** The fields that effects may have, of types not known yet. */
interface Fields {
  readonly effect: string
  readonly to?: unknown
  readonly msg?: unknown
  readonly response?: unknown
  readonly key?: unknown
  readonly deadline?: unknown
  readonly family?: unknown
  readonly as?: unknown
  readonly config?: unknown
  readonly engine?: unknown
  readonly event?: unknown
  readonly child?: unknown
  readonly acquaintance?: unknown
  readonly handle?: unknown
  readonly after?: unknown
  readonly task?: unknown
  readonly input?: unknown
}

class Check {
  readonly #instance: EngineInstance
  readonly #request: number | undefined
  #answers = 0
  #isSettled = false
  #lastChild: number
  /** The keys that this step starts to use. */
  #keys: Set<string> | undefined
  /** What effects name as a child. */
  #children: { readonly child: EngineID; readonly what: string }[] | undefined

  constructor(instance: EngineInstance, request: number | undefined) {
    this.#instance = instance
    this.#request = request
    this.#lastChild = instance.lastChild
  }

  effect(effect: unknown): CheckedEffect {
    if (!isFields(effect)) throw invalid('an action returned something that is no effect')
    const { family } = this.#instance
    switch (effect.effect) {
      case 'send':
        return { effect: 'send', to: engine(effect.to, 'send'), msg: message(effect.msg, 'send') }
      case 'reply':
        if (this.#request === undefined) throw invalid('reply: no request is being handled; to answer one that was kept, say which: reply(response, { to })')
        this.#answer()
        return { effect: 'reply', response: data(effect.response, 'reply') }
      case 'late-reply': {
        const { to } = effect
        if (!isReplyTo(to)) throw invalid('reply: "to" must be the replyTo of a request')
        if (to.id === this.#request) this.#answer()
        return { effect: 'late-reply', response: data(effect.response, 'reply'), to }
      }
      case 'forward':
        if (this.#request === undefined) throw invalid('forward: no request is being handled')
        this.#answer()
        return { effect: 'forward', to: engine(effect.to, 'forward') }
      case 'keep':
        if (!isReplyTo(effect.to) || effect.to.id !== this.#request) throw invalid('keep: it needs the replyTo of the request being handled')
        this.#isSettled = true
        return { effect: 'keep' }
      case 'request': {
        const key = this.#key(effect.key, 'request', family.answers, this.#instance.asks)
        return { effect: 'request', to: engine(effect.to, 'request'), msg: message(effect.msg, 'request'), key, ...duration(effect.deadline, 'request') }
      }
      case 'task': {
        if (typeof effect.task !== 'string' || !family.tasks.has(effect.task)) throw invalid(`task: ${family.id} declares no task ${String(effect.task)}`)
        const key = this.#key(effect.key, 'task', undefined, this.#instance.tasks)
        assertData(effect.input, `the input of task ${effect.task}`)
        return { effect: 'task', task: effect.task, input: effect.input, key, ...duration(effect.deadline, 'task') }
      }
      case 'spawn': {
        const as = engine(effect.as, 'spawn')
        const child = typeof effect.family === 'string' ? family.child(effect.family) : undefined
        if (child === undefined) throw invalid(`spawn: ${family.id} does not list ${String(effect.family)} in its children`)
        const n = childNumber(this.#instance.id, as)
        if (n === undefined || n <= this.#lastChild) throw invalid(`spawn: ${as.name} must be named by child(), with a number above any used before`)
        this.#lastChild = n
        return { effect: 'spawn', family: child, as, config: parseConfig(child, effect.config) }
      }
      case 'watch':
        if (family.terminated === undefined) throw invalid(`watch: ${family.id} has no rule for "terminated"`)
        return { effect: 'watch', engine: engine(effect.engine, 'watch') }
      case 'grant': case 'revoke':
        return { effect: effect.effect, child: this.#child(effect.child, effect.effect), acquaintance: engine(effect.acquaintance, effect.effect) }
      case 'timer': {
        const { after } = effect
        if (typeof after !== 'number' || !(after >= 0 && after < Infinity)) throw invalid('timer: "after" must be a number of milliseconds from 0')
        return { effect: 'timer', handle: handle(effect.handle, family), after }
      }
      case 'cancel':
        return { effect: 'cancel', handle: handle(effect.handle, family) }
      case 'emit':
        return { effect: 'emit', event: data(effect.event, 'emit') }
      case 'stop':
        return effect.child === undefined ? { effect: 'stop' } : { effect: 'stop', child: this.#child(effect.child, 'stop') }
      default:
        throw invalid(`there is no effect ${effect.effect}`)
    }
  }

  /** What must hold of the step as a whole. */
  step(): void {
    for (const { child, what } of this.#children ?? []) {
      const n = childNumber(this.#instance.id, child)
      if (n === undefined || n > this.#lastChild) throw invalid(`${what}: ${child.name} is no child of this engine`)
    }
    if (this.#request !== undefined && this.#answers === 0 && !this.#isSettled) {
      throw invalid('a request was neither replied to, forwarded nor kept, and no task or request was started for it')
    }
  }

  #answer(): void {
    if (++this.#answers > 1) throw invalid('a request was answered twice in one step')
  }

  #key(key: unknown, what: string, declared: ReadonlyMap<string, unknown> | undefined, used: ReadonlyMap<string, unknown> | undefined): string {
    if (typeof key !== 'string' || key === '') throw invalid(`${what}: it needs a key, a text of its own`)
    if (declared !== undefined && !declared.has(nameIn(key))) throw invalid(`${what}: no rule in "answers" for the key ${key}`)
    this.#keys ??= new Set()
    if (used?.has(key) || this.#keys.has(`${what} ${key}`)) throw invalid(`${what}: the key ${key} is in use`)
    this.#keys.add(`${what} ${key}`)
    this.#isSettled = true
    return key
  }

  #child(value: unknown, what: string): EngineID {
    const child = engine(value, what)
    // Looked at when all effects are known: it may be spawned further on in this step.
    this.#children ??= []
    this.#children.push({ child, what })
    return child
  }
}

function invalid(problem: string): Fault {
  return new Fault('invalid-effect', problem)
}

function isFields(effect: unknown): effect is Fields {
  return typeof effect === 'object' && effect !== null && 'effect' in effect && typeof effect.effect === 'string'
}

function engine(value: unknown, what: string): EngineID {
  if (hasNames(value)) return value
  throw invalid(`${what}: it needs an EngineID`)
}

function isReplyTo(value: unknown): value is { readonly sender: EngineID; readonly id: number } {
  return typeof value === 'object' && value !== null && 'sender' in value && hasNames(value.sender) && 'id' in value && typeof value.id === 'number'
}

function data(value: unknown, what: string): object {
  if (typeof value !== 'object' || value === null) throw invalid(`${what}: it needs an object`)
  assertData(value, what)
  return value
}

function message(value: unknown, what: string): object {
  const msg = data(value, what)
  if (!('type' in msg) || typeof msg.type !== 'string') throw invalid(`${what}: a message needs a type`)
  return msg
}

function duration(deadline: unknown, what: string): { readonly deadline?: number } {
  if (deadline === undefined) return {}
  if (typeof deadline !== 'number' || !Number.isFinite(deadline)) throw invalid(`${what}: its deadline must be a number of milliseconds`)
  return { deadline }
}

function handle(value: unknown, family: EngineFamily): string {
  if (typeof value === 'string' && family.timers.has(nameIn(value))) return value
  throw invalid(`timer: ${family.id} declares no timer ${String(value)}`)
}

/** The `n` of `parent/n`. */
function childNumber(parent: EngineID, id: EngineID): number | undefined {
  if (id.node !== parent.node || !id.name.startsWith(`${parent.name}/`)) return undefined
  const text = id.name.slice(parent.name.length + 1)
  return /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : undefined
}
