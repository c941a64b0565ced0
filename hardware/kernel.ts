import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Missing, run } from './tools.ts'

/** A kernel that QEMU boots, and the modules that it is to load, in that order. */
export interface Kernel {
  readonly name: string
  readonly image: string
  readonly modules: readonly string[]
}

/** A root over 9p, and HID devices that are programs. */
const MODULES = ['virtio_pci', '9pnet_virtio', '9p', 'hid', 'uhid', 'hid-generic']

/** Debian's stock kernel, from its package (70 MB), which is downloaded once and then found in `cache`. Rejects with {@link Missing} where apt does not know it. */
export async function debianKernel(cache: string, log: (line: string) => void): Promise<Kernel> {
  const name = await packageName()
  const folder = join(cache, name)
  const kept = await readdir(join(folder, 'modules')).catch(() => undefined)
  if (kept === undefined) {
    await mkdir(cache, { recursive: true })
    const place = await mkdtemp(join(cache, 'new-'))
    try {
      log(`downloading ${name} and unpacking it into ${cache}`)
      await unpack(name, place)
      await rename(join(place, 'kernel'), folder)
    } finally {
      await rm(place, { recursive: true, force: true })
    }
  }
  const modules = await readdir(join(folder, 'modules'))
  return { name, image: join(folder, 'vmlinux'), modules: modules.toSorted().map(file => join(folder, 'modules', file)) }
}

async function packageName(): Promise<string> {
  const told = await run('apt-cache', ['depends', 'linux-image-amd64']).catch(() => '')
  const name = /Depends: (linux-image-\S+)/.exec(told)?.[1]
  if (name === undefined) throw new Missing('apt knows no linux-image-amd64. It needs Debian\'s package lists: apt-get update')
  return name
}

async function unpack(name: string, place: string): Promise<void> {
  const [files, kernel] = [join(place, 'files'), join(place, 'kernel')]
  await run('apt-get', ['download', '--quiet', name], place).catch(error => {
    throw new Missing(`The package ${name} can't be downloaded. Debian's package lists may be old: apt-get update`, { cause: error })
  })
  const archive = (await readdir(place)).find(file => file.endsWith('.deb')) ?? name
  await run('dpkg-deb', ['-x', archive, files], place)
  const version = name.replace('linux-image-', '')
  await mkdir(join(kernel, 'modules'), { recursive: true })
  await cutOut(join(files, 'boot', `vmlinuz-${version}`), join(kernel, 'vmlinux'))
  await run('depmod', ['-b', files, version])
  for (const [index, file] of (await moduleFiles(files, version)).entries()) {
    await copyFile(file, join(kernel, 'modules', `${String(index).padStart(2, '0')}-${basename(file)}`))
  }
}

/** The files of {@link MODULES}, and of what they depend on, in the order in which they load. */
async function moduleFiles(files: string, version: string): Promise<readonly string[]> {
  const lines: string[] = []
  for (const module of MODULES) lines.push(...(await run('modprobe', ['-C', '/dev/null', '-d', files, '-S', version, '--show-depends', module])).split('\n'))
  return Array.from(new Set(lines.flatMap(line => /^insmod (\S+)/.exec(line)?.[1] ?? [])))
}

const XZ = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])

/** The kernel itself is compressed inside of its loader, which would take QEMU 20 seconds to unpack it. */
async function cutOut(loader: string, image: string): Promise<void> {
  const bytes = await readFile(loader)
  const start = bytes.indexOf(XZ)
  if (start < 0) throw new Error(`${basename(loader)} holds no kernel that xz can unpack`)
  const xz = spawn('xz', ['-dc', '--single-stream'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const file = createWriteStream(image)
  xz.stdin.on('error', () => {}) // It stops reading where the kernel ends, and the loader goes on.
  xz.stdin.end(bytes.subarray(start))
  xz.stdout.pipe(file)
  const [[code]] = await Promise.all([once(xz, 'close'), once(file, 'finish')])
  if (code !== 0) throw new Error(`xz has ended with ${code}`)
}
