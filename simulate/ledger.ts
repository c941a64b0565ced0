import type { Effect, EndReason, EngineID, Node, Observed } from '../src/index.ts'
import { formatEngineID } from '../src/index.ts'
import type { Fate } from '../src/simulation.ts'
import { isPoison, ProgramTexts } from './programs.ts'
import type { Program } from './programs.ts'
import { CLUSTER, Model, placeOf } from './model.ts'
import type { MailboxModel } from './model.ts'
import type { Mark, Puppet } from './puppet.ts'
import { Violations } from './violations.ts'

/** What a puppet means its step to do, as far as it is looked at later. It counts if the step is committed. */
export interface StepRecord {
  readonly requested: string[]
  readonly started: string[]
  readonly watched: EngineID[]
  readonly grants: { readonly child: EngineID; readonly to: EngineID; readonly on: boolean }[]
  releases: boolean
}

/** A message as a puppet got it. */
interface Got {
  readonly self: EngineID
  readonly sender: EngineID
  readonly msg: { readonly mark: Mark }
  readonly mailbox: number
  readonly mailboxState: number | undefined
}

interface Exchange {
  responder: string
  readonly asker: string
  isOpen: boolean
}

interface Life {
  readonly node: Node
  readonly number: number
  isOver: boolean
  deadLetters: number
  events: number
}

/** A mailbox in which something waits gets one step in so many. */
const LONGEST_PASSED = 16
/** So many restarts in so many milliseconds, each after its backoff. */
const RESTARTS = 3
const WITHIN = 5_000
const LONGEST_BACKOFF = 100
/** How often the law of the counters is looked at, in events. */
const LAW_EVERY = 8

/** What puppets did and what was observed, held against each other and against what is guaranteed, while it happens. */
export class Ledger {
  readonly violations: Violations
  readonly programs = new ProgramTexts()
  readonly #lives: Life[] = []
  readonly #models = new Map<string, Model>()
  readonly #exchanges = new Map<string, Exchange>()
  /** The highest number that arrived on each way. */
  readonly #arrived = new Map<string, number>()
  #running: string | undefined

  constructor(violations: Violations) {
    this.violations = violations
  }

  /** A node begins a life at that place. Answers which it is. */
  live(place: number, node: Node): number {
    const number = (this.#lives[place]?.number ?? 0) + 1
    this.#lives[place] = { node, number, isOver: false, deadLetters: 0, events: 0 }
    return number
  }

  /** The node at that place has crashed: what was to come of it does not come. */
  die(place: number): void {
    const life = this.#lives[place]
    if (life === undefined) return
    life.isOver = true
    for (const model of this.#models.values()) if (model.label.startsWith(`${place}:${life.number}.`)) model.isOver = true
  }

  violated(guarantee: string, detail: string): void {
    this.violations.add(guarantee, detail)
  }

  // ── what puppets report ──────────────────────────────────────────────────────────────────────────────────────

  step(
    label: string, t: Got, program: Program, atOnce: number, perform: (record: StepRecord) => readonly Effect<Puppet>[] | undefined,
  ): readonly Effect<Puppet>[] | undefined {
    const model = this.#model(label)
    const { mark } = t.msg
    if (this.#running !== undefined) this.violated('S10', `${label} took a step inside one of ${this.#running}`)
    if (model.isOver) this.violated('S31', `${label} took a step after its end`)
    if (atOnce > 0) this.violated('S25', `${label} handled a message before the outcome of a task that had answered at once`)
    if (mark.isPoison) this.violated('S11', `${label} got a message of a step that crashed`)
    // What another node forwards comes from who forwarded it: a node vouches for its own engines alone.
    const isHandedOn = mark.to !== placeOf(label) && t.sender.node !== t.self.node
    if (!isHandedOn && (nameIn(mark.from) !== t.sender.name || this.#nodeOf(mark.from) !== t.sender.node)) {
      this.violated('S1', `${label} was told that ${formatEngineID(t.sender)} sent what ${mark.from} did`)
    }
    if (!model.isOpen && mark.to === placeOf(label) && !this.#allows(model, t.self, t.sender)) {
      this.violated('S6', `${label} handled a message of ${mark.from}, which it does not know`)
    }
    if (model.isDown) this.violated('S48', `${label} took a step between two lives`)
    const mailbox = this.#turn(model, t)
    if (t.mailboxState !== mailbox.handled) this.violated('S47', `what ${label} keeps with mailbox ${t.mailbox} is ${t.mailboxState} and not ${mailbox.handled}`)
    mailbox.remove(keyOf(mark))
    const record: StepRecord = { requested: [], started: [], watched: [], grants: [], releases: false }
    this.#running = label
    try {
      const effects = perform(record)
      if (effects === undefined) {
        model.declined++
      } else if (isPoison(program)) {
        model.isDown = true
      } else {
        mailbox.handled++
        this.#commit(model, t.self, record)
      }
      return effects
    } catch (error) {
      model.isDown = true
      throw error
    } finally {
      this.#running = undefined
    }
  }

  /** A puppet puts a message off. */
  defer<T>(label: string, t: Got, effects: T): T {
    const model = this.#model(label)
    const item = this.#turn(model, t).held.find(({ key }) => key === keyOf(t.msg.mark))
    if (item !== undefined) item.isDeferred = true
    model.handled++
    return effects
  }

  /** Looks whether it was this message's turn. */
  #turn(model: Model, { mailbox: number, msg: { mark } }: Got): MailboxModel {
    const key = keyOf(mark)
    const mailbox = model.mailbox(number)
    if (mailbox.next !== key) this.violated(!mailbox.has(key) ? 'S3' : mailbox.held.some(item => item.key === key && item.isDeferred) ? 'S46' : 'S2', `${model.label} handled ${key}, which ${mailbox.has(key) ? `waited behind ${mailbox.next}` : 'did not wait'}`)
    const priority = CLUSTER[number]?.priority ?? 0
    for (const [other, { next, atLeast }] of model.mailboxes.entries()) {
      if (next === undefined || other === number) continue
      if ((CLUSTER[other]?.priority ?? 0) > priority && mailbox.atMost < LONGEST_PASSED / 2) {
        this.violated('S45', `${model.label} handled ${key} before what waits in mailbox ${other}, which goes first`)
      }
      // Signals wait in mailbox 0 too, and have its turns.
      if (other !== 0 && atLeast >= LONGEST_PASSED) this.violated('S45', `mailbox ${other} of ${model.label} was passed over ${atLeast} times`)
    }
    model.passBy(number)
    return mailbox
  }

  #commit(model: Model, self: EngineID, { requested, started, watched, grants, releases }: StepRecord): void {
    model.handled++
    if (releases) for (const { held } of model.mailboxes) for (const item of held) item.isDeferred = false
    for (const key of requested) model.requested.set(key, 0)
    for (const key of started) model.started.set(key, 0)
    for (const id of watched) {
      const watch = model.watched.get(formatEngineID(id)) ?? { asked: 0, told: 0, lives: [] }
      watch.asked++
      // One that is not there yet is told to have ended, and may come to be meanwhile.
      const watched = this.#modelOf(id)
      watch.lives.push(watched?.wasSpawned === true ? watched : undefined)
      model.watched.set(formatEngineID(id), watch)
    }
    for (const { child, to, on } of grants) {
      const { allowed } = this.#model(`${model.label}${child.name.slice(self.name.length)}`)
      if (on) allowed.add(formatEngineID(to))
      else allowed.delete(formatEngineID(to))
    }
  }

  answered(label: string, key: string): void {
    this.#heard(label, 'S23', 'the answer to', this.#model(label).requested, key)
  }

  ended(label: string, key: string): void {
    this.#heard(label, 'S24', 'the end of the task', this.#model(label).started, key)
  }

  #heard(label: string, guarantee: string, what: string, counts: Map<string, number>, key: string): void {
    const count = counts.get(key)
    if (count === undefined) this.violated(guarantee, `${label} heard ${what} ${key}, which it did not start`)
    else if (count > 0) this.violated(guarantee, `${label} heard ${what} ${key} twice`)
    counts.set(key, (count ?? 0) + 1)
    if (this.#model(label).isOver) this.violated('S31', `${label} took a step after its end`)
  }

  terminated(label: string, engine: EngineID, reason: EndReason): void {
    const watch = this.#model(label).watched.get(formatEngineID(engine))
    if (watch === undefined || watch.told >= watch.asked) this.violated('S30', `${label} was told of the end of ${engine.name} more often than it asked`)
    else watch.told++
    // One that can't be reached may live; and the news of an end may outlive its node, which then has another engine of that name.
    if (reason === 'unreachable' || watch === undefined) return
    if (watch.lives.every(life => life !== undefined && !life.isOver)) this.violated('S30', `${label} was told of the end of ${engine.name}, which lives`)
  }

  // ── what is observed ─────────────────────────────────────────────────────────────────────────────────────────

  witness(place: number, event: Observed | Fate): void {
    const life = this.#lives[place]
    if (life === undefined || !('step' in event)) return
    if (life.isOver) return this.violated('S31', `node ${place} was seen to do something after its end: ${event.kind}`)
    if (this.#running !== undefined) this.violated('S16', `an observer was told of a ${event.kind} while ${this.#running} took a step`)
    if (life.events++ % LAW_EVERY === 0) this.#checkLaw(place, life)
    const label = (id: EngineID) => `${place}:${life.number}.${id.name}`
    switch (event.kind) {
      case 'spawned': {
        const model = this.#model(label(event.engine))
        if (model.wasSpawned) this.violated('S27', `the name ${model.label} was given twice`)
        model.wasSpawned = true
        model.isOpen = event.family !== 'simulate/closed-puppet'
        if (event.parent === undefined) return
        model.parent = this.#model(label(event.parent))
        model.parent.children.push(model)
        return
      }
      case 'ended': {
        const model = this.#model(label(event.engine))
        if (model.isOver) this.violated('S30', `${model.label} ended twice`)
        model.isOver = true
        if (model.waiting.length + model.deferred > 0) this.violated('S4', `${model.label} ended, and nothing became of ${model.waiting.length + model.deferred} messages`)
        for (const child of model.children) if (!child.isOver) this.violated('S30', `${model.label} ended before its child ${child.label}`)
        if (event.reason === 'crashed' && model.restarts.filter(time => time > event.time - WITHIN).length < RESTARTS) {
          this.violated('S49', `${model.label} was given up after ${model.restarts.length} restarts`)
        }
        return
      }
      case 'restarted': {
        const model = this.#model(label(event.engine))
        if (model.isOver) this.violated('S48', `${model.label} began a new life after its end`)
        for (const child of model.children) if (!child.isOver) this.violated('S48', `${model.label} began a new life before its child ${child.label} had ended`)
        if (model.restarts.filter(time => time > event.time - WITHIN + LONGEST_BACKOFF).length >= RESTARTS) this.violated('S49', `${model.label} has restarted too often`)
        model.restarts.push(event.time)
        model.isDown = false
        for (const mailbox of model.mailboxes) mailbox.handled = 0
        for (const old of [model.requested, model.started, model.watched]) old.clear()
        return
      }
      case 'step': {
        const model = this.#model(label(event.engine))
        if (event.on === 'started') return
        if (event.on !== 'message') return model.passBy(0, event.on !== 'outcome')
        if (!isPuppet(event.trigger)) return
        if (++model.observed > model.handled) this.violated('S16', `a step of ${model.label} was observed that was not committed`)
        return
      }
      case 'message':
        if (event.inReplyTo !== 0) return this.#replied(`${place}:${life.number}#${event.inReplyTo}`, event.sender, event.target, event.sender.node === life.node.id && event.target.node === life.node.id)
        if (event.id !== 0) this.#asked(`${place}:${life.number}#${event.id}`, event.sender, event.target)
        return this.#accepted(this.#model(label(event.target)), markOf(event.msg))
      case 'dead-letter':
        life.deadLetters++
        return this.#deadLettered(this.#model(label(event.target)), event.reason, markOf(event.msg), event.error)
    }
  }

  #accepted(model: Model, mark: Mark | undefined): void {
    if (mark === undefined) return
    const { held } = model.mailbox(mark.mailbox)
    held.push({ key: keyOf(mark), isDeferred: false })
    if (held.length > (CLUSTER[mark.mailbox]?.capacity ?? 0)) this.violated('S5', `${held.length} messages wait in mailbox ${mark.mailbox} of ${model.label}`)
    // Forwarded: its place among others is that of the forwarder.
    if (mark.to !== placeOf(model.label)) return
    const way = `${mark.from} ${mark.to} ${mark.mailbox}`
    const last = this.#arrived.get(way) ?? -1
    if (mark.n <= last) this.violated(mark.n === last ? 'S3' : 'S2', `${keyOf(mark)} arrived after number ${last}`)
    this.#arrived.set(way, mark.n)
  }

  #deadLettered(model: Model, reason: string, mark: Mark | undefined, error: unknown): void {
    if (reason === 'crashed' && error instanceof Error && error.name !== 'OnPurpose' && !('code' in error && error.code === 'invalid-effect')) {
      this.violated('S29', `${model.label} crashed of itself: ${error.message}`)
    }
    if (mark === undefined) return
    const key = keyOf(mark)
    const mailbox = model.mailbox(mark.mailbox)
    const { held } = mailbox
    const { capacity, overflow } = CLUSTER[mark.mailbox] ?? CLUSTER[0]
    if (reason === 'unhandled') model.unhandled++
    if (reason === 'mailbox-full' || reason === 'dropped') {
      const isOldest = overflow === 'drop-oldest'
      if (held.length < capacity) this.violated('S5', `${key} was ${reason} when ${held.length} messages waited in mailbox ${mark.mailbox} of ${model.label}`)
      if ((reason === 'mailbox-full') !== (overflow === 'reject')) this.violated('S5', `${key} was ${reason}, and the overflow is ${overflow}`)
      if (isOldest ? held[0]?.key !== key : mailbox.has(key)) this.violated('S5', `${key} was ${reason} in place of ${isOldest ? held[0]?.key : 'the newest'}`)
    }
    else if (mailbox.has(key)) model.passBy(mark.mailbox)
    mailbox.remove(key)
  }

  #asked(id: string, asker: EngineID, responder: EngineID): void {
    const exchange = this.#exchanges.get(id)
    if (exchange === undefined) this.#exchanges.set(id, { asker: formatEngineID(asker), responder: formatEngineID(responder), isOpen: true })
    // Forwarded.
    else exchange.responder = formatEngineID(responder)
  }

  #replied(id: string, responder: EngineID, asker: EngineID, isHere: boolean): void {
    let exchange = this.#exchanges.get(id)
    // That a request was sent to another node is not observed, nor that one from there was refused before it came in.
    if (exchange === undefined && !isHere) {
      this.#asked(id, asker, responder)
      exchange = this.#exchanges.get(id)
    }
    if (exchange === undefined) return this.violated('S19', `${responder.name} answered a request that nobody made`)
    if (!exchange.isOpen) this.violated('S18', `the request ${id} was answered twice`)
    // Where it was forwarded to another node, it is answered from there.
    const isFar = responder.node !== this.#lives[Number(id.split(':')[0])]?.node.id
    if (!isFar && exchange.responder !== formatEngineID(responder)) this.violated('S19', `${responder.name} answered for another`)
    if (exchange.asker !== formatEngineID(asker)) this.violated('S18', `the answer to ${exchange.asker} went to ${asker.name}`)
    exchange.isOpen = false
  }

  #checkLaw(place: number, { node, number }: Life): void {
    const c = node.counters()
    const off = c.originated + c.arrived - c.handled - c.queued - c.deferred - c.deadLettered - c.handedToTransport
    if (off !== 0) this.violated('S4', `the counts of node ${place}:${number} are off by ${off}`)
  }

  // ── in the end ───────────────────────────────────────────────────────────────────────────────────────────────

  /** When nothing has been left to do for longer than any deadline. */
  checkQuiet(): void {
    for (const [place, life] of this.#lives.entries()) {
      if (life.isOver) continue
      this.#checkLaw(place, life)
      const { queued, deferred } = life.node.counters()
      if (queued > 0) this.violated('S17', `nothing goes on, and ${queued} messages wait on node ${place}`)
      const putOff = [...this.#models.values()].reduce((sum, model) => sum + (model.label.startsWith(`${place}:${life.number}.`) ? model.deferred : 0), 0)
      if (deferred !== putOff) this.violated('S4', `${putOff} messages were put off on node ${place}, and ${deferred} are counted`)
    }
    for (const model of this.#models.values()) {
      if (model.isOver || !model.wasSpawned) continue
      if (model.waiting.length > 0) this.violated('S4', `nothing became of ${model.waiting.join(', ')} at ${model.label}`)
      for (const [key, count] of model.requested) if (count === 0) this.violated('S23', `${model.label} never heard the answer to ${key}`)
      for (const [key, count] of model.started) if (count === 0) this.violated('S24', `${model.label} never heard the end of its task ${key}`)
      for (const [id, { told }] of model.watched) {
        if (told === 0 && this.#hasEnded(id)) this.violated('S30', `${model.label} was never told of the end of ${id}`)
      }
    }
  }

  /** When every node has stopped or crashed. */
  checkEnd(): void {
    for (const [place, life] of this.#lives.entries()) {
      if (life.isOver) continue
      this.#checkLaw(place, life)
      const { deadLettered, queued } = life.node.counters()
      if (queued > 0) this.violated('S31', `${queued} messages wait on node ${place}, which has stopped`)
      if (deadLettered !== life.deadLetters) this.violated('S4', `${life.deadLetters} of ${deadLettered} dead letters of node ${place} were observed`)
    }
    for (const model of this.#models.values()) {
      if (model.wasSpawned && !model.isOver) this.violated('S31', `${model.label} lives on a node that has stopped`)
      // A crash of its node comes between a step and its observation; otherwise nothing does.
      const { isOver } = this.#lives[Number(model.label.split(':')[0])] ?? { isOver: true }
      if (isOver) continue
      if (model.observed !== model.handled) this.violated('S16', `${model.observed} of ${model.handled} steps of ${model.label} were observed`)
      if (model.unhandled !== model.declined) this.violated('S14', `${model.label} declined ${model.declined} messages, and ${model.unhandled} were dead letters`)
    }
  }

  // ── who is who ───────────────────────────────────────────────────────────────────────────────────────────────

  #model(label: string): Model {
    let model = this.#models.get(label)
    if (model === undefined) this.#models.set(label, model = new Model(label))
    return model
  }

  #modelOf(id: EngineID): Model | undefined {
    const place = this.#lives.findIndex(life => life.node.id === id.node)
    return this.#models.get(`${place}:${this.#lives[place]?.number}.${id.name}`)
  }

  #hasEnded(id: string): boolean {
    const slash = id.indexOf('/')
    const model = this.#modelOf({ node: id.slice(0, slash), name: id.slice(slash + 1) })
    return model?.wasSpawned === true && model.isOver
  }

  #nodeOf(label: string): string | undefined {
    return this.#lives[Number(label.split(':')[0])]?.node.id
  }

  #allows(model: Model, self: EngineID, sender: EngineID): boolean {
    return model.allowed.has(formatEngineID(sender)) || (sender.node === self.node && (sender.name === self.name || self.name.slice(0, self.name.lastIndexOf('/')) === sender.name))
  }
}

/** The name in a label such as `0:1.p0/2`, or `0:1.p0/2!1` for its second life. */
function nameIn(label: string): string {
  return label.slice(label.indexOf('.') + 1).replace(/!\d+$/, '')
}

function keyOf({ from, to, mailbox, n }: Mark): string {
  return `${from}→${to}/${mailbox}#${n}`
}

function isPuppet(name: string): boolean {
  return name === 'Do' || name === 'DoRequest'
}

function markOf(msg: unknown): Mark | undefined {
  return typeof msg === 'object' && msg !== null && 'mark' in msg && isMark(msg.mark) ? msg.mark : undefined
}

function isMark(mark: unknown): mark is Mark {
  return typeof mark === 'object' && mark !== null && 'from' in mark
}
