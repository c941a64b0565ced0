import { registerHooks } from 'node:module'
import { fileURLToPath } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { isAbsolute, join, relative } from 'node:path'
import type { Assignment } from './threads.ts'

// A thread of its own, so that what it loads may be changed: nothing of the library is imported before the hook is there.

const root = join(import.meta.dirname, '..')

function mutate(mutant: NonNullable<Assignment['mutant']>): () => boolean {
  let isPlanted = false
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      if (!url.startsWith('file:')) return loaded
      const path = relative(root, fileURLToPath(url))
      if (isAbsolute(path) || path.replaceAll('\\', '/') !== mutant.file) return loaded
      const source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source)
      const places = source.split(mutant.find).length - 1
      if (places !== 1) throw new Error(`The mutant ${mutant.name} is for a text that occurs ${places} times in ${mutant.file}, not once: ${mutant.find}`)
      isPlanted = true
      // Not `replace`, to which a "$" in the text would mean something.
      return { ...loaded, source: source.split(mutant.find).join(mutant.replace) }
    },
  })
  return () => isPlanted
}

// Schedules are full of errors on purpose, and nobody looks where they came from.
if (workerData.runs > 1) Error.stackTraceLimit = 0
const { mutant, seed, runs, thread, threads }: Assignment = workerData
const isPlanted = mutant === undefined ? () => true : mutate(mutant)
const { search } = await import('./search.ts')
if (!isPlanted()) throw new Error(`The mutant ${mutant?.name} is for ${mutant?.file}, which is not loaded`)
parentPort?.postMessage(await search(seed, runs, thread, threads, mutant !== undefined))
