import { readFile } from 'node:fs/promises'
import { Fault } from '../../../core/errors.ts'

/** The script of the page, which the build makes of `browser/`, beside this file. Rejects with `not-available` where it was not built. */
export async function pageScript(): Promise<Uint8Array> {
  try {
    return await readFile(new URL('page.js', import.meta.url))
  } catch (cause) {
    throw new Fault('not-available', "The page's script is not there: npm run build makes it", { cause })
  }
}
