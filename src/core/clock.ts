/**
 * All that the runtime takes from the machine. One adapter serves platforms (`runtime/platform.ts`), the seeded one serves
 * tests (`simulation/`); nothing else in the library reads a clock or sets a timer.
 */
export interface Host {
  /** Milliseconds since the Unix epoch, never running backwards while the process lives. */
  now(): number
  /** About now, without a look at the clock: its time is that of the next look, or of its being read if that is sooner. Absent: looks cost nothing. */
  moment?(): Moment
  /** Runs `work` as soon as the current call returns: a microtask. */
  soon(work: () => void): void
  /** Runs `work` after the event loop has had a turn for input and timers: a macrotask. */
  later(work: () => void): void
  /** Runs `work` about when {@link Host.now} reaches `time`; perhaps early. */
  wake(time: number, work: () => void): Wake
  /** How many milliseconds of engine steps may run before the event loop gets its turn. */
  readonly slice: number
  /** How many steps one engine may run in a row. */
  readonly turn: number
  /** How many steps may pass between two looks at the clock, while they are quick. */
  readonly look: number
  /** Which of `count` ready engines runs next, by position in order of readiness. Absent: the first. */
  choose?(count: number): number
  /** Tells the process of an error that no caller can be told of: one thrown by an observer. */
  report(error: unknown): void
}

/** What is used of it by those who only wait. */
export type Clock = Pick<Host, 'now' | 'wake'>

/** A time that may not have been read yet, in milliseconds since the Unix epoch. */
export interface Moment {
  readonly time: number
}

export interface Wake {
  cancel(): void
  /** Whether the process should stay alive for it. At first it should. */
  hold(on: boolean): void
}
