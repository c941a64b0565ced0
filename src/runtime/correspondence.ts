import { engineIDOf } from '../core/engine-id.ts'
import type { NodeID } from '../core/engine-id.ts'
import type { Change } from '../stores/store.ts'
import { Envelope } from './envelope.ts'
import { ITEM_LIMIT } from './frames.ts'
import { outChange, outRemoval, peerChange } from './rows.ts'
import type { OutRow, PeerRow } from './rows.ts'

/** How far the numbers of stored messages have come between this node and another. What is here may be ahead of the store. */
export class Numbers {
  /** Of the last message that was stored for it. */
  sent: number
  /** Of the last message that was taken from it. */
  received: number
  /** Of the last one of these of which the store knows. */
  stored: number
  /** How many were stored for it that it has not acknowledged. */
  waiting = 0

  constructor(sent: number, received: number) {
    this.sent = sent
    this.received = this.stored = received
  }
}

/** A message that is, or is to be, stored until the node of its target has acknowledged it. */
export interface Letter {
  readonly node: NodeID
  /** Its number among those to that node. */
  readonly n: number
  readonly envelope: Envelope
}

/** What durable engines of this node say to engines of others: it is numbered for each node, and stored until that node has it. */
export class Correspondence {
  readonly #node: NodeID
  /** How many may wait for one node. */
  readonly #limit: number
  readonly #numbers = new Map<NodeID, Numbers>()
  /** Those whose steps are committed and held back. */
  readonly #held = new Map<Envelope, Letter | 'refused'>()
  #left: readonly OutRow[]

  constructor(node: NodeID, limit: number, peers: readonly PeerRow[], left: readonly OutRow[]) {
    this.#node = node
    this.#limit = limit
    this.#left = left
    for (const { node: peer, sent, received } of peers) this.#numbers.set(peer, new Numbers(sent, received))
  }

  /** The numbers shared with that node. */
  with(node: NodeID): Numbers {
    let numbers = this.#numbers.get(node)
    if (numbers === undefined) this.#numbers.set(node, numbers = new Numbers(0, 0))
    return numbers
  }

  /** What earlier lives of this node have stored and not got rid of. Answers it once. */
  takeUp(): readonly Letter[] {
    const letters = this.#left.map(({ node, n, from, to, mailbox, msg }) => {
      const sender = engineIDOf(this.#node, from)
      this.with(node).waiting++
      return { node, n, envelope: new Envelope('message', sender, { id: sender }, engineIDOf(node, to), mailbox, msg, undefined) }
    })
    this.#left = []
    return letters
  }

  /** What a step says to other nodes: what it changes in the store. Throws `not-encodable`; nothing is noted before {@link Draft.note}. */
  draft(messages: readonly Envelope[]): Draft {
    const letters = new Map<Envelope, Letter | 'refused'>()
    const changes: Change[] = []
    const sent = new Map<NodeID, number>()
    for (const message of messages) {
      const { sender, from, target: { node, name }, mailbox, msg } = message
      if (node === null) continue
      const { sent: before, waiting } = this.with(node)
      const n = (sent.get(node) ?? before) + 1
      const change = outChange({ row: 'out', node, n, from: sender.name, to: name, mailbox, msg })
      // What can't travel is not stored: it becomes a dead letter when it is its turn.
      if (change.value.length > ITEM_LIMIT) continue
      if (waiting + n - before > this.#limit) {
        letters.set(message, 'refused')
        continue
      }
      sent.set(node, n)
      changes.push(change)
      // With a target of its own: its sender may change the one it made.
      letters.set(message, { node, n, envelope: new Envelope('message', sender, from, engineIDOf(node, name), mailbox, msg, undefined) })
    }
    for (const [node, n] of sent) changes.push(peerChange({ row: 'peer', node, sent: n, received: this.with(node).received }))
    return { changes, note: () => this.#note(letters) }
  }

  #note(letters: ReadonlyMap<Envelope, Letter | 'refused'>): void {
    for (const [message, letter] of letters) {
      this.#held.set(message, letter)
      if (letter === 'refused') continue
      const numbers = this.with(letter.node)
      numbers.sent = letter.n
      numbers.waiting++
    }
  }

  /** The letter that a message became, now that it is stored: `refused`, if too many wait already. */
  post(message: Envelope): Letter | 'refused' | undefined {
    const letter = this.#held.get(message)
    if (letter !== undefined) this.#held.delete(message)
    return letter
  }

  /** What changes when that node has acknowledged these. */
  acknowledged(node: NodeID, numbers: readonly number[]): readonly Change[] {
    this.with(node).waiting -= numbers.length
    return numbers.map(n => outRemoval(node, n))
  }

  /** What changes when that message is taken from that node. */
  received(node: NodeID, n: number): Change {
    const numbers = this.with(node)
    numbers.received = n
    return peerChange({ row: 'peer', node, sent: numbers.sent, received: n })
  }
}

interface Draft {
  readonly changes: readonly Change[]
  note(): void
}
