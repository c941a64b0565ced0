import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Lane } from '../rounds.ts'
import { IN_FLIGHT } from '../work.ts'
import type { Peer } from './peer.ts'

const LANES = ['tell', 'ping-pong', 'ask', `ask-${IN_FLIGHT}`, 'request', 'spawn']

/**
 * Erlang, where it is installed: `undefined` where it is not. One virtual machine lives for the whole run, as it is by default (a
 * scheduler for each core), and times its lanes itself: processes that send with `!`, and `gen_server:call` for the asks.
 */
export function erlang(): Peer | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'ipse-bench-'))
  const compiled = spawnSync('erlc', ['-o', folder, join(import.meta.dirname, '../erlang/lanes.erl')], { encoding: 'utf8' })
  if (compiled.error !== undefined || compiled.status !== 0) {
    rmSync(folder, { recursive: true })
    if (compiled.error === undefined) throw new Error(`The Erlang peer does not compile: ${compiled.stdout}${compiled.stderr}`)
    return undefined
  }
  const machine = spawn('erl', ['-noshell', '-pa', folder, '-s', 'lanes', 'main'], {
    stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ERL_CRASH_DUMP_SECONDS: '0' },
  })
  const answers = createInterface({ input: machine.stdout })[Symbol.asyncIterator]()
  const lane = (name: string): Lane => async operations => {
    machine.stdin.write(`${name} ${operations}\n`)
    const { value, done } = await answers.next()
    if (done || !/^\d+$/.test(value)) throw new Error(`The Erlang peer failed at ${name}${done ? '' : `: ${value}`}`)
    return Number(value) / 1000
  }
  return {
    name: 'Erlang',
    lanes: Object.fromEntries(LANES.map(name => [name, lane(name)])),
    async close() {
      if (machine.exitCode === null) {
        const ended = once(machine, 'exit')
        machine.stdin.end()
        await ended
      }
      rmSync(folder, { recursive: true })
    },
  }
}
