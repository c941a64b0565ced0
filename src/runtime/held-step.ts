import type { EngineID } from '../core/engine-id.ts'
import type { EngineRecord } from './engine-record.ts'
import type { Envelope } from './envelope.ts'
import type { ObservedStep, Unnumbered } from './observation.ts'
import type { Pending } from './pending.ts'
import type { Granting, Outgoing, Spawning, Starting } from './planned.ts'
import type { TaskRun } from './tasks.ts'

/** What a step of a durable engine does when it is stored. */
export interface HeldStep {
  /** How often the engine had restarted. */
  readonly life: number
  readonly observed: Unnumbered<ObservedStep> | undefined
  readonly spawns: readonly (Spawning & { readonly record: EngineRecord | undefined })[]
  readonly grants: readonly Granting[]
  readonly messages: readonly (Envelope | Outgoing & { readonly pending?: Pending })[]
  readonly watches: readonly Starting[]
  readonly runs: readonly TaskRun[]
  readonly stops: readonly (EngineID | undefined)[]
}
