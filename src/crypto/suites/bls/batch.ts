import type { SignedMessage } from '../../suite.ts'
import { inTurns, turn } from '../../turns.ts'

/** How many are checked together: natively 7 ms on two cores and 12 ms on one, in which the event loop waits. More at once gain little. */
const TOGETHER = 32
/** How many are checked together of those that did not hold. */
const PART = 8

/** How a path checks many signatures at once. */
export interface BatchWay<T> {
  /** What is left of a claim when its key and signature are decoded, and `undefined` for those that are none. */
  prepare(claim: SignedMessage): T | undefined
  /**
   * Whether each of these is a signature; at least one. It holds where all are, and fails where one is not: exactly when there is one
   * alone, and else but for a chance of at most 2⁻⁶⁴, whatever the signers chose before it was called.
   */
  hold(prepared: readonly T[]): boolean
}

/**
 * Whether each is a signature. Those that fail together are checked in parts, and then one by one, so that each is checked three times
 * at most. Natively, whoever sends one bad signature in every 32 makes this a fifth slower than one by one in processor time, and
 * whoever sends nothing else half as fast.
 */
export async function verifyTogether<T>(signed: readonly SignedMessage[], { prepare, hold }: BatchWay<T>): Promise<readonly boolean[]> {
  const results: boolean[] = []
  for (let at = 0; at < signed.length; at += TOGETHER) {
    // oxlint-disable-next-line no-await-in-loop -- one batch after the other is what it is for
    const prepared = await inTurns(signed.slice(at, at + TOGETHER), prepare)
    // oxlint-disable-next-line no-await-in-loop -- same
    const verdicts = (await sift(prepared.filter(one => one !== undefined), hold)).values()
    for (const one of prepared) results.push(one !== undefined && verdicts.next().value === true)
  }
  return results
}

async function sift<T>(prepared: readonly T[], hold: (prepared: readonly T[]) => boolean): Promise<readonly boolean[]> {
  if (prepared.length === 0) return []
  await turn()
  if (hold(prepared)) return prepared.map(() => true)
  if (prepared.length === 1) return [false]
  const size = prepared.length > PART ? PART : 1
  const verdicts: boolean[] = []
  // oxlint-disable-next-line no-await-in-loop -- same
  for (let at = 0; at < prepared.length; at += size) verdicts.push(...await sift(prepared.slice(at, at + size), hold))
  return verdicts
}
