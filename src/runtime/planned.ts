import type { MissedTicks } from '../core/effect.ts'
import type { EngineID } from '../core/engine-id.ts'
import type { EngineFamily } from '../core/engine.ts'
import type { Policy } from '../core/supervision.ts'
import type { MailboxID } from '../core/trigger.ts'

/** A `ReplyTo` as the runtime reads it. */
export interface ReplyAddress { readonly sender: EngineID; readonly id: number }
/** What a step sends, beside tells, which are envelopes already. */
export type Outgoing =
  | { readonly kind: 'answer'; readonly response: unknown }
  | { readonly kind: 'late-answer'; readonly response: unknown; readonly to: ReplyAddress }
  | { readonly kind: 'emit'; readonly event: unknown }
  | { readonly kind: 'forward'; readonly to: EngineID; readonly mailbox: MailboxID }
  | { readonly kind: 'request'; readonly to: EngineID; readonly mailbox: MailboxID; readonly msg: unknown; readonly key: string; readonly deadline: number | undefined }

export interface Spawning { readonly family: EngineFamily; readonly as: EngineID; readonly n: number; readonly config: unknown; readonly policy: Policy }
export interface Granting { readonly effect: 'grant' | 'revoke'; readonly child: EngineID; readonly acquaintance: EngineID }
/** What comes back to the engine as a signal. */
export type Starting =
  | { readonly effect: 'watch'; readonly engine: EngineID }
  | { readonly effect: 'timer'; readonly handle: string; readonly after: number; readonly every: number | undefined; readonly missed: MissedTicks }
  | { readonly effect: 'cancel'; readonly handle: string }
export interface TaskStart { readonly name: string; readonly key: string; readonly input: unknown; readonly deadline: number | undefined }
