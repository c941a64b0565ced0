import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Ran {
  readonly succeeded: boolean
  /** Standard output. */
  readonly output: string
  /** All that it wrote, to either stream. */
  readonly all: string
}

/** Runs a program to its end. What it writes is kept, not shown. */
export function run(program: string, args: readonly string[], folder: string): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let all = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
      all += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      all += text
    })
    child.on('error', reject)
    child.on('close', code => resolve({ succeeded: code === 0, output, all }))
  })
}

/** Runs the file of a package that is installed beside these scripts, under the Node.js that runs them. */
export function runInstalled(file: string, args: readonly string[], folder: string): Promise<Ran> {
  return run(process.execPath, [fileURLToPath(new URL(`../node_modules/${file}`, import.meta.url)), ...args], folder)
}

/** The lines of a program's output that say something. */
export function linesOf({ all }: Ran): readonly string[] {
  return all.split('\n').map(line => line.trimEnd()).filter(line => line !== '')
}
