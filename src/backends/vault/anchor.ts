import { Fault } from '../../core/errors.ts'
import { isBytesOf, sameBytes } from '../../crypto/bytes.ts'

/**
 * Where a vault notes which state it is in, outside of what can be put back together with its store: a server, a TPM's counter, another machine. What it
 * holds is public. It never goes back. Both calls must settle: until they do, nothing else is done with the vault, and a lock erases the root key only then.
 */
export interface Anchor {
  /** What it was advanced to last, 32 bytes; `undefined` if it never was. */
  read(): Promise<Uint8Array | undefined>
  /** Resolves when it will be read from now on. */
  advance(state: Uint8Array): Promise<void>
}

const STATE_LENGTH = 32

/** An anchor, if there is one, and what it is known to say. */
export class AnchorLine {
  readonly #anchor: Anchor | undefined
  #state: Uint8Array | undefined

  constructor(anchor: Anchor | undefined) {
    this.#anchor = anchor
  }

  /** Rejects with `backend-failed`. */
  async read(): Promise<Uint8Array | undefined> {
    this.#state = await this.#calling(async anchor => stateOf(await anchor.read()))
    return this.#state
  }

  /** Does nothing where it is there already. Rejects with `backend-failed`: the state is stored, and the next call says so again. */
  async advance(state: Uint8Array): Promise<void> {
    if (this.#state !== undefined && sameBytes(this.#state, state)) return
    await this.#calling(anchor => anchor.advance(Uint8Array.from(state)))
    this.#state = state
  }

  /** Whether it says this of a vault in state `state`, which followed `previous`. Only one change may have been stored that it was not told of. */
  async permits(state: Uint8Array, previous: Uint8Array): Promise<boolean> {
    const said = await this.read()
    return said === undefined || sameBytes(said, state) || sameBytes(said, previous)
  }

  async #calling<T>(call: (anchor: Anchor) => Promise<T>): Promise<T | undefined> {
    if (this.#anchor === undefined) return undefined
    try {
      return await call(this.#anchor)
    } catch (cause) {
      throw new Fault('backend-failed', 'The anchor could not be read or advanced: see the cause. Nothing is acknowledged until it can be', { cause })
    }
  }
}

/** Also of an anchor that was written without types: what is none would be sealed into a manifest, which nothing opened then. */
function stateOf(said: unknown): Uint8Array | undefined {
  if (said === undefined) return undefined
  if (isBytesOf(said, STATE_LENGTH)) return Uint8Array.from(said)
  throw new Fault('invalid-argument', `An anchor says what it was advanced to, ${STATE_LENGTH} bytes, or undefined`)
}

export function rolledBack(): Fault {
  return new Fault('vault-rolled-back', 'The vault is in another state than its anchor says: it was put back, or changed without the anchor. Restore the newer one, or open it with acceptRollback')
}

