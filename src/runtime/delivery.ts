import type { Host } from '../core/clock.ts'
import { addressOf, isAddress, targetOf } from '../core/engine-id.ts'
import type { EngineID, NodeID } from '../core/engine-id.ts'
import type { MessageEntry } from '../core/engine.ts'
import { freezeData } from '../core/data.ts'
import type { FailureCode, Refusal } from '../core/errors.ts'
import { refuse } from '../core/protocol.ts'
import { FarAdmission } from './admission.ts'
import type { Deadlines } from './deadlines.ts'
import type { Durability } from './durability.ts'
import { Envelope, nameOf } from './envelope.ts'
import type { Principal, SignalBody } from './envelope.ts'
import { EngineInstance } from './instance.ts'
import { visible } from './observation.ts'
import type { DeadLetterReason, Observation } from './observation.ts'
import type { MailboxID } from '../core/trigger.ts'
import type { Mailbox } from './mailbox.ts'
import { Pending } from './pending.ts'
import type { Asker } from './pending.ts'
import type { Remote } from './remote.ts'
import type { Scheduler } from './scheduler.ts'
import type { Elapsing } from './timers.ts'

/** The parts of a node that deliver on each other's behalf. */
export interface DeliveryParts {
  readonly node: NodeID
  readonly host: Host
  readonly deadlines: Deadlines
  readonly observation: Observation
  readonly scheduler: Scheduler
  /** Whether messages are frozen, so that an engine that changes one is found out. */
  readonly freeze: boolean
}

/** Carries messages into mailboxes and answers to those who asked. Every message it is given is counted once. */
export class Delivery {
  readonly engines = new Map<string, EngineInstance>()
  readonly counters = { originated: 0, arrived: 0, handled: 0, deadLettered: 0 }
  /** The way to other nodes, if there is one. */
  remote: Remote | undefined = undefined
  readonly #node: NodeID
  readonly #host: Host
  readonly #deadlines: Deadlines
  readonly #observation: Observation
  readonly #scheduler: Scheduler
  readonly #freeze: boolean
  readonly #farAdmission = new FarAdmission()
  /** Requests whose answer did not come in the step that handled them. */
  readonly #pendings = new Map<number, Pending>()
  /** What its durable engines have to do with its store, if it has one. */
  durability: Durability | undefined = undefined
  #lastID = 0

  constructor(parts: DeliveryParts) {
    this.#node = parts.node
    this.#host = parts.host
    this.#deadlines = parts.deadlines
    this.#observation = parts.observation
    this.#scheduler = parts.scheduler
    this.#freeze = parts.freeze
  }

  /** The engine of that name on this node, if it lives. */
  find(id: EngineID): EngineInstance | undefined {
    const target = targetOf(id)
    // One that has ended may have been resumed under its name.
    if (target instanceof EngineInstance && target.home === this && target.status !== 'ended') return target
    return id.node === null || id.node === this.#node ? this.engines.get(id.name) : undefined
  }

  isHere(id: EngineID): boolean {
    return id.node === null || id.node === this.#node
  }

  // ── messages ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends a tell. */
  tell(envelope: Envelope): void {
    this.counters.originated++
    this.#post(envelope)
  }

  /** Sends a request. `asker` learns what becomes of it, once, within `duration` milliseconds. */
  request(asker: Asker, to: EngineID, mailbox: MailboxID, msg: unknown, duration: number): Pending {
    return this.sendRequest(this.expect(asker), to, mailbox, msg, duration)
  }

  /** As {@link request}, for what waits for the answer already. */
  sendRequest(pending: Pending, to: EngineID, mailbox: MailboxID, msg: unknown, duration: number): Pending {
    const { asker } = pending
    this.counters.originated++
    const envelope = new Envelope('message', asker.principal.id, asker.principal, to, mailbox, msg, pending)
    if (!pending.isOpen) {
      this.deadLetter(envelope, 'abandoned')
      return pending
    }
    if (duration <= 0) {
      this.deadLetter(envelope, 'abandoned')
      this.fail(pending, 'deadline', 'its deadline is not in the future')
      return pending
    }
    this.#deadlines.setFrom(pending, this.#scheduler.moment(), duration)
    this.#post(envelope)
    return pending
  }

  /** A number for a request, and what waits for its answer. */
  expect(asker: Asker): Pending {
    return new Pending(this.durability?.nextID() ?? ++this.#lastID, asker, this.#onDeadline)
  }

  /**
   * Takes in a message from another node, for an engine of this one. As for what the host sends, access is decided first, so that who may
   * not send learns only that; then it is checked by the engine's protocol. `pending` makes it a request.
   */
  arrive(from: Principal, name: string, mailbox: number, msg: unknown, pending: Pending | undefined, duration: number): void {
    if (pending !== undefined) this.#deadlines.setFrom(pending, this.#scheduler.moment(), duration)
    this.takeIn(this.letterFor(from, name, mailbox, msg, pending))
  }

  /** A message of another node for an engine of this one. */
  letterFor(from: Principal, name: string, mailbox: number, msg: unknown, pending?: Pending): Envelope {
    return new Envelope('message', from.id, from, this.engines.get(name)?.id ?? addressOf(this.#node, name, undefined), mailbox, msg, pending)
  }

  /** Takes in a message from another node, or one that was stored in an earlier life of this one. */
  takeIn(envelope: Envelope): void {
    this.counters.arrived++
    this.admit(envelope)
  }

  /** Delivers what is counted already, and is checked only now that its target may be there. */
  admit(envelope: Envelope): void {
    const { from, msg, pending } = envelope
    const target = this.isHere(envelope.sender) ? undefined : this.find(envelope.target)
    if (target === undefined || !target.accepts || !target.knows(from)) return this.#post(envelope)
    try {
      const { refusal } = this.#farAdmission.admit(target.family, msg, pending === undefined ? 'message' : 'request')
      if (refusal === undefined) this.#post(envelope)
      else this.turnAway(envelope, 'malformed', refusal)
    } catch (error) {
      this.turnAway(envelope, 'malformed', refuse('malformed', 'Malformed request: the schema of this message cannot check it'), error)
    }
  }

  /** Makes a dead letter of a message that does not fit, and answers with the refusal if it is a request. */
  turnAway(envelope: Envelope, reason: DeadLetterReason, refusal: Refusal, error?: unknown): void {
    this.deadLetter(envelope, reason, error)
    const { pending } = envelope
    if (pending === undefined || !pending.isOpen) return
    this.counters.originated++
    this.settle(pending, envelope.target, undefined, refusal)
  }

  /** Passes on a request that `from` is handling. It counts as handled there, and as a new message here. */
  forward(from: EngineInstance, to: EngineID, mailbox: MailboxID, envelope: Envelope): void {
    this.counters.originated++
    envelope.pending?.disown()
    const forwarded = new Envelope('message', envelope.sender, from, to, mailbox, envelope.msg, envelope.pending)
    if (envelope.pending?.isOpen === false) this.deadLetter(forwarded, 'abandoned')
    else this.#post(forwarded)
  }

  #post(envelope: Envelope): void {
    const target = this.find(envelope.target)
    if (target === undefined) {
      if (this.durability?.keep(envelope) === true) return
      if (this.isHere(envelope.target)) this.refuse(envelope, 'stopped', 'there is no such engine, or it has stopped')
      else if (this.remote === undefined) this.refuse(envelope, 'unreachable', 'this node has no way to that node')
      else this.remote.post(envelope)
    } else if (!target.accepts) {
      this.refuse(envelope, 'stopped', 'the engine has stopped')
    } else if (!target.knows(envelope.from)) {
      this.refuse(envelope, 'not-acquainted', 'the engine does not accept messages from this sender')
    } else {
      const mailbox = target.mailbox(envelope.mailbox)
      if (mailbox === undefined) {
        this.deadLetter(envelope, 'no-mailbox')
        if (envelope.pending !== undefined) this.fail(envelope.pending, 'unhandled', `${target.id.name} has no mailbox ${envelope.mailbox}`)
      } else if (mailbox.held < capacityOf(target, envelope) || this.#makeRoom(target, mailbox, envelope)) {
        this.#accept(target, mailbox, envelope)
      }
    }
  }

  /** Deals with one message too many. Answers whether the new one has a place now. */
  #makeRoom(target: EngineInstance, mailbox: Mailbox, envelope: Envelope): boolean {
    const overflow = target.family.mailboxes[envelope.mailbox]?.overflow
    const lost = overflow === 'drop-oldest' ? mailbox.dropOldest() : envelope
    if (lost !== undefined) this.refuse(lost, 'mailbox-full', `mailbox ${envelope.mailbox} of ${target.id.name} is full, with ${capacityOf(target, envelope)}`, overflow === 'reject' ? 'mailbox-full' : 'dropped')
    return lost !== envelope
  }

  #accept(target: EngineInstance, mailbox: Mailbox, envelope: Envelope): void {
    const { pending } = envelope
    const entry = this.#entryOf(target, envelope.msg)
    envelope.entry = entry
    if (pending !== undefined) {
      pending.owe(target)
      pending.entry = entry
    }
    if (this.#freeze) freezeData(envelope.msg)
    mailbox.held++
    mailbox.push(envelope)
    if (this.#observation.isOn) {
      this.#observation.note(this.#scheduler.now(), {
        kind: 'message', sender: envelope.sender, target: target.id, name: nameOf(envelope.msg),
        id: pending?.id ?? 0, inReplyTo: 0, msg: visible(envelope.msg, entry),
      })
    }
    this.#scheduler.add(target)
  }

  /** Makes a dead letter of a message, and tells its asker. */
  refuse(envelope: Envelope, code: FailureCode & DeadLetterReason, detail: string, reason: DeadLetterReason = code): void {
    this.deadLetter(envelope, reason)
    if (envelope.pending !== undefined) this.fail(envelope.pending, code, detail)
  }

  /** Puts a signal into an engine's mailbox; with `first`, before all else there. An engine that ended hears nothing. */
  signal(target: EngineInstance, body: SignalBody, first = false): void {
    if (!target.accepts) return
    target.signal(body, first)
    if (target.status === 'running') this.#scheduler.add(target)
  }

  /** Tells an engine that a timer of its has run out. */
  readonly onElapse = (timer: Elapsing): void => {
    this.signal(timer.engine, { on: 'elapsed', timer })
  }

  // ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Remembers a request that its engine will answer in a later step. */
  await(pending: Pending): void {
    if (!pending.isOpen) return
    pending.isAwaited = true
    this.#pendings.set(pending.id, pending)
  }

  /** Answers the request that `from` is handling. Without a pending answer, nobody had asked. */
  reply(from: EngineInstance, envelope: Envelope, response: unknown): void {
    this.counters.originated++
    if (envelope.pending === undefined) this.misreply(from.id, envelope.sender, response, undefined, 'not-asked')
    else this.#answer(from, envelope.sender, envelope.pending, response)
  }

  /** Answers a request that `from` was asked in an earlier step. */
  lateReply(from: EngineInstance, to: { readonly sender: EngineID; readonly id: number }, response: unknown): void {
    this.counters.originated++
    const pending = this.#pendings.get(to.id)
    if (pending !== undefined) this.#answer(from, to.sender, pending, response)
    else this.misreply(from.id, to.sender, response, undefined, to.id < 0 ? 'not-asked' : 'late-reply')
  }

  #answer(from: EngineInstance, to: EngineID, pending: Pending, response: unknown): void {
    if (pending.responder !== from) return this.misreply(from.id, to, response, pending.entry, 'not-asked')
    this.settle(pending, from.id, from, response)
  }

  /** Gives the answer to who asked. `from` is the engine that made it, if it lives here. */
  settle(pending: Pending, sender: EngineID, from: EngineInstance | undefined, response: unknown): void {
    this.close(pending)
    const { asker } = pending
    if (this.#freeze) freezeData(response)
    if (this.#observation.isOn) {
      this.#observation.note(this.#scheduler.now(), {
        kind: 'message', sender, target: asker.principal.id, name: pending.entry?.response.name ?? '',
        id: 0, inReplyTo: pending.id, msg: visible(response, pending.entry?.response),
      })
      this.#scheduler.wake()
    }
    if (asker.far !== undefined) {
      asker.far.replied(sender, response, pending.entry)
    } else if (asker.engine === undefined) {
      this.counters.handled++
      this.#answerHost(asker, response)
    } else {
      asker.engine.receive(new Envelope('reply', sender, from ?? { id: sender }, asker.engine.id, 0, response, pending))
      if (asker.engine.status === 'running') this.#scheduler.add(asker.engine)
    }
  }

  /** Makes a dead letter of a reply. */
  misreply(sender: EngineID, to: EngineID, response: unknown, entry: MessageEntry | undefined, reason: DeadLetterReason): void {
    this.counters.deadLettered++
    if (!this.#observation.isOn) return
    this.#observation.note(this.#scheduler.now(), {
      kind: 'dead-letter', sender, target: frozenID(to), name: entry?.response.name ?? '', reason, msg: visible(response, entry?.response),
    })
    this.#scheduler.wake()
  }

  /** Tells whoever asked that no answer will come, unless one has. */
  fail(pending: Pending, code: FailureCode, detail: string): void {
    if (!pending.isOpen) return
    this.close(pending)
    // If nothing else is to be done, the process may have waited for this alone.
    this.#scheduler.wake()
    const { asker } = pending
    if (asker.far !== undefined) {
      asker.far.unanswered(code)
    } else if (asker.engine === undefined) {
      this.#tellHost(() => asker.failed?.(code, detail))
    } else {
      this.signal(asker.engine, { on: 'unanswered', pending, failure: code })
    }
  }

  /** Fails every request that this principal waits for. */
  failAsksOf(principal: Principal, code: FailureCode, detail: string): void {
    for (const engine of this.engines.values()) {
      for (let pending = engine.owed; pending !== undefined;) {
        const next = pending.nextOwed
        if (pending.asker.principal === principal) this.fail(pending, code, detail)
        pending = next
      }
    }
    for (const pending of this.remote?.asks() ?? []) if (pending.asker.principal === principal) this.fail(pending, code, detail)
  }

  /** Most asks are answered by a step, which need not wait for anything: then no closure is made. */
  #answerHost(asker: Asker, response: unknown): void {
    if (!this.#scheduler.isRunning) return this.#answerHostLater(asker, response)
    try {
      asker.answered?.(response)
    } catch (error) {
      this.#host.report(error)
    }
    this.#scheduler.letHostContinue()
  }

  #answerHostLater(asker: Asker, response: unknown): void {
    this.#tellHost(() => asker.answered?.(response))
  }

  /** What a host's own objects throw (a signal that is none) must not break a commit half-way. */
  #tellHost(tell: () => void): void {
    this.#scheduler.settle(() => {
      try {
        tell()
      } catch (error) {
        this.#host.report(error)
      }
    })
    this.#scheduler.letHostContinue()
  }

  /** Ends a request without telling anyone: its asker is gone, or is told otherwise. */
  close(pending: Pending): void {
    pending.isOpen = false
    if (pending.isAwaited) this.#pendings.delete(pending.id)
    this.#deadlines.cancel(pending)
    pending.disown()
    pending.away?.delete(pending.id)
    pending.asker.far?.closed(pending)
  }

  readonly #onDeadline = (pending: Pending): void => {
    this.fail(pending, 'deadline', 'no answer came in time')
  }

  // ── dead letters ─────────────────────────────────────────────────────────────────────────────────────────────

  deadLetter(envelope: Envelope, reason: DeadLetterReason, error?: unknown): void {
    this.counters.deadLettered++
    this.durability?.forget(envelope)
    if (!this.#observation.isOn) return
    const reply = envelope.kind === 'reply'
    const { target } = envelope
    const instance = this.find(target)
    const entry = reply ? envelope.pending?.entry : envelope.entry ?? (instance && this.#entryOf(instance, envelope.msg))
    this.#observation.note(this.#scheduler.now(), {
      kind: 'dead-letter', sender: envelope.sender, target: frozenID(target), name: reply ? entry?.response.name ?? '' : nameOf(envelope.msg), reason,
      msg: visible(envelope.msg, reply ? entry?.response : entry),
      ...(error === undefined ? {} : { error }),
    })
    this.#scheduler.wake()
  }

  #entryOf(target: EngineInstance, msg: unknown): MessageEntry | undefined {
    return target.family.message(nameOf(msg))
  }
}

function capacityOf(target: EngineInstance, { mailbox }: Envelope): number {
  return target.family.mailboxes[mailbox]?.capacity ?? 0
}

/** An EngineID that its sender made may be changed by it later. */
function frozenID(id: EngineID): EngineID {
  return isAddress(id) ? id : Object.freeze({ node: id.node, name: id.name })
}
