import type { NodeID } from '../core/engine-id.ts'

/**
 * How frames get from one node to another. A transport authenticates nodes and moves bytes; what they mean is the runtime's. It serves
 * one node. Links lead one way: frames of messages go from the node that dialed to the one that was dialed, and both ends may send.
 * A node that has something to say to another dials it; a transport that can connect from one side only opens the link that is
 * asked for over the connection it has.
 */
export interface Transport {
  /**
   * Begins to serve that node: `events` hears of everything from now on, and is never called before this returns. Throws, or rejects
   * with, `invalid-argument` when it can't speak for that node, `not-available` when it can't be reached at all.
   */
  open(self: NodeID, events: TransportEvents): void | Promise<void>
  /** Asks for a link to that node. Exactly one of `linked` and `unreachable` tells what came of it, later. */
  dial(peer: NodeID): void
  /** Closes all links, after what was sent, without telling of it, and takes no more. Nothing is heard of it afterwards. */
  close(): void | Promise<void>
}

/** What a transport tells the runtime. None of these throws. */
export interface TransportEvents {
  /** A link is there: one that was dialed here, or by that peer. Answers who listens to it. */
  linked(link: Link, dialed: boolean): LinkEvents
  /** No link to that node, for now. */
  unreachable(peer: NodeID, reason: string): void
}

/** One live connection to another node. */
export interface Link {
  /** The node at the other end, which the transport has authenticated. */
  readonly peer: NodeID
  /**
   * Sends a frame, which the transport owns from then on. Frames arrive whole, in order and once, as long as the link lives; a
   * transport that can't promise this may lose or repeat some, which the runtime finds out. Answers `false` when no more should be sent until
   * `drained`; what is sent all the same is not lost. Does nothing on a link that is closed. May be called from `linked` on.
   */
  send(frame: Uint8Array): boolean
  /** Closes the link, after what was sent. `closed` is not told at this end, and nothing is received any more. */
  close(): void
}

/** What a link tells whoever listens to it. Nothing after `closed`, and nothing before `linked` has returned. */
export interface LinkEvents {
  received(frame: Uint8Array): void
  /** More may be sent, after `send` answered `false`. */
  drained(): void
  /** The other end, or what lies between, is gone. What was sent may or may not have arrived. */
  closed(reason: string): void
}
