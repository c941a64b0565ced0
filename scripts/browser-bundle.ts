import { isBuiltin } from 'node:module'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { build } from 'esbuild'
import type { Metafile, Plugin } from 'esbuild'
import { readManifest, subpathsOf } from './exports-map.ts'
import type { Findings } from './findings.ts'
import { packageName } from './import-directions.ts'

/** The packages that each subpath may bring into a browser. Anything heavy or optional has a subpath of its own. */
const ALLOWED: { readonly [subpath: string]: readonly string[] } = {
  '.': ['@noble/curves', '@noble/hashes', '@noble/post-quantum', '@scure/base', 'cborg', 'hpke', 'zod'],
  './crypto': ['@noble/curves', '@noble/hashes', '@noble/post-quantum', '@scure/base', 'cborg', 'hpke'],
  './simulation': ['@noble/curves', '@noble/hashes', '@noble/post-quantum', '@scure/base', 'cborg', 'hpke', 'zod'],
  './backends/webauthn/browser': ['@noble/ciphers', '@noble/curves', '@noble/hashes', '@noble/post-quantum', '@scure/base', 'cborg', 'hpke', 'zod'],
  './xstate': ['xstate', 'zod'],
}

/** The subpaths that no browser can have, and why. */
const LEFT_OUT: { readonly [subpath: string]: string } = {
  './backends/hid': 'for Node.js alone: devices are reached through native code',
  './vault': 'for Node.js alone: keyslots are files, and keys come from files and the environment',
  './backends/webauthn': 'for Node.js alone: it serves the page that browsers have',
  './stores/lmdb': 'for Node.js alone: LMDB is native code over a file',
}

/** Bundles each subpath of the project at `root` for browsers, from its source. Tells what it weighs. */
export async function browserBundle(root: string): Promise<Findings> {
  const bundles = await Promise.all(subpathsOf(await readManifest(root)).map(({ subpath, default: file }) => bundle(root, subpath, sourceOf(file))))
  return { problems: bundles.flatMap(({ problems }) => problems), notes: bundles.flatMap(({ notes }) => notes ?? []) }
}

/** `./dist/crypto.js` is built from `src/crypto.ts`. */
function sourceOf(file: string): string {
  return file.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts')
}

async function bundle(root: string, subpath: string, source: string): Promise<Findings> {
  const reason = LEFT_OUT[subpath]
  if (reason !== undefined) return { problems: [], notes: [`${subpath}: left out, ${reason}`] }
  const allowed = ALLOWED[subpath]
  if (allowed === undefined) return { problems: [`${subpath}: nothing says which packages it may hold`] }
  const builtins = new Set<string>()
  try {
    const { outputFiles: [output], metafile } = await build({
      absWorkingDir: root, entryPoints: [source], bundle: true, platform: 'browser', format: 'esm', target: 'es2024', minify: true,
      write: false, metafile: true, logLevel: 'silent', plugins: [collectBuiltins(builtins)],
    })
    const code = output?.contents ?? new Uint8Array()
    const packages = packagesIn(metafile)
    return {
      problems: [
        ...Array.from(builtins, found => `${subpath}: ${found} is a module of Node.js`),
        ...packages.filter(name => !allowed.includes(name)).map(name => `${subpath}: holds ${name}, which is not among the packages it may hold`),
      ],
      notes: [`${subpath}: ${kilobytes(code.length)} minified, ${kilobytes((await promisify(gzip)(code)).length)} compressed; ${packages.join(', ')}`],
    }
  } catch (error) {
    return { problems: [`${subpath}: ${error instanceof Error ? error.message : String(error)}`] }
  }
}

/** Lets modules of Node.js resolve to nothing, and remembers who imports which. */
function collectBuiltins(found: Set<string>): Plugin {
  return {
    name: 'collect-builtins',
    setup(esbuild) {
      esbuild.onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point' || !isBuiltin(path)) return undefined
        found.add(`${path}, imported by ${importer},`)
        return { path, external: true }
      })
    },
  }
}

/** The packages of which something is left in the bundle. */
function packagesIn({ outputs }: Metafile): readonly string[] {
  const inputs = Object.values(outputs).flatMap(output => Object.entries(output.inputs))
  const names = inputs.flatMap(([path, { bytesInOutput }]) => {
    const at = path.lastIndexOf('node_modules/')
    return at < 0 || bytesInOutput === 0 ? [] : [packageName(path.slice(at + 'node_modules/'.length))]
  })
  return [...new Set(names)].toSorted()
}

function kilobytes(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}
