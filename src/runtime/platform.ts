import type { Host, Moment } from '../core/clock.ts'

/** The host that production runs on: Node.js, and browsers. The only file that reads the machine's clock or sets its timers. */
export function platformHost(): Host {
  const later = typeof setImmediate === 'function' ? (work: () => void) => void setImmediate(work) : macrotasks()
  // Read once: both are getters, and neither changes.
  const clock = performance
  const { timeOrigin } = clock
  let moment: LateMoment | undefined
  const now = () => {
    const time = timeOrigin + clock.now()
    moment?.settle(time)
    moment = undefined
    return time
  }
  return {
    now,
    moment: () => moment ??= new LateMoment(now),
    // Not the bare function: a browser's insists on its own `this`.
    soon: work => queueMicrotask(work),
    later,
    wake(time, work) {
      return new Alarm(time - now(), work)
    },
    slice: 2,
    turn: 64,
    look: 16,
    report(error) {
      queueMicrotask(() => { throw error })
    },
  }
}

/** What happens between two looks at the clock shares one. */
class LateMoment implements Moment {
  #time: number | undefined = undefined
  readonly #look: () => number

  constructor(look: () => number) {
    this.#look = look
  }

  get time(): number {
    return this.#time ?? this.#look()
  }

  settle(time: number): void {
    this.#time = time
  }
}

/** setTimeout counts in 31 bits; a longer wait just rings early, and whoever set it looks at the clock. */
const LONGEST_WAIT = 0x7fffffff

class Alarm {
  readonly #timeout: ReturnType<typeof setTimeout>

  constructor(wait: number, work: () => void) {
    // Rounded up: a timer that rings a fraction of a millisecond early finds nothing due.
    this.#timeout = setTimeout(work, Math.min(Math.max(0, Math.ceil(wait)), LONGEST_WAIT))
  }

  cancel(): void {
    clearTimeout(this.#timeout)
  }

  /** In Node.js a held alarm keeps the process from ending. */
  hold(on: boolean): void {
    if (typeof this.#timeout !== 'object') return
    if (on) this.#timeout.ref()
    else this.#timeout.unref()
  }
}

/** A message to oneself is the shortest macrotask that a browser has. */
function macrotasks(): (work: () => void) => void {
  const { port1, port2 } = new MessageChannel()
  const waiting: (() => void)[] = []
  port1.onmessage = () => waiting.shift()?.()
  return work => {
    waiting.push(work)
    port2.postMessage(undefined)
  }
}
