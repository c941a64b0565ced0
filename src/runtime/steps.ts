import { freezeData } from '../core/data.ts'
import type { EngineID } from '../core/engine-id.ts'
import { nameIn } from '../core/family.ts'
import type { RuleTree } from '../core/rule.ts'
import type { Deadlines } from './deadlines.ts'
import type { Delivery, DeliveryParts } from './delivery.ts'
import { Envelope } from './envelope.ts'
import type { SignalBody } from './envelope.ts'
import { evaluate, located } from './evaluation.ts'
import type { EngineFamily } from '../core/engine.ts'
import type { EngineInstance } from './instance.ts'
import type { Lifecycle } from './lifecycle.ts'
import { SHOWN, visible } from './observation.ts'
import type { Observation, ObservedStep, Unnumbered } from './observation.ts'
import { StepPlan } from './plan.ts'
import type { Outgoing, Starting } from './planned.ts'
import type { Pending } from './pending.ts'
import type { Change } from '../stores/store.ts'
import type { Durability } from './durability.ts'
import { timerRow } from './durability.ts'
import type { Deed, EngineRecord } from './engine-record.ts'
import type { HeldStep } from './held-step.ts'
import type { Scheduler } from './scheduler.ts'
import type { Tasks } from './tasks.ts'
import { Elapsing } from './timers.ts'

const NONE: readonly Change[] = []

/** Takes steps: one item of a mailbox, the rules for it, and their effects, all or none. */
export class Steps {
  readonly #deadlines: Deadlines
  readonly #delivery: Delivery
  readonly #lifecycle: Lifecycle
  readonly #observation: Observation
  readonly #scheduler: Scheduler
  readonly #tasks: Tasks
  readonly #freeze: boolean
  readonly #askDeadline: number
  readonly #durability: Durability | undefined
  /** What the step that is being taken will do. */
  readonly #plan: StepPlan
  /** Requests that were told, not asked, are numbered below zero: nobody waits for their answer, and none is another's, in any life of the node. */
  #lastUnasked = 0

  constructor(parts: DeliveryParts, delivery: Delivery, lifecycle: Lifecycle, tasks: Tasks, askDeadline: number, assertMayHost: (family: EngineFamily) => void) {
    this.#deadlines = parts.deadlines
    this.#observation = parts.observation
    this.#scheduler = parts.scheduler
    this.#freeze = parts.freeze
    this.#plan = new StepPlan(parts.freeze, assertMayHost)
    this.#durability = delivery.durability
    this.#delivery = delivery
    this.#lifecycle = lifecycle
    this.#tasks = tasks
    this.#askDeadline = askDeadline
  }

  /** The engine's next step: its start, or the first item of its mailbox. */
  step(instance: EngineInstance): void {
    if (instance.status === 'spawned') {
      this.#lifecycle.start(instance)
    } else if (instance.status === 'running') {
      const item = instance.affairs.isHalted ? undefined : instance.take()
      if (item === undefined) return
      if (item.kind === 'signal') this.#signal(instance, item.body)
      else if (item.kind === 'message') this.#message(instance, item)
      else this.#answered(instance, item)
    }
    if (this.#observation.isOn) this.#observation.flush()
  }

  #message(instance: EngineInstance, envelope: Envelope): void {
    const { pending, sender, msg, mailbox, entry } = envelope
    if (pending !== undefined && !pending.isOpen) return this.#delivery.deadLetter(envelope, 'abandoned')
    // Looked at again, since a revoke may have come while it waited.
    if (!instance.knows(envelope.from)) {
      this.#delivery.deadLetter(envelope, 'not-acquainted')
      if (pending !== undefined) this.#delivery.fail(pending, 'not-acquainted', 'the engine no longer accepts messages from this sender')
      return
    }
    if (entry === undefined || (pending !== undefined && !entry.isRequest)) return this.#unhandled(envelope)
    const { id: self } = instance
    const { time } = this.#scheduler
    const mailboxState = instance.mailboxState(mailbox)
    if (!entry.isRequest) {
      this.#take(instance, entry.rules, 'message', entry.name, { self, time, sender, msg, mailbox, mailboxState }, envelope)
    } else {
      const id = pending?.id ?? -(this.#durability?.nextID() ?? ++this.#lastUnasked)
      this.#take(instance, entry.rules, 'message', entry.name, { self, time, sender, msg, mailbox, mailboxState, replyTo: { sender, id } }, envelope, id)
    }
  }

  #answered(instance: EngineInstance, envelope: Envelope): void {
    const key = envelope.pending?.asker.key ?? ''
    instance.affairs.asks?.delete(key)
    const rules = instance.family.answers.get(nameIn(key))
    this.#take(instance, rules, 'answer', key, { self: instance.id, time: this.#scheduler.time, key, reply: envelope.msg }, envelope, undefined, { ended: ['ask', key] })
  }

  #signal(instance: EngineInstance, body: SignalBody): void {
    const { id: self, family } = instance
    const { time } = this.#scheduler
    switch (body.on) {
      case 'unanswered': {
        const { key } = body.pending.asker
        instance.affairs.asks?.delete(key)
        this.#take(instance, family.answers.get(nameIn(key)), 'answer', key, { self, time, key, failure: body.failure }, undefined, undefined, { ended: ['ask', key] })
        return
      }
      case 'elapsed': {
        const { handle } = body.timer
        // Cancelled or set anew while the signal waited.
        const { timers } = instance.affairs
        if (timers?.get(handle) !== body.timer) return
        const next = this.#goOn(body.timer)
        if (next === undefined) timers.delete(handle)
        this.#take(instance, family.timers.get(nameIn(handle)), 'timer', handle, { self, time, handle }, undefined, undefined, next ?? { ended: ['timer', handle] })
        return
      }
      case 'outcome': {
        const { key, input, name, end } = body.run
        instance.affairs.tasks?.delete(key)
        const trigger = end?.outcome === 'done' ? { self, time, key, input, outcome: end.outcome, output: end.output } : { self, time, key, input, ...end }
        const isHeard = this.#take(instance, family.outcomes.get(name), 'outcome', name, trigger, undefined, undefined, { ended: ['task', key] })
        if (!isHeard) body.run.controller?.abort()
        return
      }
      case 'started':
        this.#take(instance, family.started, 'started', '', { self, time })
        return
      case 'terminated':
        this.#take(instance, family.terminated, 'terminated', body.engine.name, { self, time, engine: body.engine, reason: body.reason })
        return
      case 'resumed':
        this.#tasks.start(body.runs)
    }
  }

  /** Sets a timer that runs out again for the next time, and answers what is stored of it. */
  #goOn(timer: Elapsing): Deed | undefined {
    const now = this.#scheduler.refresh()
    if (!timer.goOn(now)) return undefined
    this.#deadlines.set(timer, now, Math.max(0, timer.due - now))
    return timerRow(timer)
  }

  /**
   * Runs the rules, and commits what they say. `envelope` is the message being handled, if it is one; `done` is what the store is to be told of
   * what the step is for. Answers whether there was a step: not when no rule wanted it, and not when it crashed.
   */
  #take(
    instance: EngineInstance, rules: RuleTree | undefined, on: ObservedStep['on'], name: string, trigger: object, envelope?: Envelope, request?: number,
    done?: Deed,
  ): boolean {
    const trace: string[] | undefined = this.#observation.isOn ? [] : undefined
    const plan = this.#plan
    const { record } = instance
    let changes: readonly Change[] = NONE
    if (this.#freeze) Object.freeze(trigger)
    try {
      plan.begin(instance, envelope !== undefined && envelope.kind === 'message', request)
      if (rules === undefined || !evaluate(rules, trigger, instance.config, plan, trace)) {
        if (envelope !== undefined) this.#unhandled(envelope)
        if (record !== undefined) this.#durability?.forgo(record, done)
        plan.clear()
        return false
      }
      plan.finish()
      if (record !== undefined) changes = this.#durability?.step(record, plan, done, envelope, this.#scheduler.refresh()) ?? NONE
    } catch (thrown) {
      const error = located(thrown, rules)
      plan.clear()
      if (envelope !== undefined) this.#delivery.deadLetter(envelope, 'crashed', error)
      if (record === undefined) this.#lifecycle.crash(instance, error)
      else this.#crashDurably(instance, error)
      return false
    }
    if (envelope !== undefined) this.#settle(instance, envelope, plan.deferral)
    instance.environment = plan.environment
    const observed: Unnumbered<ObservedStep> | undefined = trace && {
      kind: 'step', engine: instance.id, on, trigger: name, rules: Object.freeze(trace.filter(rule => rule !== '')),
      ...plan.deferral === undefined ? {} : { deferred: plan.deferral },
    }
    try {
      if (record !== undefined) {
        this.#commitDurably(instance, record, plan, envelope, changes, observed)
      } else {
        if (observed !== undefined) this.#observation.note(this.#scheduler.now(), observed)
        this.#commit(instance, plan, envelope)
      }
    } finally {
      plan.clear()
    }
    return true
  }

  /** The message was handled, or is put off. */
  #settle(instance: EngineInstance, envelope: Envelope, deferral: string | undefined): void {
    if (deferral === undefined) this.#delivery.counters.handled++
    else if (instance.accepts) instance.mailbox(envelope.mailbox)?.defer(deferral, envelope)
    // Its own rule has ended it, though rules are to be pure: its mailboxes were emptied.
    else this.#delivery.deadLetter(envelope, 'stopped')
  }

  #unhandled(envelope: Envelope): void {
    this.#delivery.deadLetter(envelope, 'unhandled')
    if (envelope.kind === 'message' && envelope.pending !== undefined) {
      this.#delivery.fail(envelope.pending, 'unhandled', 'the engine has no rule for this message in its present state')
    }
  }

  /** Carries out effects in the order that `core/effect.ts` states. Nothing here can fail. */
  #commit(instance: EngineInstance, plan: StepPlan, envelope: Envelope | undefined): void {
    if (plan.hasMore) this.#prepare(instance, plan)
    // A request that this step does not answer may be answered by any later one.
    if (envelope?.pending !== undefined && envelope.kind === 'message' && !plan.isGone) this.#delivery.await(envelope.pending)
    for (const message of plan.messages) {
      if (message instanceof Envelope) this.#delivery.tell(message)
      else this.#send(instance, message, envelope)
    }
    if (plan.hasMore) this.#follow(instance, plan)
  }

  /** What comes before the messages of a step. */
  #prepare(instance: EngineInstance, plan: StepPlan): void {
    this.#updateMailboxes(instance, plan)
    for (const { family, as, n, config, policy } of plan.spawns) {
      instance.own.lastChild = n
      this.#lifecycle.spawn(as.name, family, instance, config, instance.services, policy)
    }
    for (const { effect, child, acquaintance } of plan.grants) this.#delivery.find(child)?.[effect](acquaintance)
  }

  #updateMailboxes(instance: EngineInstance, plan: StepPlan): void {
    for (const { mailbox, state } of plan.mailboxStates) {
      if (this.#freeze) freezeData(state)
      instance.updateMailbox(mailbox, state)
    }
    for (const key of plan.releases) instance.release(key)
  }

  // ── durable engines ──────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Writes what a step changed. What the engine itself goes on with is there at once: it may be ahead of the store. All that others could see,
   * or that can't be taken back, is held back until the step is stored, in order.
   */
  #commitDurably(
    instance: EngineInstance, record: EngineRecord, plan: StepPlan, envelope: Envelope | undefined, changes: readonly Change[], observed: Unnumbered<ObservedStep> | undefined,
  ): void {
    this.#updateMailboxes(instance, plan)
    if (envelope?.pending !== undefined && envelope.kind === 'message' && !plan.isGone) this.#delivery.await(envelope.pending)
    const last = plan.spawns.at(-1)
    if (last !== undefined) instance.own.lastChild = last.n
    for (const starting of plan.starts) if (starting.effect !== 'watch') this.#start(instance, starting)
    if (plan.stops.includes(undefined)) instance.own.isHalted = true
    for (const child of plan.stops) this.#doom(instance, child)
    const stops = [...plan.stops]
    const held: HeldStep = {
      life: instance.affairs.restarts,
      observed,
      spawns: plan.spawns.map(spawning => ({ ...spawning, record: record.children.get(spawning.as.name) })),
      grants: [...plan.grants],
      messages: plan.messages.map(message => message.kind === 'request' ? { ...message, pending: this.#expect(instance, message.key) } : message),
      watches: plan.starts.filter(({ effect }) => effect === 'watch'),
      runs: plan.tasks.map(({ name, key, input, deadline }) => this.#tasks.create(instance, name, key, input, deadline)),
      stops,
    }
    record.held++
    const letGo = () => {
      record.held--
      this.#letGo(instance, held, envelope)
    }
    const all = stops.length === 0 ? changes : [...changes, ...this.#durability?.stopped(instance, stops) ?? NONE]
    if (all.length === 0 && record.held === 1 && !record.isOver) letGo()
    else this.#durability?.journal.commit(all, letGo)
  }

  /** Has an engine forgotten that a step stops: that is stored with the step, whatever ends it before that is carried out. */
  #doom(instance: EngineInstance, child: EngineID | undefined): void {
    const target = child === undefined ? instance : this.#delivery.find(child)
    if (target?.record !== undefined) target.own.isForgotten = true
  }

  /** Carries out what was held back. The engine may have begun another life, or ended: then what was said is said, and nothing is begun. */
  #letGo(instance: EngineInstance, held: HeldStep, envelope: Envelope | undefined): void {
    const { life, observed, spawns, grants, messages, watches, runs, stops } = held
    const goesOn = instance.status === 'running' && instance.affairs.restarts === life
    if (observed !== undefined) {
      this.#observation.note(this.#scheduler.now(), observed)
      this.#scheduler.wake()
    }
    if (goesOn || (instance.accepts && instance.family.keepsChildren)) {
      for (const { family, as, config, policy, record } of spawns) {
        this.#lifecycle.spawn(as.name, family, instance, config, instance.services, policy, record)
      }
    } else if (instance.record !== undefined && instance.accepts) {
      // One that ends for now has them when it is resumed.
      for (const { as } of spawns) this.#durability?.forgetChild(instance.record, as.name)
    }
    for (const { effect, child, acquaintance } of grants) this.#delivery.find(child)?.[effect](acquaintance)
    for (const message of messages) {
      if (message instanceof Envelope) this.#delivery.tell(message)
      else this.#send(instance, message, envelope)
    }
    if (goesOn) for (const starting of watches) this.#start(instance, starting)
    if (runs.length > 0) this.#tasks.start(runs)
    for (const child of stops) this.#stop(instance, child)
    if (this.#observation.isOn) this.#observation.flush()
  }

  /** What it committed before is let go first; its message is used up, so that it does not crash the next life too. */
  #crashDurably(instance: EngineInstance, error: unknown): void {
    instance.own.isHalted = true
    const life = instance.affairs.restarts
    const crash = () => {
      instance.own.isHalted = false
      // Another's crash may have restarted it meanwhile: its new life did nothing.
      if (instance.status === 'running' && instance.affairs.restarts === life) this.#lifecycle.crash(instance, error)
    }
    this.#durability?.journal.commit([], crash)
  }

  /** What waits for the answer to a request of the engine. */
  #expect(instance: EngineInstance, key: string): Pending {
    const pending = this.#delivery.expect({ principal: instance, key, engine: instance })
    const asks = instance.own.asks ??= new Map()
    asks.set(key, pending)
    return pending
  }

  /** What comes after them. */
  #follow(instance: EngineInstance, plan: StepPlan): void {
    for (const starting of plan.starts) this.#start(instance, starting)
    if (plan.tasks.length > 0) {
      this.#tasks.start(plan.tasks.map(({ name, key, input, deadline }) => this.#tasks.create(instance, name, key, input, deadline)))
    }
    for (const child of plan.stops) this.#stop(instance, child)
  }

  /** Sets a timer, of which the engine has none of that handle. */
  setTimer(timer: Elapsing, now: number, after: number): void {
    const timers = timer.engine.own.timers ??= new Map()
    timers.set(timer.handle, timer)
    this.#deadlines.set(timer, now, after)
  }

  #send(instance: EngineInstance, message: Outgoing & { readonly pending?: Pending }, envelope: Envelope | undefined): void {
    switch (message.kind) {
      case 'answer':
        return envelope && this.#delivery.reply(instance, envelope, message.response)
      case 'late-answer':
        return this.#delivery.lateReply(instance, message.to, message.response)
      case 'forward':
        return envelope && this.#delivery.forward(instance, message.to, message.mailbox, envelope)
      case 'emit':
        if (this.#observation.isOn) this.#observation.note(this.#scheduler.now(), { kind: 'emitted', engine: instance.id, event: visible(message.event, SHOWN) })
        return
      case 'request':
        this.#delivery.sendRequest(message.pending ?? this.#expect(instance, message.key), message.to, message.mailbox, message.msg, message.deadline ?? this.#askDeadline)
    }
  }

  #start(instance: EngineInstance, starting: Starting): void {
    switch (starting.effect) {
      case 'watch':
        return this.#lifecycle.watch(instance, starting.engine)
      case 'timer': {
        const { handle, after, every, missed } = starting
        const now = this.#scheduler.refresh()
        this.#cancel(instance, handle)
        return this.setTimer(new Elapsing(instance, handle, now + after, every, missed, this.#delivery.onElapse), now, after)
      }
      case 'cancel':
        return this.#cancel(instance, starting.handle)
    }
  }

  #cancel(instance: EngineInstance, handle: string): void {
    const timer = instance.affairs.timers?.get(handle)
    if (timer === undefined) return
    this.#deadlines.cancel(timer)
    instance.affairs.timers?.delete(handle)
  }

  #stop(instance: EngineInstance, child: EngineID | undefined): void {
    const target = child === undefined ? instance : this.#delivery.find(child)
    if (target !== undefined) this.#lifecycle.stop(target, true)
  }
}
