import { platformHost } from './runtime/platform.ts'
import { Simulation } from './simulation/simulation.ts'

export type { Simulation } from './simulation/simulation.ts'

/** A simulation on this platform. The same seed and program give the same run, and the same trace hash. */
export function simulate(options: { readonly seed: number; readonly time?: number }): Simulation {
  const { later } = platformHost()
  return new Simulation({ ...options, breathe: () => new Promise(later) })
}
