import { z } from 'zod'
import { always, defineEngine, reply } from '../../src/index.ts'
import type { Answered, Ask, Asked, Elapsed, Engine, Observed, ResponseOf, Step, Told } from '../../src/index.ts'
import type { Mailboxes, RequestStep } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import type { Simulation } from '../../src/simulation.ts'
import { boxProtocol } from './box.ts'
import type { BoxProtocol } from './box.ts'
import { lawOf } from './law.ts'
import { expect } from 'vitest'

/** An engine with several mailboxes, whose rules each test writes. */
export interface Post {
  protocol: BoxProtocol
  config: typeof postConfig
  environment: PostEnvironment
  mailboxState: PostState
  asks: { ask: Ask<BoxProtocol, 'GetRequest'> }
  tasks: { work(input: number): number }
  timers: 'tick'
}
const postConfig = z.strictObject({})
export interface PostEnvironment { readonly open: readonly string[] }
export interface PostState { readonly last: number }
export type PutTrigger = Told<BoxProtocol, 'Put', PostState>
export type GetTrigger = Asked<BoxProtocol, 'GetRequest', PostState>

export interface PostRules {
  readonly mailboxes?: Mailboxes<PostState>
  readonly put?: (t: PutTrigger, environment: PostEnvironment) => Step<Post>
  readonly get?: (t: GetTrigger, environment: PostEnvironment) => RequestStep<Post, ResponseOf<BoxProtocol, 'GetRequest'>>
  readonly answered?: (t: Answered<BoxProtocol, 'ask', ResponseOf<BoxProtocol, 'GetRequest'>>) => Step<Post>
  readonly elapsed?: (t: Elapsed<BoxProtocol, 'tick'>) => Step<Post>
  readonly started?: (environment: PostEnvironment) => Step<Post>
  readonly closed?: boolean
}

export function post({ mailboxes, put, get, answered, elapsed, started, closed = false }: PostRules): Engine<Post> {
  return defineEngine<Post>({
    id: 'test/post', protocol: boxProtocol, config: postConfig,
    environment: () => ({ open: [] }),
    behaviour: {
      messages: {
        Put: always((t, _config, environment) => put === undefined ? [] : put(t, environment)),
        GetRequest: always((t, _config, environment) => get === undefined ? reply({ n: t.msg.n }) : get(t, environment)),
      },
      answers: { ask: always(t => answered === undefined ? [] : answered(t)) },
      outcomes: { work: always(() => []) },
      timers: { tick: always(t => elapsed === undefined ? [] : elapsed(t)) },
      ...started && { started: always((_t, _config, environment) => started(environment)) },
    },
    tasks: { work: input => input },
    ...mailboxes && { mailboxes },
    ...closed ? {} : { open: true as const },
  })
}

export interface PostWorld {
  readonly sim: Simulation
  readonly node: ReturnType<Simulation['createNode']>
  readonly events: Observed[]
  /** The dead letters so far: name and reason. */
  dead(): readonly string[]
}

/** Runs a scenario on a node of its own, and sees to it that every message is accounted for. */
export async function inPostWorld(seed: number, scenario: (world: PostWorld) => Promise<void>): Promise<void> {
  const sim = simulate({ seed })
  const node = sim.createNode()
  const events: Observed[] = []
  node.observe(event => {
    events.push(event)
    expect(lawOf(node)).toBe(0)
  })
  await sim.run(async () => {
    await scenario({ sim, node, events, dead: () => events.flatMap(event => event.kind === 'dead-letter' ? [`${event.name} ${event.reason}`] : []) })
    await node.stop()
  })
  expect(sim.reported).toEqual([])
  expect(node.counters()).toMatchObject({ queued: 0, deferred: 0 })
  expect(lawOf(node)).toBe(0)
}
