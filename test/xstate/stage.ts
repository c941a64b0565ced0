import type { AnyStateMachine, EventObject } from 'xstate'
import { z } from 'zod'
import { defineProtocol, exchange } from '../../src/index.ts'
import type { Client, EngineRef, Node, Observed, ProtocolOf } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import type { Simulation } from '../../src/simulation.ts'
import { defineMachineEngine } from '../../src/xstate.ts'
import type { MachineDefinition } from '../../src/xstate.ts'

/** The protocol of a machine whose events the tests name. */
export const stageProtocol = defineProtocol({
  id: 'test/stage', version: 1, codes: ['no'],
  requests: { AskRequest: exchange({ event: z.string() }, { answer: z.string() }) },
  tells: { Send: { event: z.string(), n: z.number() } },
})
export interface StageProtocol extends ProtocolOf<typeof stageProtocol> {}
export const stageConfig = z.strictObject({ n: z.number().default(0) })

/** A machine without types of its own. Its tasks answer text for text. */
export interface Stage {
  protocol: StageProtocol
  config: typeof stageConfig
  machine: AnyStateMachine
}
type Definition = MachineDefinition<Stage>
export type Play = Partial<Omit<Definition, 'protocol' | 'config'>>

export function stageOf(machine: AnyStateMachine, play: Play = {}) {
  return defineMachineEngine<Stage>({
    protocol: stageProtocol, config: stageConfig, machine, open: true, input: ({ n }) => ({ n }), tasks: {},
    events: {
      Send: ({ msg }): EventObject => Object.assign({ type: msg.event }, { n: msg.n }),
      AskRequest: ({ msg, replyTo }): EventObject => Object.assign({ type: msg.event }, { replyTo }),
    },
    ...play,
  })
}

export interface World {
  readonly sim: Simulation
  readonly node: Node
  readonly client: Client
  readonly to: EngineRef<StageProtocol>
  readonly seen: Observed[]
  /** Sends an event, and lets the engine take it. */
  readonly send: (event: string, n?: number) => Promise<void>
}

/** Runs a machine on the seeded host. */
export async function withStage(machine: AnyStateMachine, play: Play, scenario: (world: World) => Promise<void>, seed = 1): Promise<void> {
  const sim = simulate({ seed })
  const node = sim.createNode()
  const seen: Observed[] = []
  node.observe(event => seen.push(event))
  await sim.run(async () => {
    const client = node.client('client')
    const to = await node.spawn(stageOf(machine, play), { name: 'stage', config: { n: 7 }, supervision: { crash: 'stop' } })
    const send = async (event: string, n = 0) => {
      client.tell(to, { type: 'Send', event, n })
      await sim.sleep(0.5)
    }
    await sim.sleep(0.5)
    await scenario({ sim, node, client, to, seen, send })
    await node.stop()
  })
}

export function emitted(seen: readonly Observed[]): readonly unknown[] {
  return seen.flatMap(event => event.kind === 'emitted' ? [event.event] : [])
}

export function deadLetters(seen: readonly Observed[]): readonly string[] {
  return seen.flatMap(event => event.kind === 'dead-letter' ? [event.reason] : [])
}

export function endOf(seen: readonly Observed[]): Observed | undefined {
  return seen.find(event => event.kind === 'ended')
}
