import { base64urlnopad } from '@scure/base'
import type { Clock, Wake } from '../../core/clock.ts'
import { Fault, IpseError } from '../../core/errors.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import { CLOSED } from './messages.ts'
import type { Answer, AnswerOf, Ceremony, FromNode } from './messages.ts'

export type { Clock }

/** A page that was let in. */
export interface Page {
  send(frame: FromNode): void
  close(code: number, reason: string): void
}

/** The most requests that wait. */
const MOST_WAITING = 1000
const ID_LENGTH = 16

/** A request, from when it is asked until it is settled. */
interface Pending {
  readonly id: string
  readonly ceremony: Ceremony
  /** Checks an answer, and does with it what it is for. */
  readonly take: (answer: Answer) => Promise<void>
  readonly fail: (reason: unknown) => void
  alarm: Wake | undefined
}

/**
 * What people are asked for, one after the other, by the page that came last. Each request ends once: with an answer that was taken, or with a fault:
 * `denied` and what else the page says; `unanswered` at its deadline, which is counted when it is asked and anew when it is shown; `page-closed` when the page that
 * shows it goes; what its answer is refused with; or the reason of its signal.
 */
export class CeremonyQueue {
  readonly #clock: Clock
  readonly #random: RandomBytes
  readonly #patience: number
  readonly #waiting: Pending[] = []
  #page: Page | undefined
  /** What the page was asked. Its answer may be there, and be looked at: then nothing but that ends it. */
  #shown: { readonly pending: Pending; isAnswered: boolean } | undefined
  #isClosed = false

  /** `patience` is in milliseconds. */
  constructor({ clock, random, patience }: { readonly clock: Clock; readonly random: RandomBytes; readonly patience: number }) {
    this.#clock = clock
    this.#random = random
    this.#patience = patience
  }

  /** Whether there is a page. */
  get hasPage(): boolean {
    return this.#page !== undefined
  }

  /**
   * What `take` makes of the page's answer of that kind; the page hears only after that what became of it. While it works nothing else ends the request: who must not be
   * given anything after `signal` aborts looks at it there, before anything is kept or given.
   */
  async ask<K extends Answer['kind'], T>(ceremony: Ceremony, kind: K, take: (answer: AnswerOf<K>) => Promise<T>, signal: AbortSignal): Promise<T> {
    signal.throwIfAborted()
    if (this.#isClosed) throw ended()
    if (this.#waiting.length >= MOST_WAITING) throw new Fault('device-busy', `${MOST_WAITING} requests wait for the person at the page: ask again later`)
    const { promise, resolve, reject } = Promise.withResolvers<T>()
    const pending: Pending = {
      id: base64urlnopad.encode(this.#random(ID_LENGTH)), ceremony, fail: reject, alarm: undefined,
      async take(answer) {
        if (answer.kind === 'refused') throw new Fault(answer.code, refusals[answer.code])
        if (!isOfKind(answer, kind)) throw new Fault('backend-failed', 'The page answered something else than it was asked for')
        resolve(await take(answer))
      },
    }
    const abort = () => this.#withdraw(pending, 'aborted', signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    this.#waiting.push(pending)
    this.#await(pending)
    this.#next()
    try {
      return await promise
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  /** From now on this page is asked, and the one before is not. */
  admit(page: Page): void {
    if (this.#isClosed) return page.close(CLOSED.ended, 'ended')
    this.#page?.close(CLOSED.superseded, 'superseded')
    this.#page = page
    page.send({ type: 'welcome' })
    if (this.#shown === undefined) this.#next()
    else if (!this.#shown.isAnswered) this.#show(this.#shown.pending, page)
  }

  /** What a page answers. An answer to anything else than the request that it shows, and has not answered, is refused: it was answered, or is over. */
  async answer(page: Page, id: string, answer: Answer): Promise<void> {
    const shown = this.#shown
    if (page !== this.#page || shown?.pending.id !== id || shown.isAnswered) return page.send({ type: 'settled', id, code: 'stale-response' })
    shown.isAnswered = true
    shown.pending.alarm?.cancel()
    let code: string | undefined
    try {
      await shown.pending.take(answer)
    } catch (error) {
      code = error instanceof IpseError ? error.code : 'backend-failed'
      shown.pending.fail(error)
    }
    this.#shown = undefined
    page.send({ type: 'settled', id, ...code !== undefined && { code } })
    this.#next()
  }

  /** The page is there no more. */
  leave(page: Page): void {
    if (page !== this.#page) return
    this.#page = undefined
    if (this.#shown === undefined || this.#shown.isAnswered) return
    this.#end(this.#shown.pending, new Fault('page-closed', 'The page was closed, or its connection lost, before it answered'))
  }

  /** Ends all requests. */
  close(): void {
    this.#isClosed = true
    for (const pending of [...this.#waiting, ...this.#shown?.isAnswered === false ? [this.#shown.pending] : []]) this.#end(pending, ended())
    this.#page?.close(CLOSED.ended, 'ended')
    this.#page = undefined
  }

  /** Asks the page for what waited longest, unless it is being asked. */
  #next(): void {
    if (this.#page === undefined || this.#isClosed) return
    if (this.#shown !== undefined) return this.#page.send({ type: 'waiting', waiting: this.#waiting.length })
    const pending = this.#waiting.shift()
    if (pending === undefined) return
    this.#shown = { pending, isAnswered: false }
    this.#show(pending, this.#page)
  }

  #show(pending: Pending, page: Page): void {
    this.#await(pending)
    try {
      page.send({ type: 'ask', id: pending.id, ceremony: pending.ceremony, patience: this.#patience, waiting: this.#waiting.length })
    } catch (cause) {
      // It must not hold up the others.
      this.#end(pending, new Fault('backend-failed', 'This request can\'t be told to a page', { cause }))
    }
  }

  /** Its time is counted from now on. */
  #await(pending: Pending): void {
    const until = this.#clock.now() + this.#patience
    const ring = () => {
      // Alarms may ring early.
      if (this.#clock.now() < until) pending.alarm = this.#clock.wake(until, ring)
      else this.#withdraw(pending, 'unanswered', new Fault('unanswered', this.#page === undefined ? 'No page was open to answer this' : 'Nobody answered in time'))
    }
    pending.alarm?.cancel()
    pending.alarm = this.#clock.wake(until, ring)
  }

  #withdraw(pending: Pending, code: 'aborted' | 'unanswered', reason: unknown): void {
    if (this.#shown?.pending === pending) {
      if (this.#shown.isAnswered) return
      this.#page?.send({ type: 'withdrawn', id: pending.id, code })
    }
    this.#end(pending, reason)
  }

  /** Nothing is left of it. It has no answer that is looked at. */
  #end(pending: Pending, reason: unknown): void {
    pending.alarm?.cancel()
    pending.fail(reason)
    const at = this.#waiting.indexOf(pending)
    if (at >= 0) this.#waiting.splice(at, 1)
    if (this.#shown?.pending === pending) this.#shown = undefined
    this.#next()
  }
}

/** For people: what a page says of itself is not shown to others than who sits there. */
const refusals = {
  'denied': 'The person or the authenticator said no, or the authenticator does not hold the key',
  'not-available': 'The browser or the authenticator at the page cannot do this: another algorithm, no PRF, or no way to verify the user',
  'wrong-device': 'The authenticator at the page does not hold this key',
  'wrong-origin': 'The page is not of a site that may use this relying party: serve it from one of the origins',
  'backend-failed': 'The page failed, and says why to the person there',
} as const

function isOfKind<K extends Answer['kind']>(answer: Answer, kind: K): answer is AnswerOf<K> {
  return answer.kind === kind
}

function ended(): Fault {
  return new Fault('backend-failed', 'This WebAuthn backend was closed: open another one')
}
