import type { Faults } from '../../torture/world.ts'
import { behind } from './behind.ts'

/** A store that keeps half of its last batch when its process ends. */
export const faults: Faults = { store: store => behind(store, ({ length }) => Math.ceil(length / 2)) }
