import { join } from 'node:path'
import { buildPage } from '../scripts/page.ts'

/** Before all tests: the page that the WebAuthn backend serves is built of what is tested. */
export function setup(): Promise<void> {
  return buildPage(join(import.meta.dirname, '..'))
}
