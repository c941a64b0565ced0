import { freezeData } from '../core/data.ts'
import type { EngineID } from '../core/engine-id.ts'
import { nameIn } from '../core/family.ts'
import type { RuleTree } from '../core/rule.ts'
import { nameOf } from './admission.ts'
import { checkEffects } from './checks.ts'
import type { CheckedEffect } from './checks.ts'
import type { Deadlines } from './deadlines.ts'
import type { Delivery, DeliveryParts } from './delivery.ts'
import { Envelope } from './envelope.ts'
import type { SignalBody } from './envelope.ts'
import { evaluate } from './evaluation.ts'
import type { Evaluation } from './evaluation.ts'
import type { EngineInstance } from './instance.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { Observation, ObservedStep } from './observation.ts'
import type { Scheduler } from './scheduler.ts'
import type { TaskRun, Tasks } from './tasks.ts'
import { Elapsing } from './timers.ts'

/** What a step is for, as observers are told. */
type Cause = readonly [on: ObservedStep['on'], trigger: string]

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
  /** Requests that were told, not asked, are numbered below zero: nobody waits for their answer, and none is another's. */
  #lastUnasked = 0

  constructor(parts: DeliveryParts, delivery: Delivery, lifecycle: Lifecycle, tasks: Tasks, askDeadline: number) {
    this.#deadlines = parts.deadlines
    this.#observation = parts.observation
    this.#scheduler = parts.scheduler
    this.#freeze = parts.freeze
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
      const item = instance.queue.shift()
      if (item === undefined) return
      if (item.kind === 'signal') this.#signal(instance, item.body)
      else if (item.kind === 'reply') this.#answered(instance, item)
      else this.#message(instance, item)
    }
    if (this.#observation.isOn) this.#observation.flush()
  }

  #message(instance: EngineInstance, envelope: Envelope): void {
    instance.waiting--
    const { pending, sender, msg } = envelope
    if (pending !== undefined && !pending.isOpen) return this.#delivery.deadLetter(envelope, instance.id, 'abandoned')
    // Looked at again, since a revoke may have come while it waited.
    if (!instance.knows(envelope.from)) {
      this.#delivery.deadLetter(envelope, instance.id, 'not-acquainted')
      if (pending !== undefined) this.#delivery.fail(pending, 'not-acquainted', 'the engine no longer accepts messages from this sender')
      return
    }
    const entry = instance.family.messages.get(nameOf(msg))
    if (entry === undefined || (pending !== undefined && !entry.isRequest)) return this.#unhandled(instance, envelope)
    const trigger = entry.isRequest
      ? { self: instance.id, time: this.#scheduler.time, sender, msg, replyTo: { sender, id: pending?.id ?? --this.#lastUnasked } }
      : { self: instance.id, time: this.#scheduler.time, sender, msg }
    this.#take(instance, entry.rules, ['message', entry.name], trigger, envelope, 'replyTo' in trigger ? trigger.replyTo.id : undefined)
  }

  #answered(instance: EngineInstance, envelope: Envelope): void {
    const key = envelope.pending?.asker.key ?? ''
    instance.asks?.delete(key)
    const rules = instance.family.answers.get(nameIn(key))
    if (rules === undefined) return this.#unhandled(instance, envelope)
    this.#take(instance, rules, ['answer', key], { self: instance.id, time: this.#scheduler.time, key, reply: envelope.msg }, envelope)
  }

  #signal(instance: EngineInstance, body: SignalBody): void {
    const { id: self, family } = instance
    const { time } = this.#scheduler
    switch (body.on) {
      case 'unanswered': {
        const { key } = body.pending.asker
        instance.asks?.delete(key)
        this.#take(instance, family.answers.get(nameIn(key)), ['answer', key], { self, time, key, failure: body.failure })
        return
      }
      case 'elapsed': {
        const { handle } = body.timer
        // Cancelled or set anew while the signal waited.
        if (instance.timers?.get(handle) !== body.timer) return
        instance.timers.delete(handle)
        this.#take(instance, family.timers.get(nameIn(handle)), ['timer', handle], { self, time, handle })
        return
      }
      case 'outcome': {
        const { key, input, name, end } = body.run
        instance.tasks?.delete(key)
        const isHeard = this.#take(instance, family.outcomes.get(name), ['outcome', name], { self, time, key, input, ...end })
        if (!isHeard) body.run.controller?.abort()
        return
      }
      case 'terminated':
        this.#take(instance, family.terminated, ['terminated', body.engine.name], { self, time, engine: body.engine, reason: body.reason })
    }
  }

  /**
   * Runs the rules, and commits what they say. `envelope` is the message being handled, if it is one. Answers whether there was
   * a step: not when no rule wanted it, and not when it crashed.
   */
  #take(instance: EngineInstance, rules: RuleTree | undefined, [on, name]: Cause, trigger: object, envelope?: Envelope, request?: number): boolean {
    const trace: string[] | undefined = this.#observation.isOn ? [] : undefined
    let evaluation: Evaluation | undefined
    let effects: readonly CheckedEffect[]
    try {
      evaluation = rules === undefined ? undefined : evaluate(rules, trigger, instance.config, instance.environment, trace)
      if (evaluation === undefined) {
        if (envelope !== undefined) this.#unhandled(instance, envelope)
        return false
      }
      effects = checkEffects(evaluation.effects, instance, request, evaluation.environment)
    } catch (error) {
      if (envelope !== undefined) this.#delivery.deadLetter(envelope, instance.id, 'crashed', error)
      this.#lifecycle.end(instance, 'crashed', error)
      return false
    }
    if (envelope !== undefined) this.#delivery.counters.handled++
    if (this.#freeze) freezeData(evaluation.environment)
    instance.environment = evaluation.environment
    if (trace !== undefined) {
      this.#observation.note(this.#scheduler.now(), { kind: 'step', engine: instance.id, on, trigger: name, rules: Object.freeze(trace.filter(rule => rule !== '')) })
    }
    this.#commit(instance, effects, envelope)
    return true
  }

  #unhandled(instance: EngineInstance, envelope: Envelope): void {
    this.#delivery.deadLetter(envelope, instance.id, 'unhandled')
    if (envelope.kind === 'message' && envelope.pending !== undefined) {
      this.#delivery.fail(envelope.pending, 'unhandled', 'the engine has no rule for this message in its present state')
    }
  }

  /** Carries out effects in the order that `core/effect.ts` states. Nothing here can fail. */
  #commit(instance: EngineInstance, effects: readonly CheckedEffect[], envelope: Envelope | undefined): void {
    for (const effect of effects) if (effect.effect === 'spawn') this.#spawn(instance, effect.as, effect)
    for (const effect of effects) {
      if (effect.effect === 'grant') this.#delivery.find(effect.child)?.grant(effect.acquaintance)
      else if (effect.effect === 'revoke') this.#delivery.find(effect.child)?.revoke(effect.acquaintance)
    }
    // A request that this step does not answer may be answered by any later one.
    if (envelope?.kind === 'message' && envelope.pending !== undefined && !effects.some(isAnswer)) this.#delivery.await(envelope.pending)
    for (const effect of effects) this.#send(instance, effect, envelope)
    let tasks: TaskRun[] | undefined
    for (const effect of effects) {
      if (effect.effect === 'task') (tasks ??= []).push(this.#tasks.create(instance, effect.task, effect.key, effect.input, effect.deadline))
      else this.#start(instance, effect)
    }
    if (tasks !== undefined) this.#tasks.start(tasks)
    for (const effect of effects) if (effect.effect === 'stop') this.#stop(instance, effect.child)
  }

  #send(instance: EngineInstance, effect: CheckedEffect, envelope: Envelope | undefined): void {
    switch (effect.effect) {
      case 'send':
        return this.#delivery.tell(instance, effect.to, effect.msg)
      case 'reply':
        return envelope && this.#delivery.reply(instance, envelope, effect.response)
      case 'late-reply':
        return this.#delivery.lateReply(instance, effect.to, effect.response)
      case 'forward':
        return envelope && this.#delivery.forward(instance, effect.to, envelope)
      case 'request': {
        const asker = { principal: instance, key: effect.key, engine: instance }
        const pending = this.#delivery.request(asker, effect.to, effect.msg, effect.deadline ?? this.#askDeadline)
        instance.asks ??= new Map()
        instance.asks.set(effect.key, pending)
      }
    }
  }

  #spawn(parent: EngineInstance, as: EngineID, effect: CheckedEffect & { readonly effect: 'spawn' }): void {
    parent.lastChild = Number(as.name.slice(parent.id.name.length + 1))
    this.#lifecycle.spawn(as.name, effect.family, parent, effect.config, parent.services)
  }

  /** Timers and watches: what comes back to this engine as a signal. */
  #start(instance: EngineInstance, effect: CheckedEffect): void {
    switch (effect.effect) {
      case 'watch':
        return this.#lifecycle.watch(instance, effect.engine)
      case 'timer': {
        const timer = new Elapsing(instance, effect.handle, this.#onElapse)
        this.#cancel(instance, effect.handle)
        instance.timers ??= new Map()
        instance.timers.set(effect.handle, timer)
        return this.#deadlines.set(timer, this.#scheduler.refresh(), effect.after)
      }
      case 'cancel':
        return this.#cancel(instance, effect.handle)
    }
  }

  #cancel(instance: EngineInstance, handle: string): void {
    const timer = instance.timers?.get(handle)
    if (timer === undefined) return
    this.#deadlines.cancel(timer)
    instance.timers?.delete(handle)
  }

  readonly #onElapse = (timer: Elapsing): void => {
    this.#delivery.signal(timer.engine, { on: 'elapsed', timer })
  }

  #stop(instance: EngineInstance, child: EngineID | undefined): void {
    const target = child === undefined ? instance : this.#delivery.find(child)
    if (target !== undefined) this.#lifecycle.end(target, 'stopped')
  }
}

function isAnswer({ effect }: CheckedEffect): boolean {
  return effect === 'reply' || effect === 'forward'
}
