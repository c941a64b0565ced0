import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { always, child, defer, defineEngine, emit, forward, keep, release, reply, request, send, spawn, stop, task, timer, update, updateMailbox, watch } from '../../src/index.ts'
import type { Ask, Effect, Engine, EngineRef, Mailboxes, Observed, Overflow, ReplyTo, ResponseOf, Strategy, Supervision } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import { boxProtocol } from './box.ts'
import type { BoxProtocol } from './box.ts'
import { lawOf } from './law.ts'

// Random programs of everything that meets in mailboxes: deferral, overflow, priorities, requests, tasks, forwards, crashes, restarts, ends.

type Right = ReplyTo<ResponseOf<BoxProtocol, 'GetRequest'>>
interface Environment { readonly kept: readonly Right[]; readonly children: number }
const config = z.strictObject({})
interface Clerk {
  protocol: BoxProtocol
  config: typeof config
  environment: Environment
  mailboxState: { readonly n: number }
  tasks: { work(input: Work): number }
  asks: { ask: Ask<BoxProtocol, 'GetRequest'> }
  timers: 'tick'
  resource: {}
}
interface Work { readonly n: number; readonly to?: Right; readonly next: 'nothing' | 'crash' | 'release' | 'task'; readonly isSlow: boolean }

const DEEDS = [
  'log', 'crash', 'keep', 'answer-kept', 'task', 'slow-task', 'crash-in-outcome', 'release-in-outcome', 'task-in-outcome', 'defer', 'release', 'release-and-stop',
  'ask', 'burst', 'forward', 'spawn', 'stop-child', 'stop', 'timer', 'update-mailbox',
] as const
type Deed = typeof DEEDS[number]
/** What the message of a number is to do. */
interface Order { readonly deed: Deed; readonly x: number; readonly mailbox: number }

const order = fc.record({ deed: fc.constantFrom<Deed>(...DEEDS, 'crash', 'defer', 'defer', 'defer', 'release', 'ask', 'burst', 'spawn', 'spawn'), x: fc.nat(1_000), mailbox: fc.nat(2) })
const orders = fc.array(fc.record({ order, to: fc.nat(6), ask: fc.constantFrom(undefined, undefined, 1, 20, 1e9, 1e9), who: fc.nat(1), wait: fc.constantFrom(0, 0, 0, 0.01, 1, 15) }), { minLength: 20, maxLength: 90, size: 'max' })
const mailbox = fc.record({ capacity: fc.constantFrom(1, 2, 3, 8, 100), overflow: fc.constantFrom<Overflow>('reject', 'drop-newest', 'drop-oldest'), priority: fc.integer({ min: -1, max: 1 }) })
const policy: fc.Arbitrary<Supervision> = fc.record({
  crash: fc.constantFrom('restart' as const, 'restart' as const, 'restart' as const, 'stop' as const, 'escalate' as const),
  restarts: fc.constantFrom(1, 3, 50, 50, 50), exhausted: fc.constantFrom('escalate' as const, 'stop' as const), backoff: fc.constantFrom({ first: 0, longest: 0 }, { first: 3, longest: 10 }),
})
const shape = fc.record({
  mailboxes: fc.tuple(mailbox, mailbox, mailbox), root: policy.map(each => ({ ...each, crash: 'restart' as const, restarts: 50 })), kids: policy, strategy: fc.constantFrom<Strategy>('one-for-one', 'one-for-all', 'rest-for-one'),
  keepsChildren: fc.boolean(), releasesAtStart: fc.boolean(),
  /** Milliseconds that opening and closing take. */
  slowness: fc.constantFrom(0, 0, 2), stopsEarly: fc.boolean(),
})
type Shape = typeof shape extends fc.Arbitrary<infer S> ? S : never
type Orders = typeof orders extends fc.Arbitrary<infer L> ? L : never

const NAMES = ['p', 'q', 'p/0', 'p/1', 'p/2', 'q/0', 'p/0/0']
/** What a committed step says of itself. */
interface Said { readonly done?: number; readonly fate?: string; readonly sent?: readonly number[]; readonly from?: string; readonly to?: string; readonly urgent?: number; readonly asked?: string; readonly heard?: string }

/** What was seen of one engine. */
class Seen {
  life = 0
  isOver = false
  /** Outcomes that come before all else. */
  urgent = 0
  /** Requests of its own that nobody has answered yet. */
  readonly asks = new Set<string>()
}

class Office {
  readonly sim: ReturnType<typeof simulate>
  readonly node: ReturnType<ReturnType<typeof simulate>['createNode']>
  readonly plans: Order[] = []
  /** What became of each message that was sent, by number; a forward is one, and what becomes of the forwarded message another. */
  readonly fates = new Map<number, string[]>()
  readonly engines = new Map<string, Seen>()
  readonly problems: string[] = []
  /** Requests whose asker waits for ever. */
  readonly patient = new Set<number>()
  readonly counts: { [what: string]: number } = {}
  readonly #looks = new Map<number, number>()
  readonly #last = new Map<string, number>()
  readonly #forwarded = new Set<number>()
  /** Of what was sent and has not come into a mailbox, from whom to whom. */
  readonly #routes = new Map<number, string>()
  /** By engine and mailbox, what waits there or is deferred. */
  readonly #held = new Map<string, Set<number>>()
  readonly #form: Shape

  constructor(seed: number, form: Shape) {
    this.sim = simulate({ seed })
    this.node = this.sim.createNode()
    this.#form = form
    this.node.observe(event => this.#observe(event))
  }

  /** A number for a message that does this. */
  plan(what: Order): number {
    return this.plans.push(what) - 1
  }

  sent(n: number, from: string, to: string): void {
    this.fates.set(n, [])
    this.#routes.set(n, `${from} ${to}`)
  }

  ref(name: string): EngineRef<BoxProtocol> {
    return JSON.parse(JSON.stringify({ node: this.node.id, name }))
  }

  seen(name: string): Seen {
    const seen = this.engines.get(name) ?? new Seen()
    this.engines.set(name, seen)
    return seen
  }

  #observe(event: Observed): void {
    if (lawOf(this.node) !== 0) this.problems.push(`the counting law is off by ${lawOf(this.node)}`)
    if (event.kind === 'step') {
      const seen = this.seen(event.engine.name)
      if (seen.urgent > 0 && --seen.urgent >= 0 && event.on !== 'outcome') this.problems.push(`${event.engine.name} took a step for ${event.on} before an outcome that was there at once`)
      this.#count(event.on)
    } else if (event.kind === 'emitted') {
      const { done, fate = 'done', sent = [], from, to, urgent = 0, asked, heard } = event.event as Said
      const seen = this.seen(event.engine.name)
      for (const n of sent) this.sent(n, event.engine.name, to ?? event.engine.name)
      this.#count(fate)
      if (done !== undefined) this.#settle(done, `${fate} ${event.engine.name} ${seen.life}`)
      if (done !== undefined && fate === 'forwarded') this.#routes.set(done, `${from} ${to}`)
      seen.urgent += urgent
      if (asked !== undefined) seen.asks.add(asked)
      if (heard !== undefined && !seen.asks.delete(heard)) this.problems.push(`${event.engine.name} heard of ${heard}, which it had not asked, or a second time`)
    } else if (event.kind === 'dead-letter' && (event.name === 'Put' || event.name === 'GetRequest')) {
      const { n = this.#first(`${event.sender.name} ${event.target.name}`) } = event.msg as { n?: number }
      this.#routes.delete(n)
      const box = this.plans[n]?.mailbox ?? 0
      const held = this.#held.get(`${event.target.name} ${box}`)?.size ?? 0
      const { capacity } = this.#form.mailboxes[box] ?? {}
      if ((event.reason === 'mailbox-full' || event.reason === 'dropped') && held !== capacity) this.problems.push(`${n} was ${event.reason}, and ${held} of ${capacity} were there`)
      if (event.reason === 'abandoned' && this.patient.has(n)) this.problems.push(`${n} was abandoned, and its asker waits`)
      this.#settle(n, `dead ${event.reason}`)
      this.#count(event.reason)
    } else if (event.kind === 'message' && event.inReplyTo === 0) {
      const { n } = event.msg as { n: number }
      this.#routes.delete(n)
      const box = this.plans[n]?.mailbox ?? 0
      const place = `${event.target.name} ${box}`
      const held = (this.#held.get(place) ?? new Set()).add(n)
      this.#held.set(place, held)
      const { capacity = 0 } = this.#form.mailboxes[box] ?? {}
      if (held.size > capacity) this.problems.push(`mailbox ${place} holds ${held.size} messages, and its capacity is ${capacity}`)
      if (held.size === capacity) this.#count('full')
    } else if (event.kind === 'restarted' || event.kind === 'ended') {
      const seen = this.seen(event.engine.name)
      seen.life++
      seen.urgent = 0
      seen.asks.clear()
      seen.isOver = event.kind === 'ended'
      this.#count(event.kind)
    }
  }

  /** What came first that way: of a message to nobody, observers learn no more. */
  #first(route: string): number {
    for (const [n, each] of this.#routes) if (each === route) return n
    return -1
  }

  #settle(n: number, fate: string): void {
    for (const held of this.#held.values()) held.delete(n)
    const fates = this.fates.get(n)
    if (fates === undefined) this.problems.push(`${n} was not sent`)
    fates?.push(fate)
    if (fates && fates.filter(each => !each.startsWith('forwarded')).length > 1) this.problems.push(`${n} came to more than one end: ${fates.join()}`)
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }

  family(): Engine<Clerk> {
    const { mailboxes, strategy, kids, keepsChildren, releasesAtStart, slowness } = this.#form
    const kid: Engine<Clerk> = defineEngine<Clerk>({
      id: 'test/clerk', protocol: boxProtocol, config, open: true,
      environment: (_config, life) => ({ kept: [], children: life.nextChild }),
      behaviour: {
        messages: {
          Put: always((t, _c, e) => this.#act(t.msg.n, t.sender.name, t.self, t.mailbox, e, kid)),
          GetRequest: always((t, _c, e) => {
            const effects = this.#act(t.msg.n, t.sender.name, t.self, t.mailbox, e, kid, t.replyTo)
            return Reflect.apply(Array.from, Array, [effects])
          }),
        },
        outcomes: { work: always(t => this.#outcome(t.input)) },
        answers: { ask: always(t => emit({ heard: t.key })) },
        timers: { tick: always(() => []) },
        terminated: always(() => []),
        started: always(() => releasesAtStart ? [release('k0'), emit({})] : []),
      },
      tasks: { work: ({ n, isSlow: slow }) => slow ? this.sim.sleep(n % 7).then(() => n) as never : n },
      resource: {
        acquire: () => slowness === 0 ? {} : this.sim.sleep(slowness).then(() => ({})),
        release: () => slowness === 0 ? undefined : this.sim.sleep(slowness),
      },
      mailboxes: { ...mailboxes } as unknown as Mailboxes<{ n: number }>,
      children: () => [kid],
      supervision: { ...kids, strategy },
      ...keepsChildren ? { keepsChildren: true as const } : {},
    })
    return kid
  }

  #outcome({ n, to, next }: Work): readonly Effect<Clerk>[] {
    if (next === 'crash') throw new Error('on purpose, in an outcome')
    const answers = to === undefined ? [] : [reply({ n }, { to })]
    if (next === 'release') return [...answers, release('k0'), release('k1')]
    if (next === 'task') return [...answers, task('work', { n, next: 'nothing', isSlow: false }, { key: `w/${n}/more` }), emit({ urgent: 1 } satisfies Said)]
    return answers
  }

  #act(n: number, sender: string, self: EngineRef<BoxProtocol>, box: number, e: Environment, kid: Engine<Clerk>, to?: Right): readonly Effect<Clerk>[] {
    const what = this.plans[n]
    if (what === undefined) throw new Error(`there is no order ${n}`)
    const looks = (this.#looks.get(n) ?? 0) + 1
    this.#looks.set(n, looks)
    if (looks === 1 && !this.#forwarded.has(n)) {
      const line = `${sender} ${self.name} ${box}`
      if (n <= (this.#last.get(line) ?? -1)) this.problems.push(`${line}: ${n} after ${this.#last.get(line)}`)
      this.#last.set(line, n)
    }
    const { deed, x, mailbox: other } = what
    const answer: readonly Effect<Clerk>[] = to === undefined ? [] : [reply({ n }) as never]
    const said = (more: Said = {}) => emit({ done: n, ...more } satisfies Said)
    const work = (next: Work['next'], isSlow: boolean, count = 1): readonly Effect<Clerk>[] => [
      ...Array.from({ length: count }, (_, i) => task('work', { n, ...i === 0 && to && { to }, next: i === 0 ? next : 'nothing', isSlow }, { key: `w/${n}/${i}/${looks}` })),
      said({ urgent: isSlow ? 0 : count }),
    ]
    switch (deed) {
      case 'crash': throw new Error('on purpose')
      case 'keep': return to === undefined ? [said()] : [keep(to), update({ ...e, kept: [...e.kept, to] }), said({ fate: 'kept' })]
      case 'answer-kept': return [...answer, ...e.kept.map(each => reply({ n }, { to: each })), update({ ...e, kept: [] }), said()]
      case 'task': return work('nothing', false, 1 + x % 3)
      case 'slow-task': return work('nothing', true)
      case 'crash-in-outcome': return work('crash', x % 4 === 0, 2)
      case 'release-in-outcome': return work('release', false, 2)
      case 'task-in-outcome': return work('task', false, 2)
      case 'defer': return looks <= 1 + x % 3 ? (this.#count('deferred'), [defer(`k${(x + looks) % 2}`)]) : [...answer, said()]
      case 'release': return [...answer, release(`k${x % 2}`), ...x % 3 === 0 ? [release('k0')] : [], said()]
      case 'release-and-stop': return [...answer, release('k0'), release('k1'), ...x % 2 === 0 && self.name.includes('/') ? [stop()] : [], said()]
      case 'ask': {
        const asked = this.plan({ deed: DEEDS[(x * 7) % DEEDS.length] ?? 'log', x: Math.floor(x / 2), mailbox: other })
        const key = `ask/${asked}` as const
        const name = NAMES[x % NAMES.length] ?? 'p'
        return [...answer, said({ sent: [asked], to: name, asked: key }), request(this.ref(name), { type: 'GetRequest', n: asked }, { key, mailbox: other, deadline: 50 })]
      }
      case 'burst': {
        const numbers = Array.from({ length: 1 + x % 5 }, (_, i) => this.plan({ deed: (['log', 'defer', 'release', 'task', 'log'] as const)[(x + i) % 5] ?? 'log', x: x + i, mailbox: other }))
        return [...answer, said({ sent: numbers }), ...numbers.map(each => send(self, { type: 'Put', n: each }, { mailbox: other }))]
      }
      case 'forward': {
        if (to === undefined || looks > 3) return [...answer, said()]
        this.#forwarded.add(n)
        const name = NAMES[(x + looks) % NAMES.length] ?? 'p'
        return [said({ fate: 'forwarded', from: sender, to: name }), forward({ msg: { type: 'GetRequest', n }, replyTo: to }, this.ref(name), { mailbox: other })]
      }
      case 'spawn': {
        if (e.children > 4 || self.name.split('/').length > 2) return [...answer, said()]
        const as = child(kid, self, e.children)
        return [...answer, spawn(kid, { as }), watch(as), update({ ...e, children: e.children + 1 }), said()]
      }
      case 'stop-child': return [...answer, ...e.children === 0 ? [] : [stop(child(kid, self, e.children - 1))], said()]
      case 'stop': return [...answer, ...self.name.includes('/') && x % 3 === 0 ? [stop()] : [], said()]
      case 'timer': return [...answer, timer(`tick/${x % 3}`, { after: x % 5 }), said()]
      case 'update-mailbox': return [...answer, updateMailbox(other, { n }), said()]
      default: return [...answer, said()]
    }
  }
}

/** A family to begin with. */
const FOUNDING: Orders = [0, 0, 0, 1, 2].map(to => ({ order: { deed: 'spawn', x: 0, mailbox: 0 }, to, ask: undefined, who: 0, wait: 1 }))

const total: { [what: string]: number } = {}

async function perform(seed: number, form: Shape, list: Orders): Promise<string> {
  const office = new Office(seed, form)
  const { sim, node } = office
  const ends = new Map<number, number>()
  const asked: number[] = []
  await sim.run(async () => {
    const family = office.family()
    for (const name of ['p', 'q']) await node.spawn(family, { name, supervision: form.root })
    for (const { order: what, to, ask, who, wait } of [...FOUNDING, ...list]) {
      const n = office.plan(what)
      office.sent(n, `c${who}`, NAMES[to] ?? 'p')
      const target = office.ref(NAMES[to] ?? 'p')
      const client = node.client(`c${who}`)
      if (ask !== undefined) {
        asked.push(n)
        if (ask === 1e9) office.patient.add(n)
        client.ask(target, { type: 'GetRequest', n }, { mailbox: what.mailbox, deadline: ask }).catch(() => {}).finally(() => ends.set(n, (ends.get(n) ?? 0) + 1))
      } else {
        client.tell(target, { type: 'Put', n }, { mailbox: what.mailbox })
      }
      if (wait > 0) await sim.sleep(wait)
    }
    if (!form.stopsEarly) {
      await sim.sleep(60_000)
      check(office, asked, ends)
    }
    await node.stop()
    // Askers are told in turns of the event loop.
    await sim.sleep(1)
  })
  expect(asked.map(n => ends.get(n))).toEqual(asked.map(() => 1))
  expect(office.problems).toEqual([])
  expect(sim.reported).toEqual([])
  expect(node.counters()).toMatchObject({ queued: 0, deferred: 0 })
  expect(lawOf(node)).toBe(0)
  // Each message came to one end.
  for (const [n, fates] of office.fates) expect(fates.filter(each => !each.startsWith('forwarded')).length, `${n} ${fates.join()}`).toBe(1)
  for (const [what, count] of Object.entries(office.counts)) total[what] = (total[what] ?? 0) + count
  return sim.traceHash()
}

/** What must hold when nothing is left to do: what has not ended is kept or deferred by an engine that lives. */
function check(office: Office, asked: readonly number[], ends: ReadonlyMap<number, number>): void {
  const { queued, deferred } = office.node.counters()
  expect(queued).toBe(0)
  const open = [...office.fates].filter(([, fates]) => fates.every(each => each.startsWith('forwarded')))
  expect(open.length).toBe(deferred)
  const isOpen = new Set(open.map(([n]) => n))
  for (const n of asked) {
    if (ends.has(n) || isOpen.has(n)) continue
    const [fate, name, life] = office.fates.get(n)?.at(-1)?.split(' ') ?? []
    const seen = office.engines.get(name ?? '')
    if (fate !== 'kept' || seen?.isOver !== false || seen.life !== Number(life)) office.problems.push(`${n} (${office.plans[n]?.deed}) has not ended: ${office.fates.get(n)?.join()}, ${JSON.stringify(seen)}`)
  }
  for (const [name, { asks }] of office.engines) if (asks.size > 0) office.problems.push(`${name} has not heard of ${[...asks].join()}`)
}

describe('random programs of mailboxes', () => {
  test('S2, S3, S4, S5, S18, S23, S25, S29, S32, S46 hold over deferral, overflow, priorities, crashes, restarts and ends', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), shape, orders, async (seed, form, list) => {
      const first = await perform(seed, form, list)
      if (seed % 10 === 0) expect(await perform(seed, form, list)).toBe(first)
    }), { numRuns: 150 })
    // Runs that never come to these would hold vacuously.
    for (const what of ['restarted', 'ended', 'full', 'dropped', 'mailbox-full', 'crashed', 'abandoned', 'stopped', 'answer', 'outcome', 'timer', 'terminated', 'started', 'deferred', 'forwarded', 'kept']) {
      expect(total[what], what).toBeGreaterThan(4)
    }
  })
})
