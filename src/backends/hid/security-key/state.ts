import type { Refusal } from '../../../core/errors.ts'
import { refuse } from '../../../core/protocol.ts'
import type { ResponseOf } from '../../../core/protocol.ts'
import type { ReplyTo } from '../../../core/trigger.ts'
import type { OutcomeCode, Outcome, Presence } from '../ceremony.ts'
import type { SecurityKeyProtocol } from './messages.ts'

/** A request that is owed an answer. */
export interface Waiting {
  readonly ceremony: string
  readonly to: ReplyTo<ResponseOf<SecurityKeyProtocol, 'PerformRequest'>>
}

export interface KeyContext {
  readonly patience: number
  readonly limit: number
  readonly capacity: number
  /** What was there when it was last looked. */
  readonly presence: Presence
  /** The request under way. */
  readonly current: Waiting | null
  /** The others, in the order of their arrival. */
  readonly queue: readonly Waiting[]
  /** Why the one under way is being ended; what came of it. */
  readonly outcome: Outcome
}

export type KeyEvent =
  | { readonly type: 'perform' } & Waiting
  | { readonly type: 'cancel'; readonly ceremony: string }
  | { readonly type: 'expire'; readonly ceremony: string }
  | { readonly type: 'look' }

export const NOBODY: Presence = { present: 0, usable: 0, locked: 0, problem: null }

// Why the engine itself refuses.
export const ABSENT = refuse('device-absent', 'No device was plugged in, or none that would do: plug it in and ask again')
export const BUSY = refuse('device-busy', 'Other requests came first and took too long: ask again')
export const CANCELLED = refuse('aborted', 'Whoever asked for this waits no more')
export const DENIED = refuse('denied', 'The person who was asked did not want it')
export const FAILED = refuse('backend-failed', 'The device could not be driven')
export const FULL = refuse('device-busy', 'Too many requests wait for the device: ask again when some are answered')
export const LOCKED = refuse('pin-locked', 'The device takes no PIN any more: unplug it and plug it in again. If that does not help, only a reset does, which erases it')
export const OVERDUE = refuse('unanswered', 'The device did not come to an end in time, and was told to stop')
export const UNANSWERED = refuse('unanswered', 'Nobody answered in time: ask again, and touch the device or enter its PIN when asked')

/** The one in the queue that an event is about. */
export function waiting({ queue }: KeyContext, event: { readonly type: string; readonly ceremony?: string }): Waiting | undefined {
  return queue.find(({ ceremony }) => ceremony === event.ceremony)
}

/** Why one that waited too long did. */
export function lateness({ presence }: KeyContext): Refusal<OutcomeCode> {
  return presence.usable === 0 ? ABSENT : BUSY
}
