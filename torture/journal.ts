import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

// What a child says of what it does, in a file that outlasts it: a line of JSON for each entry, written before it goes on.

const name = z.string()
const deed = z.discriminatedUnion('does', [
  z.strictObject({ does: z.literal('generate'), request: z.string(), params: z.enum(['Ed25519', 'P256', 'MLDSA65']) }),
  z.strictObject({ does: z.enum(['grant', 'revoke', 'delete', 'undelete', 'purge']), name }),
  z.strictObject({ does: z.literal('restore'), names: z.array(name).readonly(), file: z.string() }),
  z.strictObject({ does: z.literal('backup'), name, file: z.string() }),
  z.strictObject({ does: z.literal('passphrase'), to: z.string() }),
  z.strictObject({ does: z.literal('message'), number: z.int() }),
  // What leaves nothing that could be looked for.
  z.strictObject({ does: z.enum(['connect', 'lock', 'rotate', 'compact']) }),
])

const wrong = z.enum(['lost', 'halfThere', 'resurrected', 'repeated', 'unexpected'])
const state = z.enum(['live', 'deleted', 'gone'])

const entry = z.discriminatedUnion('entry', [
  z.strictObject({ entry: z.literal('intent'), id: z.string(), deed }),
  /** It is acknowledged. A generate says what it made; a bundle is in hexadecimal. */
  z.strictObject({ entry: z.literal('done'), id: z.string(), made: z.strictObject({ name, bundle: z.string().exactOptional() }).exactOptional() }),
  z.strictObject({ entry: z.literal('refused'), id: z.string(), code: z.string() }),
  /** What was found when all was opened again. The passphrase is empty while there is none. */
  z.strictObject({
    entry: z.literal('seen'), passphrase: z.string(), messages: z.array(z.int()).readonly(),
    identities: z.array(z.strictObject({ name, state, isGranted: z.boolean().exactOptional() })).readonly(),
  }),
  z.strictObject({ entry: z.literal('wrong'), wrong, text: z.string() }),
  /** From here on it is killed. */
  z.strictObject({ entry: z.literal('armed') }),
  /** At this point it kills itself, after so many that it came through; `end`: there was none left. */
  z.strictObject({ entry: z.literal('killed'), point: z.string(), passed: z.int() }),
])

export type Deed = z.infer<typeof deed>
export type Entry = z.infer<typeof entry>
export type Wrong = z.infer<typeof wrong>
export type Made = NonNullable<Extract<Entry, { entry: 'done' }>['made']>
export type State = z.infer<typeof state>
export type Params = Extract<Deed, { does: 'generate' }>['params']

export function journalPath(folder: string): string {
  return join(folder, 'journal')
}

export class Journal {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  write(line: Entry): void {
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`)
  }

  /** Without the last line, where a kill cut it short. */
  read(): readonly Entry[] {
    if (!existsSync(this.#file)) return []
    const lines = readFileSync(this.#file, 'utf8').split('\n').slice(0, -1)
    return lines.map(line => entry.parse(JSON.parse(line)))
  }
}
