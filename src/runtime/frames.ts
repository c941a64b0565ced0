import { assertData } from '../core/data.ts'
import { decodeData, packData } from '../core/encoding.ts'
import { isEngineName } from '../core/engine-id.ts'
import { Fault } from '../core/errors.ts'
import type { FailureCode } from '../core/errors.ts'
import type { EndReason } from '../core/trigger.ts'

// What travels between nodes, in the order of its fields; `docs/formats.md` has it byte by byte.

/** The version of this format. */
const VERSION = 2
/** The most bytes that a frame may have. */
export const FRAME_LIMIT = 16 << 20
/** The most bytes that one item of a frame may have: leaves room for the frame's head. */
export const ITEM_LIMIT = FRAME_LIMIT - 64
/** The most items that a frame may have, so that none takes long. */
export const ITEMS_LIMIT = 1024

export type Frame =
  /** From who dialed: its own boot epoch, and the last one that it knows of the other. */
  | { readonly kind: 'hello'; readonly boot: string; readonly known: string | null }
  /** From who was dialed: its own boot epoch, and the dialer's again. */
  | { readonly kind: 'welcome'; readonly boot: string; readonly yours: string }
  /** From who dialed, numbered from 1. */
  | { readonly kind: 'items'; readonly n: number; readonly items: readonly Item[] }
  /** From who was dialed: all frames up to this number have arrived, and stored messages up to this number of theirs are stored there too. */
  | { readonly kind: 'ack'; readonly n: number; readonly stored: number }

/** Names are those of engines on the node that the item is for, or on the one that it is from: EngineIDs are made of them at the other end. */
export type Item =
  | { readonly kind: 'message'; readonly to: string; readonly mailbox: number; readonly from: string; readonly msg: unknown; readonly asks: Asks | undefined }
  /** The answer to a request of that boot epoch of the asker's node. */
  | { readonly kind: 'reply'; readonly to: string; readonly from: string; readonly id: number; readonly boot: string; readonly response: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly boot: string; readonly failure: FailureCode }
  | { readonly kind: 'watch'; readonly watcher: string; readonly engine: string }
  /** The watcher has ended, or restarts: nothing that it watched until now matters any more. */
  | { readonly kind: 'unwatch'; readonly watcher: string }
  | { readonly kind: 'terminated'; readonly watcher: string; readonly engine: string; readonly reason: EndReason }
  /** A tell that is stored until it is acknowledged. On one link their numbers follow each other. */
  | { readonly kind: 'stored'; readonly n: number; readonly to: string; readonly mailbox: number; readonly from: string; readonly msg: unknown }

/** What makes a message a request: the asker's number for it, and how many milliseconds are left to answer. */
interface Asks {
  readonly id: number
  readonly left: number
}

export function writeHello(boot: string, known: string | null): Uint8Array {
  return packData([0, VERSION, boot, known])
}

export function writeWelcome(boot: string, yours: string): Uint8Array {
  return packData([1, VERSION, boot, yours])
}

/** A frame of items that were written by {@link writeItem}. */
export function writeItems(n: number, items: readonly Uint8Array[]): Uint8Array {
  const head = packData([2, n])
  const frame = new Uint8Array(items.reduce((length, item) => length + item.length, head.length))
  frame.set(head)
  let at = head.length
  for (const item of items) {
    frame.set(item, at)
    at += item.length
  }
  return frame
}

export function writeAck(n: number, stored: number): Uint8Array {
  return packData([3, n, stored])
}

/** Throws `not-encodable` for what is no data that can travel. */
export function writeItem(item: Item): Uint8Array {
  switch (item.kind) {
    case 'message': return packData([0, item.to, item.mailbox, item.from, item.msg, ...item.asks === undefined ? [] : [item.asks.id, item.asks.left]])
    case 'reply': return packData([1, item.to, item.from, item.id, item.boot, item.response])
    case 'failure': return packData([2, item.id, item.boot, item.failure])
    case 'watch': return packData([3, item.watcher, item.engine])
    case 'unwatch': return packData([4, item.watcher])
    case 'terminated': return packData([5, item.watcher, item.engine, item.reason])
    case 'stored': return packData([6, item.n, item.to, item.mailbox, item.from, item.msg])
  }
}

/** Reads a frame, all of it. Throws for anything that is none. */
export function readFrame(bytes: Uint8Array): Frame {
  if (bytes.length > FRAME_LIMIT) throw invalid(`it has more than ${FRAME_LIMIT} bytes`)
  const [head, ...items] = decodeData(bytes, ITEMS_LIMIT + 1)
  const fields = new Fields(head)
  const kind = fields.whole()
  if (kind !== 2 && items.length > 0) throw invalid('something follows it')
  switch (kind) {
    case 0: case 1: {
      const version = fields.whole()
      if (version !== VERSION) throw invalid(`it is of version ${version}, and not ${VERSION}`)
      const frame: Frame = kind === 0
        ? { kind: 'hello', boot: fields.boot(), known: fields.bootOrNull() }
        : { kind: 'welcome', boot: fields.boot(), yours: fields.boot() }
      return fields.all(frame)
    }
    case 2: return { kind: 'items', n: fields.all(fields.whole()), items: items.map(readItem) }
    case 3: return fields.all({ kind: 'ack', n: fields.whole(), stored: fields.whole() })
    default: throw invalid(`there is no frame of kind ${kind}`)
  }
}

function readItem(value: unknown): Item {
  const fields = new Fields(value)
  const kind = fields.whole()
  switch (kind) {
    case 0: {
      const [to, mailbox, from, msg] = [fields.name(), fields.whole(), fields.name(), fields.data()]
      const asks = fields.isDone ? undefined : { id: fields.whole(), left: fields.duration() }
      return fields.all({ kind: 'message', to, mailbox, from, msg, asks })
    }
    case 1: return fields.all({ kind: 'reply', to: fields.name(), from: fields.name(), id: fields.whole(), boot: fields.boot(), response: fields.object() })
    case 2: return fields.all({ kind: 'failure', id: fields.whole(), boot: fields.boot(), failure: fields.among(FAILURES) })
    case 3: return fields.all({ kind: 'watch', watcher: fields.name(), engine: fields.name() })
    case 4: return fields.all({ kind: 'unwatch', watcher: fields.name() })
    case 5: return fields.all({ kind: 'terminated', watcher: fields.name(), engine: fields.name(), reason: fields.among(REASONS) })
    case 6: return fields.all({ kind: 'stored', n: fields.whole(), to: fields.name(), mailbox: fields.whole(), from: fields.name(), msg: fields.data() })
    default: throw invalid(`there is no item of kind ${kind}`)
  }
}

const FAILURES: { readonly [_ in FailureCode]: _ } = {
  aborted: 'aborted', crashed: 'crashed', deadline: 'deadline', 'mailbox-full': 'mailbox-full', 'not-acquainted': 'not-acquainted',
  stopped: 'stopped', unhandled: 'unhandled', unreachable: 'unreachable',
}
const REASONS: { readonly [_ in EndReason]: _ } = { stopped: 'stopped', crashed: 'crashed', 'start-failed': 'start-failed', unreachable: 'unreachable' }
const BOOT = /^[0-9a-f]{32}$/

/** Reads the fields of an array from left to right. */
class Fields {
  readonly #values: readonly unknown[]
  #at = 0

  constructor(value: unknown) {
    if (!Array.isArray(value)) throw invalid('a part of it is no array')
    this.#values = value
  }

  get isDone(): boolean {
    return this.#at === this.#values.length
  }

  /** Answers what was read, once nothing is left. */
  all<T>(read: T): T {
    if (!this.isDone) throw invalid('it has fields that it should not have')
    return read
  }

  next(): unknown {
    if (this.isDone) throw invalid('it lacks a field')
    return this.#values[this.#at++]
  }

  /** A whole number from 0. */
  whole(): number {
    const value = this.next()
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
    throw invalid('a number is not whole')
  }

  /** A finite number of milliseconds above 0. */
  duration(): number {
    const value = this.next()
    if (typeof value === 'number' && value > 0 && value < Infinity) return value
    throw invalid('a deadline is not in the future')
  }

  name(): string {
    const value = this.next()
    if (typeof value === 'string' && isEngineName(value)) return value
    throw invalid('a name is not one of an engine')
  }

  boot(): string {
    const value = this.next()
    if (typeof value === 'string' && BOOT.test(value)) return value
    throw invalid('a boot epoch is not 128 bits in hexadecimal')
  }

  bootOrNull(): string | null {
    if (this.#values[this.#at] !== null) return this.boot()
    this.#at++
    return null
  }

  data(): unknown {
    const value = this.next()
    assertData(value, 'a message')
    return value
  }

  object(): object {
    const value = this.data()
    if (typeof value === 'object' && value !== null) return value
    throw invalid('a response is no object')
  }

  among<T>(known: { readonly [name: string]: T }): T {
    const value = this.next()
    const found = typeof value === 'string' && Object.hasOwn(known, value) ? known[value] : undefined
    if (found === undefined) throw invalid('a word is not known')
    return found
  }
}

function invalid(problem: string): Fault {
  return new Fault('invalid-message', `This is no frame: ${problem}`)
}
