import type { Link, LinkEvents } from '../transports/transport.ts'
import { Expiry } from './deadlines.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { Host } from '../core/clock.ts'
import { readFrame, writeAck, writeHello, writeItems, writeWelcome } from './frames.ts'
import type { Frame, Item } from './frames.ts'

/** How many milliseconds the other end has to say who it is, and to acknowledge a frame: the last one on a link is missed by nothing else. */
const PATIENCE = 10_000

export interface SessionParts {
  readonly host: Host
  readonly deadlines: Deadlines
  /** This node's boot epoch. */
  readonly boot: string
}

/** One end of a link. It has a reason for its end, which is told once. */
abstract class Session implements LinkEvents {
  readonly parts: SessionParts
  readonly link: Link
  /** The boot epoch of the other node, once it has said it. */
  boot: string | undefined = undefined
  isClosed = false
  #patience: Deadline | undefined

  constructor(link: Link, parts: SessionParts) {
    this.link = link
    this.parts = parts
    this.waitFor('say who it is')
  }

  /** Gives the other end its time to do that. */
  waitFor(deed: string): void {
    this.#patience = new Expiry(() => this.fail(`it did not ${deed} in ${PATIENCE} ms`))
    this.parts.deadlines.set(this.#patience, this.parts.host.now(), PATIENCE)
  }

  /** It has done what it was given time for. */
  waitNoMore(): void {
    if (this.#patience !== undefined) this.parts.deadlines.cancel(this.#patience)
    this.#patience = undefined
  }

  /** Whether both ends have said who they are. */
  get isOpen(): boolean {
    return this.boot !== undefined && !this.isClosed
  }

  received(bytes: Uint8Array): void {
    if (this.isClosed) return
    let frame: Frame
    try {
      frame = readFrame(bytes)
    } catch (error) {
      return this.fail(error instanceof Error ? error.message : 'it sent what can not be read')
    }
    try {
      this.heard(frame)
    } catch (error) {
      // Nothing here throws for what a frame holds. Whatever this is, the transport must not hear of it.
      this.parts.host.report(error)
      this.fail('this node failed')
    }
  }

  closed(reason: string): void {
    if (this.isClosed) return
    this.#end()
    this.lost(reason)
  }

  /** Closes the link for what the other end did. */
  fail(reason: string): void {
    if (this.isClosed) return
    this.close()
    this.lost(reason)
  }

  /** Closes the link, without a word at this end. */
  close(): void {
    if (this.isClosed) return
    this.#end()
    try {
      this.link.close()
    } catch {
      // It is given up either way.
    }
  }

  /** Sends a frame. Answers whether the transport takes more. One that fails has lost the link. */
  say(frame: Uint8Array): boolean {
    try {
      return this.link.send(frame)
    } catch (error) {
      this.fail(`the transport failed to send: ${error instanceof Error ? error.message : 'it threw what is no error'}`)
      return false
    }
  }

  /** The other end has said who it is. */
  greetedBy(boot: string): void {
    this.boot = boot
    this.waitNoMore()
  }

  #end(): void {
    this.isClosed = true
    this.waitNoMore()
  }

  abstract drained(): void
  abstract heard(frame: Frame): void
  abstract lost(reason: string): void
}

/** What a peer hears of the link that it dialed. */
export interface SpeakerEvents {
  opened(speaker: Speaker): void
  writable(speaker: Speaker): void
  /** The other node has stored all of this one's stored messages up to that number. */
  acknowledged(speaker: Speaker, stored: number): void
  lost(speaker: Speaker, reason: string): void
}

/** The end of a link that dialed: it speaks, and hears what has arrived. */
export class Speaker extends Session {
  /** Whether the transport takes more. */
  isWritable = true
  readonly #events: SpeakerEvents
  #lastSent = 0
  /**
   * How many messages are in each frame that was sent and not acknowledged, and the highest number of those in it that are stored, the oldest first. One
   * with stored messages is done with when these are acknowledged too.
   */
  readonly #unacknowledged: { readonly n: number; messages: number; readonly stored: number }[] = []

  constructor(link: Link, parts: SessionParts, events: SpeakerEvents) {
    super(link, parts)
    this.#events = events
  }

  /** Says who this node is, and which life of the other it knows. */
  greet(known: string | null): void {
    this.isWritable = this.say(writeHello(this.parts.boot, known))
  }

  /** How many messages may have arrived or not. */
  get uncertain(): number {
    return this.#unacknowledged.reduce((sum, { messages }) => sum + messages, 0)
  }

  /** Sends a frame of these items, so many of which are messages; the last that is stored has that number. */
  send(items: readonly Uint8Array[], messages: number, stored: number): void {
    const n = ++this.#lastSent
    if (this.#unacknowledged.length === 0) this.waitFor('acknowledge a frame')
    this.#unacknowledged.push({ n, messages, stored })
    this.isWritable = this.say(writeItems(n, items))
  }

  drained(): void {
    if (this.isClosed || this.isWritable) return
    this.isWritable = true
    if (this.isOpen) this.#events.writable(this)
  }

  heard(frame: Frame): void {
    if (frame.kind === 'welcome') {
      if (frame.yours !== this.parts.boot) return this.fail('it welcomed another life of this node')
      if (this.boot !== undefined && this.boot !== frame.boot) return this.fail('it has two boot epochs')
      // The transport may repeat it.
      if (this.boot !== undefined) return
      this.greetedBy(frame.boot)
      this.#events.opened(this)
    } else if (frame.kind === 'ack' && this.boot !== undefined && frame.n <= this.#lastSent) {
      this.#acknowledged(frame)
      if (frame.stored > 0) this.#events.acknowledged(this, frame.stored)
    } else {
      this.fail(frame.kind === 'ack' ? 'it acknowledged what was not sent' : `it has no right to a ${frame.kind} on this link`)
    }
  }

  #acknowledged({ n, stored }: { readonly n: number; readonly stored: number }): void {
    for (const frame of this.#unacknowledged) {
      if (frame.n > n) break
      frame.messages = 0
    }
    const left = this.#unacknowledged.findIndex(frame => frame.n > n || frame.stored > stored)
    // One that the transport repeats acknowledges nothing.
    if (left === 0 || this.#unacknowledged.length === 0) return
    this.#unacknowledged.splice(0, left < 0 ? this.#unacknowledged.length : left)
    this.waitNoMore()
    if (this.#unacknowledged.length > 0) this.waitFor('acknowledge a frame')
  }

  lost(reason: string): void {
    this.#events.lost(this, reason)
  }
}

/** What a peer hears of the link by which it was dialed. */
export interface ListenerEvents {
  /** The number of the last stored message of the other node that is stored here too. */
  readonly stored: number
  greeted(listener: Listener): void
  arrived(item: Item, listener: Listener): void
  lost(listener: Listener, reason: string): void
}

/** The end of a link that was dialed: it hears, and says what has arrived. */
export class Listener extends Session {
  /** The number of the last stored message that came by this link. */
  lastStored: number | undefined = undefined
  readonly #events: ListenerEvents
  #lastHeard = 0
  #isAckDue = false
  #isWritable = true

  constructor(link: Link, parts: SessionParts, events: ListenerEvents) {
    super(link, parts)
    this.#events = events
  }

  drained(): void {
    this.#isWritable = true
    if (this.#isAckDue) this.#acknowledge()
  }

  heard(frame: Frame): void {
    if (frame.kind === 'hello') {
      if (this.boot !== undefined && this.boot !== frame.boot) return this.fail('it has two boot epochs')
      if (this.boot !== undefined) return
      this.greetedBy(frame.boot)
      this.#isWritable = this.say(writeWelcome(this.parts.boot, frame.boot))
      this.#events.greeted(this)
    } else if (frame.kind === 'items' && this.boot !== undefined) {
      if (frame.n > this.#lastHeard + 1) return this.fail(`of its frames, ${this.#lastHeard + 1} is missing`)
      this.acknowledgeSoon()
      // One that came before: the transport repeats itself.
      if (frame.n <= this.#lastHeard) return
      this.#lastHeard = frame.n
      for (const item of frame.items) {
        if (this.isClosed) return
        this.#events.arrived(item, this)
      }
    } else {
      this.fail(frame.kind === 'items' ? 'it has not said who it is' : `it has no right to a ${frame.kind} on this link`)
    }
  }

  lost(reason: string): void {
    this.#events.lost(this, reason)
  }

  acknowledgeSoon(): void {
    if (this.#isAckDue || !this.isOpen) return
    this.#isAckDue = true
    this.parts.host.soon(() => { if (this.#isWritable) this.#acknowledge() })
  }

  #acknowledge(): void {
    if (this.isClosed) return
    this.#isAckDue = false
    this.#isWritable = this.say(writeAck(this.#lastHeard, this.#events.stored))
  }
}
