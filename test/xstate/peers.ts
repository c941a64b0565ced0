import { decode } from 'cborg'
import { createActor, fromPromise, SimulatedClock } from 'xstate'
import type { AnyActor, AnyStateMachine } from 'xstate'
import { copyData } from '../../src/core/data.ts'
import { encodeData } from '../../src/core/encoding.ts'
import { EngineFamily } from '../../src/core/engine.ts'
import type { RuleTree } from '../../src/core/rule.ts'
import type { Client, EngineRef, Engine, Node, Observed } from '../../src/index.ts'
import type { Simulation } from '../../src/simulation.ts'
import type { MachineState } from '../../src/xstate/state.ts'
import { stageOf } from './stage.ts'
import type { StageProtocol } from './stage.ts'

/** What can be told of a machine from outside, wherever it runs. */
export interface Told {
  readonly status: string
  readonly value: unknown
  readonly context: unknown
  readonly output: unknown
  readonly notes: readonly unknown[]
  readonly emitted: readonly unknown[]
  /** The inputs of the tasks that were started, sorted: XState starts those of the initial state in an order of its own. */
  readonly tasks: readonly unknown[]
}

/** Where tasks wait for their outcome. */
class Desk {
  readonly #inputs: string[] = []
  readonly #waiting: (PromiseWithResolvers<string> & { readonly input: string })[] = []

  /** What the tasks so far were given. */
  get inputs(): readonly string[] {
    return this.#inputs.toSorted()
  }

  take(input: unknown, signal?: AbortSignal): Promise<string> {
    const waiting = { ...Promise.withResolvers<string>(), input: JSON.stringify(input, ['id', 'n', 'on']) }
    // An engine that crashed has not ended before its tasks have.
    signal?.addEventListener('abort', () => waiting.resolve('aborted'))
    this.#inputs.push(waiting.input)
    this.#waiting.push(waiting)
    return waiting.promise
  }

  settle(which: number, isGood: boolean): void {
    this.#waiting.sort((a, b) => a.input < b.input ? -1 : 1)
    const [waiting] = this.#waiting.splice(which % Math.max(1, this.#waiting.length), 1)
    if (isGood) waiting?.resolve(`output ${which}`)
    else waiting?.reject(new Error(`error ${which}`))
  }
}

/** A machine as XState's own actor, on its simulated clock. */
export class TheirActor {
  readonly desk = new Desk()
  readonly #clock = new SimulatedClock()
  readonly #notes: unknown[] = []
  readonly #emitted: unknown[] = []
  readonly #actor: AnyActor

  constructor(machine: AnyStateMachine, n: number) {
    const provided = machine.provide({
      actions: { note: ({ context, event }: { context: unknown; event: unknown }, params: unknown) => void this.#notes.push(plain({ context, event, params })) } as never,
      // A hosted machine is told of an error as data.
      actors: { work: fromPromise(({ input }) => this.desk.take(input).catch((error: Error) => Promise.reject({ outcome: 'failed', message: error.message }))) } as never,
    })
    this.#actor = createActor(provided, { clock: this.#clock, input: { n } })
    this.#actor.on('*', (event: unknown) => void this.#emitted.push(plain(event)))
    this.#actor.subscribe({ error() {} })
    this.#actor.start()
  }

  send(event: { type: string; n: number }): void {
    if (this.#actor.getSnapshot().status === 'active') this.#actor.send(event)
  }

  /** Whether sending the event would do nothing at all. */
  ignores(event: { type: string; n: number }): boolean {
    const snapshot = this.#actor.getSnapshot()
    return snapshot.status !== 'active' || !snapshot.can(event)
  }

  /**
   * Answers whether what happened can be compared: not when timers that were set at different times run out at one, or with the time
   * that passes, nor when there are too many.
   */
  async pass(milliseconds: number): Promise<boolean> {
    const end = this.#clock.now() + milliseconds
    let isClear = true
    for (;;) {
      const due = timeoutsOf(this.#clock).filter(timeout => timeout.due <= end + NEAR).toSorted((a, b) => a.due - b.due)
      const [first] = due
      if (first === undefined) break
      // Some machines set ever more timers, and would never be through.
      if (timeoutsOf(this.#clock).length > MANY) return false
      isClear &&= first.due < end - NEAR && due.every(other => other.start === first.start || other.due > first.due + NEAR)
      if (!isClear) break
      this.#clock.set(first.due)
    }
    this.#clock.set(end)
    await flushed()
    return isClear
  }

  told(): Told {
    const { status, value, context, output } = this.#actor.getSnapshot()
    return { status, value, context: plain(context), output: plain(output), notes: this.#notes, emitted: this.#emitted, tasks: this.desk.inputs }
  }
}

/** Steps take time on our side, and none on theirs. */
const NEAR = 5
const MANY = 100

function timeoutsOf(clock: SimulatedClock): readonly { readonly start: number; readonly due: number }[] {
  const { timeouts } = clock as unknown as { readonly timeouts: ReadonlyMap<number, { readonly start: number; readonly timeout: number }> }
  return Array.from(timeouts.values(), ({ start, timeout }) => ({ start, due: start + timeout }))
}

async function flushed(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

/** The same machine as an engine. With `forgets`, each step begins from what a store would give back: nothing else is remembered. */
export class OurEngine {
  readonly desk = new Desk()
  readonly seen: Observed[] = []
  readonly #sim: Simulation
  readonly #client: Client
  readonly #notes: unknown[] = []
  #state: MachineState | undefined
  #to: EngineRef<StageProtocol> | undefined
  #target: number

  constructor(sim: Simulation, node: Node) {
    this.#sim = sim
    this.#client = node.client('client')
    this.#target = sim.time
    node.observe(event => this.seen.push(event))
  }

  async start(node: Node, machine: AnyStateMachine, n: number, forgets: boolean): Promise<void> {
    const engine = stageOf(machine, {
      tasks: { work: ((input: unknown, _live: object, signal: AbortSignal) => this.desk.take(input, signal)) as never },
      actions: { note: ((params: unknown, { context, event }: { context: unknown; event: unknown }) => {
        this.#notes.push(plain({ context, event, params }))
        return []
      }) as never },
      stays: true,
    })
    this.#overhear(engine, forgets)
    try {
      this.#to = await node.spawn(engine, { name: 'engine', config: { n }, supervision: { crash: 'stop' } })
    } catch {
      // It is seen that it has ended.
    }
    await this.pass(0)
  }

  /** Has each step tell the environment that it leaves, which must be data that survives being encoded. */
  #overhear(engine: Engine<never>, forgets: boolean): void {
    if (!(engine instanceof EngineFamily)) throw new Error('This is no family')
    const trees = [...[...engine.messages.values()].map(({ rules }) => rules), ...engine.outcomes.values(), ...engine.timers.values(), engine.started]
    for (const tree of trees) this.#overhearRule(tree, forgets)
  }

  #overhearRule(tree: RuleTree | undefined, forgets: boolean): void {
    const actions = tree?.actions as ((...args: unknown[]) => unknown)[]
    const [original] = actions
    actions[0] = (args, trigger, config, environment) => {
      this.#state ??= environment as MachineState
      const effects = original?.(args, trigger, config, forgets ? stored(environment) : environment)
      for (const effect of [effects ?? []].flat() as { effect: string; environment?: MachineState }[]) if (effect.environment !== undefined) this.#state = effect.environment
      return effects
    }
  }

  tell(event: { type: string; n: number }): void {
    if (this.#to !== undefined) this.#client.tell(this.#to, { type: 'Send', event: event.type, n: event.n })
  }

  /** By the clock, so that what steps take adds up to nothing. */
  async pass(milliseconds: number): Promise<void> {
    this.#target += milliseconds
    await this.#sim.sleep(Math.max(0.2, this.#target + 0.5 - this.#sim.time))
  }

  told(): Told {
    const end = this.seen.find(event => event.kind === 'ended')
    const state = this.#state === undefined ? undefined : stored(this.#state) as MachineState
    const status = end === undefined ? state?.place.status ?? '' : 'error'
    const emitted = this.seen.flatMap(event => event.kind === 'emitted' ? [event.event] : [])
    return { status, value: state?.place.value, context: state?.context, output: state?.place.output, notes: this.#notes, emitted, tasks: this.desk.inputs }
  }

  get unhandled(): number {
    return this.seen.filter(event => event.kind === 'dead-letter' && event.reason === 'unhandled').length
  }
}

/** What a store that encodes data gives back. */
function stored(value: unknown): unknown {
  return decode(encodeData(value))
}

function plain(value: unknown): unknown {
  return copyData(value, 'what passed')
}
