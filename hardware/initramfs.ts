import { execFile } from 'node:child_process'
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import type { Kernel } from './kernel.ts'
import { find } from './tools.ts'

/** A line of the guest's serial console that ends with the exit code of its program. */
export const EXIT = 'guest ended with '

/** Writes an initial file system to `file`, which loads the modules, mounts this machine's root and runs `command` in it. */
export async function writeInitramfs(file: string, { modules }: Kernel, command: readonly string[]): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'initramfs-'))
  try {
    await Promise.all(['bin', 'modules', 'host'].map(folder => mkdir(join(root, folder))))
    await copyFile(await find('busybox') ?? '/bin/busybox', join(root, 'bin', 'busybox'))
    for (const module of modules) await copyFile(module, join(root, 'modules', basename(module)))
    await writeFile(join(root, 'init'), init(command))
    await chmod(join(root, 'init'), 0o755)
    await writeFile(file, gzipSync(await archiveOf(root), { level: 1 }))
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

/** The first process. What it mounts over the host's root, the host does not see. */
function init(command: readonly string[]): string {
  const quoted = command.map(word => `'${word.replaceAll('\'', String.raw`'\''`)}'`).join(' ')
  return `#!/bin/busybox sh
for module in /modules/*.ko; do /bin/busybox insmod "$module" || echo "can't load $module"; done
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=512000 hostroot /host
/bin/busybox mount -t proc proc /host/proc
/bin/busybox mount -t sysfs sysfs /host/sys
/bin/busybox mount -t devtmpfs devtmpfs /host/dev
/bin/busybox mkdir -p /host/dev/shm
/bin/busybox mount -t tmpfs tmpfs /host/dev/shm
export PATH=/usr/local/bin:/usr/bin:/bin HOME=/dev/shm TMPDIR=/dev/shm LC_ALL=C.UTF-8 NO_COLOR=1
echo 'Linux is up'
/bin/busybox chroot /host ${quoted}
echo "${EXIT}$?"
/bin/busybox poweroff -f
`
}

async function archiveOf(folder: string): Promise<Buffer> {
  const packing = promisify(execFile)('sh', ['-c', 'find . | cpio --quiet -o -H newc -R 0:0'], { cwd: folder, encoding: 'buffer', maxBuffer: 1 << 28 })
  return (await packing).stdout
}
