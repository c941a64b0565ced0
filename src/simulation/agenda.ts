import { Heap } from '../core/heap.ts'
import type { SeededRandom } from './random.ts'

/** A look at the virtual clock costs a tick, since time passes while engines run. So many are a millisecond. */
const TICKS = 1000

/** Something that can be done now, for its owner. */
interface Work {
  readonly owner: object
  readonly act: () => void
}

/** Something that is done when its time has come. */
export class Appointment {
  readonly time: number
  /** Tells those of one time apart: they are kept in the order they were made. */
  readonly order: number
  readonly owner: object
  readonly act: () => void
  isOver = false

  constructor(time: number, order: number, owner: object, act: () => void) {
    this.time = time
    this.order = order
    this.owner = owner
    this.act = act
  }
}

/** Virtual time, and all that is to be done in it, whoever's it is. Of what can be done now, the seed decides what comes next. */
export class Agenda {
  /** What no caller could be told of. */
  readonly reported: unknown[] = []
  readonly #random: SeededRandom
  #work: Work[] = []
  readonly #appointments = new Heap(isBefore)
  /** Whole, so that times are short decimals. */
  #ticks: number
  #order = 0

  constructor(random: SeededRandom, time: number) {
    this.#random = random
    this.#ticks = Math.ceil(time * TICKS)
  }

  /** The time, without letting any pass. */
  get time(): number {
    return this.#ticks / TICKS
  }

  /** The time, as somebody reads it: a tick later each time. */
  read(): number {
    return ++this.#ticks / TICKS
  }

  choose(count: number): number {
    return this.#random.below(count)
  }

  add(owner: object, act: () => void): void {
    this.#work.push({ owner, act })
  }

  /** Has `act` done when that time has come, or soon if it has. */
  appoint(owner: object, time: number, act: () => void): Appointment {
    const appointment = new Appointment(time, this.#order++, owner, act)
    this.#appointments.push(appointment)
    return appointment
  }

  /** Does one of the things that can be done now. Answers whether there was any. */
  runOne(): boolean {
    const due = this.#next()
    if (due !== undefined && due.time <= this.time) {
      this.#appointments.shift()
      due.isOver = true
      due.act()
      return true
    }
    const count = this.#work.length
    if (count === 0) return false
    const at = count === 1 ? 0 : this.#random.below(count)
    const work = this.#work[at]
    const last = this.#work.pop()
    if (last !== undefined && at < count - 1) this.#work[at] = last
    work?.act()
    return true
  }

  /** Lets time pass until the next appointment, but not beyond `limit`. Answers whether there is one by then. */
  skip(limit = Infinity): boolean {
    const next = this.#next()
    if (next !== undefined && next.time <= limit) {
      this.#reach(next.time)
      return true
    }
    if (limit < Infinity) this.#reach(limit)
    return false
  }

  #reach(time: number): void {
    this.#ticks = Math.max(this.#ticks, Math.ceil(time * TICKS))
    // What was rounded on the way may be a tick too little.
    if (this.time < time) this.#ticks++
  }

  /** Forgets all that was to be done for that owner. */
  drop(owner: object): void {
    this.#work = this.#work.filter(work => work.owner !== owner)
    for (const appointment of this.#appointments) if (appointment.owner === owner) appointment.isOver = true
  }

  #next(): Appointment | undefined {
    for (let next = this.#appointments.first; ; next = this.#appointments.first) {
      if (next === undefined || !next.isOver) return next
      this.#appointments.shift()
    }
  }
}

function isBefore(a: Appointment, b: Appointment): boolean {
  return a.time < b.time || (a.time === b.time && a.order < b.order)
}
