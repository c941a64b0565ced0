import type { Host, Wake } from '../core/clock.ts'
import type { SeededRandom } from './random.ts'

/** What a look at the virtual clock costs, in milliseconds: time passes while engines run. */
const TICK = 0.001

/** A host whose time is virtual and whose order is drawn from a seed. Several nodes may share it. */
export class SeededHost implements Host {
  // One step, then the clock is looked at, and its tick ends the slice: after each step anything may come next.
  readonly slice = 0
  readonly turn = 1
  readonly look = 1
  /** What observers threw. */
  readonly reported: unknown[] = []
  readonly #random: SeededRandom
  readonly #work: (() => void)[] = []
  readonly #alarms: SeededAlarm[] = []
  #time: number

  constructor(random: SeededRandom, time: number) {
    this.#random = random
    this.#time = time
  }

  /** The time, without letting any pass. */
  get time(): number {
    return this.#time
  }

  now(): number {
    return this.#time += TICK
  }

  soon(work: () => void): void {
    this.#work.push(work)
  }

  later(work: () => void): void {
    this.#work.push(work)
  }

  wake(time: number, work: () => void): Wake {
    const alarm = new SeededAlarm(time, work)
    this.#alarms.push(alarm)
    return alarm
  }

  choose(count: number): number {
    return this.#random.below(count)
  }

  report(error: unknown): void {
    this.reported.push(error)
  }

  /** Does one of the things that can be done now. Answers whether there was any. */
  runOne(): boolean {
    const due = this.#nextAlarm()
    if (due !== undefined && due.time <= this.#time) {
      due.ring()
      return true
    }
    if (this.#work.length === 0) return false
    const [work] = this.#work.splice(this.#random.below(this.#work.length), 1)
    work?.()
    return true
  }

  /** Lets time pass until the next alarm. Answers whether there is one. */
  skip(): boolean {
    const next = this.#nextAlarm()
    if (next === undefined) return false
    this.#time = Math.max(this.#time, next.time)
    return true
  }

  #nextAlarm(): SeededAlarm | undefined {
    let next: SeededAlarm | undefined
    let count = 0
    for (const alarm of this.#alarms) {
      if (alarm.isOver) continue
      this.#alarms[count++] = alarm
      if (next === undefined || alarm.time < next.time) next = alarm
    }
    this.#alarms.length = count
    return next
  }
}

class SeededAlarm implements Wake {
  readonly time: number
  isOver = false
  readonly #work: () => void

  constructor(time: number, work: () => void) {
    this.time = time
    this.#work = work
  }

  ring(): void {
    this.isOver = true
    this.#work()
  }

  cancel(): void {
    this.isOver = true
  }

  /** Simulated time does not pass by itself, so an alarm holds nothing up. */
  hold(): void {}
}
