import type { Host, Moment, Wake } from '../core/clock.ts'
import { Heap } from '../core/heap.ts'

/** What counts from no time yet. */
export const UNSET: Moment = { time: 0 }

/** Something that happens at a time unless it is cancelled before. */
export abstract class Deadline {
  /** What its duration is counted from. */
  start: Moment = UNSET
  list: DurationList | undefined
  earlier: Deadline | undefined
  later: Deadline | undefined

  /** Called once when its time has come, with the deadline already removed. */
  abstract elapse(): void
}

/** One that calls what it is given. */
export class Expiry extends Deadline {
  readonly #act: () => void

  constructor(act: () => void) {
    super()
    this.#act = act
  }

  override elapse(): void {
    this.#act()
  }
}

/** The deadlines of one duration, in the order they were set, which is the order they fall due. */
export class DurationList {
  readonly duration: number
  first: Deadline | undefined
  last: Deadline | undefined
  /** Not after the due time of `first`; the list's place in the heap. */
  bound = 0
  listed = false

  constructor(duration: number) {
    this.duration = duration
  }
}

const LISTS_KEPT = 64

/**
 * Deadlines by due time. Most deadlines share few durations and are cancelled long before they fall due (an ask that is
 * answered), so both setting and cancelling are O(1): a linked list for each duration, and a heap of lists whose places are
 * lower bounds, put right only when they come up.
 */
export class Deadlines {
  readonly #host: Host
  readonly #lists = new Map<number, DurationList>()
  readonly #heap = new Heap<DurationList>(before)
  #alarm: Wake | undefined
  #alarmTime = Infinity
  #live = 0
  /** How many lists in the heap are there no more. */
  #dropped = 0
  #isHeld = false

  constructor(host: Host) {
    this.#host = host
  }

  /** Sets `deadline` to elapse `duration` milliseconds after `now`. It must not be set already. */
  set(deadline: Deadline, now: number, duration: number): void {
    this.setFrom(deadline, { time: now }, duration)
  }

  /** As {@link set}, from a time that may not have been read yet. */
  setFrom(deadline: Deadline, start: Moment, duration: number): void {
    let list = this.#lists.get(duration)
    if (list === undefined) this.#lists.set(duration, list = new DurationList(duration))
    deadline.start = start
    deadline.list = list
    deadline.earlier = list.last
    if (list.last === undefined) list.first = deadline
    else list.last.later = deadline
    list.last = deadline
    if (!list.listed) {
      list.listed = true
      list.bound = start.time + duration
      this.#heap.push(list)
    }
    this.#live++
    if (!this.#isHeld) this.#hold(true)
    if (list.bound < this.#alarmTime) this.#arm(list.bound)
  }

  /** Takes a deadline back. Harmless when it has elapsed or was never set. */
  cancel(deadline: Deadline): void {
    const { list, earlier, later } = deadline
    if (list === undefined) return
    if (earlier === undefined) list.first = later
    else earlier.later = later
    if (later === undefined) list.last = earlier
    else later.earlier = earlier
    deadline.list = deadline.earlier = deadline.later = undefined
    if (list.first === undefined && this.#lists.size > LISTS_KEPT) this.#drop(list)
    this.#live--
  }

  /** A list that is empty is kept for the next deadline of its duration, unless there are many. */
  #drop(list: DurationList): void {
    this.#lists.delete(list.duration)
    list.listed = false
    this.#dropped++
    if (this.#dropped * 2 < this.#heap.size) return
    const kept = [...this.#heap].filter(({ listed }) => listed)
    this.#heap.clear()
    this.#dropped = 0
    for (const other of kept) this.#heap.push(other)
  }

  /** Cancels all. */
  clear(): void {
    for (const list of this.#lists.values()) while (list.first !== undefined) this.cancel(list.first)
    this.#lists.clear()
    this.#heap.clear()
    this.#dropped = 0
    this.#alarm?.cancel()
    this.#alarm = undefined
    this.#alarmTime = Infinity
  }

  #arm(time: number): void {
    this.#alarm?.cancel()
    this.#alarmTime = time
    this.#alarm = this.#host.wake(time, this.#ring)
    this.#isHeld = true
  }

  readonly #ring = (): void => {
    this.#alarm = undefined
    this.#alarmTime = Infinity
    const now = this.#host.now()
    for (let list = this.#heap.first; list !== undefined && list.bound <= now; list = this.#heap.first) {
      while (list.first !== undefined && dueOf(list.first) <= now) {
        const { first } = list
        this.cancel(first)
        first.elapse()
      }
      if (this.#heap.first !== list) continue
      this.#heap.shift()
      if (!list.listed) {
        this.#dropped--
      } else if (list.first === undefined) {
        list.listed = false
        this.#lists.delete(list.duration)
      } else {
        list.bound = dueOf(list.first)
        this.#heap.push(list)
      }
    }
    const next = this.#heap.first
    if (next !== undefined && next.bound < this.#alarmTime) this.#arm(next.bound)
    this.settle()
  }

  /**
   * Lets the process end, as far as deadlines go, if none is set. Called now and then, since most asks are answered before the
   * next is made, and holding and letting go for each costs more than the rest.
   */
  settle(): void {
    if (this.#live === 0 && this.#isHeld) this.#hold(false)
  }

  #hold(on: boolean): void {
    this.#isHeld = on
    this.#alarm?.hold(on)
  }
}

/** When it falls due, while it is set. */
export function dueOf({ start, list }: Deadline): number {
  return start.time + (list?.duration ?? 0)
}

/** Ties go to the shorter duration, which was set later: any fixed order will do, as long as it is one. */
function before(a: DurationList, b: DurationList): boolean {
  return a.bound < b.bound || (a.bound === b.bound && a.duration < b.duration)
}
