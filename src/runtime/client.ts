import type { AskOptions, Client } from '../core/client.ts'
import { copyData } from '../core/data.ts'
import type { Posting } from '../core/effect.ts'
import { packData } from '../core/encoding.ts'
import { fixedNames } from '../core/engine-id.ts'
import type { EngineID, EngineRef } from '../core/engine-id.ts'
import { Failed, Fault, IpseError, Refused } from '../core/errors.ts'
import type { FailureCode, Refusal } from '../core/errors.ts'
import type { MailboxID } from '../core/trigger.ts'
import type { MessageOf, NoMore, Protocol, RequestOf, SuccessOf } from '../core/protocol.ts'
import { refuse } from '../core/protocol.ts'
import { clipped } from '../core/schema.ts'
import type { BoundaryCode } from '../core/schema.ts'
import { resolutionOf } from '../core/schema-walk.ts'
import type { Rewrite } from '../core/schema-walk.ts'
import type { MessageEntry } from '../core/engine.ts'
import { admit } from './admission.ts'
import type { Admission } from './admission.ts'
import type { Delivery } from './delivery.ts'
import { Envelope } from './envelope.ts'
import type { Principal } from './envelope.ts'
import type { Asker, Pending } from './pending.ts'

/** What clients need of their node. */
interface ClientParts {
  readonly delivery: Delivery
  readonly askDeadline: number
  /** Lets host code go on, in its turn. */
  settle(work: () => void): void
  /** Throws when the node has stopped. */
  assertOpen(): void
  /** Forgets a client that was closed. */
  forget(client: HostClient): void
}

/** Host code on a node: the boundary where messages from outside are checked and copied. */
export class HostClient implements Client, Principal {
  readonly id: EngineID
  readonly #parts: ClientParts
  #isClosed = false

  constructor(id: EngineID, parts: ClientParts) {
    this.id = id
    this.#parts = parts
  }

  tell<P extends Protocol>(to: EngineRef<P>, message: MessageOf<NoInfer<P>>, posting?: Posting): void
  tell(to: EngineID, message: unknown, posting?: Posting): void {
    this.#assertOpen()
    const target = targetIn(to)
    const admission = this.#admit(target, copied(message, 'the message'), 'message')
    if (admission.refusal !== undefined) throw new Fault('invalid-message', admission.refusal.err)
    this.#parts.delivery.tell(new Envelope('message', this.id, this, target, mailboxOf(posting), admission.msg, undefined))
  }

  ask<P extends Protocol, const R extends RequestOf<P>>(
    to: EngineRef<P>, request: R & NoMore<P, R>, options?: AskOptions): Promise<SuccessOf<P, R>>
  ask(to: EngineID, request: unknown, options?: AskOptions): Promise<unknown> {
    return this.#ask(to, request, options, false)
  }

  askRaw<P extends Protocol, const R extends RequestOf<P>>(
    to: EngineRef<P>, request: R & NoMore<P, R>, options?: AskOptions): Promise<SuccessOf<P, R> | Refusal<P['codes'] | BoundaryCode>>
  askRaw(to: EngineID, request: unknown, options?: AskOptions): Promise<unknown> {
    return this.#ask(to, request, options, true)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#parts.delivery.failAsksOf(this, 'aborted', 'the client was closed')
    this.#parts.forget(this)
  }

  #ask(to: EngineID, request: unknown, options: AskOptions | undefined, isRaw: boolean): Promise<unknown> {
    return new Promise((resolve, reject) => {
      try {
        this.#assertOpen()
        const target = targetIn(to)
        const asker = new ClientAsk(this, this.#parts.delivery, target, isRaw, resolve, reject)
        const refusal = this.#send(asker, target, request, options)
        if (refusal !== undefined) this.#parts.settle(() => asker.hear(refusal))
      } catch (error) {
        this.#parts.settle(() => reject(error))
      }
    })
  }

  /** Sends a request, of whose end the asker will hear. Answers the refusal of one that is not sent. */
  #send(asker: ClientAsk, to: EngineID, request: unknown, options: AskOptions | undefined): Refusal | undefined {
    const deadline = options?.deadline ?? this.#parts.askDeadline
    const signal = options?.signal
    if (!Number.isFinite(deadline)) throw new Fault('invalid-argument', `A deadline must be a finite number of milliseconds, not ${deadline}`)
    if (signal !== undefined && !(signal instanceof AbortSignal)) throw new Fault('invalid-argument', 'A signal must be an AbortSignal')
    if (signal?.aborted) throw failed('aborted', 'its signal was aborted already', to, signal.reason)
    const admission = this.#admit(to, copied(request, 'the request'), 'request')
    if (admission.refusal !== undefined) return admission.refusal
    const pending = this.#parts.delivery.request(asker, to, mailboxOf(options), admission.msg, deadline)
    if (signal !== undefined && pending.isOpen) asker.heed(signal, pending)
    return undefined
  }

  /** The message, resolved and checked by its protocol, or the refusal it is answered with. */
  #admit(to: EngineID, msg: unknown, as: 'request' | 'message'): Admission {
    const target = this.#parts.delivery.find(to)
    // A stranger learns nothing of the protocol: delivery turns it away before any check.
    if (target === undefined || !target.knows(this)) return { msg }
    const admission = admit(target.family, msg, as, (entry, given) => this.#resolution(entry)?.(given) ?? given)
    return target.record === undefined || admission.refusal !== undefined ? admission : storable(admission.msg)
  }

  readonly #resolutions = new WeakMap<MessageEntry, { readonly resolve: Rewrite }>()

  #resolution(entry: MessageEntry): Rewrite {
    let known = this.#resolutions.get(entry)
    if (known === undefined) {
      known = { resolve: resolutionOf(entry.fields, id => id.node === null ? { node: this.id.node, name: id.name } : id) }
      this.#resolutions.set(entry, known)
    }
    return known.resolve
  }

  #assertOpen(): void {
    this.#parts.assertOpen()
    if (this.#isClosed) throw failed('aborted', 'this client was closed', this.id, undefined)
  }
}

/** One ask of a client, until it is answered or has failed. */
class ClientAsk implements Asker {
  readonly principal: Principal
  readonly key = ''
  readonly engine = undefined
  readonly #delivery: Delivery
  readonly #to: EngineID
  /** Whether a refusal is a response like any other. */
  readonly #isRaw: boolean
  readonly #resolve: (response: unknown) => void
  readonly #reject: (error: unknown) => void
  #signal: AbortSignal | undefined
  #pending: Pending | undefined

  constructor(
    principal: Principal, delivery: Delivery, to: EngineID, isRaw: boolean,
    resolve: (response: unknown) => void, reject: (error: unknown) => void) {
    this.principal = principal
    this.#delivery = delivery
    this.#to = to
    this.#isRaw = isRaw
    this.#resolve = resolve
    this.#reject = reject
  }

  /** Settles the ask with a response that is the host's own. */
  hear(response: unknown): void {
    if (!this.#isRaw && isRefusal(response)) this.#reject(new Refused(response))
    else this.#resolve(response)
  }

  /** Fails the ask when the signal aborts. */
  heed(signal: AbortSignal, pending: Pending): void {
    this.#signal = signal
    this.#pending = pending
    signal.addEventListener('abort', this)
  }

  answered(response: unknown): void {
    try {
      this.hear(copyData(response, 'the response'))
    } catch (error) {
      // Its bytes were transferred since they were checked.
      this.#reject(error)
    }
    this.#signal?.removeEventListener('abort', this)
  }

  failed(code: FailureCode, detail: string): void {
    this.#reject(failed(code, detail, this.#to, code === 'aborted' ? this.#signal?.reason : undefined))
    this.#signal?.removeEventListener('abort', this)
  }

  /** The signal's listener. */
  handleEvent(): void {
    if (this.#pending !== undefined) this.#delivery.fail(this.#pending, 'aborted', 'its signal was aborted')
  }
}

/** A copy of what host code sends. Reading it may run the host's code: getters, proxies. */
function copied(message: unknown, what: string): unknown {
  try {
    return copyData(message, what)
  } catch (cause) {
    if (cause instanceof IpseError) throw cause
    throw new Fault('not-encodable', `${what} can't be read: see the cause`, { cause })
  }
}

/** What a durable engine takes in it may keep, and then it is stored: what has no form there would crash it. */
function storable(msg: unknown): Admission {
  try {
    packData(msg)
    return { msg }
  } catch {
    return { refusal: refuse('malformed', 'Malformed request: a text in it has lone surrogates, and this engine is durable: UTF-8 has no form for them') }
  }
}

function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'err' in value && typeof value.err === 'string' && 'code' in value && typeof value.code === 'string'
}

function failed(code: FailureCode, detail: string, to: EngineID, cause: unknown): Failed {
  return new Failed(code, `No answer from ${clipped(to.name)}: ${detail}`, cause === undefined ? {} : { cause })
}

function mailboxOf(posting: Posting | undefined): MailboxID {
  const mailbox = posting?.mailbox ?? 0
  if (Number.isSafeInteger(mailbox) && mailbox >= 0) return mailbox
  throw new Fault('invalid-argument', `A mailbox must be a MailboxID, a whole number from 0, not ${mailbox}`)
}

/** Read once, here: reading it may run the host's code. */
function targetIn(to: unknown): EngineID {
  const target = fixedNames(to)
  if (target !== undefined) return target
  throw new Fault('invalid-argument', 'The target must be an EngineID: { node, name }')
}
