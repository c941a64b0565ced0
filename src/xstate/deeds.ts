import type { EventObject, ExecutableActionObject } from 'xstate'
import { cancel, emit, task, timer } from '../core/effect.ts'
import { INLINE, delayOf, insteadOf, notHosted } from './refusals.ts'
import type { Deed, Waits } from './state.ts'

export const NO_WAITS: Waits = { tasks: {}, invoked: {}, timers: {}, cancellable: {}, count: 0 }

/** The machine's own lists, as far as its actions are judged by them. */
export interface Declared {
  /** The implementations of named actions. */
  readonly actions: { readonly [name: string]: unknown }
  readonly invocations: ReadonlySet<string>
  readonly deadlines: { readonly [task: string]: number | undefined }
}

/** Gathers what a transition wants done, in order, and what the machine waits for after it. */
export class Gathering {
  readonly deeds: Deed[] = []
  /** The actors that XState made for invocations in this transition. */
  readonly invoked = new Set<unknown>()
  readonly #declared: Declared
  #waits: Waits

  constructor(waits: Waits, declared: Declared) {
    this.#waits = waits
    this.#declared = declared
  }

  get waits(): Waits {
    return this.#waits
  }

  add({ type, params, info, exec }: ExecutableActionObject): void {
    switch (type) {
      case 'xstate.raise':
        return this.#raise(fieldsOf(params))
      case 'xstate.cancel':
        return this.#cancel(String(fieldsOf(params).sendId))
      case 'xstate.emit':
        this.deeds.push(emit(Object(fieldsOf(params).event)))
        return
      case 'xstate.spawnChild':
        return this.#invoke(fieldsOf(params))
      case 'xstate.stopChild':
        return this.#leave(fieldsOf(params).id)
    }
    if (type.startsWith('xstate.')) throw notHosted(insteadOf({ type }))
    if (exec !== undefined && exec !== this.#declared.actions[type]) throw notHosted(INLINE)
    this.deeds.push({ action: type, params, event: info.event, context: info.context })
  }

  /** The timer has run out: nothing can cancel it any more. */
  elapsed(handle: string): EventObject | undefined {
    const timer = this.#waits.timers[handle]
    if (timer === undefined) return undefined
    this.#waits = { ...this.#waits, timers: without(this.#waits.timers, handle), cancellable: without(this.#waits.cancellable, timer.id) }
    return timer.event
  }

  /** The task has ended. Answers its invocation, if it is still heard of. */
  ended(key: string): string | undefined {
    const id = this.#waits.tasks[key]
    if (id !== undefined) this.#waits = { ...this.#waits, tasks: without(this.#waits.tasks, key) }
    return id
  }

  /** Ends all timers, and hears no task any more. */
  end(): void {
    for (const handle of Object.keys(this.#waits.timers)) this.deeds.push(cancel(handle))
    this.#waits = { ...NO_WAITS, count: this.#waits.count }
  }

  #raise({ event, delay, id: given }: Fields): void {
    // Without a delay the machine has taken it already.
    if (typeof delay !== 'number') return
    if (Number.isNaN(delay) || delay === Infinity) throw notHosted(delayOf(delay))
    const { timers, cancellable, count } = this.#waits
    const id = given === undefined ? `#${count}` : String(given)
    // As with XState, one that is set under the same id leaves the earlier one running.
    const handle = timers[`after/${id}`] === undefined ? `after/${id}` : `after/${id}#${count}`
    // What should have happened already happens at once.
    this.deeds.push(timer(handle, { after: Math.max(0, delay) }))
    this.#waits = {
      ...this.#waits, timers: { ...timers, [handle]: { id, event: eventOf(event) } }, cancellable: { ...cancellable, [id]: handle }, count: count + 1,
    }
  }

  #cancel(id: string): void {
    const handle = ownField(this.#waits.cancellable, id)
    if (handle === undefined) return
    this.deeds.push(cancel(handle))
    this.#waits = { ...this.#waits, timers: without(this.#waits.timers, handle), cancellable: without(this.#waits.cancellable, id) }
  }

  #invoke({ id, src, input, actorRef }: Fields): void {
    const { tasks, invoked, count } = this.#waits
    if (typeof id !== 'string' || typeof src !== 'string' || !this.#declared.invocations.has(id)) throw notHosted(insteadOf({ type: 'xstate.spawnChild' }))
    const key = `${id}/${count}`
    const deadline = this.#declared.deadlines[src]
    this.invoked.add(actorRef)
    this.deeds.push(task(src, input, deadline === undefined ? { key } : { key, deadline }))
    this.#waits = { ...this.#waits, tasks: { ...tasks, [key]: id }, invoked: { ...invoked, [id]: key }, count: count + 1 }
  }

  #leave(id: unknown): void {
    const key = typeof id === 'string' ? ownField(this.#waits.invoked, id) : undefined
    if (typeof id !== 'string' || key === undefined) return
    // One that this very transition invoked has not begun, and does not.
    const begun = this.deeds.findIndex(deed => 'key' in deed && deed.key === key)
    if (begun >= 0) this.deeds.splice(begun, 1)
    this.#waits = { ...this.#waits, tasks: without(this.#waits.tasks, key), invoked: without(this.#waits.invoked, id) }
  }
}

interface Fields {
  readonly event?: unknown
  readonly delay?: unknown
  readonly id?: unknown
  readonly sendId?: unknown
  readonly src?: unknown
  readonly input?: unknown
  readonly actorRef?: unknown
}

function fieldsOf(params: unknown): Fields {
  return typeof params === 'object' && params !== null ? params : {}
}

function eventOf(event: unknown): EventObject {
  if (typeof event === 'object' && event !== null && 'type' in event && typeof event.type === 'string') return { ...event, type: event.type }
  throw notHosted('an event without a type')
}

function without<T>(record: { readonly [key: string]: T }, key: string): { readonly [key: string]: T } {
  if (!(key in record)) return record
  const { [key]: _gone, ...rest } = record
  return rest
}

/** What a record has under an id that its author chose: `toString` is no field of its own. */
function ownField<T>(record: { readonly [id: string]: T }, id: string): T | undefined {
  return Object.hasOwn(record, id) ? record[id] : undefined
}
