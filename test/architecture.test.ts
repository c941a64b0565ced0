import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { importDirections } from '../scripts/import-directions.ts'

const root = join(import.meta.dirname, '..')

test('the sources import and call what their layer may', async () => {
  expect((await importDirections(root)).problems).toEqual([])
})

describe('of planted sources', () => {
  let folder = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'architecture-'))
  })

  afterAll(() => rm(folder, { recursive: true, force: true }))

  /** The problems of a project with these files in `src`, where `core/a.ts` and its like are there to be imported. */
  async function problemsOf(files: { readonly [path: string]: string }): Promise<readonly string[]> {
    const project = await mkdtemp(join(folder, 'project-'))
    const all = { ...Object.fromEntries(THERE.map(path => [path, 'export const a = 1\n'])), ...files }
    await writeFile(join(project, 'package.json'), JSON.stringify({ dependencies: { zod: '1.0.0', '@noble/hashes': '1.0.0' } }))
    for (const [path, text] of Object.entries(all)) {
      await mkdir(dirname(join(project, 'src', path)), { recursive: true })
      await writeFile(join(project, 'src', path), text)
    }
    return (await importDirections(project)).problems
  }

  const THERE = [
    'core/a.ts', 'core/errors.ts', 'crypto/a.ts', 'crypto/random.ts', 'crypto/suites/a.ts', 'engines/one/index.ts', 'engines/two/index.ts',
    'engines/two/a.ts', 'backends/backend.ts', 'backends/memory/a.ts', 'backends/memory/index.ts', 'runtime/a.ts', 'runtime/index.ts',
    'simulation/a.ts', 'stores/store.ts', 'stores/lmdb/a.ts', 'transports/transport.ts', 'transports/libp2p/a.ts', 'crypto.ts',
  ]

  test('none are found where none were planted', async () => {
    expect(await problemsOf({
      'index.ts': "export { a } from './engines/one/index.ts'\nexport type { a as b } from './backends/memory/index.ts'\nimport './runtime/a.ts'",
      'simulation.ts': "export { a } from './simulation/a.ts'",
      'core/b.ts': "import { z } from 'zod/mini'\nimport { sha256 } from '@noble/hashes/sha2.js'\nimport { a } from './a.ts'",
      'engines/one/index.ts': "import { a } from '../two/index.ts'\nimport { b } from '../../backends/backend.ts'\nimport type { c } from '../../stores/store.ts'",
      'runtime/b.ts': "import { a } from '../core/a.ts'\nimport { b } from '../transports/transport.ts'",
      'simulation/b.ts': "import { a } from '../crypto/a.ts'\nimport { b } from '../runtime/a.ts'",
      'runtime/platform.ts': 'setTimeout(queueMicrotask, performance.now() + Date.now())\nnew MessageChannel()',
      'crypto/random.ts': 'export const randomBytes = () => crypto.getRandomValues(new Uint8Array(1))',
      'backends/memory/a.ts': "import { randomBytes } from '../../crypto/random.ts'\nrandomBytes(1)",
      'crypto/node/a.ts': "import { sign } from 'node:crypto'",
      'stores/lmdb/b.ts': "import { open } from 'node:fs/promises'",
      'lmdb.ts': "import { a } from './stores/lmdb/a.ts'\nimport { b } from './crypto/random.ts'",
    })).toEqual([])
  })

  describe.each<[from: string, ...to: string[]]>([
    ['core/b.ts', '../crypto/a.ts', '../runtime/a.ts', '../backends/backend.ts', '../engines/two/a.ts', '../simulation/a.ts', '../stores/store.ts'],
    ['crypto/b.ts', '../core/a.ts', '../backends/backend.ts', '../runtime/a.ts'],
    ['engines/two/b.ts', '../../runtime/a.ts', '../../crypto/a.ts', '../../backends/memory/a.ts', '../../stores/lmdb/a.ts', '../../transports/libp2p/a.ts'],
    ['backends/memory/b.ts', '../../engines/two/a.ts', '../../runtime/a.ts', '../../stores/lmdb/a.ts'],
    ['stores/lmdb/b.ts', '../../runtime/a.ts', '../../crypto/a.ts'],
    ['transports/libp2p/b.ts', '../../runtime/a.ts', '../../engines/two/a.ts'],
    ['runtime/b.ts', '../engines/two/a.ts', '../backends/backend.ts', '../crypto/a.ts', '../simulation/a.ts', '../stores/lmdb/a.ts', '../transports/libp2p/a.ts'],
    ['simulation/b.ts', '../engines/two/a.ts', '../backends/backend.ts', '../stores/lmdb/a.ts'],
    ['xstate/b.ts', '../runtime/a.ts', '../engines/two/a.ts', '../crypto/a.ts', '../simulation/a.ts'],
    ['lmdb.ts', './runtime/a.ts', './crypto/a.ts'],
    ['crypto.ts', './runtime/a.ts', './engines/two/a.ts'],
    ['xstate.ts', './runtime/a.ts', './engines/two/a.ts'],
  ])('%s', (from, ...targets) => {
    test.each(targets)('must not import %s', async to => {
      const imported = to.replace(/^(?:\.\.?\/)+/, '')
      const layer = from.includes('/') ? from.split('/')[0] : from
      for (const statement of [`import { a } from '${to}'`, `import type { a } from "${to}"`, `export { a } from '${to}'`, `export const f = () => import('${to}')`, `import '${to}'`]) {
        expect(await problemsOf({ [from]: `// one\n${statement}\n` }), statement).toEqual([`src/${from}:2: ${layer} must not import ${imported}`])
      }
    })
  })

  test.each([
    ['an index.ts', 'runtime/b.ts', "import { a } from './index.ts'", 'runtime/index.ts is an index.ts: import the file that has it'],
    ['an index.ts of a backend', 'backends/memory/b.ts', "import { a } from './index.ts'", 'backends/memory/index.ts is an index.ts: import the file that has it'],
    ['an entry file', 'backends/memory/b.ts', "import { a } from '../../crypto.ts'", 'crypto.ts is an entry file, and nothing imports it'],
    ['all that a file exports', 'core/b.ts', "export * from './a.ts'", 'export * hides what is exported: name it'],
    ['all, as one name', 'core/b.ts', "export * as all from './a.ts'", 'export * hides what is exported: name it'],
    ['a module of Node.js', 'core/b.ts', "import { readFile } from 'node:fs'", 'node:fs is a module of Node.js: the library runs in browsers too'],
    ['one without its prefix', 'core/b.ts', "import type { Hash } from 'crypto'", 'crypto is a module of Node.js: the library runs in browsers too'],
    ['what is installed for development', 'core/b.ts', "import { fc } from 'fast-check'", 'fast-check is not among the dependencies in package.json'],
    ['what is not there', 'core/b.ts', "import { a } from './absent.ts'", './absent.ts is no file in src (imports end in .ts)'],
    ['what is built', 'core/b.ts', "import { a } from './a.js'", './a.js is no file in src (imports end in .ts)'],
    ["a package's randomness", 'crypto/b.ts', "import { randomBytes } from '@noble/hashes/utils.js'",
      '@noble/hashes/utils.js must not be a source of randomness: only crypto/random.ts draws from the CSPRNG'],
  ])('importing %s is found', async (_what, path, statement, problem) => {
    expect(await problemsOf({ [path]: `/* one\n*/ ${statement}\n` })).toEqual([`src/${path}:2: ${problem}`])
  })

  test.each([
    'Date.now()', 'performance.now()', 'setTimeout(f, 1)', 'setInterval(f, 1)', 'setImmediate(f)', 'queueMicrotask(f)', 'new MessageChannel()',
    'globalThis.setTimeout(f, 1)', 'crypto.getRandomValues(bytes)', 'Math.random()', 'new Date()', 'utils.randomBytes(1)', 'crypto.randomUUID()',
    'process.env', 'Buffer.from([])', '`${Date.now()}`', '`a${`b${Math.random()}`}`', 'a / b / Date.now()', '/"/.test(a) && Date.now()',
  ])('calling %s is found', async call => {
    const problems = await problemsOf({ 'runtime/b.ts': `// one\n\nexport const a = () => ${call}\n` })
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(/^src\/runtime\/b\.ts:3: /)
  })

  test.each([
    '// Date.now()', '/* new Date()\n setTimeout() */', "'Math.random()'", '`new Date() \\` ${1} Buffer`', '/Date.now()["\'`]/', 'this.setTimeout(1)', 'clock.performance',
    "'it\\'s Date.now()'", "// import { a } from '../engines/two/a.ts'", "\"import { a } from '../engines/two/a.ts'\"", 'MyDate.now', 'process2',
  ])('reading %s is not calling it', async text => {
    expect(await problemsOf({ 'runtime/b.ts': `export const a =\n${text}\n0\n` })).toEqual([])
  })

  test('a cycle of values is found, at whatever length', async () => {
    expect(await problemsOf({
      'core/b.ts': "import { c } from './c.ts'", 'core/c.ts': "import { d, type D } from './d.ts'", 'core/d.ts': "import { b } from './b.ts'",
    })).toEqual(['a cycle of imports: core/b.ts, core/c.ts, core/d.ts'])
    expect(await problemsOf({ 'core/b.ts': "import { b } from './b.ts'" })).toEqual(['a cycle of imports: core/b.ts'])
  })

  test('a cycle of types is found only where it leaves its folder', async () => {
    const there = "import { c } from './c.ts'"
    const back = "import type { b } from './b.ts'"
    expect(await problemsOf({ 'core/b.ts': there, 'core/c.ts': back })).toEqual([])
    expect(await problemsOf({ 'crypto/b.ts': there.replace('./', './suites/'), 'crypto/suites/c.ts': back.replace('./', '../') }))
      .toEqual(['a cycle of types between folders: crypto/b.ts, crypto/suites/c.ts'])
  })

  test('a file of no layer is found', async () => {
    expect(await problemsOf({ 'helpers.ts': '', 'utils/b.ts': '' })).toEqual(['src/helpers.ts: belongs to no layer', 'src/utils/b.ts: belongs to no layer'])
  })
})
