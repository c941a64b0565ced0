import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { judged, rounded } from '../report.ts'
import type { Row } from '../report.ts'
import type { Effort } from '../rounds.ts'
import { newPlace, populate } from './place.ts'

const bytes = z.strictObject({ held: z.number(), resident: z.number() })
const report = z.strictObject({ dormant: bytes, active: bytes, inMemory: bytes })

/**
 * `identity-memory`: bytes for each identity that is dormant since a restart, and for each that is awake, with its engines spawned and its keys open, beside those of local
 * memory without a store. Of the heap and what it holds outside, after all garbage was collected; and of the process, `resident`, where OpenSSL's keys are too, and room that
 * the process did not give back. Memory is not noisy, so it is measured once.
 */
export async function identityMemory({ divisor }: Effort): Promise<readonly Row[]> {
  const count = 10_000 / divisor
  await using place = await newPlace()
  await populate(place.folder, count)
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', join(import.meta.dirname, 'memory-program.ts'), place.folder, `${count}`])
  const { dormant, active, inMemory } = report.parse(JSON.parse(stdout))
  const row = (variant: string, peer: string, a: number, b: number): Row => {
    // Of few, what the process gave back may be more than they take.
    const [ours, theirs] = [Math.max(1, a / count), Math.max(1, b / count)]
    return judged({ name: 'identity-memory', variant, peer, ours: Math.round(ours), theirs: Math.round(theirs), ratio: rounded(theirs / ours), unit: 'bytes' })
  }
  return [
    row('dormant', 'awake', dormant.held, active.held), row('awake', 'local memory', active.held, inMemory.held),
    row('dormant, resident', 'awake', dormant.resident, active.resident), row('awake, resident', 'local memory', active.resident, inMemory.resident),
  ]
}
