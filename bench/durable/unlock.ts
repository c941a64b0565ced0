import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { passphrase } from '../../src/vault.ts'
import { judged, rounded } from '../report.ts'
import type { Row } from '../report.ts'
import { median } from '../rounds.ts'
import type { Effort } from '../rounds.ts'
import { newPlace, openPlaceVault, openStore } from './place.ts'

const report = z.strictObject({ passphrase: z.number(), keyFile: z.number() })
type Report = z.infer<typeof report>

export const PASSPHRASE = 'correct horse battery staple'

/** `unlock`: milliseconds of `vault.unlock` by a passphrase (Argon2id, 64 MiB, 3 passes, 1 lane) by native code, beside portable code; and by a key file, beside the passphrase. */
export async function unlock(effort: Effort): Promise<readonly Row[]> {
  await using place = await newPlace()
  const store = await openStore(place.folder)
  const vault = await openPlaceVault(place.folder, store)
  await vault.addSlot(passphrase(PASSPHRASE))
  await vault.close()
  await store.close()
  const [native, portable]: [Report[], Report[]] = [[], []]
  for (let round = 0; round < effort.rounds; round++) {
    native.push(await unlocked(place.folder, 'native'))
    portable.push(await unlocked(place.folder, 'portable'))
  }
  const row = (variant: string, peer: string, ours: readonly number[], theirs: readonly number[]): Row => {
    const [a, b] = [median(ours), median(theirs)]
    return judged({ name: 'unlock', variant, peer, ours: rounded(a), theirs: rounded(b), ratio: rounded(b / a), unit: 'ms' })
  }
  const byPassphrase = native.map(one => one.passphrase)
  return [row('passphrase', 'portable', byPassphrase, portable.map(one => one.passphrase)), row('key file', 'passphrase', native.map(one => one.keyFile), byPassphrase)]
}

/** In a process of its own: which code computes is decided once for each. */
async function unlocked(folder: string, path: string): Promise<Report> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, 'unlock-program.ts'), folder], { env: { ...process.env, IPSE_CRYPTO: path } })
  return report.parse(JSON.parse(stdout))
}
