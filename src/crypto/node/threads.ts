import type { KeyObject } from 'node:crypto'
import type { NodeCrypto, NodePlatform } from './platform.ts'

/** Lets so many do something at a time, all others in the order in which they came. */
class Gate {
  readonly limit: number
  #inside = 0
  readonly #waiting: (() => void)[] = []

  constructor(limit: number) {
    this.limit = limit
  }

  /** Whether one was let in at once. Else it waits for {@link turn}. */
  enter(): boolean {
    if (this.#inside === this.limit) return false
    this.#inside++
    return true
  }

  /** Resolves when one was let in. */
  turn(): Promise<void> {
    return new Promise(resolve => this.#waiting.push(resolve))
  }

  leave(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#inside--
    else next()
  }
}

/**
 * How many operations wait for a thread or run in one, of all lists together. Short ones need many, or threads idle until they are given the next; of
 * long ones few are enough, and more would only take the processor from the event loop, and the threads from whatever else needs one.
 */
const GATES = { short: new Gate(64), long: new Gate(2) }

/**
 * Does work that threads of Node.js do, on all of them, and gives the results in the order of the items. The list is read once, at the
 * start. Rejects with the first failure, or with the reason of `signal` once that aborts, and then begins no more.
 */
export async function inThreads<T, R>(
  { turn }: NodePlatform, items: readonly T[], work: (item: T) => R | Promise<R>,
  { each = 'short', signal }: { readonly each?: keyof typeof GATES; readonly signal?: AbortSignal | undefined } = {},
): Promise<readonly R[]> {
  const done = Array.from<R>({ length: items.length })
  const gate = GATES[each]
  // All lanes take from one iterator, each its next item when it is through with the last.
  const rest = items.slice().entries()
  let isOver = false
  const lane = async () => {
    for (const [at, item] of rest) {
      // oxlint-disable-next-line no-await-in-loop -- a lane does one after the other
      if (!gate.enter()) await gate.turn()
      try {
        if (isOver) return
        signal?.throwIfAborted()
        const result = work(item)
        // What is decided at once, as a malformed claim is, waits for no thread: the event loop gets its turn all the same.
        // oxlint-disable-next-line no-await-in-loop -- as above
        if (!(result instanceof Promise)) await turn()
        // oxlint-disable-next-line no-await-in-loop -- as above
        done[at] = await result
      } finally {
        gate.leave()
      }
    }
  }
  try {
    await Promise.all(Array.from({ length: Math.min(gate.limit, items.length) }, lane))
    return done
  } finally {
    isOver = true
  }
}

/** `crypto.sign` in a thread of Node.js. The message is copied at the call. */
export function signInThread(crypto: NodeCrypto, algorithm: 'sha256' | null, message: Uint8Array, key: KeyObject): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    crypto.sign(algorithm, message, key, (error, signature) => error === null ? resolve(signature) : reject(error))
  })
}

/** `crypto.verify` in a thread of Node.js. Message and signature are copied at the call. */
export function verifyInThread(
  crypto: NodeCrypto, algorithm: 'sha256' | null, message: Uint8Array, key: KeyObject, signature: Uint8Array,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    crypto.verify(algorithm, message, key, signature, (error, valid) => error === null ? resolve(valid) : reject(error))
  })
}
