import { randomBytes } from '../../crypto/random.ts'
import type { Backend } from '../backend.ts'
import { LocalMemory } from './local-memory.ts'

/** A backend that keeps its identities in this process's memory, with keys from the platform's CSPRNG. */
export function localMemory(): Backend {
  return new LocalMemory({ random: randomBytes })
}
