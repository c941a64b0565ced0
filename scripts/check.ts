import { join } from 'node:path'
import { browserBundle } from './browser-bundle.ts'
import { compile } from './compiler.ts'
import { exportsMap } from './exports-map.ts'
import type { Findings } from './findings.ts'
import { importDirections } from './import-directions.ts'
import { lint } from './lint.ts'

// Whatever can be found without running a test. Everything is run, also after something failed.
const checks: { readonly [name: string]: (root: string) => Promise<Findings> } = {
  types: async root => ({ problems: await compile(root, 'tsconfig.json', '--noEmit') }),
  lint,
  'import directions': importDirections,
  'exports map': exportsMap,
  'browser bundle': browserBundle,
}

const root = join(import.meta.dirname, '..')
let failed = 0
for (const [name, check] of Object.entries(checks)) {
  const start = performance.now()
  const { problems, notes = [] } = await check(root)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  console.log(`${problems.length === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  for (const line of [...problems, ...notes]) console.log(`         ${line}`)
  if (problems.length > 0) failed++
}
console.log(failed === 0 ? 'All checks passed.' : `${failed} of ${Object.keys(checks).length} checks failed.`)
process.exitCode = failed === 0 ? 0 : 1
