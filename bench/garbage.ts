import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** The collector, also when Node was started without `--expose-gc`: without it every number would be another. */
const collector: unknown = globalThis.gc ?? (setFlagsFromString('--expose-gc'), runInNewContext('gc'))

/** Collects all garbage and promotes what is alive. Also throws away optimised code: what runs next has to warm up again. */
export function collect(): void {
  run('major')
}

/**
 * Collects what was allocated last, and keeps code as it is. For between two lanes: after a forced collection of everything V8
 * forgets the shapes of objects of which none happens to be alive, and with them the code that was optimised for them. A program's
 * own collections keep both.
 */
export function collectYoung(): void {
  run('minor')
}

/** Bytes that the heap holds, without garbage. What one round of finalisers lets go, the second collects. */
export function heldBytes(): number {
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

function run(type: 'major' | 'minor'): void {
  if (typeof collector !== 'function') throw new Error('This Node.js lets nobody collect garbage: start it with --expose-gc')
  collector({ type })
}
