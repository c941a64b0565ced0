import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { z } from 'zod'
import { buildPage } from './page.ts'
import { linesOf, run } from './command.ts'
import type { Ran } from './command.ts'
import { compile, emit } from './compiler.ts'
import type { Findings } from './findings.ts'

const entry = z.strictObject({ types: z.string(), default: z.string() })
const manifest = z.object({
  name: z.string(),
  dependencies: z.record(z.string(), z.string()).default({}),
  peerDependencies: z.record(z.string(), z.string()).default({}),
  exports: z.record(z.string(), z.union([entry, z.string(), z.record(z.string(), z.unknown())])),
})
type Manifest = z.infer<typeof manifest>

/** What must be published, as beginnings of paths. */
const PUBLISHED = ['dist/', 'dist/backends/webauthn/node/page.js', 'docs/', 'README.md', 'LICENSE', 'CHANGELOG.md', 'SECURITY.md', 'package.json']
const LEFT_OUT = /^(?:src|test|bench|scripts|examples|\.ci)\/|\.test\.|^(?!dist\/).*\.tsx?$|(?<!\.d)\.ts$/

/** Paths inside of the package that nobody may reach. */
const INTERNAL = ['dist/index.js', 'dist/core/table.js', 'src/index.ts', 'core/table', 'core/table.js', 'runtime/node']

/** A subpath of the package, and the two files it leads to. */
export interface Subpath {
  readonly subpath: string
  /** As a program imports it. */
  readonly specifier: string
  readonly types: string
  readonly default: string
}

export async function readManifest(root: string): Promise<Manifest> {
  return manifest.parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')))
}

/** The subpaths that lead to code. */
export function subpathsOf({ name, exports }: Manifest): readonly Subpath[] {
  return Object.entries(exports).flatMap(([subpath, target]) => {
    const { success, data } = entry.safeParse(target)
    return success ? [{ subpath, specifier: `${name}${subpath.slice(1)}`, ...data }] : []
  })
}

/**
 * Builds the project at `root` into a package in a temporary folder, and looks at it from a program that depends on it: each
 * subpath can be imported and type-checked, nothing else can, and what is published is complete and has no tests.
 */
export async function exportsMap(root: string): Promise<Findings> {
  const found = await readManifest(root)
  const shape = shapeProblems(found)
  if (shape.length > 0) return { problems: shape }
  const place = await mkdtemp(join(tmpdir(), 'exports-map-'))
  try {
    const made = join(place, 'package')
    const emitted = await stage(root, made, found)
    if (emitted.length > 0) return { problems: emitted }
    const subpaths = subpathsOf(found)
    const missing = subpaths.flatMap(({ subpath, ...files }) => [files.types, files.default]
      .filter(file => !existsSync(join(made, file))).map(file => `${subpath}: leads to ${file}, which the build does not make`))
    if (missing.length > 0) return { problems: missing }
    const consumer = await makeConsumer(root, place, found)
    const without = await withoutPeers(consumer, found, subpaths)
    for (const name of Object.keys(found.peerDependencies)) await link(join(root, 'node_modules', name), join(made, 'node_modules', name))
    const problems = without.concat((await Promise.all([
      importProblems(consumer, found.name, subpaths),
      typeProblems(consumer, found, subpaths),
      publishProblems(made),
    ])).flat())
    return { problems, notes: [subpaths.map(({ specifier }) => specifier).join(', ')] }
  } finally {
    await rm(place, { recursive: true, force: true })
  }
}

function shapeProblems({ exports }: Manifest): readonly string[] {
  return Object.entries(exports).flatMap(([subpath, target]) => {
    if (subpath === './package.json') return []
    const { success, data } = entry.safeParse(target)
    if (!success) return [`${subpath}: must have "types" and "default", and nothing else`]
    const problems: string[] = []
    if (subpath.includes('*')) problems.push(`${subpath}: subpaths are named, not matched`)
    if (Object.keys(data)[0] !== 'types') problems.push(`${subpath}: "types" must come first, else it is never seen`)
    if (data.types.replace(/\.d\.ts$/, '') !== data.default.replace(/\.js$/, '')) problems.push(`${subpath}: "types" and "default" are not of one file`)
    return problems
  })
}

/** Makes the package as it would be published, with its dependencies and no others in reach. */
async function stage(root: string, made: string, { dependencies }: Manifest): Promise<readonly string[]> {
  const left = new Set(['node_modules', '.git', 'dist'])
  await cp(root, made, { recursive: true, filter: from => !left.has(relative(root, from)) })
  for (const name of Object.keys(dependencies)) await link(join(root, 'node_modules', name), join(made, 'node_modules', name))
  const problems = await emit(root, join(made, 'dist'))
  await buildPage(root, join(made, 'dist'))
  return problems
}

async function link(target: string, path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await symlink(target, path, 'junction')
}

/** A program that depends on the package, and has the types of Node.js. */
async function makeConsumer(root: string, place: string, { name }: Manifest): Promise<string> {
  const consumer = join(place, 'consumer')
  await link(join(place, 'package'), join(consumer, 'node_modules', name))
  await link(join(root, 'node_modules', '@types/node'), join(consumer, 'node_modules', '@types/node'))
  await link(join(root, 'node_modules', 'undici-types'), join(consumer, 'node_modules', 'undici-types'))
  await writeFile(join(consumer, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }))
  return consumer
}

async function importProblems(consumer: string, name: string, subpaths: readonly Subpath[]): Promise<readonly string[]> {
  const internal = INTERNAL.map(path => `${name}/${path}`)
  await writeFile(join(consumer, 'program.mjs'), `
const outcome = specifier => import(specifier).then(found => Object.keys(found).length > 0 ? 'names' : 'nothing', error => error.code ?? String(error))
for (const specifier of ${JSON.stringify(subpaths.map(({ specifier }) => specifier))}) {
  const got = await outcome(specifier)
  if (got !== 'names') console.log(specifier + ': importing it gives ' + got)
}
for (const specifier of ${JSON.stringify(internal)}) {
  const got = await outcome(specifier)
  if (got !== 'ERR_PACKAGE_PATH_NOT_EXPORTED') console.log(specifier + ': is inside of the package and can be imported')
}
`)
  const ran = await run(process.execPath, ['program.mjs'], consumer)
  return endedWell(ran)
}

/** Optional packages that a subpath needs without being called so. */
const PEERS: { readonly [subpath: string]: string } = {
  './backends/hid': 'xstate',
}

/** The optional package that a subpath is for, or is made with. */
function peerOf(specifier: string, { name, peerDependencies }: Manifest): string | undefined {
  return Object.keys(peerDependencies).find(peer => specifier === `${name}/${peer}` || PEERS[`.${specifier.slice(name.length)}`] === peer)
}

/** Optional packages each have subpaths that need them; the others work without, and those say what is missing. */
async function withoutPeers(consumer: string, found: Manifest, subpaths: readonly Subpath[]): Promise<readonly string[]> {
  const expected = subpaths.map(({ specifier }) => [specifier, peerOf(specifier, found)])
  await writeFile(join(consumer, 'without-peers.mjs'), `
for (const [specifier, peer] of ${JSON.stringify(expected)}) {
  const said = await import(specifier).then(() => '', error => error.code + ': ' + error.message)
  const isRight = peer ? said.startsWith('ERR_MODULE_NOT_FOUND') && said.includes("'" + peer + "'") : said === ''
  if (!isRight) console.log(specifier + ': without the optional packages, importing it says ' + (said || 'nothing'))
}
`)
  return endedWell(await run(process.execPath, ['without-peers.mjs'], consumer))
}

/** What a program complained of. One that fails without a word is a problem too. */
function endedWell(ran: Ran): readonly string[] {
  const problems = linesOf(ran)
  return ran.succeeded || problems.length > 0 ? problems : ['a program that uses the package failed']
}

/** A program that uses the package, under the strictest reading of its declarations. */
const PROGRAM = `
import { createNode, identities, identityManagement, localMemory, verify } from 'ipse'
import type { Client } from 'ipse'

await using node = await createNode()
const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
const client: Client = node.client('program')
const identity = await identities(client, im).generate({ params: 'Ed25519', capabilities: 'Commit' })
const data = new TextEncoder().encode('data')
const isGood: boolean = await verify(identity.externalIdentity, data, await identity.commit(data))
// @ts-expect-error an identity that commits does not decrypt
void identity.decrypt
if (!isGood) console.log('a program that verifies its own commitment finds it wrong')
`

async function typeProblems(consumer: string, found: Manifest, subpaths: readonly Subpath[]): Promise<readonly string[]> {
  const importing = (wanted: readonly Subpath[]) => wanted.map(({ specifier }, i) => `import * as all${i} from '${specifier}'\nvoid all${i}\n`).join('')
  await writeFile(join(consumer, 'program.ts'), PROGRAM)
  await writeFile(join(consumer, 'subpaths.ts'), importing(subpaths.filter(({ specifier }) => peerOf(specifier, found) === undefined)))
  await writeFile(join(consumer, 'optional.ts'), importing(subpaths.filter(({ specifier }) => peerOf(specifier, found) !== undefined)))
  await writeFile(join(consumer, 'tsconfig.json'), JSON.stringify({
    compilerOptions: {
      target: 'es2024', lib: ['es2024', 'esnext.disposable', 'dom'], types: ['node'], module: 'nodenext', moduleResolution: 'nodenext',
      strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true,
    },
    files: ['program.ts', 'subpaths.ts'],
  }))
  // Programs for browsers have no types of Node.js.
  await writeFile(join(consumer, 'tsconfig.browser.json'), JSON.stringify({
    extends: './tsconfig.json', compilerOptions: { types: [] }, files: ['subpaths.ts'],
  }))
  // XState's own declarations don't hold under exactOptionalPropertyTypes, so here no declarations are looked into.
  await writeFile(join(consumer, 'tsconfig.optional.json'), JSON.stringify({
    extends: './tsconfig.json', compilerOptions: { skipLibCheck: true }, files: ['optional.ts'],
  }))
  const projects = ['tsconfig.json', 'tsconfig.browser.json', 'tsconfig.optional.json']
  const problems = (await Promise.all(projects.map(project => compile(consumer, project)))).flat()
  return problems.length > 0 ? problems : endedWell(await run(process.execPath, ['program.ts'], consumer))
}

const packed = z.union([z.array(z.object({ files: z.array(z.object({ path: z.string() })) })), z.record(z.string(), z.object({ files: z.array(z.object({ path: z.string() })) }))])

async function publishProblems(made: string): Promise<readonly string[]> {
  const ran = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], made)
  if (!ran.succeeded) return linesOf(ran)
  const paths = Object.values(packed.parse(JSON.parse(ran.output))).flatMap(({ files }) => files.map(({ path }) => path))
  return [
    ...PUBLISHED.filter(wanted => !paths.some(path => path.startsWith(wanted))).map(wanted => `npm pack: leaves out ${wanted}`),
    ...paths.filter(path => LEFT_OUT.test(path)).map(path => `npm pack: takes ${path} along`),
  ]
}
