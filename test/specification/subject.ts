import fc from 'fast-check'
import { z } from 'zod'
import { allOf, always, defineEngine, defineProtocol, exchange, firstOf, reply, rule, send, update } from '../../src/index.ts'
import type { Client, Effect, Elapsed, Engine, EngineID, EngineRef, Node, Observed, ProtocolOf, Rules, Told } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import type { Simulation } from '../../src/simulation.ts'

// What the tests of the specification's rules share: an engine whose behaviour is data, and what the specification says it does.

export const subjectProtocol = defineProtocol({
  id: 'test/subject', version: 1, codes: [],
  requests: { GetRequest: exchange({}, { log: z.array(z.string()) }) },
  tells: { Do: { n: z.number() }, Note: { text: z.string() } },
})
export interface SubjectProtocol extends ProtocolOf<typeof subjectProtocol> {}
export interface SubjectEnvironment {
  readonly log: readonly string[]
  readonly children: number
}
const subjectConfig = z.strictObject({ limit: z.number().default(0), log: z.array(z.string()).default([]) })
export type SubjectConfig = z.output<typeof subjectConfig>
export interface Subject {
  protocol: SubjectProtocol
  config: typeof subjectConfig
  environment: SubjectEnvironment
  timers: 'tick' | 'tock'
}
export type Do = Told<SubjectProtocol, 'Do'>
export type DoRules = Rules<Subject, Do>
export type TimerRules = Rules<Subject, Elapsed<SubjectProtocol, 'tick' | 'tock'>>

export interface SubjectParts {
  readonly onDo?: DoRules
  readonly onTimer?: TimerRules
  readonly children?: () => readonly Engine<never>[]
  readonly closed?: boolean
}

/** An engine that notes what `Note` says, and does what the given rules say at `Do` and when a timer runs out. */
export function subject(parts: SubjectParts = {}): Engine<Subject> {
  const { onDo = always(() => []), onTimer = always(() => []), children, closed = false } = parts
  return defineEngine<Subject>({
    protocol: subjectProtocol,
    config: subjectConfig,
    environment: ({ log }) => ({ log, children: 0 }),
    behaviour: {
      messages: {
        Do: onDo,
        Note: always((t, _config, environment) => update({ ...environment, log: [...environment.log, t.msg.text] })),
        GetRequest: always((_t, _config, { log }) => reply({ log: [...log] })),
      },
      timers: { tick: onTimer, tock: onTimer },
    },
    ...children && { children },
    ...closed ? {} : { open: true as const },
  })
}

export interface World {
  readonly sim: Simulation
  readonly node: Node
  readonly client: Client
  readonly events: Observed[]
  /** An engine that notes what it is told. */
  readonly sink: EngineRef<SubjectProtocol>
  logOf(engine: EngineRef<SubjectProtocol>): Promise<readonly string[]>
  /** The reasons of the dead letters so far. */
  dead(): readonly string[]
}

/** Runs a scenario in a world of its own. */
export async function inWorld<T>(seed: number, scenario: (world: World) => Promise<T>): Promise<T> {
  const sim = simulate({ seed })
  const node = sim.createNode()
  const events: Observed[] = []
  node.observe(event => events.push(event))
  return sim.run(async () => {
    const client = node.client('client')
    const sink = await node.spawn(subject(), { name: 'sink' })
    const result = await scenario({
      sim, node, client, events, sink,
      async logOf(engine) { return (await client.ask(engine, { type: 'GetRequest' })).log },
      dead: () => events.flatMap(event => event.kind === 'dead-letter' ? [event.reason] : []),
    })
    await node.stop()
    return result
  })
}

// ── behaviour as data ────────────────────────────────────────────────────────────────────────────────────────────

/** Holds when what it reads is at least so much; answers `answer` then. */
export interface GuardData {
  readonly reads: 'message' | 'config' | 'environment'
  readonly atLeast: number
  readonly answer: unknown
}
/** Declines, or logs and sends what it was given and saw, or acts without an effect. */
export interface ActionData {
  readonly name: number
  readonly declines: boolean
  readonly logs: boolean
  readonly sends: boolean
}
export interface RuleData {
  readonly guard: GuardData
  readonly actions: readonly ActionData[]
}
export interface ListData<R = RuleData> {
  readonly strategy: 'firstOf' | 'allOf'
  readonly rules: readonly R[]
}
export type TreeData = RuleData | ListData<TreeData>

/** What guards and actions are given, but for their arguments. */
interface Given {
  readonly n: number
  readonly limit: number
  readonly log: readonly string[]
}

function answerOf({ reads, atLeast, answer }: GuardData, { n, limit, log }: Given): unknown {
  const read = reads === 'message' ? n : reads === 'config' ? limit : log.length
  return read >= atLeast ? answer : undefined
}

/** Tells the arguments, the trigger, the configuration and the environment that an action was given. */
function saw({ name }: ActionData, args: unknown, { n, limit, log }: Given): string {
  return `${name}: ${JSON.stringify(args)} ${n} ${limit} ${log.length}`
}

/** The rules that `tree` describes. `asked` takes the guards that were asked. */
export function rulesOf(tree: TreeData, sink: EngineID, asked: GuardData[] = []): DoRules {
  if ('strategy' in tree) {
    const rules = tree.rules.map(each => rulesOf(each, sink, asked))
    return tree.strategy === 'firstOf' ? firstOf(...rules) : allOf(...rules)
  }
  const { guard, actions } = tree
  const acting = actions.map(action => (args: unknown, t: Do, { limit }: SubjectConfig, environment: SubjectEnvironment) => {
    if (action.declines) return undefined
    const text = saw(action, args, { n: t.msg.n, limit, log: environment.log })
    const effects: Effect<Subject>[] = []
    if (action.sends) effects.push(send(refOf(sink), { type: 'Note', text }))
    if (action.logs) effects.push(update({ ...environment, log: [...environment.log, text] }))
    return effects
  })
  const [first, ...rest] = acting
  if (first === undefined) throw new TypeError('A rule has at least one action')
  return rule((t: Do, { limit }, { log }) => {
    asked.push(guard)
    return answerOf(guard, { n: t.msg.n, limit, log })
  }, first, ...rest)
}

export function refOf(id: EngineID): EngineRef<SubjectProtocol> {
  return JSON.parse(JSON.stringify(id))
}

/** What one trigger comes to. */
export interface Reaction {
  readonly log: readonly string[]
  readonly sent: readonly string[]
}

/**
 * The specification's reading (simulator.juvix.md, evaluateAndExecute and executeGuardOutput), with the strategy "any" as we decided it:
 * answers nothing when no guard holds or every action declines.
 */
export function reactionOf(tree: TreeData, given: Given): Reaction | undefined {
  const log = [...given.log]
  const sent: string[] = []
  let acted = false
  for (const { guard, actions } of holding(tree, given)) {
    const args = answerOf(guard, given)
    for (const action of actions) {
      if (action.declines) continue
      acted = true
      const text = saw(action, args, { ...given, log })
      if (action.sends) sent.push(text)
      if (action.logs) log.push(text)
    }
  }
  return acted ? { log, sent } : undefined
}

/** The rules that are taken. */
export function holding(tree: TreeData, given: Given): readonly RuleData[] {
  if (!('strategy' in tree)) return answerOf(tree.guard, given) === undefined ? [] : [tree]
  const taken = tree.rules.map(each => holding(each, given)).filter(rules => rules.length > 0)
  return tree.strategy === 'allOf' ? taken.flat() : taken[0] ?? []
}

// ── random behaviour ─────────────────────────────────────────────────────────────────────────────────────────────

const guards: fc.Arbitrary<GuardData> = fc.record({
  reads: fc.constantFrom('message', 'config', 'environment'),
  atLeast: fc.nat(4),
  // Also those that JavaScript takes for false.
  answer: fc.constantFrom(0, '', false, null, 7, 'text', [1, 2]),
})
const actions: fc.Arbitrary<ActionData> = fc.record({ name: fc.nat(99), declines: fc.boolean(), logs: fc.boolean(), sends: fc.boolean() })
export const ruleData: fc.Arbitrary<RuleData> = fc.record({ guard: guards, actions: fc.array(actions, { minLength: 1, maxLength: 4 }) })
export const listData = (strategy: 'firstOf' | 'allOf'): fc.Arbitrary<ListData> =>
  fc.record({ strategy: fc.constant(strategy), rules: fc.array(ruleData, { maxLength: 5 }) })
export const treeData: fc.Arbitrary<TreeData> = fc.letrec<{ tree: TreeData }>(tie => ({
  tree: fc.oneof({ depthSize: 'small' }, ruleData,
    fc.record({ strategy: fc.constantFrom('firstOf' as const, 'allOf' as const), rules: fc.array(tie('tree'), { maxLength: 4 }) })),
})).tree

/** What happened to a subject of that behaviour that was told these numbers, one after the other. */
export interface Run {
  readonly log: readonly string[]
  readonly sent: readonly string[]
  readonly dead: readonly string[]
  readonly asked: readonly GuardData[]
}

export function runOf(seed: number, tree: TreeData, limit: number, numbers: readonly number[]): Promise<Run> {
  return inWorld(seed, async ({ node, client, sim, sink, logOf, dead }) => {
    const asked: GuardData[] = []
    const to = await node.spawn(subject({ onDo: rulesOf(tree, sink, asked) }), { name: 'subject', config: { limit } })
    for (const n of numbers) client.tell(to, { type: 'Do', n })
    await sim.sleep(1)
    return { log: await logOf(to), sent: await logOf(sink), dead: dead(), asked }
  })
}

/** The same, as the specification has it. */
export function expectedOf(tree: TreeData, limit: number, numbers: readonly number[]): Omit<Run, 'asked'> {
  let log: readonly string[] = []
  const sent: string[] = []
  const dead: string[] = []
  for (const n of numbers) {
    const reaction = reactionOf(tree, { n, limit, log })
    if (reaction === undefined) dead.push('unhandled')
    else {
      log = reaction.log
      sent.push(...reaction.sent)
    }
  }
  return { log, sent, dead }
}

/** A behaviour, a configuration, and what the engine is told. */
export function programs<T extends TreeData>(trees: fc.Arbitrary<T>): fc.Arbitrary<{ readonly seed: number; readonly tree: T; readonly limit: number; readonly numbers: readonly number[] }> {
  return fc.record({ seed: fc.nat(), tree: trees, limit: fc.nat(5), numbers: fc.array(fc.nat(5), { minLength: 1, maxLength: 6 }) })
}
