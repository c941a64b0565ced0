import type { Host, Wake } from '../core/clock.ts'
import type { Agenda, Appointment } from './agenda.ts'

/** The host of one life of a node: its time is virtual, and its order drawn from a seed. */
export class SeededHost implements Host {
  // One step, then the clock is looked at, and its tick ends the slice: after each step anything may come next.
  readonly slice = 0
  readonly turn = 1
  readonly look = 1
  readonly #agenda: Agenda
  #isAlive = true

  constructor(agenda: Agenda) {
    this.#agenda = agenda
  }

  /** Ends this life: nothing that was left to it happens any more, and nothing new. */
  end(): void {
    this.#isAlive = false
    this.#agenda.drop(this)
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  now(): number {
    return this.#agenda.read()
  }

  soon(work: () => void): void {
    if (this.#isAlive) this.#agenda.add(this, work)
  }

  later(work: () => void): void {
    this.soon(work)
  }

  wake(time: number, work: () => void): Wake {
    if (!this.#isAlive) return NEVER
    return new Alarm(this.#agenda.appoint(this, time, work))
  }

  choose(count: number): number {
    return this.#agenda.choose(count)
  }

  report(error: unknown): void {
    if (this.#isAlive) this.#agenda.reported.push(error)
  }
}

class Alarm implements Wake {
  readonly #appointment: Appointment

  constructor(appointment: Appointment) {
    this.#appointment = appointment
  }

  cancel(): void {
    this.#appointment.isOver = true
  }

  /** Simulated time does not pass by itself, so an alarm holds nothing up. */
  hold(): void {}
}

const NEVER: Wake = { cancel: () => {}, hold: () => {} }
