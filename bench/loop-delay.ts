import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { createNode } from '../src/index.ts'
import { echo } from './engines/echo.ts'
import { players } from './engines/player.ts'
import { collectYoung } from './garbage.ts'
import { judged, rounded } from './report.ts'
import type { Row } from './report.ts'
import { median } from './rounds.ts'
import type { Effort } from './rounds.ts'

/** More hits than any machine plays while it is watched. */
const ENDLESS = 1e12

/** `loop-delay`: how late a timer of 1 ms is, at worst but for one in a hundred, while engines or askers never rest. */
export async function loopDelay(effort: Effort): Promise<readonly Row[]> {
  const idle: number[] = []
  const playing: number[] = []
  const asking: number[] = []
  for (let round = 0; round < effort.rounds; round++) {
    idle.push(await delayDuring(effort.watch))
    playing.push(await underPingPong(effort.watch))
    asking.push(await underAsks(effort.watch))
  }
  const row = (variant: string, ours: readonly number[]): Row => {
    const [a, b] = [median(ours), median(idle)]
    return judged({ name: 'loop-delay', variant, peer: 'an idle loop', ours: rounded(a), theirs: rounded(b), ratio: rounded(b / a), unit: 'ms' })
  }
  return [row('ping-pong', playing), row('ask', asking)]
}

async function underPingPong(time: number): Promise<number> {
  await using node = await createNode()
  const client = node.client('bench')
  const player = await players(node, client)
  const over = client.ask(player, { type: 'PlayRequest', hits: ENDLESS }).then(() => 'over', () => 'stopped')
  const before = node.counters().handled
  const delay = await delayDuring(time)
  assertWorked('ping-pong', node.counters().handled - before, time)
  await node.stop()
  if (await over !== 'stopped') throw new Error('loop-delay: the game was not endless')
  return delay
}

async function underAsks(time: number): Promise<number> {
  await using node = await createNode()
  const client = node.client('bench')
  const to = await node.spawn(echo, { name: 'echo', acquaintances: [client] })
  let isOver = false
  let answers = 0
  const loop = async () => {
    while (!isOver) if ((await client.ask(to, { type: 'EchoRequest', n: answers })).n === answers) answers++
  }
  const asker = loop()
  const delay = await delayDuring(time)
  assertWorked('ask', answers, time)
  isOver = true
  await asker
  return delay
}

/** The 99th percentile, in milliseconds, of the time between one run of a timer of 1 ms and the next: at rest it is a little over 1. */
async function delayDuring(time: number): Promise<number> {
  collectYoung()
  const histogram = monitorEventLoopDelay({ resolution: 1 })
  histogram.enable()
  await sleep(time)
  histogram.disable()
  return histogram.percentile(99) / 1e6
}

function assertWorked(what: string, operations: number, time: number): void {
  if (operations < time) throw new Error(`loop-delay: in ${time} ms there were only ${operations} operations of ${what}`)
}
