import type { Clock, Wake } from '../../../src/core/clock.ts'

/** A clock that stands still until it is told. */
export class ManualClock implements Clock {
  #now = 1_000_000
  readonly #alarms = new Set<{ readonly time: number; readonly work: () => void }>()

  now(): number {
    return this.#now
  }

  wake(time: number, work: () => void): Wake {
    const alarm = { time, work }
    this.#alarms.add(alarm)
    return { cancel: () => this.#alarms.delete(alarm), hold: () => {} }
  }

  get alarms(): number {
    return this.#alarms.size
  }

  /** Lets so much time pass. */
  advance(milliseconds: number): void {
    this.#now += milliseconds
    const due = [...this.#alarms].filter(({ time }) => time <= this.#now)
    for (const alarm of due) this.#alarms.delete(alarm)
    for (const { work } of due) work()
  }

  /** Goes on to the next alarm, if there is one. */
  next(): boolean {
    const [alarm] = [...this.#alarms].toSorted((a, b) => a.time - b.time)
    if (alarm === undefined) return false
    this.#alarms.delete(alarm)
    this.#now = Math.max(this.#now, alarm.time)
    alarm.work()
    return true
  }

  /** Lets time pass whenever nothing else happens, until it is settled. Throws for what nothing will ever settle. */
  async through<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false
    const settled = promise.finally(() => { isSettled = true })
    settled.catch(() => {})
    for (;;) {
      await turn()
      if (isSettled) return settled
      if (!this.next()) throw new Error('This hangs: nothing happens any more, and no alarm is set')
    }
  }
}

/** Whatever can happen without the clock has happened. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
