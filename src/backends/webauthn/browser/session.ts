import { base64urlnopad } from '@scure/base'
import type { Wake } from '../../../core/clock.ts'
import type { RandomBytes } from '../../../crypto/suite.ts'
import { CLOSED, fromNode, fromPage, readFrame, SECRET_LENGTH, VERSION, writeFrame } from '../messages.ts'
import type { Answer, Ceremony, FromNode, FromPage } from '../messages.ts'
import type { Clock } from '../queue.ts'
import { CeremonyError } from './authenticator.ts'
import { perform } from './ceremonies.ts'

/** A request as it is shown to the person. */
export interface Shown {
  readonly ceremony: Ceremony
  /** How many milliseconds there are to answer. */
  readonly patience: number
  /** 2 where a second authenticator is asked for, after the first one. */
  readonly step: 1 | 2
}

/** What the page is doing. */
export type Status =
  | { readonly type: 'connecting' | 'idle' | 'lost' | 'superseded' | 'not-let-in' | 'touch' }
  /** Nobody waits any more for what was shown. */
  | { readonly type: 'withdrawn'; readonly code: 'aborted' | 'unanswered' }
  /** What became of a request; without a code, what was asked for. */
  | { readonly type: 'settled'; readonly ceremony: Ceremony; readonly code?: string; readonly text?: string }

/** Where a session is seen, and the person asked. */
export interface Presenter {
  /** Whether the person agrees. What it answers after `signal` aborts is not looked at. */
  confirm(shown: Shown, signal: AbortSignal): Promise<boolean>
  show(status: Status): void
  /** How many requests come after what is shown. */
  waiting(count: number): void
}

export interface SessionSources {
  readonly clock: Clock
  readonly random: RandomBytes
}

/** The request that is shown. */
interface Current {
  readonly id: string
  readonly ceremony: Ceremony
  readonly ended: AbortController
  /** Why an answer has nothing of what was asked for. */
  undone?: { readonly code: string; readonly text: string }
}

const UNOPENED = { code: 'decryption-failed', text: 'It was changed, or is not for this identity. Nothing was decrypted.' } as const

const SECOND = 1000
const LONGEST_DELAY = 8 * SECOND

/** A page's connection to a node, and the request that it shows. A connection that is lost is made again; what was shown is over then. */
export class Session {
  readonly #url: string
  readonly #secret: Uint8Array | undefined
  readonly #presenter: Presenter
  readonly #sources: SessionSources
  #socket: WebSocket | undefined
  #current: Current | undefined
  #delay = SECOND
  #retry: Wake | undefined

  constructor(url: string, secret: string, presenter: Presenter, sources: SessionSources) {
    this.#url = url
    this.#secret = readSecret(secret)
    this.#presenter = presenter
    this.#sources = sources
  }

  /** Connects, unless it is connected. */
  connect(): void {
    const secret = this.#secret
    if (secret === undefined) return this.#presenter.show({ type: 'not-let-in' })
    if (this.#socket !== undefined) return
    this.#retry?.cancel()
    this.#presenter.show({ type: 'connecting' })
    const socket = new WebSocket(this.#url)
    this.#socket = socket
    socket.addEventListener('open', () => this.#send({ type: 'hello', version: VERSION, secret }))
    socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      const frame = typeof data === 'string' ? readFrame(fromNode, data) : undefined
      if (frame === undefined) socket.close()
      else if (this.#socket === socket) this.#hear(frame)
    })
    socket.addEventListener('close', ({ code }) => {
      if (this.#socket === socket) this.#lose(code)
    })
  }

  /** Ends the connection, for good. */
  close(): void {
    const socket = this.#socket
    this.#socket = undefined
    this.#retry?.cancel()
    this.#current?.ended.abort()
    socket?.close()
  }

  #hear(frame: FromNode): void {
    switch (frame.type) {
      case 'welcome':
        this.#delay = SECOND
        return this.#presenter.show({ type: 'idle' })
      case 'waiting': return this.#presenter.waiting(frame.waiting)
      case 'ask':
        this.#current?.ended.abort()
        this.#presenter.waiting(frame.waiting)
        return void this.#ask(frame)
      case 'withdrawn':
        if (frame.id !== this.#current?.id) return
        this.#end()
        this.#presenter.show({ type: 'withdrawn', code: frame.code })
        return
      case 'settled': {
        const ended = frame.id === this.#current?.id ? this.#end() : undefined
        if (ended !== undefined) this.#presenter.show({ type: 'settled', ceremony: ended.ceremony, ...ended.undone, ...frame.code !== undefined && { code: frame.code } })
      }
    }
  }

  async #ask({ id, ceremony, patience }: Extract<FromNode, { type: 'ask' }>): Promise<void> {
    const ended = new AbortController()
    const { signal } = ended
    const current: Current = { id, ceremony, ended }
    this.#current = current
    const answer = await this.#answer(ceremony, patience, signal)
    if (answer.kind === 'refused') current.undone = { code: answer.code, text: answer.text }
    if (answer.kind === 'decrypted' && answer.plaintext === null) current.undone = UNOPENED
    if (!signal.aborted) this.#send({ type: 'answer', id, answer })
  }

  async #answer(ceremony: Ceremony, patience: number, signal: AbortSignal): Promise<Answer> {
    const confirm = async (step: 1 | 2) => {
      if (!await this.#presenter.confirm({ ceremony, patience, step }, signal)) return false
      if (!signal.aborted) this.#presenter.show({ type: 'touch' })
      return true
    }
    try {
      if (!await confirm(1)) throw new CeremonyError('denied', 'You said no. Nothing was done.')
      return await perform(ceremony, { signal, patience, random: this.#sources.random, another: () => confirm(2) })
    } catch (error) {
      const failure = error instanceof CeremonyError ? error : new CeremonyError('backend-failed', 'This page failed. Nothing was done.', { cause: error })
      return { kind: 'refused', code: failure.code, text: failure.message }
    }
  }

  #end(): Current | undefined {
    const current = this.#current
    this.#current = undefined
    current?.ended.abort()
    return current
  }

  #lose(code: number): void {
    this.#socket = undefined
    this.#end()
    if (code === CLOSED.notLetIn) return this.#presenter.show({ type: 'not-let-in' })
    if (code === CLOSED.superseded) return this.#presenter.show({ type: 'superseded' })
    this.#presenter.show({ type: 'lost' })
    const { clock } = this.#sources
    this.#retry = clock.wake(clock.now() + this.#delay, () => this.connect())
    this.#delay = Math.min(2 * this.#delay, LONGEST_DELAY)
  }

  #send(frame: FromPage): void {
    this.#socket?.send(writeFrame(fromPage, frame))
  }
}

/** `undefined` for text that no node gave. */
function readSecret(text: string): Uint8Array | undefined {
  try {
    const secret = base64urlnopad.decode(text)
    return secret.length === SECRET_LENGTH ? secret : undefined
  } catch {
    return undefined
  }
}
