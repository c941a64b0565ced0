import type { Host, Moment } from '../core/clock.ts'
import type { EngineInstance } from './instance.ts'
import { Line } from './line.ts'

/** What is done around the steps. */
export interface Around {
  /** Ahead of each drain: tells what host calls left to be told. */
  before(): void
  /** Whether there is more to tell. */
  isWaiting(): boolean
  /** When the event loop has had its turn. */
  after(): void
}

/** How much of a slice may be used after host code was answered, before it goes on. */
const PATIENCE = 1 / 20

/**
 * Decides which engine takes the next step. Engines run in order of readiness, a bounded number of steps each; work runs in
 * microtasks for at most `host.slice` milliseconds since the last macrotask, then the event loop gets its turn.
 */
export class Scheduler {
  /** When the current turn began. */
  time: number
  readonly #host: Host
  readonly #step: (instance: EngineInstance) => void
  readonly #around: Around
  readonly #line = new Line<EngineInstance>()
  /** When the first drain since the last macrotask began. */
  #sliceStart: number | undefined
  #isSpent = false
  #isSoon = false
  #isRunning = false
  /** When this drain is over. */
  #end = 0
  #steps = 0
  /** How many steps may pass until the clock is looked at: few after slow ones. */
  #stride = 1
  #lookedAt = 0

  constructor(host: Host, step: (instance: EngineInstance) => void, around: Around) {
    this.#host = host
    this.#step = step
    this.#around = around
    this.time = host.now()
  }

  /** Whether a step is being taken, or observers are told. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  /** The time now, for host calls; steps see the time their turn began. */
  now(): number {
    return this.#isRunning ? this.time : this.refresh()
  }

  /** The time now, for what is counted from now: also in the midst of a turn, whose earlier steps may have been slow. */
  refresh(): number {
    return this.time = this.#host.now()
  }

  /** Now, for durations that need not be exact to the microsecond: the clock may be looked at later, for many at once. */
  moment(): Moment {
    return this.#host.moment?.() ?? { time: this.refresh() }
  }

  /** Puts an engine that has something to do in line. */
  add(instance: EngineInstance): void {
    if (instance.isReady) return
    instance.isReady = true
    this.#line.push(instance)
    if (!this.#isRunning) this.wake()
  }

  /** Sees to it that a drain comes. */
  wake(): void {
    if (this.#isSoon || this.#isSpent || this.#isRunning) return
    this.#isSoon = true
    this.#host.soon(this.#soon)
  }

  /** Makes the clock be looked at after this step: it did slow work. */
  lookSoon(): void {
    this.#steps = this.#stride
  }

  /** Ends the slice soon, so that host code which was just answered goes on before all else that waits. */
  letHostContinue(): void {
    this.#end = Math.min(this.#end, this.time + this.#host.slice * PATIENCE)
  }

  /**
   * Lets host code go on with what `work` tells it: now, or when the slice is used up, after the event loop has had its turn. An
   * ask that fails at once, asked again and again, must not starve timers.
   */
  settle(work: () => void): void {
    if (this.#isRunning) return work()
    const now = this.#host.now()
    if (now <= this.#begin(now) + this.#host.slice) work()
    else this.#host.later(work)
  }

  readonly #soon = (): void => {
    this.#isSoon = false
    if (!this.#isSpent) this.#drain()
  }

  readonly #later = (): void => {
    this.#sliceStart = undefined
    this.#isSpent = false
    this.#around.after()
    if (this.#line.length > 0 || this.#around.isWaiting()) this.#drain()
  }

  #drain(): void {
    this.#isRunning = true
    this.#lookedAt = this.refresh()
    this.#end = this.#begin(this.time) + this.#host.slice
    try {
      this.#around.before()
      while (this.time <= this.#end) {
        const instance = this.#take()
        if (instance === undefined) return
        this.#turn(instance)
        if (this.#steps >= this.#stride) this.#look()
      }
      this.#isSpent = this.#line.length > 0
    } finally {
      this.#isRunning = false
      if (this.#around.isWaiting()) this.wake()
    }
  }

  /** When this slice began: now, if it has not. */
  #begin(now: number): number {
    if (this.#sliceStart === undefined) {
      this.#sliceStart = now
      this.#host.later(this.#later)
    }
    return this.#sliceStart
  }

  #look(): void {
    const before = this.#lookedAt
    this.#lookedAt = this.refresh()
    this.#steps = 0
    this.#stride = this.time - before > this.#host.slice / 8 ? 1 : Math.min(this.#stride * 2, this.#host.look)
  }

  #turn(instance: EngineInstance): void {
    let left = this.#host.turn
    try {
      do {
        // Counted first: one that throws must not run on for ever.
        this.#steps++
        this.#step(instance)
      } while (--left > 0 && this.#steps < this.#stride && canStep(instance))
    } catch (error) {
      // No step throws what a rule or a handler threw. Whatever this is, other engines must not stand still for it.
      this.#host.report(error)
    }
    instance.isReady = false
    if (canStep(instance)) this.add(instance)
  }

  #take(): EngineInstance | undefined {
    const count = this.#line.length
    return this.#line.take(count > 1 && this.#host.choose !== undefined ? this.#host.choose(count) : 0)
  }
}

function canStep(instance: EngineInstance): boolean {
  return instance.status === 'spawned' || (instance.status === 'running' && instance.hasNext && !instance.affairs.isHalted)
}
