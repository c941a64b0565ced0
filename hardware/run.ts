import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { commandLine } from '../scripts/command-line.ts'
import { writeInitramfs } from './initramfs.ts'
import { debianKernel } from './kernel.ts'
import { boot } from './machine.ts'
import { assertTools, Missing } from './tools.ts'

const USAGE = `usage: npm run hardware -- [--seconds N] [--cache FOLDER]
Boots Debian's kernel in QEMU, plugs software authenticators into its HID stack through /dev/uhid, and drives them there with libfido2 and node-hid.
Prints the guest's serial console with the seconds since its start. The guest has N seconds, 300 unless told; the kernel is kept in FOLDER.
Ends with 1 when a step of the guest fails or it is stuck; with 2 for arguments that it does not know, and where something is missing on this machine.`

interface Arguments {
  readonly seconds: number
  readonly cache: string
  readonly help: boolean
}

const project = join(import.meta.dirname, '..')

function parse(): Arguments | string {
  const { values } = parseArgs({ options: {
    seconds: { type: 'string', default: '300' }, cache: { type: 'string', default: join(project, 'node_modules', '.cache', 'hardware') }, help: { type: 'boolean', default: false },
  } })
  const seconds = Number(values.seconds)
  if (!Number.isInteger(seconds) || seconds < 1) return `--seconds takes a whole number from 1, not ${JSON.stringify(values.seconds)}`
  return { seconds, cache: resolve(values.cache), help: values.help }
}

async function run({ seconds, cache }: Arguments): Promise<boolean> {
  await assertTools()
  const kernel = await debianKernel(cache, line => console.log(line))
  const folder = await mkdtemp(join(tmpdir(), 'hardware-'))
  try {
    const initramfs = join(folder, 'initramfs.gz')
    await writeInitramfs(initramfs, kernel, [process.execPath, join(import.meta.dirname, 'guest.ts')])
    console.log(`booting ${kernel.name}`)
    const start = performance.now()
    const log = (line: string): void => console.log(`[${((performance.now() - start) / 1000).toFixed(2).padStart(6)}] ${line.trimEnd()}`)
    const code = await boot(kernel, initramfs, seconds, log)
    log(code === undefined ? 'The guest has told no exit code' : `The guest has ended with ${code}`)
    return code === 0
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

try {
  await commandLine(USAGE, parse, run)
} catch (error) {
  if (!(error instanceof Missing)) throw error
  console.error(error.message)
  process.exitCode = 2
}
