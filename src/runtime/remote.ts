import type { EngineID } from '../core/engine-id.ts'
import type { EndReason } from '../core/trigger.ts'
import type { Envelope } from './envelope.ts'
import type { EngineInstance } from './instance.ts'
import type { Pending } from './pending.ts'

/** The way to other nodes, for those who deliver on this one. */
export interface Remote {
  /** Takes a message for an engine of another node. It is queued until it is handed to the transport, or a dead letter. */
  post(envelope: Envelope): void
  /** Tells `watcher` when that engine of another node ends, or can't be heard of any more. */
  watch(watcher: EngineInstance, engine: EngineID): void
  /** This engine has ended: tells those on other nodes who watch it. */
  ended(engine: EngineInstance, reason: EndReason): void
  /** Lets go of what this engine watches. */
  forget(watcher: EngineInstance): void
  /** The requests that wait for an answer from another node. A copy. */
  asks(): readonly Pending[]
}
