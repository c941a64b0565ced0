import { registerHooks } from 'node:module'
import { isAbsolute, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Mutant } from './mutants.ts'

const root = join(import.meta.dirname, '..')

/** Plants a defect in what this thread loads from now on. Answers what says whether its file was loaded. */
export function plant(mutant: Mutant): () => boolean {
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
