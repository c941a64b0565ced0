import { isEngineID, isEngineName, isNodeID } from '../core/engine-id.ts'
import type { EngineID, NodeID } from '../core/engine-id.ts'
import type { EngineFamily } from '../core/engine.ts'
import { Fault } from '../core/errors.ts'
import type { Change } from '../stores/store.ts'
import { Correspondence } from './correspondence.ts'
import { DormantRoots } from './dormant.ts'
import type { DormantRoot } from './dormant.ts'
import { EngineRecord } from './engine-record.ts'
import type { Deed } from './engine-record.ts'
import { Envelope, nameOf } from './envelope.ts'
import type { EngineInstance } from './instance.ts'
import type { Journal } from './journal.ts'
import type { NodeLife } from './life.ts'
import type { StepPlan } from './plan.ts'
import type { Elapsing } from './timers.ts'
import { nodeChange, put, rootChange } from './rows.ts'
import type { MessageRow } from './rows.ts'
import type { StoredMessages } from './stored-messages.ts'

/** How many numbers are set apart in the store at a time, for requests and messages. */
const NUMBERS = 2 ** 32

/** What durability needs of its node. */
export interface DurabilityParts {
  readonly journal: Journal
  readonly node: NodeID
  readonly life: NodeLife
  /** How many stored messages may wait for another node. */
  readonly limit: number
  /** Finds an engine on this node. */
  find(id: EngineID): EngineInstance | undefined
  /** Whether there is a way to other nodes. */
  hasRemote(): boolean
}

/** What a node's durable engines have to do with its store. */
export class Durability {
  readonly journal: Journal
  /** The durable engines of the host that are not there now. */
  readonly dormant = new DormantRoots()
  /** What they say to other nodes. */
  readonly correspondence: Correspondence
  readonly #parts: DurabilityParts
  readonly #node: NodeID
  #ids: number
  #idsUntil: number

  constructor(parts: DurabilityParts) {
    const { journal, node, life: { ids, roots, peers, out }, limit } = parts
    this.journal = journal
    this.#parts = parts
    this.#node = node
    this.#ids = ids
    this.#idsUntil = ids + NUMBERS
    this.correspondence = new Correspondence(node, limit, peers, out)
    for (const { name, sensitive } of roots) this.dormant.find(name, sensitive)
  }

  /** What is stored of a node that begins a life, of which `ids` is the first number never given out. */
  static beginning(node: NodeID, ids: number): Change {
    return nodeChange({ row: 'node', version: 1, id: node, ids: ids + NUMBERS })
  }

  /** A number that no request and no message of this node had, in any of its lives. */
  nextID(): number {
    const id = ++this.#ids
    // Long before the numbers that are set apart are used up.
    if (id + NUMBERS / 2 > this.#idsUntil) {
      this.#idsUntil += NUMBERS
      this.journal.commit([nodeChange({ row: 'node', version: 1, id: this.#node, ids: this.#idsUntil })], nothing)
    }
    return id
  }

  /**
   * What a step changes, to be written at once. `done` is what it is for. Throws `not-encodable` and
   * `invalid-effect`, which crashes the step: then nothing of it is noted.
   */
  step(record: EngineRecord, plan: StepPlan, done: Deed | undefined, envelope: Envelope | undefined, now: number): readonly Change[] {
    // It is about to end: a step of another has taken all of it out of the store.
    if (record.isOver) return []
    const all: Deed[] = done === undefined ? [] : [done]
    if (plan.messages.length === 0 && !plan.hasMore) return record.step(plan.environment, all, consumed(plan, envelope))
    const spawned = new Map(plan.spawns.filter(({ family }) => family.durable !== undefined)
      .map(({ family, as, config, policy }) => [as.name, new EngineRecord(as.name, family, EngineRecord.selfOf(family, config, policy, -1), undefined)]))
    const told = plan.messages.filter(message => message instanceof Envelope)
    const { messages, changes: sent } = this.#messages(record, told, spawned)
    const letters = this.correspondence.draft(told.filter(({ target }) => this.#isFar(target)))
    for (const message of plan.messages) if (message.kind === 'request') all.push({ row: 'ask', key: message.key })
    for (const { name, key, input, deadline } of plan.tasks) all.push({ row: 'task', name, key, input, ...deadline !== undefined && { deadline } })
    for (const start of plan.starts) {
      if (start.effect === 'cancel') all.push({ ended: ['timer', start.handle] })
      if (start.effect === 'timer') {
        all.push({ row: 'timer', handle: start.handle, due: now + start.after, missed: start.missed, ...start.every !== undefined && { every: start.every } })
      }
    }
    for (const name of spawned.keys()) all.push({ row: 'child', name })
    const begun = Array.from(spawned.values(), child => child.self())
    // The step of the record throws before anything is noted, so it comes first of what notes.
    const changes = [...record.step(plan.environment, all, consumed(plan, envelope)), ...begun, ...this.#grants(record, plan, spawned), ...sent, ...letters.changes]
    // From here on nothing throws.
    for (const child of spawned.values()) record.children.set(child.name, child)
    for (const { inbox, message, id } of messages) inbox.hold(message, id)
    letters.note()
    const last = plan.spawns.at(-1)
    return last === undefined ? changes : [...changes, record.lastChild(last.n)]
  }

  /** The tells of a step to other durable engines of this node: what handles them removes their rows, in the same batch as what comes of it. */
  #messages(record: EngineRecord, told: readonly Envelope[], spawned: ReadonlyMap<string, EngineRecord>) {
    const messages: { readonly inbox: StoredMessages; readonly message: Envelope; readonly id: number }[] = []
    const changes: Change[] = []
    for (const message of told) {
      const { target, msg } = message
      const inbox = this.#inbox(target) ?? inboxOf(this.#isHere(target) ? spawned.get(target.name) ?? record.children.get(target.name) : undefined)
      if (inbox === undefined) continue
      if (inbox.isSensitive(nameOf(msg))) {
        throw new Fault('invalid-effect', `send: ${nameOf(msg)} has sensitive fields, and between durable engines it would be stored as it is. Ask for it instead: requests are not stored`)
      }
      const id = this.nextID()
      messages.push({ inbox, message, id })
      changes.push(put(inbox.engine, this.#rowOf(message, id)))
    }
    return { messages, changes }
  }

  /** What is told to a durable engine of this node, also to one that is not there and can be resumed. */
  #inbox(target: EngineID): StoredMessages | undefined {
    const instance = this.#parts.find(target)
    if (instance !== undefined) return inboxOf(instance.record)
    return this.#isHere(target) ? this.dormant.get(target.name)?.messages : undefined
  }

  #isHere({ node }: EngineID): boolean {
    return node === null || node === this.#node
  }

  /** Whether it may be an engine of a node that there is a way to. */
  #isFar({ node, name }: EngineID): boolean {
    return node !== null && node !== this.#node && isNodeID(node) && isEngineName(name) && this.#parts.hasRemote()
  }

  /** Takes a message that another node has stored: stores it too, if it is for a durable engine, and that it was taken. Then does `act`. */
  receive(node: NodeID, n: number, envelope: Envelope, act: () => void): void {
    const changes: Change[] = [this.correspondence.received(node, n)]
    const inbox = this.#inbox(envelope.target)
    if (inbox !== undefined && !inbox.isSensitive(nameOf(envelope.msg))) {
      const id = this.nextID()
      changes.push(put(inbox.engine, this.#rowOf(envelope, id)))
      inbox.hold(envelope, id)
    }
    this.journal.commit(changes, act)
  }

  /** Notes that the other node has these stored messages. */
  acknowledged(node: NodeID, numbers: readonly number[]): void {
    if (numbers.length > 0) this.journal.commit(this.correspondence.acknowledged(node, numbers), nothing)
  }

  #rowOf({ sender, from, mailbox, msg }: Envelope, id: number): MessageRow {
    return { row: 'message', id, sender: this.#address(sender), from: this.#address(from.id), mailbox, msg }
  }

  #grants(record: EngineRecord, plan: StepPlan, spawned: ReadonlyMap<string, EngineRecord>): readonly Change[] {
    return plan.grants.flatMap(({ effect, child, acquaintance }) => {
      const known = record.children.get(child.name) ?? spawned.get(child.name)
      // What can be nobody's need not be stored, and could not be read back.
      if (known === undefined || !isEngineID(this.#address(acquaintance))) return []
      return effect === 'grant' ? this.#granted(known, acquaintance) : this.#revoked(known, acquaintance)
    })
  }

  /** That the host lets somebody send to an engine of its own. */
  grant(record: EngineRecord, acquaintance: EngineID): void {
    this.journal.commit(this.#granted(record, acquaintance), nothing)
  }

  revoke(record: EngineRecord, acquaintance: EngineID): void {
    this.journal.commit(this.#revoked(record, acquaintance), nothing)
  }

  #granted(record: EngineRecord, acquaintance: EngineID): readonly Change[] {
    return record.add({ row: 'acquaintance', id: this.#address(acquaintance) })
  }

  #revoked(record: EngineRecord, acquaintance: EngineID): readonly Change[] {
    const { node, name } = this.#address(acquaintance)
    return record.drop('acquaintance', `${node}/${name}`)
  }

  /** What begins with the first life of an engine, or goes on with a later one. */
  begin(record: EngineRecord, environment: object, act: () => void): void {
    const isNew = !record.isStored
    const changes = record.step(environment, [])
    this.journal.commit(isNew && !record.isOver ? [...changes, record.self()] : changes, act)
  }

  /** Takes a message for an engine of the host that is not there and can be resumed, if it is stored for it. */
  keep(envelope: Envelope): boolean {
    const root = this.#isHere(envelope.target) ? this.dormant.get(envelope.target.name) : undefined
    return root !== undefined && root.messages.has(envelope) && root.keep(envelope)
  }

  /** Forgets a message that was not handled, and will not be: not one whose engine ends for now, which finds it in the store when it is resumed. */
  forget(envelope: Envelope): void {
    const target = this.#parts.find(envelope.target)
    const inbox = this.#inbox(envelope.target)
    if (inbox === undefined) return
    if (target !== undefined && !target.accepts && !target.affairs.isForgotten) return inbox.leave(envelope)
    const changes = inbox.release(envelope)
    if (changes.length > 0) this.journal.commit(changes, nothing)
  }

  /** An engine of the host is there: it goes on with what waited for it, which is answered. */
  wake(record: EngineRecord, family: EngineFamily): DormantRoot | undefined {
    const sensitive = Array.from(family.messages.values()).filter(({ isRequest, redact }) => !isRequest && redact !== undefined).map(({ name }) => name)
    this.journal.commit([rootChange({ row: 'root', name: record.name, sensitive })], nothing)
    const root = this.dormant.wake(record.name)
    if (root !== undefined) record.messages.adopt(root.messages)
    return root
  }

  /** Notes that no rule wanted what a step was for. */
  forgo(record: EngineRecord, done: Deed | undefined): void {
    if (done !== undefined) this.journal.commit('row' in done ? record.add(done) : record.drop(...done.ended), nothing)
  }

  /** Drops what a life that is over had begun. */
  dropWork({ record, family }: EngineInstance): void {
    if (record !== undefined) this.journal.commit(record.dropWork(family.keepsChildren), nothing)
  }

  /** Forgets an engine that has ended, if that is for good. What ends for now may be resumed. */
  end(instance: EngineInstance): void {
    const { record, parent, affairs } = instance
    if (affairs.isForgotten) return this.journal.commit(ended(instance), nothing)
    if (record === undefined) return
    record.isAway = true
    if (parent !== undefined) return
    // One that never was has no acquaintances: who spawns it again says anew whom it knows.
    if (!record.isStored) this.journal.commit(record.dropAcquaintances(), nothing)
    this.dormant.sleep(record.messages)
  }

  /** What is removed with a step that stops these: children, of whom some may have ended, or the engine itself. */
  stopped(instance: EngineInstance, stops: readonly (EngineID | undefined)[]): readonly Change[] {
    return stops.flatMap(child => child === undefined ? ended(instance) : instance.record?.dropChild(child.name) ?? [])
  }

  /** Forgets a child that was never begun. */
  forgetChild(parent: EngineRecord, name: string): void {
    this.journal.commit(parent.dropChild(name), nothing)
  }

  #address({ node, name }: EngineID): { readonly node: NodeID; readonly name: string } {
    return { node: node ?? this.#node, name }
  }
}

/** What is stored of a timer. */
export function timerRow({ handle, due, every, missed }: Elapsing): Deed {
  return { row: 'timer', handle, due, missed, ...every !== undefined && { every } }
}

/** What is removed of an engine that ends for good. */
function ended({ record, parent }: EngineInstance): readonly Change[] {
  if (record === undefined) return []
  return parent === undefined ? record.end(true) : parent.record?.dropChild(record.name) ?? []
}

/** Where what is told to a durable engine is stored, unless it has ended. */
function inboxOf(record: EngineRecord | undefined): StoredMessages | undefined {
  return record === undefined || record.isOver || record.isAway ? undefined : record.messages
}

function consumed(plan: StepPlan, envelope: Envelope | undefined): Envelope | undefined {
  return plan.deferral === undefined ? envelope : undefined
}

function nothing(): void {}
