import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')

test('a program that was bundled to CommonJS, where there is no import.meta.url, has a node', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'bundle-'))
  try {
    const program = join(folder, 'program.cjs')
    await build({
      stdin: { contents: "import { createNode } from './index.ts'\nvoid createNode().then(node => console.log(node.describe().crypto.Ed25519.path))", resolveDir: join(root, 'src') },
      bundle: true, platform: 'node', format: 'cjs', outfile: program, logLevel: 'silent',
    })
    const { stdout, stderr } = spawnSync(process.execPath, [program], { encoding: 'utf8', env: { ...process.env, IPSE_CRYPTO: '' } })
    expect({ stdout, stderr }).toEqual({ stdout: 'native\n', stderr: '' })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
