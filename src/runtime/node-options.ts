import { Fault } from '../core/errors.ts'
import type { Store } from '../stores/store.ts'
import type { Transport } from '../transports/transport.ts'
import { assertStore } from './life.ts'

/** Settings of a node; times are in milliseconds. */
export interface NodeOptions {
  /** How long a request waits for its answer unless told: 30,000. */
  readonly askDeadline?: number
  /** How long an engine's `acquire` may take: 30,000. */
  readonly startDeadline?: number
  /** How long a stopping engine waits for its tasks, and then for its `release`: 5,000. */
  readonly releaseDeadline?: number
  /** The way to other nodes, for this node alone. Without it, every other node is unreachable. */
  readonly transport?: Transport
  /** How many messages may wait for a link to one other node: 65,536. One more is a dead letter. It may have sixteen times as many watches, and stored messages. */
  readonly outbox?: number
  /**
   * Where its NodeID, and what is durable of its engines, outlast the process. It stays the caller's to close, when the node has stopped.
   * Without it, a durable engine outlasts its own crashes alone.
   */
  readonly store?: Store
  /** Lets a node with a transport host engines that sign and decrypt with portable code; without it, spawning those is refused there. */
  readonly portableCrypto?: boolean
}

/** What a node goes by: the options, with what was left out. Throws `invalid-argument`. */
export function settings({ askDeadline = 30_000, startDeadline = 30_000, releaseDeadline = 5_000, outbox = 65_536, transport, store }: NodeOptions) {
  for (const [name, value] of Object.entries({ askDeadline, startDeadline, releaseDeadline })) {
    if (!(value > 0 && value < Infinity)) throw new Fault('invalid-argument', `${name} must be a positive number of milliseconds, not ${value}`)
  }
  if (!Number.isSafeInteger(outbox) || outbox < 1) throw new Fault('invalid-argument', `outbox must be a whole number from 1, not ${outbox}`)
  if (transport !== undefined && !isTransport(transport)) {
    throw new Fault('invalid-argument', 'transport must be an object with the functions open, dial and close, such as memoryNetwork().transport(). Without other nodes, leave it out')
  }
  if (store !== undefined) assertStore(store)
  return { askDeadline, startDeadline, releaseDeadline, outbox }
}

function isTransport(value: unknown): value is Transport {
  if (typeof value !== 'object' || value === null) return false
  return ['open', 'dial', 'close'].every(name => typeof Reflect.get(value, name) === 'function')
}
