import fc from 'fast-check'
import { z } from 'zod'
import { describe, expect, test } from 'vitest'
import {
  always, cancel, child, defineEngine, defineProtocol, exchange, forward, grant, keep, reply, request, revoke, send, spawn, stop, Table, task, timer, update, watch,
} from '../../src/index.ts'
import type { Effect, Engine, Answered, Ask, Asked, EngineID, EngineRef, ProtocolOf, ReplyTo, ResponseOf, Step, Told } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import { lawOf } from './law.ts'

// Random programs on the seeded host: engines do what their messages say, and what must hold is looked at after each event.

type Op =
  | { readonly op: 'tell' | 'ask' | 'watch' | 'forward'; readonly to: number; readonly program: readonly Op[] }
  | { readonly op: 'reply' | 'keep' | 'settle' | 'spawn' | 'stop' | 'stop-child' | 'crash' | 'cancel' | 'decline' | 'misname' }
  | { readonly op: 'task'; readonly how: 'sync' | 'async' | 'throw' | 'never' }
  | { readonly op: 'timer'; readonly after: number }
  | { readonly op: 'share' | 'unshare'; readonly to: number }

const ops = z.array(z.custom<Op>(value => typeof value === 'object'))
/** A message knows its way, and how many its sender had sent on it before; one that is poison comes from a step that crashes. */
const mark = z.strictObject({ from: z.string(), to: z.string(), n: z.number(), isPoison: z.boolean() })
const protocol = defineProtocol({
  id: 'test/puppet', version: 1, codes: ['no'],
  requests: { DoRequest: exchange({ program: ops, mark }, { done: z.number() }) },
  tells: { Do: { program: ops, mark } },
})
interface PuppetProtocol extends ProtocolOf<typeof protocol> {}
type DoReply = ReplyTo<ResponseOf<PuppetProtocol, 'DoRequest'>>
interface PuppetEnvironment {
  readonly sent: Table<number>
  readonly kept: readonly DoReply[]
  readonly keys: number
  readonly children: number
}
const config = z.strictObject({ peers: z.array(z.string()) })
interface Puppet {
  protocol: PuppetProtocol
  config: typeof config
  environment: PuppetEnvironment
  tasks: { work(input: { readonly how: string; readonly replyTo: DoReply | null }): number }
  asks: { ask: Ask<PuppetProtocol, 'DoRequest'> }
  timers: 'tick'
}

class Crash extends Error {}

/** What the puppets of one run were seen to do. */
class Record {
  readonly handled: { readonly target: string; readonly mark: z.output<typeof mark> }[] = []
  readonly answered = new Map<string, number>()
  readonly requested = new Map<string, number>()
  readonly ended = new Map<string, number>()
  readonly started = new Map<string, number>()
  readonly problems: string[] = []
  running: string | undefined

  bump(map: Map<string, number>, key: string): void {
    map.set(key, (map.get(key) ?? 0) + 1)
  }
}

function puppetOf(record: Record): Engine<Puppet> {
  type Trigger = Told<PuppetProtocol, 'Do'> | Asked<PuppetProtocol, 'DoRequest'>

  function perform(t: Trigger, { peers }: z.output<typeof config>, environment: PuppetEnvironment): Step<Puppet> {
    if (record.running !== undefined) record.problems.push(`${t.self.name} ran inside ${record.running}`)
    record.running = t.self.name
    try {
      return interpret(t, peers, environment)
    } finally {
      record.running = undefined
    }
  }

  function interpret(t: Trigger, peers: readonly string[], start: PuppetEnvironment): Step<Puppet> {
    let environment = start
    let isSettled = false
    const effects: Effect<Puppet>[] = []
    const replyTo = 'replyTo' in t ? t.replyTo : undefined
    const peer = (n: number): EngineRef<PuppetProtocol> => refOf({ node: t.self.node, name: peers[n % peers.length] ?? '' })
    const marked = (to: EngineID) => {
      const n = environment.sent.get(to.name) ?? 0
      environment = { ...environment, sent: environment.sent.set(to.name, n + 1) }
      return { from: t.self.name, to: to.name, n, isPoison: t.msg.program.some(({ op }) => op === 'crash' || op === 'misname') }
    }
    const key = () => {
      environment = { ...environment, keys: environment.keys + 1 }
      return `${environment.keys}`
    }
    for (const op of t.msg.program) {
      switch (op.op) {
        case 'tell': effects.push(send(peer(op.to), { type: 'Do', program: op.program, mark: marked(peer(op.to)) })); break
        case 'ask': {
          const k = `ask/${key()}` as const
          record.bump(record.requested, `${t.self.name} ${k}`)
          effects.push(request(peer(op.to), { type: 'DoRequest', program: op.program, mark: marked(peer(op.to)) }, { key: k, deadline: op.to % 3 === 0 ? 5 : 500 }))
          isSettled = true
          break
        }
        case 'reply': if (replyTo && !isSettled) { effects.push(reply({ done: 1 }, { to: replyTo })); isSettled = true } break
        case 'keep': if (replyTo && !isSettled) { effects.push(keep(replyTo)); environment = { ...environment, kept: [...environment.kept, replyTo] }; isSettled = true } break
        case 'settle': if (environment.kept[0]) { effects.push(reply({ done: 2 }, { to: environment.kept[0] })); environment = { ...environment, kept: environment.kept.slice(1) } } break
        // Only ever to a later peer, or the request would go round for ever.
        case 'forward': if ('replyTo' in t && !isSettled && peers.indexOf(t.self.name) < op.to % peers.length) { effects.push(forward(t, peer(op.to))); isSettled = true } break
        case 'spawn': {
          const as = child(puppet, t.self, environment.children)
          environment = { ...environment, children: environment.children + 1 }
          effects.push(spawn(puppet, { as, config: { peers: [...peers] } }), watch(as), grant(as, t.sender))
          break
        }
        case 'stop': effects.push(stop()); break
        case 'stop-child': if (environment.children > 0) effects.push(stop(child(puppet, t.self, environment.children - 1))); break
        case 'share': if (environment.children > 0) effects.push(grant(child(puppet, t.self, 0), peer(op.to))); break
        case 'unshare': if (environment.children > 0) effects.push(revoke(child(puppet, t.self, 0), peer(op.to))); break
        case 'watch': effects.push(watch(peer(op.to))); break
        case 'timer': effects.push(timer(`tick/${op.after}`, { after: op.after })); break
        case 'cancel': effects.push(cancel('tick/1')); break
        case 'task': {
          const k = key()
          record.bump(record.started, `${t.self.name} ${k}`)
          effects.push(task('work', { how: op.how, replyTo: isSettled ? null : replyTo ?? null }, { key: k, deadline: 50 }))
          isSettled = true
          break
        }
        case 'crash': throw new Crash()
        case 'misname': effects.push(spawn(puppet, { as: refOf({ node: t.self.node, name: 'elsewhere' }), config: { peers: [] } })); break
        case 'decline': if (effects.length === 0) return undefined
      }
    }
    if (replyTo && !isSettled) effects.push(reply({ done: 0 }, { to: replyTo }))
    if (t.msg.mark.isPoison) record.problems.push(`${t.self.name} got a message of a step that crashed`)
    // Logged last: a step that crashed by itself has handled nothing.
    record.handled.push({ target: t.self.name, mark: t.msg.mark })
    return [...effects, update(environment)]
  }

  const puppet: Engine<Puppet> = defineEngine<Puppet>({
    protocol, config, open: true, supervision: { crash: 'stop' },
    environment: () => ({ sent: Table.empty(), kept: [], keys: 0, children: 0 }),
    behaviour: {
      messages: { Do: always(perform), DoRequest: always((t, c, e) => settled(perform(t, c, e), t.replyTo)) },
      outcomes: {
        work: always(t => {
          record.bump(record.ended, `${t.self.name} ${t.key}`)
          return t.input.replyTo ? reply(t.outcome === 'done' ? { done: t.output } : { err: 'No', code: 'no' }, { to: t.input.replyTo }) : []
        }),
      },
      answers: { ask: always((t: Answered<PuppetProtocol, 'ask', unknown>) => { record.bump(record.answered, `${t.self.name} ${t.key}`); return [] }) },
      timers: { tick: always(() => []) },
      terminated: always(() => []),
    },
    tasks: {
      work({ how }, _live, signal) {
        switch (how) {
          case 'sync': return 1
          case 'async': return Promise.resolve(2)
          case 'throw': throw new Crash()
          default: return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Crash())))
        }
      },
    },
    children: (): readonly Engine<never>[] => [puppet],
  })
  return puppet
}

/** Gives the effect list of a request the first place that its type asks for. */
function settled(step: Step<Puppet>, replyTo: DoReply) {
  const effects = step === undefined ? undefined : 'effect' in step ? [step] : step
  return effects && [keep(replyTo), ...effects] as const
}

function refOf(id: EngineID): EngineRef<PuppetProtocol> {
  return JSON.parse(JSON.stringify(id))
}

const program: fc.Arbitrary<readonly Op[]> = fc.letrec<{ program: readonly Op[]; op: Op }>(tie => ({
  program: fc.array(tie('op'), { maxLength: 4, depthIdentifier: 'program' }),
  op: fc.oneof({ depthSize: 'small', depthIdentifier: 'program' },
    { weight: 6, arbitrary: fc.constantFrom<Op>({ op: 'reply' }, { op: 'keep' }, { op: 'settle' }, { op: 'spawn' }, { op: 'stop-child' }, { op: 'cancel' }) },
    { weight: 1, arbitrary: fc.constantFrom<Op>({ op: 'stop' }, { op: 'crash' }, { op: 'decline' }, { op: 'misname' }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('task' as const), how: fc.constantFrom('sync' as const, 'async' as const, 'throw' as const, 'never' as const) }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('timer' as const), after: fc.nat(3) }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constantFrom('share' as const, 'unshare' as const), to: fc.nat(4) }) },
    { weight: 9, arbitrary: fc.record({ op: fc.constantFrom('tell' as const, 'ask' as const, 'watch' as const, 'forward' as const), to: fc.nat(5), program: tie('program') }) }),
})).program

const orders = fc.array(fc.record({ client: fc.nat(1), to: fc.nat(3), isAsk: fc.boolean(), wait: fc.nat(2), program }), { minLength: 1, maxLength: 12 })

describe('random programs', () => {
  test('S2, S3, S4, S10, S11, S18, S23, S24, S31, S32 hold', async () => {
    await fc.assert(fc.asyncProperty(fc.nat(), orders, async (seed, list) => {
      const first = await perform(seed, list)
      expect(await perform(seed, list)).toBe(first)
    }), { numRuns: 300 })
  })

  async function perform(seed: number, list: typeof orders extends fc.Arbitrary<infer L> ? L : never): Promise<string> {
    const sim = simulate({ seed })
    const node = sim.createNode()
    const record = new Record()
    const puppet = puppetOf(record)
    node.observe(() => { if (lawOf(node) !== 0) record.problems.push(`the counting law is off by ${lawOf(node)}`) })
    const asks: Promise<string>[] = []
    let settledAsks = 0
    await sim.run(async () => {
      const names = ['p0', 'p1', 'p2', 'p3']
      // p0/0 may or may not live: who sends there finds out.
      const refs = await Promise.all(names.map(name => node.spawn(puppet, { name, config: { peers: [...names, 'p0/0'] }, supervision: { crash: 'stop' } })))
      const clients = ['c0', 'c1'].map(name => node.client(name))
      const sent = new Map<string, number>()
      for (const { client: c, to, isAsk, wait, program: steps } of list) {
        const client = clients[c]
        const target = refs[to]
        if (client === undefined || target === undefined) throw new Crash()
        const pair = `${c} ${to}`
        const n = sent.get(pair) ?? 0
        sent.set(pair, n + 1)
        if (isAsk) {
          asks.push(client.askRaw(target, { type: 'DoRequest', program: steps, mark: { from: `c${c}`, to: `p${to}`, n, isPoison: false } }, { deadline: 1000 })
            .then(() => 'ok', (error: { code: string }) => error.code).finally(() => settledAsks++))
        } else {
          client.tell(target, { type: 'Do', program: steps, mark: { from: `c${c}`, to: `p${to}`, n, isPoison: false } })
        }
        if (wait > 0) await sim.sleep(wait)
      }
      await sim.sleep(seed % 2 === 0 ? 5 : 2000)
      await node.stop()
      const before = sim.traceHash()
      await sim.sleep(5000)
      // S31: nothing happened since.
      expect(sim.traceHash()).toBe(before)
    })
    // S18: every ask of a client ended, once.
    await Promise.all(asks)
    expect(settledAsks).toBe(asks.length)
    expect(record.problems).toEqual([])
    expect(sim.reported).toEqual([])
    // S4: after the stop, nothing waits anywhere.
    expect(lawOf(node)).toBe(0)
    expect(node.counters().queued).toBe(0)
    // S2, S3: from each sender to each target, in order and once. What a crash or a stop dropped leaves gaps.
    const last = new Map<string, number>()
    for (const { target, mark: { from, to, n } } of record.handled) {
      // Forwarded: sent to another at first.
      if (target !== to) continue
      const pair = `${from} ${target}`
      expect(n).toBeGreaterThan(last.get(pair) ?? -1)
      last.set(pair, n)
    }
    // S23, S24: at most once each. (An engine that ended hears no more, so fewer is possible.)
    for (const [key, count] of record.answered) expect(count, key).toBe(1)
    for (const [key, count] of record.ended) expect(count, key).toBe(1)
    return sim.traceHash()
  }
})
