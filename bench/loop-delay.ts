import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { createNode, identities, identityManagement, localMemory } from '../src/index.ts'
import type { Commits } from '../src/index.ts'
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

/** `loop-delay-signing`: the same while the host asks for more commitments than can be made, by native code. */
export async function loopDelaySigning(effort: Effort): Promise<readonly Row[]> {
  const idle: number[] = []
  const floods: { readonly [variant: string]: { readonly commit: (signer: Commits) => Promise<unknown>; readonly params: readonly Params[]; readonly delays: number[] } } = {
    Ed25519: { commit: one, params: ['Ed25519'], delays: [] },
    'all schemes': { commit: one, params: ALL, delays: [] },
    batches: { commit: many, params: ALL, delays: [] },
  }
  for (let round = 0; round < effort.rounds; round++) {
    idle.push(await delayDuring(effort.watch))
    for (const { commit, params, delays } of Object.values(floods)) delays.push(await underSigning(effort.watch, params, commit))
  }
  return Object.entries(floods).map(([variant, { delays }]) => {
    const [a, b] = [median(delays), median(idle)]
    return judged({ name: 'loop-delay-signing', variant, peer: 'an idle loop', ours: rounded(a), theirs: rounded(b), ratio: rounded(b / a), unit: 'ms' })
  })
}

type Params = 'Ed25519' | 'Secp256k1' | 'BLS' | 'P256' | 'MLDSA65'
const ALL: readonly Params[] = ['Ed25519', 'Secp256k1', 'BLS', 'P256', 'MLDSA65']
const data = new Uint8Array(32).fill(7)
const one = (signer: Commits): Promise<unknown> => signer.commit(data)
const many = (signer: Commits): Promise<unknown> => signer.commitBatch(Array.from({ length: 25 }, () => data))

/** For each scheme four askers that never rest. */
async function underSigning(time: number, params: readonly Params[], commit: (signer: Commits) => Promise<unknown>): Promise<number> {
  await using node = await createNode()
  const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [localMemory()] } })
  const signers = await Promise.all(params.map(each => identities(node.client('bench'), im).generate({ params: each, capabilities: 'Commit' })))
  let isOver = false
  let answers = 0
  const ask = async (signer: Commits) => {
    while (!isOver) {
      await commit(signer)
      answers++
    }
  }
  const askers = signers.flatMap(signer => Array.from({ length: 4 }, () => ask(signer)))
  const delay = await delayDuring(time)
  isOver = true
  await Promise.all(askers)
  // Each asker has one answer at least, however short it was watched: a slow machine must not look idle.
  assertWorked('signing', answers, Math.max(askers.length, time / 100))
  return delay
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

function assertWorked(what: string, operations: number, least: number): void {
  if (operations < least) throw new Error(`loop-delay: there were only ${operations} operations of ${what}, and not ${least}`)
}
