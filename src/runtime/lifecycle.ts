import { assertData, freezeData, isRecord } from '../core/data.ts'
import { addressOf } from '../core/engine-id.ts'
import type { EngineID, NodeID } from '../core/engine-id.ts'
import type { EngineFamily } from '../core/engine.ts'
import { Fault } from '../core/errors.ts'
import { isPromise } from '../core/promise.ts'
import type { EndReason } from '../core/trigger.ts'
import { Deadline } from './deadlines.ts'
import type { Deadlines } from './deadlines.ts'
import type { Delivery, DeliveryParts } from './delivery.ts'
import { EngineInstance } from './instance.ts'
import type { Observation } from './observation.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tasks } from './tasks.ts'

interface Patience {
  /** Milliseconds that an engine's `acquire` may take. */
  readonly startDeadline: number
  /** Milliseconds that a stopping engine waits for its tasks, and then for its `release`. */
  readonly releaseDeadline: number
}

/** Spawns, starts and stops engines. Children stop before their parent; a resource is released when nothing uses it any more. */
export class Lifecycle {
  readonly #node: NodeID
  readonly #deadlines: Deadlines
  readonly #delivery: Delivery
  readonly #observation: Observation
  readonly #scheduler: Scheduler
  readonly #tasks: Tasks
  readonly #patience: Patience
  readonly #freeze: boolean

  constructor(parts: DeliveryParts, delivery: Delivery, tasks: Tasks, patience: Patience) {
    this.#node = parts.node
    this.#deadlines = parts.deadlines
    this.#observation = parts.observation
    this.#scheduler = parts.scheduler
    this.#freeze = parts.freeze
    this.#delivery = delivery
    this.#tasks = tasks
    this.#patience = patience
  }

  /** Registers an engine. It starts on its first turn, before any message. */
  spawn(name: string, family: EngineFamily, parent: EngineInstance | undefined, config: unknown, services: object): EngineInstance {
    const instance = new EngineInstance(self => addressOf(this.#node, name, self), this.#delivery, family, parent, config, services)
    this.#delivery.engines.set(name, instance)
    if (parent !== undefined) {
      parent.children ??= new Set()
      parent.children.add(instance)
    }
    if (this.#observation.isOn) {
      this.#observation.note(this.#scheduler.now(), {
        kind: 'spawned', engine: instance.id, family: family.id, ...(parent === undefined ? {} : { parent: parent.id }),
      })
    }
    this.#scheduler.add(instance)
    return instance
  }

  /** Makes the environment and acquires the resource. */
  start(instance: EngineInstance): void {
    const { family, config, services } = instance
    try {
      const environment = family.environment(config)
      if (typeof environment !== 'object' || environment === null) throw new Fault('invalid-definition', 'The first environment must be an object')
      assertData(environment, 'the first environment')
      if (this.#freeze) freezeData(environment)
      instance.environment = environment
      if (family.resource === undefined) return this.#started(instance)
      instance.acquiring = new AbortController()
      this.#scheduler.lookSoon()
      const resource = family.resource.acquire(config, services, instance.acquiring.signal)
      if (isPromise(resource)) this.#acquire(instance, Promise.resolve(resource))
      else this.#acquired(instance, resource)
    } catch (error) {
      this.end(instance, 'start-failed', error)
    }
  }

  #acquire(instance: EngineInstance, resource: Promise<unknown>): void {
    instance.status = 'starting'
    const patience = new Expiry(() => this.end(instance, 'start-failed', new Fault('start-failed', `Its resource was not acquired in ${this.#patience.startDeadline} ms`)))
    this.#deadlines.set(patience, this.#scheduler.now(), this.#patience.startDeadline)
    const settled: Promise<void> = resource.then(value => this.#acquired(instance, value)).catch(
      (error: unknown) => this.end(instance, 'start-failed', error),
    ).then(() => {
      this.#deadlines.cancel(patience)
      instance.running?.delete(settled)
    })
    instance.running = new Set([settled])
  }

  #acquired(instance: EngineInstance, resource: unknown): void {
    instance.resource = resource
    if (instance.status === 'ended') return this.#release(instance, true, () => {})
    // The engine is stopping: the resource is released with the rest of it, which waits for this.
    if (instance.status === 'stopping') return
    if (!isRecord(resource)) throw new Fault('invalid-definition', 'acquire must answer a plain object, such as { device }: its fields are handed to the tasks')
    instance.live = { ...instance.services, ...resource }
    this.#started(instance)
  }

  #started(instance: EngineInstance): void {
    instance.status = 'running'
    instance.acquiring = undefined
    instance.onStarted?.(undefined)
    instance.onStarted = undefined
    if (!instance.queue.isEmpty) this.#scheduler.add(instance)
  }

  /**
   * Ends an engine: from here on it takes nothing in, and whoever waits for it is told. Its children end, then what runs
   * outside of its steps, then its resource is released, then those who watch are told.
   */
  end(instance: EngineInstance, reason: EndReason, error?: unknown): void {
    if (!instance.accepts) return
    const didStart = instance.status === 'running'
    instance.status = 'stopping'
    instance.onStarted?.(error ?? new Fault('start-failed', 'It was stopped before it had started'))
    instance.onStarted = undefined
    this.#forget(instance)
    this.#refuseAll(instance, reason)
    instance.acquiring?.abort()
    this.#tasks.abandon(instance)
    for (const child of instance.children ?? []) this.end(child, 'stopped')
    const finish = (releaseError?: unknown) => this.#finish(instance, reason, error ?? releaseError)
    const release = () => this.#release(instance, didStart || instance.resource !== undefined, finish)
    this.#afterChildren(instance, () => this.#settle(instance.running, release))
  }

  /** Drops what the engine itself waits for. */
  #forget(instance: EngineInstance): void {
    for (const pending of instance.asks?.values() ?? []) if (pending.isOpen) this.#delivery.close(pending)
    instance.asks = undefined
    for (const timer of instance.timers?.values() ?? []) this.#deadlines.cancel(timer)
    instance.timers = undefined
    for (const watched of instance.watching ?? []) watched.watchers?.delete(instance)
    instance.watching = undefined
    this.#delivery.remote?.forget(instance)
  }

  /** Everyone who waits for an answer is told, and what waits in the mailbox is accounted for. */
  #refuseAll(instance: EngineInstance, reason: EndReason): void {
    const crashed = reason === 'crashed'
    while (instance.owed !== undefined) {
      this.#delivery.fail(instance.owed, crashed ? 'crashed' : 'stopped', crashed ? 'the engine crashed' : reason === 'start-failed' ? 'the engine could not start' : 'the engine stopped')
    }
    for (let item = instance.queue.shift(); item !== undefined; item = instance.queue.shift()) {
      if (item.kind !== 'signal') this.#delivery.deadLetter(item, instance.id, reason === 'start-failed' ? 'start-failed' : 'stopped')
    }
    instance.waiting = 0
  }

  #afterChildren(instance: EngineInstance, next: () => void): void {
    const children = [...instance.children ?? []]
    if (children.length === 0) return next()
    let left = children.length
    for (const child of children) (child.onEnded ??= []).push(() => { if (--left === 0) next() })
  }

  /** Calls `next` when all have settled, or when patience ends. At once if there is nothing to wait for. */
  #settle(running: ReadonlySet<Promise<unknown>> | undefined, next: (timedOut: boolean) => void): void {
    if (running === undefined || running.size === 0) return next(false)
    let isOver = false
    const go = (timedOut: boolean) => {
      if (isOver) return
      isOver = true
      this.#deadlines.cancel(patience)
      next(timedOut)
    }
    const patience = new Expiry(() => go(true))
    this.#deadlines.set(patience, this.#scheduler.now(), this.#patience.releaseDeadline)
    void Promise.allSettled(running).then(() => go(false))
  }

  #release(instance: EngineInstance, hasResource: boolean, finish: (error?: unknown) => void): void {
    const { resource, family } = instance
    instance.resource = undefined
    instance.live = {}
    if (!hasResource || family.resource?.release === undefined) return finish()
    try {
      const released = family.resource.release(resource)
      if (!isPromise(released)) return finish()
      let failure: unknown
      const watched = Promise.resolve(released).catch((error: unknown) => { failure = error })
      this.#settle(new Set([watched]), timedOut =>
        finish(timedOut ? new Fault('backend-failed', `Its resource was not released in ${this.#patience.releaseDeadline} ms`) : failure))
    } catch (error) {
      finish(error)
    }
  }

  #finish(instance: EngineInstance, reason: EndReason, error: unknown): void {
    instance.status = 'ended'
    // An EngineID leads here for as long as anybody holds it.
    instance.environment = {}
    instance.acquaintances = instance.children = undefined
    this.#delivery.engines.delete(instance.id.name)
    instance.parent?.children?.delete(instance)
    if (this.#observation.isOn) {
      this.#observation.note(this.#scheduler.now(), { kind: 'ended', engine: instance.id, reason, ...(error === undefined ? {} : { error }) })
    }
    // What observers are to be told, and deadlines that are no more: the process may have waited for them alone.
    this.#scheduler.wake()
    for (const watcher of instance.watchers ?? []) {
      watcher.watching?.delete(instance)
      this.#delivery.signal(watcher, { on: 'terminated', engine: instance.id, reason })
    }
    instance.watchers = undefined
    this.#delivery.remote?.ended(instance, reason)
    for (const tell of instance.onEnded ?? []) tell()
    instance.onEnded = undefined
  }

  watch(watcher: EngineInstance, engine: EngineID): void {
    const target = this.#delivery.find(engine)
    if (target === undefined) {
      if (this.#delivery.remote !== undefined && !this.#delivery.isHere(engine)) return this.#delivery.remote.watch(watcher, engine)
      this.#delivery.signal(watcher, { on: 'terminated', engine, reason: this.#delivery.isHere(engine) ? 'stopped' : 'unreachable' })
      return
    }
    target.watchers ??= new Set()
    target.watchers.add(watcher)
    watcher.watching ??= new Set()
    watcher.watching.add(target)
  }
}

class Expiry extends Deadline {
  readonly #act: () => void

  constructor(act: () => void) {
    super()
    this.#act = act
  }

  override elapse(): void {
    this.#act()
  }
}
