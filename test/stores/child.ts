import { spawn } from 'node:child_process'
import type { SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** A process that runs `lmdb-child.ts`. */
export interface Child {
  /** What it says next; `undefined` when it has ended. */
  next(): Promise<string | undefined>
  /** Ends it at once, as the kernel does (SIGKILL), and answers all that it had still said. */
  kill(): Promise<readonly string[]>
}

const program = join(import.meta.dirname, 'lmdb-child.ts')

/** `shell` comes before the command, such as a limit of the process. */
export function child(what: 'open' | 'write' | 'write large' | 'compact', path: string, { shell, user, ...options }: SpawnOptions & { readonly shell?: string; readonly user?: number } = {}): Child {
  const started = shell === undefined
    ? spawn(process.execPath, [program, what, path, ...user === undefined ? [] : [String(user)]], { stdio: ['pipe', 'pipe', 'ignore'], ...options })
    : spawn('sh', ['-c', `${shell}; exec "$0" "$@"`, process.execPath, program, what, path], { stdio: ['pipe', 'pipe', 'ignore'], ...options })
  const ended = once(started, 'close')
  if (started.stdout === null) throw new Error('the child has no output')
  const lines = createInterface({ input: started.stdout })[Symbol.asyncIterator]()
  const next = async () => {
    const { value, done } = await lines.next()
    return done ? undefined : value
  }
  return {
    next,
    async kill() {
      started.kill('SIGKILL')
      const rest: string[] = []
      for (let line = await next(); line !== undefined; line = await next()) rest.push(line)
      await ended
      return rest
    },
  }
}
