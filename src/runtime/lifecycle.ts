import { freezeData, isRecord } from '../core/data.ts'
import { addressOf } from '../core/engine-id.ts'
import type { EngineID, NodeID } from '../core/engine-id.ts'
import type { EngineFamily } from '../core/engine.ts'
import { Fault } from '../core/errors.ts'
import { isPromise } from '../core/promise.ts'
import type { Policy } from '../core/supervision.ts'
import type { EndReason } from '../core/trigger.ts'
import { Expiry } from './deadlines.ts'
import type { Deadlines } from './deadlines.ts'
import type { Delivery, DeliveryParts } from './delivery.ts'
import type { EngineRecord } from './engine-record.ts'
import type { Envelope } from './envelope.ts'
import { environmentOf } from './first-environment.ts'
import { EngineInstance, NOTHING } from './instance.ts'
import type { Observation } from './observation.ts'
import type { Pending } from './pending.ts'
import { affectedBy, judge, Restart } from './restart.ts'
import { Resumption } from './resumption.ts'
import type { Scheduler } from './scheduler.ts'
import type { StoredEngine } from './stored-engine.ts'
import type { Tasks } from './tasks.ts'

interface Patience {
  /** Milliseconds that an engine's `acquire` may take. */
  readonly startDeadline: number
  /** Milliseconds that a stopping engine waits for its tasks, and then for its `release`. */
  readonly releaseDeadline: number
}

/** What the host is told of the engines it spawned. */
interface RootEvents {
  /** It runs, or it won't: then `error` says why. Told each time it starts, and when it ends. */
  started(instance: EngineInstance, error: unknown): void
  /** `isGone` unless something of it is stored, by which it can be resumed. */
  ended(instance: EngineInstance, isGone: boolean): void
}

/**
 * Spawns, starts, restarts and stops engines. Children stop before their parent; a resource is released when nothing uses it any more.
 * An engine goes down in the same way whether it restarts or ends: what differs is what its mailbox keeps, and what comes after.
 */
export class Lifecycle {
  readonly #node: NodeID
  readonly #deadlines: Deadlines
  readonly #delivery: Delivery
  readonly #observation: Observation
  readonly #scheduler: Scheduler
  readonly #tasks: Tasks
  readonly #patience: Patience
  readonly #roots: RootEvents
  readonly #freeze: boolean
  readonly #resumption: Resumption

  /** `roots` hears of engines that the host spawned. */
  constructor(parts: DeliveryParts, delivery: Delivery, tasks: Tasks, patience: Patience, roots: RootEvents) {
    this.#node = parts.node
    this.#deadlines = parts.deadlines
    this.#observation = parts.observation
    this.#scheduler = parts.scheduler
    this.#freeze = parts.freeze
    this.#delivery = delivery
    this.#tasks = tasks
    this.#patience = patience
    this.#roots = roots
    this.#resumption = new Resumption(parts, delivery, tasks)
  }

  /** Registers an engine. It starts on its first turn, before any message. */
  spawn(
    name: string, family: EngineFamily, parent: EngineInstance | undefined, config: unknown, services: object, policy: Policy, record?: EngineRecord,
  ): EngineInstance {
    if (this.#freeze) freezeData(config)
    const instance = new EngineInstance(self => addressOf(this.#node, name, self), this.#delivery, family, parent, config, services)
    if (record !== undefined) instance.own.record = record
    if (policy !== instance.policy) instance.own.policy = policy
    this.#delivery.engines.set(name, instance)
    if (parent !== undefined) {
      const children = parent.own.children ??= new Set()
      children.add(instance)
    }
    if (this.#observation.isOn) {
      this.#observation.note(this.#scheduler.now(), {
        kind: 'spawned', engine: instance.id, family: family.id, ...(parent === undefined ? {} : { parent: parent.id }),
      })
    }
    this.#scheduler.add(instance)
    return instance
  }

  /** Begins a life: makes the environment and acquires the resource. */
  start(instance: EngineInstance): void {
    const { family, config, services } = instance
    instance.affairs.restart?.leave(instance)
    if (instance.affairs.isDown) instance.own.isDown = false
    if (instance.hasRun) this.#noteRestart(instance)
    try {
      const environment = environmentOf(instance)
      if (this.#freeze) freezeData(environment)
      // Its own code may have stopped it.
      if (!instance.accepts) return
      instance.environment = environment
      if (family.resource === undefined) return this.#started(instance)
      const attempt = instance.own.acquiring = new AbortController()
      this.#scheduler.lookSoon()
      const resource = family.resource.acquire(config, services, attempt.signal)
      if (isPromise(resource)) this.#acquire(instance, attempt, Promise.resolve(resource))
      else this.#acquired(instance, attempt, resource)
    } catch (error) {
      this.#failed(instance, error)
    }
  }

  #noteRestart(instance: EngineInstance): void {
    const { failure } = instance.affairs
    instance.own.restarts++
    instance.own.failure = undefined
    if (!this.#observation.isOn) return
    this.#observation.note(this.#scheduler.now(), {
      kind: 'restarted', engine: instance.id, restarts: instance.affairs.restarts, ...(failure === undefined ? {} : { error: failure }),
    })
  }

  #acquire(instance: EngineInstance, attempt: AbortController, resource: Promise<unknown>): void {
    // One that was given up has no say in the life that follows.
    const failed = (error: unknown) => { if (instance.affairs.acquiring === attempt) this.#failed(instance, error) }
    const patience = new Expiry(() => failed(new Fault('start-failed', `Its resource was not acquired in ${this.#patience.startDeadline} ms`)))
    const settled: Promise<void> = resource.then(value => this.#acquired(instance, attempt, value)).catch(failed).then(() => {
      this.#deadlines.cancel(patience)
      instance.affairs.running?.delete(settled)
    })
    // Its own code may have stopped it: then whatever comes of this is released with the rest of it, or let go.
    if (instance.affairs.acquiring === attempt) instance.own.running = new Set([settled])
    if (instance.status !== 'spawned') return
    instance.status = 'starting'
    this.#deadlines.set(patience, this.#scheduler.now(), this.#patience.startDeadline)
  }

  #acquired(instance: EngineInstance, attempt: AbortController, resource: unknown): void {
    if (instance.affairs.acquiring !== attempt) return this.#letGo(instance.family, resource, () => {})
    instance.own.resource = resource
    // The engine is going down: the resource is released with the rest of it, which waits for this.
    if (instance.status === 'stopping' || instance.status === 'restarting') return
    if (!isRecord(resource)) throw new Fault('invalid-definition', 'acquire must answer a plain object, such as { device }: its fields are handed to the tasks')
    instance.own.live = { ...instance.services, ...resource }
    this.#started(instance)
  }

  #started(instance: EngineInstance): void {
    instance.status = 'running'
    instance.hasRun = true
    if (instance.affairs.acquiring !== undefined) instance.own.acquiring = undefined
    const { record, parent } = instance
    const tell = () => { if (parent === undefined && instance.accepts) this.#roots.started(instance, undefined) }
    if (record === undefined) tell()
    else this.#delivery.durability?.begin(record, instance.environment, tell)
    if (instance.family.started !== undefined) this.#delivery.signal(instance, { on: 'started' }, true)
    if (instance.affairs.left !== undefined) this.#resume(instance, instance.affairs.left)
    if (instance.hasNext) this.#scheduler.add(instance)
  }

  /** Has an engine go on with what an earlier life of its node left. */
  #resume(instance: EngineInstance, left: StoredEngine): void {
    instance.own.left = undefined
    for (const child of left.children) {
      this.deliverStored(this.spawnStored(child.name, child, instance, child.config, instance.services, child.policy), child)
    }
    this.#resumption.resume(instance, left)
  }

  /** Registers an engine of which something is stored: it goes on where its last life ended. */
  spawnStored(name: string, stored: StoredEngine, parent: EngineInstance | undefined, config: unknown, services: object, policy: Policy): EngineInstance {
    const instance = this.spawn(name, stored.family, parent, config, services, policy, stored.record)
    instance.own.lastChild = stored.lastChild
    if (stored.environment !== undefined) instance.own.kept = stored.environment
    instance.own.left = stored
    for (const acquaintance of stored.acquaintances) instance.grant(acquaintance)
    return instance
  }

  /** Delivers what was stored for an engine that was just spawned, and then what waited for it. */
  deliverStored(instance: EngineInstance, stored: StoredEngine, waiting: readonly Envelope[] = []): void {
    this.#resumption.deliver(instance, stored, waiting)
  }

  /** What cannot start ends, unless it had been running: then its new life crashed as it began. */
  #failed(instance: EngineInstance, error: unknown): void {
    if (instance.hasRun) this.crash(instance, error)
    else this.end(instance, 'start-failed', error)
  }

  // ── crashing ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Deals with a crash as its supervisor has it. One that is going down already has crashed, or is told to end. */
  crash(instance: EngineInstance, error: unknown): void {
    if (!instance.accepts || instance.status === 'restarting') return
    const now = this.#scheduler.refresh()
    const verdict = judge(instance, now)
    if (verdict.crash === 'restart') {
      instance.own.failure = error
      return this.#restart(affectedBy(instance), now, verdict.delay)
    }
    const { parent } = instance
    this.end(instance, 'crashed', error)
    // One that is starting anew has answered already.
    if (verdict.crash !== 'escalate' || parent?.status !== 'running') return
    this.crash(parent, new Fault('child-crashed', `Its child ${instance.id.name} crashed, and its supervision escalates`, { cause: error }))
  }

  #restart(instances: readonly EngineInstance[], now: number, delay: number): void {
    const restart = new Restart(instances, this.#onTurn, this.#onRestarted)
    this.#deadlines.set(restart, now, restart.delay(now, delay))
    for (const instance of instances) {
      // What going down calls, such as a release, may have ended another of them.
      if (!instance.accepts || instance.status === 'restarting') continue
      instance.status = 'restarting'
      this.#forget(instance)
      this.#delivery.durability?.dropWork(instance)
      this.#forsake(instance)
      this.#goDown(instance)
    }
  }

  readonly #onTurn = (instance: EngineInstance): void => {
    instance.status = 'spawned'
    this.#scheduler.add(instance)
  }

  readonly #onRestarted = (restart: Restart): void => {
    this.#deadlines.cancel(restart)
  }

  /** Drops what waits for the life that is over. Messages wait for the next; of requests, those that it had begun to handle fail. */
  #forsake(instance: EngineInstance): void {
    for (const item of instance.takeAnswers()) if (item.kind === 'reply') this.#delivery.deadLetter(item, 'late-reply')
    const waiting = new Set<Pending>()
    for (const mailbox of instance.mailboxes) for (const item of mailbox) if (item.kind === 'message' && item.pending !== undefined) waiting.add(item.pending)
    for (let pending = instance.owed; pending !== undefined;) {
      const next = pending.nextOwed
      if (!waiting.has(pending)) this.#delivery.fail(pending, 'crashed', 'the engine crashed')
      pending = next
    }
  }

  // ── ending ───────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Ends an engine: from here on it takes nothing in, and whoever waits for it is told. Its children end, then what runs
   * outside of its steps, then its resource is released, then those who watch are told.
   */
  end(instance: EngineInstance, reason: EndReason, error?: unknown): void {
    if (!instance.accepts) return
    const isGoingDown = instance.status === 'restarting' && !instance.affairs.isDown
    instance.status = 'stopping'
    instance.own.ending = { reason, error: error ?? instance.affairs.failure }
    if (instance.parent === undefined) this.#roots.started(instance, error ?? new Fault('start-failed', 'It was stopped before it had started'))
    instance.affairs.restart?.leave(instance)
    this.#forget(instance)
    this.#refuseAll(instance, reason)
    if (isGoingDown) this.#stopChildren(instance)
    else this.#goDown(instance)
  }

  #stopChildren(instance: EngineInstance): void {
    const { isForgotten } = instance.affairs
    // A parent that begins a new life does so without them.
    for (const child of instance.affairs.children ?? []) this.stop(child, isForgotten || instance.status === 'restarting')
  }

  /** Ends an engine that was told to, and forgets what is stored of it, if that is told too. */
  stop(instance: EngineInstance, forgets: boolean): void {
    if (forgets && instance.record !== undefined && instance.status !== 'ended') instance.own.isForgotten = true
    this.end(instance, 'stopped')
  }

  /** Children first, then what runs outside of steps, then the resource. */
  #goDown(instance: EngineInstance): void {
    instance.affairs.acquiring?.abort()
    this.#tasks.abandon(instance)
    if (instance.status !== 'restarting' || !instance.family.keepsChildren) this.#stopChildren(instance)
    this.#afterChildren(instance, () => this.#settle(instance.affairs.running, () => this.#release(instance)))
  }

  #release(instance: EngineInstance): void {
    const { resource } = instance.affairs
    instance.own.resource = instance.own.acquiring = instance.own.running = undefined
    instance.own.live = undefined
    // One whose new life has not begun has none, and keeps that of the life before.
    if (instance.family.durable !== undefined && instance.hasRun && instance.environment !== NOTHING) instance.own.kept = instance.environment
    instance.environment = NOTHING
    const down = (error?: unknown) => {
      instance.own.isDown = true
      instance.own.failure ??= error
      if (instance.status === 'restarting') instance.affairs.restart?.wentDown(instance)
      // Children that it kept may have been told to end since.
      else this.#afterChildren(instance, () => this.#finish(instance))
    }
    if (resource === undefined) down()
    else this.#letGo(instance.family, resource, down)
  }

  /** Drops what the engine itself waits for. */
  #forget(instance: EngineInstance): void {
    for (const pending of instance.affairs.asks?.values() ?? []) if (pending.isOpen) this.#delivery.close(pending)
    instance.own.asks = undefined
    for (const timer of instance.affairs.timers?.values() ?? []) this.#deadlines.cancel(timer)
    instance.own.timers = undefined
    for (const watched of instance.affairs.watching ?? []) watched.affairs.watchers?.delete(instance)
    instance.own.watching = undefined
    this.#delivery.remote?.forget(instance)
  }

  /** Everyone who waits for an answer is told, and what waits in the mailbox is accounted for. */
  #refuseAll(instance: EngineInstance, reason: EndReason): void {
    const crashed = reason === 'crashed'
    while (instance.owed !== undefined) {
      this.#delivery.fail(instance.owed, crashed ? 'crashed' : 'stopped', crashed ? 'the engine crashed' : reason === 'start-failed' ? 'the engine could not start' : 'the engine stopped')
    }
    for (const item of instance.takeAll()) {
      if (item.kind !== 'signal') this.#delivery.deadLetter(item, reason === 'start-failed' ? 'start-failed' : 'stopped')
    }
  }

  /** Calls `next` when those of its children that were told to end have ended, also those that are told meanwhile. */
  #afterChildren(instance: EngineInstance, next: () => void): void {
    const children = Array.from(instance.affairs.children ?? []).filter(({ status }) => status === 'stopping')
    if (children.length === 0) return next()
    let left = children.length
    for (const child of children) (child.own.onEnded ??= []).push(() => { if (--left === 0) this.#afterChildren(instance, next) })
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

  #letGo(family: EngineFamily, resource: unknown, done: (error?: unknown) => void): void {
    if (family.resource?.release === undefined) return done()
    try {
      const released = family.resource.release(resource)
      if (!isPromise(released)) return done()
      let failure: unknown
      const watched = Promise.resolve(released).catch((error: unknown) => { failure = error })
      this.#settle(new Set([watched]), timedOut =>
        done(timedOut ? new Fault('backend-failed', `Its resource was not released in ${this.#patience.releaseDeadline} ms`) : failure))
    } catch (error) {
      done(error)
    }
  }

  #finish(instance: EngineInstance): void {
    const { reason, error = instance.affairs.failure } = instance.affairs.ending ?? { reason: 'stopped' as const }
    instance.status = 'ended'
    const { parent } = instance
    this.#delivery.durability?.end(instance)
    const { watchers, onEnded, record, isForgotten } = instance.affairs
    const isGone = record === undefined || isForgotten
    instance.forget()
    this.#delivery.engines.delete(instance.id.name)
    if (parent === undefined) this.#roots.ended(instance, isGone)
    else parent.affairs.children?.delete(instance)
    if (this.#observation.isOn) {
      this.#observation.note(this.#scheduler.now(), { kind: 'ended', engine: instance.id, reason, ...(error === undefined ? {} : { error }) })
    }
    // What observers are to be told, and deadlines that are no more: the process may have waited for them alone.
    this.#scheduler.wake()
    for (const watcher of watchers ?? []) {
      watcher.affairs.watching?.delete(instance)
      this.#delivery.signal(watcher, { on: 'terminated', engine: instance.id, reason })
    }
    this.#delivery.remote?.ended(instance, reason)
    for (const tell of onEnded ?? []) tell()
  }

  watch(watcher: EngineInstance, engine: EngineID): void {
    const target = this.#delivery.find(engine)
    if (target === undefined) {
      if (this.#delivery.remote !== undefined && !this.#delivery.isHere(engine)) return this.#delivery.remote.watch(watcher, engine)
      this.#delivery.signal(watcher, { on: 'terminated', engine, reason: this.#delivery.isHere(engine) ? 'stopped' : 'unreachable' })
      return
    }
    const watchers = target.own.watchers ??= new Set()
    watchers.add(watcher)
    const watching = watcher.own.watching ??= new Set()
    watching.add(target)
  }
}
