import type { Deadlines } from './deadlines.ts'
import type { Delivery, DeliveryParts } from './delivery.ts'
import { Envelope } from './envelope.ts'
import type { EngineInstance } from './instance.ts'
import type { Scheduler } from './scheduler.ts'
import type { StoredEngine } from './stored-engine.ts'
import type { Tasks } from './tasks.ts'
import { Elapsing } from './timers.ts'

/** Takes up what an earlier life of an engine left: its messages, and then its open requests, tasks and timers. */
export class Resumption {
  readonly #deadlines: Deadlines
  readonly #delivery: Delivery
  readonly #scheduler: Scheduler
  readonly #tasks: Tasks

  constructor({ deadlines, scheduler }: DeliveryParts, delivery: Delivery, tasks: Tasks) {
    this.#deadlines = deadlines
    this.#delivery = delivery
    this.#scheduler = scheduler
    this.#tasks = tasks
  }

  /** What comes of it stands behind the engine's first step, which begins its life. */
  resume(instance: EngineInstance, { asks, tasks, timers }: StoredEngine): void {
    for (const key of asks) this.#fail(instance, key)
    const runs = tasks.map(({ name, key, input, deadline }) => this.#tasks.create(instance, name, key, input, deadline))
    if (runs.length > 0) this.#delivery.signal(instance, { on: 'resumed', runs })
    const now = this.#scheduler.refresh()
    for (const { handle, due, every, missed } of timers) this.#set(new Elapsing(instance, handle, due, every, missed, this.#delivery.onElapse), now)
  }

  /** Delivers what was stored for an engine, and then what waited for it in this life of its node, before anything else comes. */
  deliver(instance: EngineInstance, { messages, record }: StoredEngine, waiting: readonly Envelope[]): void {
    const known = record.messages.numbers
    for (const { id, sender, from, mailbox, msg } of messages) {
      if (known.has(id)) continue
      // Its parent, and itself, are known by who they are, and not by name.
      const envelope = new Envelope('message', sender, this.#delivery.find(from) ?? { id: from }, instance.id, mailbox, msg, undefined)
      record.messages.hold(envelope, id)
      this.#delivery.takeIn(envelope)
    }
    for (const envelope of waiting) this.#delivery.admit(envelope)
  }

  /** Nobody knows what became of a request: whoever was to answer it does not remember who asked. */
  #fail(instance: EngineInstance, key: string): void {
    const pending = this.#delivery.expect({ principal: instance, key, engine: instance })
    const asks = instance.own.asks ??= new Map()
    asks.set(key, pending)
    this.#delivery.fail(pending, 'aborted', 'the node was restarted')
  }

  #forgo({ engine: { record }, handle }: Elapsing): void {
    if (record !== undefined) this.#delivery.durability?.forgo(record, { ended: ['timer', handle] })
  }

  #set(timer: Elapsing, now: number): void {
    if (timer.due <= now && timer.missed === 'skip') {
      // One that runs out once is not heard of any more.
      if (!timer.goOn(now)) return this.#forgo(timer)
    }
    const timers = timer.engine.own.timers ??= new Map()
    timers.set(timer.handle, timer)
    this.#deadlines.set(timer, now, Math.max(0, timer.due - now))
  }
}
