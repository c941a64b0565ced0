import type { Faults } from '../../torture/world.ts'
import { behind } from './behind.ts'

/** A store that acknowledges a batch before it writes it, and loses the last one when its process ends. */
export const faults: Faults = { store: store => behind(store, () => 0) }
