import { equalBytes } from '@noble/ciphers/utils.js'
import type { RawData, WebSocket } from 'ws'
import { CLOSED, fromNode, fromPage, readFrame, writeFrame } from '../messages.ts'
import type { FromPage } from '../messages.ts'
import type { CeremonyQueue, Clock, Page } from '../queue.ts'

/** How long a page that connected may take to show its secret, in milliseconds, and how many bytes that may have. */
const INTRODUCTION = 10_000
const INTRODUCTION_LIMIT = 512

export interface Admission {
  readonly secret: Uint8Array
  readonly queue: CeremonyQueue
  readonly clock: Clock
}

/** Lets a page in that shows the secret, and gives its answers to the queue. One that says anything else is closed, with a code that says why. */
export function receive(socket: WebSocket, { secret, queue, clock }: Admission): void {
  let page: Page | undefined
  const late = clock.wake(clock.now() + INTRODUCTION, () => socket.close(CLOSED.tooLate, 'no introduction'))
  late.hold(false)
  const leave = () => {
    late.cancel()
    if (page !== undefined) queue.leave(page)
    page = undefined
  }
  const refuse = (code: number, reason: string) => {
    leave()
    socket.close(code, reason)
  }
  const introduce = (frame: FromPage | undefined) => {
    if (frame?.type !== 'hello') return refuse(CLOSED.malformed, 'malformed')
    if (!equalBytes(frame.secret, secret)) return refuse(CLOSED.notLetIn, 'not let in')
    late.cancel()
    page = pageOf(socket)
    queue.admit(page)
  }
  socket.on('message', (data: RawData, isBinary: boolean) => {
    if (socket.readyState !== socket.OPEN) return
    const text = isBinary ? undefined : textOf(data, page === undefined ? INTRODUCTION_LIMIT : undefined)
    const frame = text === undefined ? undefined : readFrame(fromPage, text)
    if (page === undefined) return introduce(frame)
    if (frame?.type !== 'answer') return refuse(CLOSED.malformed, 'malformed')
    void queue.answer(page, frame.id, frame.answer)
  })
  socket.on('close', leave)
  // What went wrong with a connection ends it: `close` follows.
  socket.on('error', leave)
}

function textOf(data: RawData, limit = Infinity): string | undefined {
  return data instanceof Uint8Array && data.length <= limit ? new TextDecoder().decode(data) : undefined
}

function pageOf(socket: WebSocket): Page {
  return {
    send: frame => socket.send(writeFrame(fromNode, frame), () => {}),
    close: (code, reason) => socket.close(code, reason),
  }
}
