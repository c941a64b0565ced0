import { createNode } from '../src/index.ts'
import { sender } from './engines/counter.ts'
import { keeper } from './engines/gated.ts'
import { collect } from './garbage.ts'
import { judged, rounded } from './report.ts'
import type { Row } from './report.ts'
import { assertComplete, median, timed } from './rounds.ts'
import type { Effort } from './rounds.ts'
import { BATCH } from './work.ts'

const DEEP = 1_000_000
const SHALLOW = 1_000
const WARM_UP = 200_000

/**
 * `backlog`: nanoseconds a message, when a million wait and when a thousand do, for a million messages each. Mailboxes are filled
 * untimed, while their engines wait for a resource, and garbage is collected before these start: allocating and promoting envelopes
 * is not counted, handling them is.
 */
export async function backlog(effort: Effort): Promise<readonly Row[]> {
  const deep: number[] = []
  const shallow: number[] = []
  for (let round = 0; round <= effort.rounds; round++) {
    const [million, thousand] = [await drained(DEEP, DEEP), await drained(DEEP / effort.divisor, SHALLOW)]
    // The first round warms up.
    if (round === 0) continue
    deep.push(million)
    shallow.push(thousand)
  }
  const [ours, theirs] = [median(deep), median(shallow)]
  return [judged({ name: 'backlog', peer: 'a backlog of 1,000', ours: Math.round(ours), theirs: Math.round(theirs), ratio: rounded(ours / theirs), unit: 'ns' })]
}

/** Handles that many messages, `depth` of which wait at a time. Nanoseconds a message. */
async function drained(messages: number, depth: number): Promise<number> {
  await using node = await createNode()
  const client = node.client('bench')
  const from = await node.spawn(sender, { name: 'sender', acquaintances: [client] })
  let mailboxes = 0
  /** Fills a mailbox, and answers what lets its engine handle it to the end. */
  const filled = async (count: number) => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>()
    const parent = await node.spawn(keeper, { name: `keeper-${mailboxes++}`, services: { gate }, acquaintances: [client] })
    const { counter: to } = await client.ask(parent, { type: 'SpawnRequest', known: [client.id, from] })
    const before = node.counters().queued
    for (let sent = 0; sent < count; sent += BATCH) await client.ask(from, { type: 'BatchRequest', to, count: Math.min(BATCH, count - sent) })
    // The last that waits.
    const counted = client.ask(to, { type: 'CountRequest' })
    assertComplete('backlog: waiting', node.counters().queued - before, count + 1)
    return async () => {
      open()
      assertComplete('backlog', (await counted).count, count)
    }
  }
  let time = 0
  for (let done = 0; done < messages; done += depth) {
    const drain = await filled(depth)
    if (done === 0) {
      collect()
      // Warm again, by other messages than those that were promoted.
      await (await filled(WARM_UP))()
    }
    time += await timed(drain)
  }
  return time * 1e6 / messages
}
