import type { NodeID } from '../../src/core/engine-id.ts'
import type { Link, LinkEvents, Transport, TransportEvents } from '../../src/transports/transport.ts'

/** What is sent in place of a frame: that frame, for a faithful link. `link` counts the links of this transport from 0. */
export type Tap = (frame: Uint8Array, link: number, dialed: boolean) => readonly Uint8Array[]

/** A transport whose links do to frames what a test says, and can be cut. */
export class Tapped implements Transport {
  tap: Tap = frame => [frame]
  /** Whether links take more, as `send` says. */
  isFull = false
  readonly #inner: Transport
  readonly #links = new Set<{ readonly inner: Link; events?: LinkEvents }>()
  #count = 0
  dials = 0

  constructor(inner: Transport) {
    this.#inner = inner
  }

  get links(): number {
    return this.#links.size
  }

  open(self: NodeID, events: TransportEvents): void | Promise<void> {
    return this.#inner.open(self, {
      linked: (inner, dialed) => {
        const number = this.#count++
        const known: { readonly inner: Link; events?: LinkEvents } = { inner }
        this.#links.add(known)
        const link: Link = {
          peer: inner.peer,
          send: frame => {
            for (const each of this.tap(frame, number, dialed)) inner.send(each)
            return !this.isFull
          },
          close: () => {
            this.#links.delete(known)
            inner.close()
          },
        }
        const heard = events.linked(link, dialed)
        known.events = heard
        return {
          received: frame => heard.received(frame),
          drained: () => heard.drained(),
          closed: reason => {
            this.#links.delete(known)
            heard.closed(reason)
          },
        }
      },
      unreachable: (peer, reason) => events.unreachable(peer, reason),
    })
  }

  dial(peer: NodeID): void {
    this.dials++
    this.#inner.dial(peer)
  }

  close(): void | Promise<void> {
    return this.#inner.close()
  }

  /** Breaks all links, as a network does: both ends hear of it. */
  cut(): void {
    for (const known of this.#links) {
      this.#links.delete(known)
      known.inner.close()
      known.events?.closed('cut')
    }
  }

  /** Says that there is room again. */
  drain(): void {
    this.isFull = false
    for (const { events } of this.#links) events?.drained()
  }
}
