import { platformHost } from './runtime/platform.ts'
import { Simulation } from './simulation/simulation.ts'

export type { Simulation } from './simulation/simulation.ts'

/**
 * A simulation on this platform. The same seed and program give the same run, and the same trace hash. `time` is the virtual time to
 * begin at, in milliseconds since the Unix epoch: 1,700,000,000,000 unless told. Throws `invalid-argument` unless `seed` is a whole
 * number from 0.
 */
export function simulate(options: { readonly seed: number; readonly time?: number }): Simulation {
  const { later } = platformHost()
  return new Simulation({ ...options, breathe: () => new Promise(later) })
}
