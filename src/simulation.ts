import { platformHost } from './runtime/platform.ts'
import { Exploration } from './simulation/exploration.ts'
import type { Explored, Scenario } from './simulation/exploration.ts'
import { Simulation } from './simulation/simulation.ts'

export type { Choose, Explored, Finding, Scenario } from './simulation/exploration.ts'
export type { NetworkOptions } from './simulation/network.ts'
export type { Fate, Network, SimulatedNodeOptions, Simulation, Witness } from './simulation/simulation.ts'

/**
 * A simulation on this platform. The same seed and program give the same run, and the same trace hash. `time` is the virtual time to
 * begin at, in milliseconds since the Unix epoch: 1,700,000,000,000 unless told. Throws `invalid-argument` unless `seed` is a whole
 * number from 0.
 */
export function simulate(options: { readonly seed: number; readonly time?: number }): Simulation {
  return new Simulation({ ...options, breathe: breathing() })
}

/**
 * Tries a scenario under `runs` seeds, drawn from `seed`: 0 unless told. When something goes wrong it stops, leaves out of that
 * schedule what can be left out, and answers with its seed, what is left of it, and what was observed. Rejects with
 * `invalid-argument` unless both are whole numbers, and with what `plan` throws.
 */
export async function explore<O>(scenario: Scenario<O> & { readonly seed?: number; readonly runs: number }): Promise<Explored<O>> {
  return new Exploration(scenario, breathing()).explore(scenario.seed ?? 0, scenario.runs)
}

function breathing(): () => Promise<void> {
  const { later } = platformHost()
  return () => new Promise(later)
}
