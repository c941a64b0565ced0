/** The mailboxes of a puppet. */
export const CLUSTER = [
  { capacity: 6, overflow: 'reject', priority: 0, state: 0 },
  { capacity: 4, overflow: 'drop-oldest', priority: 1, state: 0 },
  { capacity: 4, overflow: 'drop-newest', priority: -1, state: 0 },
] as const
/** An engine as it must be, by what was seen of it so far. */
export class Model {
  readonly label: string
  wasSpawned = false
  isOver = false
  /** Between two lives, or before its end. */
  isDown = false
  /** When each of its lives but the first began. */
  readonly restarts: number[] = []
  isOpen = true
  parent: Model | undefined
  readonly children: Model[] = []
  /** What each of its mailboxes holds. */
  readonly mailboxes = CLUSTER.map(() => new MailboxModel())
  readonly allowed = new Set<string>()
  /** Steps that its actions said yes to, and those that were observed. */
  handled = 0
  observed = 0
  declined = 0
  unhandled = 0
  /** How often each was heard of. */
  readonly requested = new Map<string, number>()
  readonly started = new Map<string, number>()
  /** Each that it watches, with the lives that it had then: `undefined` for one that was not there. */
  readonly watched = new Map<string, { asked: number; told: number; readonly lives: (Model | undefined)[] }>()

  constructor(label: string) {
    this.label = label
  }

  mailbox(number: number): MailboxModel {
    const mailbox = this.mailboxes[number]
    if (mailbox === undefined) throw new Error(`There is no mailbox ${number}`)
    return mailbox
  }

  /** All that it holds and has not put off. */
  get waiting(): readonly string[] {
    return this.mailboxes.flatMap(({ held }) => held.filter(({ isDeferred }) => !isDeferred).map(({ key }) => key))
  }

  get deferred(): number {
    return this.mailboxes.reduce((sum, { held }) => sum + held.filter(({ isDeferred }) => isDeferred).length, 0)
  }

  /** It took from that mailbox; perhaps, when what it took may have come past all mailboxes. */
  passBy(number: number, isCertain = true): void {
    for (const [other, mailbox] of this.mailboxes.entries()) {
      const isPassed = other !== number && mailbox.next !== undefined
      // What comes past all mailboxes passes the one it seems to be of, too.
      if (isPassed || (!isCertain && mailbox.next !== undefined)) mailbox.atMost++
      else mailbox.atMost = 0
      if (!isPassed) mailbox.atLeast = 0
      else if (isCertain) mailbox.atLeast++
    }
  }
}

/** What a mailbox holds, in order of arrival, and how often in a row it was passed over, as far as can be seen. */
export class MailboxModel {
  readonly held: { readonly key: string; isDeferred: boolean }[] = []
  /** How many of its messages were handled. */
  handled = 0
  atLeast = 0
  atMost = 0

  get next(): string | undefined {
    return this.held.find(({ isDeferred }) => !isDeferred)?.key
  }

  has(key: string): boolean {
    return this.held.some(item => item.key === key)
  }

  remove(key: string): void {
    const at = this.held.findIndex(item => item.key === key)
    if (at >= 0) this.held.splice(at, 1)
  }
}

/** A label without the life it is of: what peers know of each other. */
export function placeOf(label: string): string {
  return label.replace(/:\d+/, '')
}
