import type { Host } from '../core/clock.ts'
import type { EngineID, NodeID } from '../core/engine-id.ts'
import { copyData, freezeData } from '../core/data.ts'
import type { Rewrite } from '../core/schema-walk.ts'
import type { EndReason } from '../core/trigger.ts'

/** Why a message was not handled. */
export type DeadLetterReason =
  /** Its asker stopped waiting before it was handled. */
  | 'abandoned'
  /** The step that handled it crashed. */
  | 'crashed'
  /** A reply to a request that has been answered, or has failed. */
  | 'late-reply'
  /** Lost to a mailbox whose overflow is `drop-oldest` or `drop-newest`. */
  | 'dropped'
  /** As many messages waited as the `capacity` of the mailbox allows. */
  | 'mailbox-full'
  /** Its target has no mailbox of that number. */
  | 'no-mailbox'
  /** From another node, and it does not fit its target's protocol; or for another, and it holds what cannot travel. */
  | 'malformed'
  /** Its target does not accept from its sender, or no longer did when its turn came. */
  | 'not-acquainted'
  /** A reply by an engine that was not the one to give it, or to a message that asked for none. */
  | 'not-asked'
  /** As many messages waited for a link to its target's node as the node's `outbox` allows. */
  | 'outbox-full'
  /** No such engine, or it has stopped. */
  | 'stopped'
  /** Its engine could not start. */
  | 'start-failed'
  /** For another node, and longer than a frame may be. */
  | 'too-large'
  /** No rule wanted it. */
  | 'unhandled'
  /** Its target is on another node, and there is no way there. */
  | 'unreachable'

interface Event {
  /** Counts the events of a node from 1, while anybody observes. */
  readonly step: number
  /** Milliseconds since the Unix epoch. */
  readonly time: number
}

/** A message that entered a mailbox, or a response that was given or reached its asker. `sensitive` fields are redacted. */
export interface ObservedMessage extends Event {
  readonly kind: 'message'
  readonly sender: EngineID
  readonly target: EngineID
  /** The message's name; a response is named after its request, and "" when that came from an engine of another node. */
  readonly name: string
  /** Of a request, the number its response names as `inReplyTo`; otherwise 0. */
  readonly id: number
  readonly inReplyTo: number
  /** `{}` when its protocol is not known here. */
  readonly msg: unknown
}

/** A message that was not handled. `sensitive` fields are redacted; of one whose protocol is not known, `msg` is `{}`. */
export interface ObservedDeadLetter extends Event {
  readonly kind: 'dead-letter'
  readonly sender: EngineID
  readonly target: EngineID
  /** The message's name; of a reply, one after its request's. "" when it is not known. */
  readonly name: string
  readonly reason: DeadLetterReason
  readonly msg: unknown
  /** What the step crashed with. */
  readonly error?: unknown
}

/** An engine was spawned. It has not started yet, and may fail to. */
export interface ObservedSpawn extends Event {
  readonly kind: 'spawned'
  readonly engine: EngineID
  /** Absent for an engine that the host spawned. */
  readonly parent?: EngineID
  /** The family's `id`. */
  readonly family: string
}

/**
 * A new life of an engine begins: its environment is made and its resource acquired anew. What goes wrong with that is another crash,
 * seen in the next of these events, or in its end.
 */
export interface ObservedRestart extends Event {
  readonly kind: 'restarted'
  readonly engine: EngineID
  /** How often it has, this time included. */
  readonly restarts: number
  /** What it crashed with, or could not release. Absent when it restarts on account of another. */
  readonly error?: unknown
}

/** An engine ended: its children have, its resource is released or was waited for in vain. */
export interface ObservedEnd extends Event {
  readonly kind: 'ended'
  readonly engine: EngineID
  readonly reason: EndReason
  /** What it crashed with, could not start for, or could not release. */
  readonly error?: unknown
}

/** A step was committed. */
export interface ObservedStep extends Event {
  readonly kind: 'step'
  readonly engine: EngineID
  /** What was handled: a message, the end of a request of its own, of a task, of a timer, of an engine it watches; or its own start. */
  readonly on: 'message' | 'answer' | 'outcome' | 'timer' | 'terminated' | 'started'
  /** The message's name, the request's key, the task's name, the timer's handle, the engine's name; "" for the start. */
  readonly trigger: string
  /** The key under which the message was put off: then it was not handled. */
  readonly deferred?: string
  /** The names of the functions that decided: guards that were consulted and actions that ran, in order. */
  readonly rules: readonly string[]
}

/** What a step told observers, by the effect `emit`. Nothing in it is redacted. */
export interface ObservedEmission extends Event {
  readonly kind: 'emitted'
  readonly engine: EngineID
  readonly event: unknown
}

/** What became of the way to another node. */
export interface ObservedLink extends Event {
  readonly kind: 'link'
  readonly peer: NodeID
  /**
   * `open`: there is a link, one that was dialed here or there, and the other node has said who it is. `lost`: there was one, and both
   * directions are given up. `unreachable`: none could be had.
   */
  readonly state: 'open' | 'lost' | 'unreachable'
  /** The boot epoch of the other node, while it is known. */
  readonly boot?: string
  /** Why, unless it is open. */
  readonly reason?: string
}

/** What observers hear of, told apart by `kind`. The event is frozen, and shared by all observers. */
export type Observed = ObservedMessage | ObservedStep | ObservedEmission | ObservedDeadLetter | ObservedSpawn | ObservedRestart | ObservedEnd | ObservedLink
/** Called between steps, with one event at a time, in the order things happened. What it answers is not looked at. */
export type Observer = (event: Observed) => void

export type Unnumbered<E> = E extends Event ? Omit<E, keyof Event> : never

/** Gathers what a step did and tells observers after its commit, in order. Costs one comparison while nobody listens. */
export class Observation {
  readonly #host: Host
  readonly #observers = new Set<Observer>()
  #events: Observed[] = []
  #count = 0
  /** Whether somebody listens. */
  isOn = false

  constructor(host: Host) {
    this.#host = host
  }

  add(observer: Observer): () => void {
    // A wrapper, so that the same function may listen twice and each subscription ends by itself.
    const own: Observer = event => observer(event)
    this.#observers.add(own)
    this.isOn = true
    return () => {
      this.#observers.delete(own)
      this.isOn = this.#observers.size > 0
    }
  }

  note(time: number, event: Unnumbered<Observed>): void {
    this.#events.push(Object.freeze({ ...event, step: ++this.#count, time }))
  }

  /** Whether there is something to tell. */
  get isWaiting(): boolean {
    return this.#events.length > 0
  }

  /**
   * Tells what was noted. Called between steps. What observers cause waits for the next call, so that one that answers each
   * event with a message holds nothing up.
   */
  flush(): void {
    const events = this.#events
    if (events.length === 0) return
    this.#events = []
    for (const event of events) for (const observer of this.#observers) this.#tell(observer, event)
  }

  #tell(observer: Observer, event: Observed): void {
    try {
      observer(event)
    } catch (error) {
      this.#host.report(error)
    }
  }
}

/** Redacts nothing. */
export const SHOWN: { readonly redact: Rewrite } = { redact: undefined }

/** What observers may see of a message: a copy, redacted. One whose protocol is not known is not shown at all. */
export function visible(msg: unknown, entry: { readonly redact: Rewrite } | undefined): unknown {
  if (entry === undefined) return {}
  try {
    const seen = copyData(entry.redact === undefined ? msg : entry.redact(msg), 'a message')
    freezeData(seen)
    return seen
  } catch {
    // Bytes may have been transferred since they were checked; that is no reason to break a step half-way.
    return {}
  }
}
