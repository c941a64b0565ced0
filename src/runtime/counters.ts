/**
 * How many messages came about and what became of them. Between steps, on each node:
 * originated + arrived = handled + queued + deferred + deadLettered + handedToTransport.
 */
export interface Counters {
  /** Tells, requests and replies that engines and clients of this node sent; a request that is forwarded counts again. */
  originated: number
  /** Tells, requests and replies from other nodes, and tells that were stored before and are taken up. */
  arrived: number
  /** By a committed step, or as the answer to a client's ask. */
  handled: number
  /** Waiting in mailboxes, for a link to another node, and in the store: for an engine to be resumed, or for another node to acknowledge them. Signals are no messages. */
  queued: number
  /** Put off by their engines until they release them. */
  deferred: number
  deadLettered: number
  /** To other nodes. Whether they arrived is another matter, but for those that are stored: these are counted when they were acknowledged. */
  handedToTransport: number
  /** Of those, how many were not acknowledged when their link was lost: they may have arrived or not. */
  uncertain: number
}
