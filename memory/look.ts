import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Path } from '../src/crypto/suite.ts'
import { heldIn } from './held.ts'
import type { Held } from './held.ts'
import { needlesOf } from './forms.ts'
import { regionsOf } from './memory-map.ts'
import { pausedSchema } from './plan.ts'
import type { Moment, Paused, Plan } from './plan.ts'
import { scan } from './scanner.ts'
import type { Hit } from './scanner.ts'
import { secretsOf } from './secrets.ts'
import type { Secret } from './secrets.ts'

/** What was found when the program waited. */
export interface Sight {
  readonly at: Moment
  readonly secrets: readonly Secret[]
  readonly hits: readonly Hit[]
}

/** What was found of one life of a vault. */
export interface Look {
  readonly sights: readonly Sight[]
  /** The secrets that are in arrays and texts which live at its end. */
  readonly held: Held
}

/** Runs the life of a vault in a program of its own, and looks at the memory of that whenever it waits: so nothing that looks is found. Linux only. */
export async function look(plan: Omit<Plan, 'folder'>, path: Path): Promise<Look> {
  const folder = await mkdtemp(join(tmpdir(), 'ipse-memory-'))
  const program = fork(fileURLToPath(new URL('subject.ts', import.meta.url)), [JSON.stringify({ ...plan, folder } satisfies Plan)], {
    execArgv: ['--disable-warning=ExperimentalWarning'], env: { ...process.env, IPSE_CRYPTO: path },
  })
  try {
    const sights: Sight[] = []
    for (let message = await nextOf(program); message !== undefined; message = await nextOf(program)) {
      sights.push(await sightOf(program.pid ?? 0, pausedSchema.parse(message)))
      program.send('go on')
    }
    const secrets = sights.at(-1)?.secrets ?? []
    const read = (name: string) => readFile(join(folder, name), 'utf8')
    return { sights, held: heldIn(secrets, { arrays: await read('arrays.json'), snapshot: await read('heap.json') }) }
  } finally {
    program.kill()
    await rm(folder, { recursive: true, force: true })
  }
}

async function sightOf(pid: number, paused: Paused): Promise<Sight> {
  const secrets = secretsOf(paused)
  return { at: paused.at, secrets, hits: scan(pid, await regionsOf(pid), secrets.flatMap(({ bytes }, i) => needlesOf(i, bytes))) }
}

/** What it says next; `undefined` once it ended well. */
function nextOf(program: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => {
      program.off('message', said)
      if (code === 0) resolve(undefined)
      else reject(new Error(`The program that is looked at ended with ${code ?? 'a signal'}`))
    }
    const said = (message: unknown) => {
      program.off('exit', ended)
      resolve(message)
    }
    program.once('message', said).once('exit', ended)
  })
}
