import type { Store } from '../store.ts'
import { MemoryStore } from './memory-store.ts'

/** A store in the memory of this process, which ends with it. Needs nothing, and runs in browsers too. */
export function memoryStore(): Store {
  return new MemoryStore()
}
