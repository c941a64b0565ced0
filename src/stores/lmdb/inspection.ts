import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { env, execPath } from 'node:process'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { Fault } from '../../core/errors.ts'
import { DATA_FILE } from './environment.ts'

const report = z.union([
  z.strictObject({ unreadable: z.string() }),
  z.strictObject({ header: z.strictObject({ version: z.number(), isSound: z.boolean() }).optional(), damage: z.array(z.string()) }),
])
type Report = z.infer<typeof report>

export interface Inspected {
  readonly version: number
  readonly isDamaged: boolean
}

export interface Expected {
  /** The newest version that can be read. */
  readonly version: number
  /** Whether it is known to be a store: then what can't be read as one is damaged, and else it is foreign. */
  readonly isStore: boolean
  readonly acceptDamage: boolean
}

/**
 * Looks at a store before this process opens it, and changes nothing there. Throws `store-foreign`, `store-newer`, and `store-damaged`: unless damage is
 * accepted, and such that the rest can be read.
 */
export async function inspect(folder: string, { version, isStore, acceptDamage }: Expected): Promise<Inspected> {
  const found = await reportOn(folder)
  const damaged = (what: string) => new Fault('store-damaged', `The store in ${folder} is damaged: ${what}. Restore a copy, or read the rest with acceptDamage`)
  if ('died' in found) throw damaged(found.died)
  if ('unreadable' in found || found.header === undefined) {
    const what = 'unreadable' in found ? `LMDB can't open it (${found.unreadable})` : 'its header is missing'
    throw isStore ? damaged(what) : new Fault('store-foreign', `What is in ${folder} is no store of this library: ${what}. Name another path`)
  }
  const { header, damage } = found
  if (header.isSound && header.version > version) {
    throw new Fault('store-newer', `The store in ${folder} has format version ${header.version}, and this library reads those up to ${version}: use a newer one`)
  }
  const what = header.isSound ? damage : ['its header', ...damage]
  const canBeRead = header.version > 0 && header.version <= version
  if (what.length > 0 && !(acceptDamage && canBeRead)) throw damaged(what.join('; '))
  return { version: header.version, isDamaged: what.length > 0 }
}

/** Unbuilt it stands beside this file as TypeScript, built as JavaScript. */
const program = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? './inspection-program.ts' : './inspection-program.js', import.meta.url))

/** What the child process says, or how it ended. It is shown the LMDB file in a folder of its own, since LMDB writes a lock file beside it. */
async function reportOn(folder: string): Promise<Report | { readonly died: string }> {
  const place = await mkdtemp(join(tmpdir(), 'ipse-store-'))
  try {
    await symlink(resolve(folder, DATA_FILE), join(place, DATA_FILE))
    return await new Promise((found, failed) => {
      execFile(execPath, [program, place], { env: { ...env, NODE_OPTIONS: '' }, maxBuffer: 1 << 24 }, (error, stdout) => {
        if (typeof error?.code === 'string') failed(new Fault('store-failed', `The store in ${folder} can't be inspected: see cause`, { cause: error }))
        else if (error !== null) found({ died: `whoever reads it is ended by ${error.signal ?? `an error (${String(error.code)})`}` })
        else found(reportIn(stdout))
      })
    })
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

function reportIn(output: string): Report | { readonly died: string } {
  try {
    return report.parse(JSON.parse(output))
  } catch {
    return { died: 'whoever reads it ends before it is through' }
  }
}
