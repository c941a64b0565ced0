import { addressOf } from '../core/engine-id.ts'
import type { NodeID } from '../core/engine-id.ts'
import { Numbers } from './correspondence.ts'
import type { Delivery } from './delivery.ts'
import type { Item } from './frames.ts'
import type { Listener } from './session.ts'

/** So much of what one node says may wait for the store, so that it takes no more memory than a mailbox. */
const LIMIT = 65_536

/** Takes in what another node says in its order: what comes after a stored message waits with it until that is stored here too. */
export class Reception {
  readonly #peer: NodeID
  readonly #delivery: Delivery
  /** Without a store, numbers are known for as long as the node is. */
  #numbers: Numbers | undefined
  #waiting = 0

  constructor(peer: NodeID, delivery: Delivery) {
    this.#peer = peer
    this.#delivery = delivery
  }

  get isIdle(): boolean {
    return this.#waiting === 0
  }

  /** The number up to which all that it has stored is stored here. 0 until it is known that there is any. */
  get stored(): number {
    return this.#numbers?.stored ?? 0
  }

  /** Does `act` when all that came before is stored: at once, if there is nothing to wait for. */
  take(act: () => void, listener: Listener): void {
    const { durability } = this.#delivery
    if (this.#waiting === 0 || durability === undefined) return act()
    if (this.#isFull(listener)) return
    durability.journal.commit([], this.#after(act))
  }

  /** Takes a message that the other node has stored, unless it was taken before. `told` hears when it need not be said again. */
  takeStored({ n, to, mailbox, from, msg }: Item & { readonly kind: 'stored' }, listener: Listener, told: () => void): void {
    const { durability } = this.#delivery
    // Whoever speaks begins with the first that was not acknowledged, which may be ahead of what is known here: then this node has lost what it knew.
    const next = listener.lastStored === undefined ? n : listener.lastStored + 1
    if (n > next) return listener.fail(`of its stored messages, ${next} is missing`)
    if (n === next) listener.lastStored = n
    const numbers = this.#numbers ??= durability?.correspondence.with(this.#peer) ?? new Numbers(0, 0)
    if (n <= numbers.received || this.#isFull(listener)) return
    const envelope = this.#delivery.letterFor({ id: addressOf(this.#peer, from, undefined) }, to, mailbox, msg)
    numbers.received = n
    const act = this.#after(() => {
      numbers.stored = n
      told()
      this.#delivery.takeIn(envelope)
    })
    if (durability === undefined) act()
    else durability.receive(this.#peer, n, envelope, act)
  }

  #isFull(listener: Listener): boolean {
    if (this.#waiting < LIMIT) return false
    listener.fail(`more than ${LIMIT} messages wait until what it has stored is stored here`)
    return true
  }

  #after(act: () => void): () => void {
    this.#waiting++
    return () => {
      this.#waiting--
      act()
    }
  }
}
