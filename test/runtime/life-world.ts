import type { EngineRef, Observed } from '../../src/index.ts'
import { simulate } from '../../src/simulation.ts'
import type { BoxProtocol } from './box.ts'

/** A node on the seeded host, and what its engines were seen to live through. */
export function lifeWorld(seed = 1) {
  const sim = simulate({ seed })
  const node = sim.createNode()
  const events: Observed[] = []
  node.observe(event => events.push(event))
  return {
    sim, node, events, a: node.client('a'),
    /** Restarts and ends, in order. */
    lives: () => events.flatMap(e => e.kind === 'ended' ? [`${e.engine.name} ${e.reason}`] : e.kind === 'restarted' ? [`${e.engine.name} restarts ${e.restarts}`] : []),
    dead: () => events.flatMap(e => e.kind === 'dead-letter' ? [`${e.name} ${e.reason}`] : []),
    ref: (name: string): EngineRef<BoxProtocol> => JSON.parse(JSON.stringify({ node: node.id, name })),
  }
}
