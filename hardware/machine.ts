import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { EXIT } from './initramfs.ts'
import type { Kernel } from './kernel.ts'

/** What the kernel need not do: it lives for seconds, and nobody attacks it. */
const KERNEL = 'console=ttyS0 quiet panic=-1 edd=off mitigations=off nokaslr nopti random.trust_cpu=on tsc=reliable'

/**
 * Boots QEMU without KVM, hands each line of its serial console to `log`, and answers the exit code that the guest tells; undefined when it tells none,
 * within `seconds`.
 */
export async function boot({ image }: Kernel, initramfs: string, seconds: number, log: (line: string) => void): Promise<number | undefined> {
  const machine = spawn('qemu-system-x86_64', [
    '-M', 'pc', '-accel', 'tcg', '-cpu', 'Nehalem', '-m', '768', '-nodefaults', '-no-user-config', '-display', 'none', '-serial', 'stdio', '-net', 'none', '-no-reboot',
    '-kernel', image, '-initrd', initramfs, '-append', KERNEL,
    '-virtfs', 'local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap',
  ], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(machine, 'close')
  const watchdog = setTimeout(() => {
    log(`The guest is stuck: it had ${seconds} seconds`)
    machine.kill('SIGKILL')
  }, seconds * 1000)
  let code: number | undefined
  for await (const line of createInterface({ input: machine.stdout })) {
    if (line.startsWith(EXIT)) code = Number(line.slice(EXIT.length))
    else log(line)
  }
  await ended
  clearTimeout(watchdog)
  return code
}
