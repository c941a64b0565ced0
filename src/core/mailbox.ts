import { copyData, freezeData, isRecord } from './data.ts'
import { Fault } from './errors.ts'

/** What becomes of a message that finds its mailbox full. Whichever is lost is a dead letter, and its asker is told `mailbox-full`. */
export type Overflow =
  /** The new one is refused: `mailbox-full`. */
  | 'reject'
  /** The new one is `dropped`. */
  | 'drop-newest'
  /** The one that came first of all that wait or are deferred there is `dropped`. */
  | 'drop-oldest'

/** One mailbox of a cluster. */
export interface MailboxOptions<S> {
  /** How many messages may wait, those that are deferred included, at least 1: 65,536 unless told. */
  readonly capacity?: number
  /** `reject` unless told. */
  readonly overflow?: Overflow
  /**
   * The highest goes first, always, but for this: a mailbox in which something waits gets at least one step in sixteen. Mailboxes of one
   * priority take turns. 0 unless told.
   */
  readonly priority?: number
  /** What is kept with the mailbox at first: data. */
  readonly state?: S
}

/** A mailbox cluster: mailboxes by MailboxID, 0 to 15. */
export interface Mailboxes<S> { readonly [id: number]: MailboxOptions<S> }

/** A mailbox as the runtime reads it. */
export interface MailboxDefinition {
  readonly capacity: number
  readonly overflow: Overflow
  readonly priority: number
  readonly state: unknown
}

/** How many messages may wait in a mailbox unless its family says otherwise. */
export const MAILBOX_CAPACITY = 65_536

/** So many mailboxes at most: as many as can each have one step in sixteen. */
export const MAILBOX_LIMIT = 16

const OVERFLOWS: readonly string[] = ['reject', 'drop-newest', 'drop-oldest'] satisfies Overflow[]
const PLAIN: MailboxDefinition = { capacity: MAILBOX_CAPACITY, overflow: 'reject', priority: 0, state: undefined }

/** Checks what a definition says of its mailboxes. Throws what `fault` makes, or `not-encodable` for a state that is no data. */
export function mailboxesOf(mailboxes: Mailboxes<unknown> | undefined, fault: (problem: string) => Fault): readonly (MailboxDefinition | undefined)[] {
  const definitions: (MailboxDefinition | undefined)[] = [PLAIN]
  if (mailboxes === undefined) return definitions
  if (!isRecord(mailboxes)) throw fault('mailboxes must be an object such as { 0: { capacity: 100 }, 1: { priority: 1 } }')
  for (const [text, options] of Object.entries(mailboxes)) {
    const id = Number(text)
    if (!/^(?:0|[1-9]\d?)$/.test(text) || id >= MAILBOX_LIMIT) throw fault(`there is no mailbox ${JSON.stringify(text)}: mailboxes are numbered from 0 to ${MAILBOX_LIMIT - 1}`)
    while (definitions.length < id) definitions.push(undefined)
    definitions[id] = definitionOf(id, options, fault)
  }
  return definitions
}

function definitionOf(id: number, options: MailboxOptions<unknown>, fault: (problem: string) => Fault): MailboxDefinition {
  if (!isRecord(options)) throw fault(`mailbox ${id} must be an object such as { capacity: 100 }`)
  const stray = Object.keys(options).find(field => !Object.hasOwn(PLAIN, field))
  if (stray !== undefined) throw fault(`mailbox ${id} has no field ${JSON.stringify(stray)}; it has ${Object.keys(PLAIN).join(', ')}`)
  const { capacity = PLAIN.capacity, overflow = PLAIN.overflow, priority = PLAIN.priority } = options
  if (!Number.isSafeInteger(capacity) || capacity < 1) throw fault(`the capacity of mailbox ${id} must be a whole number from 1`)
  if (!OVERFLOWS.includes(overflow)) throw fault(`the overflow of mailbox ${id} must be one of ${OVERFLOWS.join(', ')}`)
  if (!Number.isFinite(priority)) throw fault(`the priority of mailbox ${id} must be a number`)
  // All engines of the family begin with it.
  const state = copyData(options.state, `the state of mailbox ${id}`)
  freezeData(state)
  return { capacity, overflow, priority, state }
}
