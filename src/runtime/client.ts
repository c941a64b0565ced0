import { z } from 'zod'
import type { AskOptions, Client } from '../core/client.ts'
import { copyData } from '../core/data.ts'
import type { EngineID, EngineRef } from '../core/engine-id.ts'
import { Failed, Fault, IpseError, Refused } from '../core/errors.ts'
import type { FailureCode, Refusal } from '../core/errors.ts'
import { refuse } from '../core/protocol.ts'
import type { MessageOf, NoMore, Protocol, RequestOf, SuccessOf } from '../core/protocol.ts'
import { refusalOf, resolutionOf } from '../core/schema.ts'
import type { BoundaryCode, Rewrite } from '../core/schema.ts'
import type { MessageEntry } from '../core/engine.ts'
import { nameOf } from './delivery.ts'
import type { Delivery } from './delivery.ts'
import type { Principal } from './envelope.ts'
import type { Pending } from './pending.ts'

/** What clients need of their node. */
export interface ClientParts {
  readonly delivery: Delivery
  readonly askDeadline: number
  /** Throws when the node has stopped. */
  assertOpen(): void
  /** Forgets a client that was closed. */
  forget(client: HostClient): void
}

/** Host code on a node: the boundary where messages from outside are checked and copied. */
export class HostClient implements Client, Principal {
  readonly id: EngineID
  readonly #parts: ClientParts
  readonly #asks = new Set<Pending>()
  #isClosed = false

  constructor(id: EngineID, parts: ClientParts) {
    this.id = id
    this.#parts = parts
  }

  tell<P extends Protocol>(to: EngineRef<P>, message: MessageOf<NoInfer<P>>): void
  tell(to: EngineID, message: unknown): void {
    this.#assertOpen()
    assertEngineID(to)
    const admission = this.#admit(to, copyData(message, 'the message'), 'message')
    if (admission.refusal !== undefined) throw new Fault('invalid-message', admission.refusal.err)
    this.#parts.delivery.tell(this, to, admission.msg)
  }

  ask<P extends Protocol, const R extends RequestOf<P>>(
    to: EngineRef<P>, request: R & NoMore<P, R>, options?: AskOptions): Promise<SuccessOf<P, R>>
  async ask(to: EngineID, request: unknown, options?: AskOptions): Promise<unknown> {
    const response = await this.#ask(to, request, options)
    if (isRefusal(response)) throw new Refused(response)
    return response
  }

  askRaw<P extends Protocol, const R extends RequestOf<P>>(
    to: EngineRef<P>, request: R & NoMore<P, R>, options?: AskOptions): Promise<SuccessOf<P, R> | Refusal<P['codes'] | BoundaryCode>>
  async askRaw(to: EngineID, request: unknown, options?: AskOptions): Promise<unknown> {
    return this.#ask(to, request, options)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const pending of this.#asks) this.#parts.delivery.fail(pending, 'aborted', 'the client was closed')
    this.#parts.forget(this)
  }

  #ask(to: EngineID, request: unknown, { deadline = this.#parts.askDeadline, signal }: AskOptions = {}): Promise<unknown> {
    this.#assertOpen()
    assertEngineID(to)
    if (!Number.isFinite(deadline)) throw new Fault('invalid-argument', `A deadline must be a finite number of milliseconds, not ${deadline}`)
    if (signal?.aborted) throw failed('aborted', 'its signal was aborted already', to, signal.reason)
    const admission = this.#admit(to, copyData(request, 'the request'), 'request')
    if (admission.refusal !== undefined) return Promise.resolve(admission.refusal)
    return new Promise((resolve, reject) => {
      const abort = () => this.#parts.delivery.fail(pending, 'aborted', 'its signal was aborted')
      let isWaiting = false
      const done = () => {
        if (!isWaiting) return
        this.#asks.delete(pending)
        signal?.removeEventListener('abort', abort)
      }
      const pending = this.#parts.delivery.request({
        principal: this,
        key: '',
        engine: undefined,
        answered(response) {
          done()
          resolve(copyData(response, 'the response'))
        },
        failed(code, detail) {
          done()
          reject(failed(code, detail, to, code === 'aborted' ? signal?.reason : undefined))
        },
      }, to, admission.msg, deadline)
      if (!pending.isOpen) return
      isWaiting = true
      this.#asks.add(pending)
      signal?.addEventListener('abort', abort)
    })
  }

  /** The message, resolved and checked by its protocol, or the refusal it is answered with. */
  #admit(to: EngineID, msg: unknown, as: 'request' | 'message'): Admission {
    const target = this.#parts.delivery.find(to)
    // A stranger learns nothing of the protocol: delivery turns it away before any check.
    if (target === undefined || !target.knows(this)) return { msg }
    const name = nameOf(msg)
    const entry = target.family.messages.get(name)
    if (entry === undefined || (as === 'request' && !entry.isRequest)) {
      const what = name === '' ? 'a message needs a type' : `${target.family.id} has no ${as} ${JSON.stringify(name)}`
      return { refusal: refuse('malformed', `Malformed request: ${what}`) }
    }
    const resolved = this.#resolution(entry)?.(msg) ?? msg
    const result = z.safeParse(entry.schema, resolved)
    if (result.success) return { msg: resolved }
    const { code, err } = refusalOf(result.error, entry.fields)
    return { refusal: refuse(code, err) }
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

type Admission = { readonly msg: unknown; readonly refusal?: never } | { readonly refusal: Refusal }

function isRefusal(value: unknown): value is Refusal {
  return typeof value === 'object' && value !== null && 'err' in value && typeof value.err === 'string' && 'code' in value && typeof value.code === 'string'
}

function failed(code: FailureCode, detail: string, to: EngineID, cause: unknown): IpseError {
  return new Failed(code, `No answer from ${to.name}: ${detail}`, cause === undefined ? {} : { cause })
}

function assertEngineID(to: unknown): void {
  if (typeof to === 'object' && to !== null && 'name' in to && typeof to.name === 'string' && 'node' in to) return
  throw new Fault('invalid-argument', 'The target must be an EngineID: { node, name }')
}
