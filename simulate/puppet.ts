import { z } from 'zod'
import {
  always, cancel, child, defer, defineEngine, defineProtocol, exchange, forward, grant, keep, release, reply, request, revoke, send, spawn, stop, Table, task, timer,
  update, updateMailbox, watch,
} from '../src/index.ts'
import type {
  Answered, Ask, Asked, Effect, Elapsed, Engine, EngineID, EngineRef, NodeID, Outcome, ProtocolOf, ReplyTo, RequestStep, ResponseOf, Step, Terminated, Told,
} from '../src/index.ts'
import { engineID } from '../src/index.ts'
import type { Ledger, StepRecord } from './ledger.ts'
import { CLUSTER, placeOf } from './model.ts'
import { isPoison, writeProgram } from './programs.ts'
import type { Program } from './programs.ts'

// Engines that do what their messages say, and report to a ledger what they did.

/** A message knows its way and the mailbox that it goes to, which of its sender's messages on that way it is, and whether its own step was to crash. */
export const mark = z.strictObject({ from: z.string(), to: z.string(), mailbox: z.number(), n: z.number(), isPoison: z.boolean() })
export type Mark = z.output<typeof mark>

/** `sender` is what a forger would write there. */
const fields = { program: z.string(), mark, sender: engineID() }
export const puppetProtocol = defineProtocol({
  id: 'simulate/puppet', version: 1, codes: ['no'],
  requests: { DoRequest: exchange(fields, { done: z.number() }) },
  tells: { Do: fields },
})
export interface PuppetProtocol extends ProtocolOf<typeof puppetProtocol> {}
type DoReply = ReplyTo<ResponseOf<PuppetProtocol, 'DoRequest'>>

export interface PuppetEnvironment {
  /** How many messages were sent to each peer. */
  readonly sent: Table<number>
  readonly kept: readonly DoReply[]
  readonly keys: number
  readonly children: number
  /** When each timer that runs is due, at the earliest. */
  readonly timers: Table<number>
  /** How many tasks answered at once whose outcomes were not handled. */
  readonly atOnce: number
  readonly isHeldUp: boolean
  /** Which of its lives this is. */
  readonly life: number
}

const peer = z.strictObject({ label: z.string(), id: engineID() })
const config = z.strictObject({ label: z.string(), peers: z.array(peer) })
type Config = z.output<typeof config>
export interface Puppet {
  protocol: PuppetProtocol
  config: typeof config
  environment: PuppetEnvironment
  tasks: { work(input: { readonly how: string; readonly replyTo: DoReply | null }): number }
  asks: { ask: Ask<PuppetProtocol, 'DoRequest'> }
  timers: 'tick'
  mailboxState: number
}
type Trigger = Told<PuppetProtocol, 'Do', number> | Asked<PuppetProtocol, 'DoRequest', number>

/** Who did not send it. */
export function forged(node: NodeID | null): EngineID {
  return { node, name: 'forged' }
}

class OnPurpose extends Error {
  override readonly name = 'OnPurpose'
}

/** Two families: what the host spawns is open to all, what a puppet spawns is not. */
export interface Puppets {
  readonly open: Engine<Puppet>
  readonly closed: Engine<Puppet>
}

export function puppetsOf(ledger: Ledger): Puppets {
  const closed: Engine<Puppet> = define(false)
  return { open: define(true), closed }

  function define(open: boolean): Engine<Puppet> {
    return defineEngine<Puppet>({
      id: open ? 'simulate/puppet' : 'simulate/closed-puppet', protocol: puppetProtocol, config, ...open && { open },
      mailboxes: { ...CLUSTER },
      environment: (_config, { nextChild, restarts }) => ({
        sent: Table.empty(), kept: [], keys: 0, children: nextChild, timers: Table.empty(), atOnce: 0, isHeldUp: false, life: restarts,
      }),
      behaviour: {
        messages: {
          Do: always((t, c, e): Step<Puppet> => {
          const effects = perform(t, c, e)
          return effects === DEFERRED ? defer('held') : effects
        }),
          DoRequest: always((t, c, e): RequestStep<Puppet, ResponseOf<PuppetProtocol, 'DoRequest'>> => {
            const effects = perform(t, c, e)
            return effects && (effects === DEFERRED ? defer('held') : [keep(t.replyTo), ...effects])
          }),
        },
        outcomes: { work: always(finish) },
        answers: { ask: always((t: Answered<PuppetProtocol, 'ask', unknown>, { label }) => {
          ledger.answered(label, t.key)
          return []
        }) },
        timers: { tick: always(tick) },
        terminated: always(({ engine, reason }: Terminated<PuppetProtocol>, { label }) => {
          ledger.terminated(label, engine, reason)
          return []
        }),
      },
      tasks: {
        work({ how }, _live, signal) {
          switch (how) {
            case 'sync': return 1
            case 'async': return Promise.resolve(2)
            case 'throw': throw new OnPurpose()
            default: return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new OnPurpose())))
          }
        },
      },
      children: (): readonly Engine<never>[] => [closed],
    })
  }

  function perform(t: Trigger, config: Config, environment: PuppetEnvironment): readonly Effect<Puppet>[] | undefined {
    const program = ledger.programs.read(t.msg.program)
    if (program[0]?.op === 'defer' && environment.isHeldUp) return ledger.defer(config.label, t, DEFERRED)
    return ledger.step(config.label, t, program, environment.atOnce, record => new Performance(t, program, config, environment, closed, record).effects())
  }

  function finish(t: Outcome<Puppet, 'work'>, { label }: Config, environment: PuppetEnvironment): Step<Puppet> {
    ledger.ended(label, t.key)
    const { how, replyTo } = t.input
    const effects: Effect<Puppet>[] = []
    if (replyTo !== null) effects.push(reply(t.outcome === 'done' ? { done: t.output } : { err: 'No', code: 'no' }, { to: replyTo }))
    if (how === 'sync' || how === 'throw') effects.push(update({ ...environment, atOnce: environment.atOnce - 1 }))
    return effects
  }

  function tick({ handle, time }: Elapsed<PuppetProtocol, 'tick'>, { label }: Config, environment: PuppetEnvironment): Step<Puppet> {
    const due = environment.timers.get(handle)
    if (due === undefined) ledger.violated('S26', `${label} heard of the timer ${handle}, which was not running`)
    else if (time < due - 0.5) ledger.violated('S26', `${label} heard of the timer ${handle} ${due - time} ms too soon`)
    return update({ ...environment, timers: environment.timers.delete(handle) })
  }
}

/** Stands for a message that is put off. */
const DEFERRED: readonly Effect<Puppet>[] = []

/** One message being handled. */
class Performance {
  readonly #t: Trigger
  readonly #program: Program
  readonly #config: Config
  readonly #closed: Engine<Puppet>
  readonly #record: StepRecord
  readonly #effects: Effect<Puppet>[] = []
  readonly #replyTo: DoReply | undefined
  #environment: PuppetEnvironment
  #isSettled = false
  /** Two answers to one request in one step would crash it. */
  readonly #answered = new Set<number>()

  constructor(t: Trigger, program: Program, config: Config, environment: PuppetEnvironment, closed: Engine<Puppet>, record: StepRecord) {
    this.#t = t
    this.#program = program
    this.#config = config
    this.#environment = environment
    // How many messages of this mailbox were handled.
    this.#effects.push(updateMailbox(t.mailbox, (t.mailboxState ?? 0) + 1))
    this.#closed = closed
    this.#record = record
    this.#replyTo = 'replyTo' in t ? t.replyTo : undefined
  }

  /** `undefined` when it declines. */
  effects(): readonly Effect<Puppet>[] | undefined {
    for (const op of this.#program) {
      if (op.op === 'decline' && this.#effects.length === 1) return undefined
      this.#perform(op)
    }
    if (this.#replyTo && !this.#isSettled) this.#effects.push(reply({ done: 0 }, { to: this.#replyTo }))
    return [...this.#effects, update(this.#environment)]
  }

  #perform(op: Program[number]): void {
    const t = this.#t
    const environment = this.#environment
    const replyTo = this.#isSettled ? undefined : this.#replyTo
    switch (op.op) {
      case 'tell': {
        this.#tell(this.#peer(op.to), op.mailbox, op.program)
        break
      }
      case 'loop':
        if (op.times > 0) this.#tell({ label: placeOf(this.#config.label), id: t.self }, op.mailbox, [{ ...op, times: op.times - 1 }])
        break
      case 'hold': this.#environment = { ...environment, isHeldUp: true }; break
      case 'release':
        this.#environment = { ...environment, isHeldUp: false }
        this.#record.releases = true
        this.#effects.push(release('held'))
        break
      case 'ask': {
        const peer = this.#peer(op.to)
        const mark = this.#mark(peer.label, op.mailbox)
        const key = `ask/${this.#key()}` as const
        this.#record.requested.push(key)
        this.#effects.push(request(peer.id, { type: 'DoRequest', program: writeProgram(op.program), mark, sender: forged(this.#t.self.node) }, { key, deadline: op.to % 3 === 0 ? 5 : 500, mailbox: op.mailbox }))
        break
      }
      // Only ever to a later peer, or the request would go round for ever.
      case 'forward': {
        const { label, id } = this.#peer(op.to)
        if (replyTo === undefined || !('replyTo' in t) || placeOf(this.#config.label) >= label) break
        this.#effects.push(forward(t, id, { mailbox: t.mailbox }))
        this.#isSettled = true
        break
      }
      case 'reply':
        if (replyTo === undefined) break
        this.#effects.push(reply({ done: 1 }, { to: replyTo }))
        this.#isSettled = true
        break
      case 'keep':
        if (replyTo === undefined) break
        this.#environment = { ...environment, kept: [...environment.kept, replyTo] }
        this.#isSettled = true
        break
      // What is kept after it was answered is answered again some day: a dead letter.
      case 'settle': case 'settle-and-keep': {
        const [first, ...kept] = environment.kept
        if (first === undefined || this.#answered.has(first.id)) break
        this.#answered.add(first.id)
        this.#effects.push(reply({ done: 2 }, { to: first }))
        this.#environment = { ...environment, kept: op.op === 'settle' ? kept : [...kept, first] }
        break
      }
      case 'spawn': {
        const as = child(this.#closed, t.self, environment.children)
        const label = `${this.#config.label}/${environment.children}`
        this.#environment = { ...environment, children: environment.children + 1 }
        this.#record.grants.push({ child: as, to: t.sender, on: true })
        this.#record.watched.push(as)
        this.#effects.push(spawn(this.#closed, { as, config: { label, peers: [...this.#config.peers] } }), watch(as), grant(as, t.sender))
        break
      }
      case 'share': case 'unshare': {
        if (environment.children === 0) break
        const as = child(this.#closed, t.self, environment.children - 1)
        const { id } = this.#peer(op.to)
        this.#record.grants.push({ child: as, to: id, on: op.op === 'share' })
        this.#effects.push(op.op === 'share' ? grant(as, id) : revoke(as, id))
        break
      }
      case 'watch': {
        const { id } = this.#peer(op.to)
        this.#record.watched.push(id)
        this.#effects.push(watch(id))
        break
      }
      case 'timer':
        this.#environment = { ...environment, timers: environment.timers.set(`tick/${op.handle}`, t.time + op.after) }
        this.#effects.push(timer(`tick/${op.handle}`, { after: op.after }))
        break
      case 'cancel':
        this.#environment = { ...environment, timers: environment.timers.delete(`tick/${op.handle}`) }
        this.#effects.push(cancel(`tick/${op.handle}`))
        break
      case 'task': {
        const key = this.#key()
        this.#record.started.push(key)
        if (op.how === 'sync' || op.how === 'throw') this.#environment = { ...this.#environment, atOnce: this.#environment.atOnce + 1 }
        this.#effects.push(task('work', { how: op.how, replyTo: replyTo ?? null }, { key, deadline: 50 }))
        this.#isSettled = true
        break
      }
      case 'stop': this.#effects.push(stop()); break
      case 'stop-child': if (environment.children > 0) this.#effects.push(stop(child(this.#closed, t.self, environment.children - 1))); break
      // The last two, if there are as many.
      case 'crash-children':
        for (let n = environment.children - 1; n >= 0 && n >= environment.children - 2; n--) {
          const id = child(this.#closed, t.self, n)
          this.#tell({ label: `${placeOf(this.#config.label)}/${n}`, id }, 0, [{ op: 'crash' }])
        }
        break
      case 'misname': this.#effects.push(spawn(this.#closed, { as: this.#peer(0).id, config: { label: 'misnamed', peers: [] } })); break
      case 'crash': throw new OnPurpose()
      case 'decline': case 'defer': break
    }
  }

  #key(): string {
    this.#environment = { ...this.#environment, keys: this.#environment.keys + 1 }
    return `${this.#environment.life}.${this.#environment.keys}`
  }

  #peer(n: number): { readonly label: string; readonly id: EngineRef<PuppetProtocol> } {
    const { peers } = this.#config
    const found = peers[n % peers.length]
    if (found === undefined) throw new OnPurpose()
    return { label: found.label, id: refOf(found.id) }
  }

  #tell({ label, id }: { readonly label: string; readonly id: EngineRef<PuppetProtocol> }, mailbox: number, program: Program): void {
    this.#effects.push(send(id, { type: 'Do', program: writeProgram(program), mark: this.#mark(label, mailbox), sender: forged(this.#t.self.node) }, { mailbox }))
  }

  #mark(to: string, mailbox: number): Mark {
    const way = `${to} ${mailbox}`
    const n = this.#environment.sent.get(way) ?? 0
    this.#environment = { ...this.#environment, sent: this.#environment.sent.set(way, n + 1) }
    return { from: `${this.#config.label}!${this.#environment.life}`, to, mailbox, n, isPoison: isPoison(this.#program) }
  }
}

/** That a puppet is there is known here alone. */
export function refOf(id: EngineID): EngineRef<PuppetProtocol>
export function refOf(id: EngineID): EngineID {
  return id
}
