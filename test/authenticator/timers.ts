/** Time for the authenticator, so that a test can hold it. */
export interface Timers {
  /** Milliseconds from some beginning. */
  now(): number
  /** Does `work` once, `ms` milliseconds later, unless what it answers is called before. */
  after(ms: number, work: () => void): () => void
}

/** None of them keeps a process alive. */
export const realTimers: Timers = {
  now: () => performance.now(),
  after(ms, work) {
    const timer = setTimeout(work, ms).unref()
    return () => clearTimeout(timer)
  },
}
