import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.md')).map(file => `docs/${file}`)
const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md', ...docs].map(path => ({ path, text: readFileSync(join(root, path), 'utf8') }))

interface Program {
  /** The page, and the line at which the program begins there. */
  readonly name: string
  readonly text: string
}

/** The blocks marked `ts` that import the package: those are whole programs. */
const programs: readonly Program[] = pages.flatMap(({ path, text }) =>
  Array.from(text.matchAll(/^```ts\n([^]*?)^```$/gm), ({ index, 1: program = '' }) =>
    ({ name: `${path}:${text.slice(0, index).split('\n').length + 1}`, text: program })))
  .filter(program => /from 'ipse(\/[a-z/]+)?'/.test(program.text))

/** The program with the package's sources in place of the package, as a file in `folder` has to import them. */
function fromSource({ text }: Program, folder: string): string {
  const sources = `./${join(relative(folder, root), 'src')}`
  return text.replace(/from 'ipse(?:\/(?:stores\/|backends\/)?([a-z/]+))?'/g, (_, entry = 'index') => `from '${sources}/${String(entry).replaceAll('/', '-')}.ts'`)
}

interface Ran {
  readonly code: number | null
  readonly stderr: string
}

/** Runs a program that is no file, as if it stood in the project's folder. */
function run(program: string, temporary: string): Promise<Ran> {
  return new Promise((done, failed) => {
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-'], { cwd: root, env: { ...process.env, TMPDIR: temporary }, stdio: ['pipe', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => { stderr += text })
    child.on('error', failed)
    child.on('close', code => done({ code, stderr }))
    child.stdin.end(program)
  })
}

describe('programs in the documentation', () => {
  test('are found', () => {
    expect(programs.filter(({ name }) => name.startsWith('README.md')).length).toBeGreaterThan(0)
  })

  test.each(programs)('$name runs', async program => {
    const temporary = mkdtempSync(join(tmpdir(), 'ipse-program-'))
    expect(await run(fromSource(program, root), temporary)).toEqual({ code: 0, stderr: '' })
    rmSync(temporary, { recursive: true })
  })

  describe('types', () => {
    let folder = ''

    beforeAll(() => {
      mkdirSync(join(root, 'node_modules/.cache'), { recursive: true })
      folder = mkdtempSync(join(root, 'node_modules/.cache/programs-'))
    })

    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    test('fit, and the README says truly what does not compile', async () => {
      const claim = '\n// @ts-expect-error there is no such engine\nvoid made.decryptionEngine\n'
      const files = programs.map(program => fromSource(program, folder) + (program.text.includes('made.decryptionEngine') ? claim : ''))
      expect(files.filter(text => text.endsWith(claim))).toHaveLength(1)
      const names = files.map((text, i) => {
        writeFileSync(join(folder, `${i}.mts`), text)
        return `${i}.mts`
      })
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({
        extends: relative(folder, join(root, 'tsconfig.json')), compilerOptions: { typeRoots: [join(root, 'node_modules/@types')] }, include: [], files: names,
      }))
      const problems = await new Promise(done => {
        execFile(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder], (_error, stdout, stderr) => done(stdout + stderr))
      })
      expect(problems).toBe('')
    })
  })
})

describe('README.md', () => {
  const { text: readme = '' } = pages[0] ?? {}

  test('has a quick start of two commands', () => {
    const [, section = ''] = readme.split('\n## Quick start\n')
    expect(/^```\w*\n([^]*?)\n```$/m.exec(section)?.[1]?.split('\n')).toEqual(['npm ci && npm start', 'npm test'])
  })

  test('names every example', () => {
    const names = readdirSync(join(root, 'examples')).map(file => file.replace(/\.ts$/, '')).filter(name => !['context', 'run', 'trace'].includes(name))
    for (const name of names) expect(readme).toContain(`\`${name}\``)
  })
})

describe('links', () => {
  test.each(pages)('of $path lead somewhere', ({ path, text }) => {
    const links = Array.from(text.matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g), ([, link = '']) => link)
    const missing = links.filter(link => {
      const target = resolve(root, dirname(path), link)
      return !readdirSync(dirname(target)).includes(target.slice(dirname(target).length + 1))
    })
    expect(missing).toEqual([])
  })
})
