import type { NodeID } from '../core/engine-id.ts'
import type { EngineFamily } from '../core/engine.ts'

/** What computes one scheme. */
export interface Provider {
  readonly path: 'native' | 'portable'
  /** The library, with its version where that is known. */
  readonly provider: string
}

/** What a node is made of. Plain data. */
export interface NodeDescription {
  readonly node: NodeID
  /** Tells this life of the node from its others, as other nodes hear it. */
  readonly boot: string
  /** Whether it has a transport, and so can be reached by other nodes. */
  readonly transport: boolean
  /** What computes signatures and encryption in this process, by scheme: `Ed25519`, …, `X25519`, `X-Wing`. */
  readonly crypto: { readonly [scheme: string]: Provider }
}

/** What a runtime is told of the algorithms beside it, of which it knows none. */
export interface Cryptography {
  /** Loads what is chosen lazily, and says what it is. */
  describe(): NodeDescription['crypto']
  /** Whether engines of that family sign or decrypt. */
  serves(engine: EngineFamily): boolean
}
