import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { emit } from './compiler.ts'
import { buildPage } from './page.ts'

// Makes dist/, which is what is published: Node.js strips no types from files under node_modules.
const root = join(import.meta.dirname, '..')
const dist = join(root, 'dist')
await rm(dist, { recursive: true, force: true })
const problems = await emit(root, dist)
for (const problem of problems) console.error(problem)
await buildPage(root, dist)
process.exitCode = problems.length === 0 ? 0 : 1
