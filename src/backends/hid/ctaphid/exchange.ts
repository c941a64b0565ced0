export type { Clock } from '../../../core/clock.ts'

/** What a device says while it works: that it does, or that it waits for a touch (CTAPHID_KEEPALIVE; CTAP 2.1, section 11.2.9.2.1). */
export type KeepAlive = 'processing' | 'touch'

/** How one caller waits for a device. */
export interface Exchange {
  /** Ends the wait. The caller's promise rejects with its reason. */
  readonly signal: AbortSignal
  /** Hears of each keep-alive, about ten times a second. */
  readonly onKeepAlive?: (status: KeepAlive) => void
}
