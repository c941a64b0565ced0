import { Deadline, dueOf } from './deadlines.ts'
import type { EngineInstance } from './instance.ts'

/** What is to be done about a crash, and after how many milliseconds. */
export type Verdict = { readonly crash: 'stop' | 'escalate' } | { readonly crash: 'restart'; readonly delay: number }

/** Decides about a crash by the engine's policy, and charges a restart to its budget. */
export function judge(instance: EngineInstance, now: number): Verdict {
  const { crash, restarts, within, exhausted, backoff } = instance.policy
  if (crash !== 'restart') return { crash }
  const times = instance.affairs.restartTimes.filter(time => time > now - within)
  if (times.length >= restarts) return { crash: exhausted }
  instance.own.restartTimes = [...times, now]
  // The exponent is bounded, so that a `first` of 0 stays 0.
  return { crash: 'restart', delay: Math.min(backoff.longest, backoff.first * 2 ** Math.min(times.length, 64)) }
}

/** Who restarts when this engine does, by its parent's strategy, in spawn order. One that has not run yet has nothing to restart. */
export function affectedBy(instance: EngineInstance): readonly EngineInstance[] {
  const { parent } = instance
  if (parent === undefined || parent.family.strategy === 'one-for-one') return [instance]
  const children = [...parent.affairs.children ?? []]
  const from = parent.family.strategy === 'rest-for-one' ? children.indexOf(instance) : 0
  return children.slice(from).filter(child => child.accepts && child.hasRun)
}

/**
 * Engines that restart together. When the backoff is over and nothing is left of their last lives, they start in spawn order, each
 * on a turn of its own.
 */
export class Restart extends Deadline {
  /** Those whose new life has not begun, in spawn order. */
  readonly #waiting: Set<EngineInstance>
  /** Those of them of whose last lives something is left. */
  readonly #up: Set<EngineInstance>
  readonly #onTurn: (instance: EngineInstance) => void
  readonly #onEmpty: (restart: Restart) => void
  #isDue = false
  #earliest = 0

  /** `onTurn` is told of each whose turn it is; `onEmpty`, when none is left. Takes engines over from restarts that they wait for. */
  constructor(instances: readonly EngineInstance[], onTurn: (instance: EngineInstance) => void, onEmpty: (restart: Restart) => void) {
    super()
    this.#onTurn = onTurn
    this.#onEmpty = onEmpty
    this.#waiting = new Set(instances)
    this.#up = new Set(instances.filter(({ affairs }) => !affairs.isDown))
    for (const instance of instances) {
      const { restart } = instance.affairs
      if (restart !== undefined && !restart.#isDue) this.#earliest = Math.max(this.#earliest, dueOf(restart))
      restart?.leave(instance)
      instance.own.restart = this
    }
  }

  /** For how many milliseconds it has to wait: those of the crash, or what is left of a wait that it takes over. */
  delay(now: number, delay: number): number {
    return Math.max(delay, this.#earliest - now)
  }

  override elapse(): void {
    this.#isDue = true
    this.#goOn()
  }

  /** Its new life begins, or it ends, or it waits for another restart. */
  leave(instance: EngineInstance): void {
    if (instance.affairs.restart !== this) return
    instance.own.restart = undefined
    this.#waiting.delete(instance)
    this.#up.delete(instance)
    if (this.#waiting.size === 0) this.#onEmpty(this)
    else this.#goOn()
  }

  /** Nothing is left of its last life. */
  wentDown(instance: EngineInstance): void {
    this.#up.delete(instance)
    this.#goOn()
  }

  #goOn(): void {
    const [first] = this.#waiting
    if (this.#isDue && this.#up.size === 0 && first !== undefined) this.#onTurn(first)
  }
}
