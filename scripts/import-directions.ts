import { readFile, readdir } from 'node:fs/promises'
import { isBuiltin } from 'node:module'
import { join, posix } from 'node:path'
import { z } from 'zod'
import type { Findings } from './findings.ts'
import { importsOf, lineAt, readSource } from './source-text.ts'
import type { Import, SourceText } from './source-text.ts'

/** What the files of a folder may import beside their own folder: files, and folders, which end in "/". See "Layers". */
const LAYERS: { readonly [folder: string]: readonly string[] } = {
  core: [],
  crypto: ['core/errors.ts'],
  engines: ['core/', 'backends/backend.ts', 'stores/store.ts', 'transports/transport.ts'],
  backends: ['core/', 'crypto/', 'stores/store.ts', 'stores/key.ts', 'xstate/'],
  stores: ['core/'],
  transports: ['core/', 'crypto/'],
  runtime: ['core/', 'stores/store.ts', 'stores/key.ts', 'transports/transport.ts'],
  simulation: ['core/', 'crypto/', 'runtime/', 'stores/store.ts', 'transports/transport.ts'],
  xstate: ['core/'],
}

/** The files that join layers. Nothing imports them. */
const ENTRIES: { readonly [file: string]: readonly string[] } = {
  'hid.ts': ['core/', 'crypto/', 'backends/', 'stores/', 'runtime/platform.ts', 'runtime/node.ts'],
  'index.ts': ['core/', 'crypto/', 'engines/', 'backends/', 'stores/', 'transports/', 'runtime/'],
  'crypto.ts': ['core/', 'crypto/'],
  'lmdb.ts': ['core/', 'crypto/random.ts', 'stores/'],
  'simulation.ts': ['core/', 'crypto/', 'runtime/', 'simulation/', 'transports/transport.ts'],
  'vault.ts': ['core/', 'crypto/', 'backends/', 'runtime/platform.ts'],
  'webauthn.ts': ['core/', 'crypto/', 'backends/', 'runtime/platform.ts', 'stores/'],
  'webauthn-browser.ts': ['core/', 'crypto/', 'backends/', 'runtime/platform.ts'],
  'xstate.ts': ['core/', 'xstate/'],
}

/** Folders whose index.ts is a declaration, and who may import it. */
const DECLARATIONS = /^(?:engines|backends|stores|transports)\/[^/]+\/index\.ts$/

interface Forbidden {
  readonly pattern: RegExp
  readonly why: string
  /** The only files that may. */
  readonly only?: readonly string[]
}

/** A global, bare or as a field of the global object; not a field or method of that name. */
function global(names: string, after = ''): RegExp {
  return new RegExp(`(?:(?<![\\w$.#])|(?<=\\b(?:globalThis|window)\\.))(?:${names})(?![\\w$])${after}`, 'g')
}

const CLOCK = 'only runtime/platform.ts reads the clock and sets timers: take a Host'
const FORBIDDEN: readonly Forbidden[] = [
  { pattern: /\bDate\s*\.\s*now\b/g, why: CLOCK, only: ['runtime/platform.ts'] },
  { pattern: global('performance|setTimeout|setInterval|setImmediate|queueMicrotask'), why: CLOCK, only: ['runtime/platform.ts', 'crypto/node/platform.ts'] },
  { pattern: global('MessageChannel'), why: CLOCK, only: ['runtime/platform.ts', 'crypto/turns.ts'] },
  { pattern: /(?<![\w$])getRandomValues(?![\w$])/g, why: 'only crypto/random.ts draws from the CSPRNG: take a RandomBytes', only: ['crypto/random.ts'] },
  { pattern: /\bMath\s*\.\s*random\b/g, why: 'no key and no choice comes from there: take a RandomBytes, or the Host' },
  { pattern: global('Date', String.raw`(?!\s*\.\s*now\b)`), why: 'time is a number of milliseconds, from the Host' },
  { pattern: /\.\s*random(?:Bytes|UUID)(?![\w$])/g, why: 'only crypto/random.ts draws from the CSPRNG: take a RandomBytes' },
  { pattern: global('process|require'), why: 'the library runs in browsers too', only: ['crypto/node/platform.ts'] },
  { pattern: global('Buffer|__dirname|__filename'), why: 'the library runs in browsers too' },
]

/** A folder of that name is for Node.js alone, and may import its modules. */
const FOR_NODE = /(?:^|\/)(?:node|lmdb)\//

interface SourceFile {
  readonly path: string
  readonly text: SourceText
  readonly imports: readonly Import[]
}

/** Checks which way the files in `src` of the project at `root` import, types included, and what they call. */
export async function importDirections(root: string): Promise<Findings> {
  const files = await sourceFiles(join(root, 'src'))
  const packages = await dependencies(root)
  const known = new Set(files.map(({ path }) => path))
  const problems = files.flatMap(file => [
    ...file.imports.flatMap(imported => importProblems(file.path, imported, known, packages).map(problem => `src/${file.path}:${imported.line}: ${problem}`)),
    ...callProblems(file),
    ...folderProblems(file.path),
  ])
  return { problems: [...problems, ...cycleProblems(files)], notes: [`${files.length} files`] }
}

async function sourceFiles(folder: string): Promise<readonly SourceFile[]> {
  const paths = (await readdir(folder, { recursive: true })).map(path => path.replaceAll('\\', '/')).filter(path => path.endsWith('.ts'))
  return Promise.all(paths.toSorted().map(async path => {
    const text = readSource(await readFile(join(folder, path), 'utf8'))
    return { path, text, imports: importsOf(text) }
  }))
}

const versions = z.record(z.string(), z.string()).default({})
const manifest = z.object({ dependencies: versions, optionalDependencies: versions, peerDependencies: versions })

/** The packages that whoever installs the library has. */
async function dependencies(root: string): Promise<ReadonlySet<string>> {
  const found = manifest.parse(JSON.parse(await readFile(join(root, 'package.json'), 'utf8')))
  return new Set(Object.values(found).flatMap(group => Object.keys(group)))
}

function folderProblems(path: string): readonly string[] {
  const folder = path.split('/')[0] ?? ''
  if (path.includes('/') ? folder in LAYERS : path in ENTRIES) return []
  return [`src/${path}: belongs to no layer`]
}

function importProblems(from: string, { specifier, isStar, names }: Import, files: ReadonlySet<string>, packages: ReadonlySet<string>): readonly string[] {
  const problems: string[] = []
  if (isStar) problems.push('export * hides what is exported: name it')
  if (!specifier.startsWith('.')) {
    if (isBuiltin(specifier)) {
      if (!FOR_NODE.test(from)) problems.push(`${specifier} is a module of Node.js: the library runs in browsers too`)
    } else if (!packages.has(packageName(specifier))) {
      problems.push(`${specifier} is not among the dependencies in package.json`)
    }
    if (names.some(name => name === 'randomBytes' || name === 'randomUUID')) {
      problems.push(`${specifier} must not be a source of randomness: only crypto/random.ts draws from the CSPRNG`)
    }
    return problems
  }
  const to = posix.join(posix.dirname(from), specifier)
  if (!files.has(to)) return [...problems, `${specifier} is no file in src (imports end in .ts)`]
  if (to in ENTRIES) problems.push(`${to} is an entry file, and nothing imports it`)
  else if (posix.basename(to) === 'index.ts' && !mayImportDeclaration(from, to)) problems.push(`${to} is an index.ts: import the file that has it`)
  if (!isAllowed(from, to) && !(to in ENTRIES)) problems.push(`${layerOf(from)} must not import ${to}`)
  return problems
}

/** The name of the package that a specifier leads into. */
export function packageName(specifier: string): string {
  return specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
}

function layerOf(path: string): string {
  return path.includes('/') ? path.split('/')[0] ?? path : path
}

function isAllowed(from: string, to: string): boolean {
  const layer = layerOf(from)
  const allowed = ENTRIES[from] ?? [...LAYERS[layer] ?? [], `${layer}/`]
  return allowed.some(place => place.endsWith('/') ? to.startsWith(place) : to === place)
}

function mayImportDeclaration(from: string, to: string): boolean {
  return DECLARATIONS.test(to) && (from in ENTRIES || (from.startsWith('engines/') && to.startsWith('engines/')))
}

function callProblems({ path, text: { bare } }: SourceFile): readonly string[] {
  return FORBIDDEN.filter(({ only }) => !only?.includes(path))
    .flatMap(({ pattern, why }) => Array.from(bare.matchAll(pattern), match => `src/${path}:${lineAt(bare, match.index)}: ${match[0].trim()}: ${why}`))
}

/**
 * No cycle at all once types are erased; and no cycle of types that leaves its folder. Inside a folder types may name each
 * other, as an engine and its mailbox do.
 */
function cycleProblems(files: readonly SourceFile[]): readonly string[] {
  const values = edges(files, imported => !imported.isType)
  const all = edges(files, () => true)
  return [
    ...cycles(values).map(cycle => `a cycle of imports: ${cycle.join(', ')}`),
    ...cycles(all).filter(cycle => new Set(cycle.map(posix.dirname)).size > 1).map(cycle => `a cycle of types between folders: ${cycle.join(', ')}`),
  ]
}

type Edges = ReadonlyMap<string, readonly string[]>

function edges(files: readonly SourceFile[], wanted: (imported: Import) => boolean): Edges {
  return new Map(files.map(({ path, imports }) => [path, imports
    .filter(imported => imported.specifier.startsWith('.') && wanted(imported))
    .map(({ specifier }) => posix.join(posix.dirname(path), specifier))]))
}

/** The sets of files that all reach one another (Tarjan's strongly connected components), and files that import themselves. */
function cycles(graph: Edges): readonly (readonly string[])[] {
  const found: string[][] = []
  const order = new Map<string, number>()
  const lowest = new Map<string, number>()
  const path: string[] = []
  const visit = (file: string): number => {
    const index = order.size
    order.set(file, index)
    path.push(file)
    let low = index
    for (const next of graph.get(file) ?? []) {
      if (!order.has(next)) low = Math.min(low, visit(next))
      else if (path.includes(next)) low = Math.min(low, lowest.get(next) ?? order.get(next) ?? low)
    }
    lowest.set(file, low)
    if (low < index) return low
    const component = path.splice(path.indexOf(file))
    if (component.length > 1 || graph.get(file)?.includes(file)) found.push(component.toSorted())
    return low
  }
  for (const file of graph.keys()) if (!order.has(file)) visit(file)
  return found
}
