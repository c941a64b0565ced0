import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

/** Beside the file that reads it, in the sources and in what is published. */
const FOLDER = 'backends/webauthn/node'

/** Schemas, which are made when they are imported, are not compiled there: the page's own policy forbids to make code of text, and browsers complain of the attempt. */
const PROGRAM = `
import * as z from 'zod'
import { randomBytes } from './crypto/random.ts'
import { platformHost } from './runtime/platform.ts'
z.config({ jitless: true })
const { servePage } = await import('./backends/webauthn/browser/serve.ts')
servePage({ clock: platformHost(), random: randomBytes })
`

/** Bundles the script of the page that the WebAuthn backend serves, into `src`, where it is not kept, and into `others` built from it. */
export async function buildPage(root: string, ...others: readonly string[]): Promise<void> {
  const { outputFiles: [output] } = await build({
    absWorkingDir: root, stdin: { contents: PROGRAM, resolveDir: join(root, 'src') }, bundle: true, platform: 'browser', format: 'esm', target: 'es2024', minify: true,
    write: false, logLevel: 'error', legalComments: 'none',
  })
  if (output === undefined) throw new TypeError('esbuild made nothing of the page')
  await Promise.all([join(root, 'src'), ...others].map(folder => place(join(folder, FOLDER), output.contents)))
}

/** Whoever reads it finds the one before, or this one. */
async function place(folder: string, script: Uint8Array): Promise<void> {
  const temporary = join(folder, `page.${process.pid}.js`)
  await mkdir(folder, { recursive: true })
  await writeFile(temporary, script)
  await rename(temporary, join(folder, 'page.js'))
}
