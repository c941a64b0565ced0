import type { Policy } from '../core/supervision.ts'
import type { EndReason } from '../core/trigger.ts'
import type { EngineInstance } from './instance.ts'
import type { EngineRecord } from './engine-record.ts'
import type { Pending } from './pending.ts'
import type { Restart } from './restart.ts'
import type { StoredEngine } from './stored-engine.ts'
import type { TaskRun } from './tasks.ts'
import type { Elapsing } from './timers.ts'

/** What an engine has only at times: kept apart, since most engines have none of it, and there may be many. */
export class Affairs {
  children: Set<EngineInstance> | undefined = undefined
  /** The highest number that a child was given. */
  lastChild = -1
  watchers: Set<EngineInstance> | undefined = undefined
  watching: Set<EngineInstance> | undefined = undefined
  /** Its own requests, by key. */
  asks: Map<string, Pending> | undefined = undefined
  timers: Map<string, Elapsing> | undefined = undefined
  tasks: Map<string, TaskRun> | undefined = undefined
  /** Work outside of steps that has not come to its end: task handlers, an acquire. */
  running: Set<Promise<unknown>> | undefined = undefined
  /** Aborts an acquire when the engine stops. */
  acquiring: AbortController | undefined = undefined
  resource: unknown = undefined
  /** What its task handlers get, services and resource; its services, while this is absent. */
  live: object | undefined = undefined
  /** What its family keeps with mailboxes, by MailboxID, once a step has changed it. */
  mailboxStates: unknown[] | undefined = undefined
  /** What its supervisor does when it crashes, if that is not what its parent's family says. */
  policy: Policy | undefined = undefined
  restarts = 0
  /** When it was restarted, as far back as its policy looks. */
  restartTimes: readonly number[] = []
  /** What it waits for while it restarts. */
  restart: Restart | undefined = undefined
  /** Whether nothing is left of its last life, while it restarts. */
  isDown = false
  /** What it crashed with, or could not release, until its new life begins. */
  failure: unknown = undefined
  /** Why it ends, once it does. */
  ending: { readonly reason: EndReason; readonly error: unknown } | undefined = undefined
  /** What is stored of it, if it is durable and its node has a store. */
  record: EngineRecord | undefined = undefined
  /** Whether it takes no step until what it has committed is stored: it crashed, or is about to stop. */
  isHalted = false
  /** Whether it ends because a rule said so: then what is stored of it goes with it. */
  isForgotten = false
  /** What its next life begins with, if it is durable and has had one. */
  kept: object | undefined = undefined
  /** What an earlier life of its node left to be done, until it has started. */
  left: StoredEngine | undefined = undefined
  onEnded: (() => void)[] | undefined = undefined
}

/** The affairs of all who have none. */
export const NONE: Readonly<Affairs> = Object.freeze(new Affairs())
