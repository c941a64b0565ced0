import { describe, expect, test } from 'vitest'
import { keep, memoryNetwork, reply, stop, watch } from '../../src/index.ts'
import type { EngineRef, NodeOptions } from '../../src/index.ts'
import { writeAck, writeHello, writeItem, writeItems, writeWelcome } from '../../src/runtime/frames.ts'
import { packData } from '../../src/core/encoding.ts'
import { simulate } from '../../src/simulation.ts'
import { box, outcomeOf } from './box.ts'
import type { BoxProtocol } from './box.ts'
import { BOOT, laws, message, nodeID, place, Stranger } from './nodes.ts'

const put = (n: number) => ({ type: 'Put', n })
const get = (n: number) => ({ type: 'GetRequest', n })

/** A node, and somebody who speaks frames by hand. */
function world(seed: number, options: NodeOptions = {}) {
  const sim = simulate({ seed })
  const network = memoryNetwork()
  const here = place(sim, network, options)
  const stranger = new Stranger(nodeID(1), network)
  const there: EngineRef<BoxProtocol> = JSON.parse(JSON.stringify({ node: stranger.id, name: 'there' }))
  const dial = async () => {
    stranger.dial(here.node.id)
    await sim.sleep(1)
    stranger.hello()
    await sim.sleep(1)
  }
  return { sim, network, here, stranger, there, dial }
}

/** A box that notes what it is told, and answers when asked to. */
function noting(seen: number[]) {
  return box({ put: t => { seen.push(t.msg.n); return [] }, get: t => t.msg.n < 0 ? keep(t.replyTo) : reply({ n: t.msg.n }) })
}

describe('sessions', () => {
  test('a hello is welcomed with both boot epochs; frames are acknowledged, all up to a number', async () => {
    const { sim, here, stranger, dial } = world(1)
    await sim.run(async () => {
      const seen: number[] = []
      await here.node.spawn(noting(seen), { name: 'box' })
      await dial()
      expect(stranger.frames).toEqual([{ kind: 'welcome', boot: expect.stringMatching(/^[0-9a-f]{32}$/), yours: BOOT }])
      for (let n = 0; n < 3; n++) stranger.say(message('box', put(n)))
      await sim.sleep(1)
      expect(seen).toEqual([0, 1, 2])
      expect(stranger.frames.at(-1)).toEqual({ kind: 'ack', n: 3, stored: 0 })
      // Says its name again.
      stranger.hello()
      stranger.say(message('box', put(3)))
      await sim.sleep(1)
      expect(seen).toEqual([0, 1, 2, 3])
      expect(stranger.closed).toEqual([])
    })
  })

  test('the dialer says which life of the other it knows', async () => {
    const { sim, here, stranger, there } = world(1)
    await sim.run(async () => {
      here.host.tell(there, { type: 'Put', n: 0 })
      await sim.sleep(1)
      stranger.back?.close()
      here.host.tell(there, { type: 'Put', n: 1 })
      await sim.sleep(1)
      const hellos = stranger.frames.filter(frame => frame.kind === 'hello')
      expect(hellos.map(({ known }) => known)).toEqual([null, BOOT])
      expect(new Set(hellos.map(({ boot }) => boot)).size).toBe(1)
    })
  })

  test('a node remembers so many others and no more, once it has nothing to do with them', async () => {
    const { sim, here, stranger, there } = world(1)
    await sim.run(async () => {
      const digits = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
      const known = async () => {
        here.host.tell(there, { type: 'Put', n: 0 })
        await sim.sleep(1)
        stranger.back?.close()
        await sim.sleep(1)
        const hello = stranger.frames.findLast(frame => frame.kind === 'hello')
        return hello?.kind === 'hello' ? hello.known : undefined
      }
      const visit = async (from: number, to: number) => {
        for (let n = from; n < to; n++) here.host.tell({ ...there, node: `z6Mk${'x'.repeat(42)}${digits[n % 58]}${digits[Math.floor(n / 58)]}` }, { type: 'Put', n: 0 })
        await sim.sleep(10)
      }
      expect([await known(), await known()]).toEqual([null, BOOT])
      await visit(0, 500)
      expect(await known()).toBe(BOOT)
      await visit(500, 1_100)
      expect(await known()).toBe(null)
      expect(laws(here)).toEqual([0])
    })
  })

  test('S3, S58: a frame that comes again is dropped, and one that is missing closes the link', async () => {
    const { sim, here, stranger, dial } = world(3)
    await sim.run(async () => {
      const seen: number[] = []
      await here.node.spawn(noting(seen), { name: 'box' })
      await dial()
      const frame = (n: number) => writeItems(n, [writeItem(message('box', put(n)))])
      for (const n of [1, 1, 2, 1, 2]) stranger.out?.send(frame(n))
      await sim.sleep(1)
      expect(seen).toEqual([1, 2])
      expect(stranger.closed).toEqual([])
      for (const n of [4, 3]) stranger.out?.send(frame(n))
      await sim.sleep(1)
      expect(seen).toEqual([1, 2])
      expect(stranger.closed).toEqual(['out'])
      expect(here.links.at(-1)).toBe('lost of its frames, 3 is missing')
      expect(laws(here)).toEqual([0])
    })
  })

  test('who breaks the order of the handshake, or says what is not its to say, is hung up on', async () => {
    const breaches: readonly (readonly [string, (boot: string) => Uint8Array, isAfterHello?: boolean])[] = [
      ['items before hello', () => writeItems(1, [])],
      ['an ack to who heard nothing', () => writeAck(0, 0), true],
      ['a welcome by who dialed', boot => writeWelcome(BOOT, boot), true],
      ['two boot epochs', () => writeHello('a0'.repeat(16), null), true],
      ['another version', () => packData([0, 1, BOOT, null])],
      ['a boot epoch that is none', () => packData([0, 2, 'x', null])],
      ['another kind', () => packData([9])],
      ['a field too many', () => packData([0, 2, BOOT, null, 0])],
      ['nothing', () => new Uint8Array()],
    ]
    for (const [what, bytes, isAfterHello] of breaches) {
      const { sim, here, stranger } = world(1)
      await sim.run(async () => {
        stranger.dial(here.node.id)
        await sim.sleep(1)
        if (isAfterHello) stranger.hello()
        stranger.out?.send(bytes('00'.repeat(16)))
        await sim.sleep(1)
        expect([what, stranger.closed]).toEqual([what, ['out']])
        expect(here.links.at(-1)).toMatch(/^lost /)
      })
    }
  })

  test('who is dialed and answers out of turn is hung up on, and unreachable', async () => {
    const breaches: readonly (readonly [string, (boot: string) => Uint8Array])[] = [
      ['an ack before the welcome', () => writeAck(0, 0)],
      ['a hello', () => writeHello(BOOT, null)],
      ['items', () => writeItems(1, [])],
      ['a welcome to another life', () => writeWelcome(BOOT, '00'.repeat(16))],
    ]
    for (const [what, bytes] of breaches) {
      const { sim, here, stranger, there } = world(1)
      await sim.run(async () => {
        stranger.isPolite = false
        const asked = outcomeOf(here.host.ask(there, { type: 'GetRequest', n: 0 }))
        await sim.sleep(1)
        stranger.back?.send(bytes(''))
        expect([what, await asked]).toEqual([what, 'unreachable'])
        await sim.sleep(1)
        expect(stranger.closed).toEqual(['back'])
        expect(here.links.at(-1)).toMatch(/^unreachable /)
        expect(laws(here)).toEqual([0])
      })
    }
  })

  test('an acknowledgement of what was not sent closes the link', async () => {
    const { sim, here, stranger, there } = world(1)
    await sim.run(async () => {
      here.host.tell(there, { type: 'Put', n: 0 })
      await sim.sleep(1)
      stranger.back?.send(writeAck(2, 0))
      await sim.sleep(1)
      expect(here.links.at(-1)).toBe('lost it acknowledged what was not sent')
      expect(here.node.counters().uncertain).toBe(1)
    })
  })
})

describe('lives of a node', () => {
  test('S18, S60: a node that comes with another boot epoch has lost its former life: requests and watches end', async () => {
    const { sim, here, stranger, there, dial } = world(18)
    await sim.run(async () => {
      const heard: string[] = []
      const watcher = await here.node.spawn(box({ put: () => watch(there), terminated: t => { heard.push(t.reason); return [] } }), { name: 'watcher' })
      here.host.tell(watcher, { type: 'Put', n: 0 })
      const asked = outcomeOf(here.host.ask(there, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      expect(stranger.items().map(({ kind }) => kind).toSorted()).toEqual(['message', 'watch'])
      stranger.boot = 'c0'.repeat(16)
      await dial()
      expect(await asked).toBe('unreachable')
      await sim.sleep(1)
      expect(heard).toEqual(['unreachable'])
      expect(stranger.closed).toEqual(['back'])
      expect(here.links).toEqual(['open', 'lost it has begun a new life', 'open'])
      expect(here.events.flatMap(event => event.kind === 'link' ? [event.boot] : [])).toEqual([BOOT, BOOT, stranger.boot])
      // What was not sent to the former life is for this one.
      expect(laws(here)).toEqual([0])
    })
  })

  test('S19, S61: a reply to an earlier life of the asker is a dead letter, whatever its number', async () => {
    const { sim, here, stranger, there, dial } = world(19)
    await sim.run(async () => {
      const asked = outcomeOf(here.host.ask(there, { type: 'GetRequest', n: 0 }))
      await dial()
      const [hello] = stranger.frames
      const [item] = stranger.items()
      if (hello?.kind !== 'hello' || item?.kind !== 'message' || item.asks === undefined) return expect.fail('it did not ask')
      const answer = { kind: 'reply', to: 'host', from: 'there', id: item.asks.id, response: { n: 1 } } as const
      stranger.say({ ...answer, boot: '00'.repeat(16) }, { kind: 'failure', id: item.asks.id, boot: '00'.repeat(16), failure: 'stopped' })
      await sim.sleep(1)
      expect(here.dead).toEqual([' late-reply'])
      stranger.say({ ...answer, boot: hello.boot })
      stranger.say({ ...answer, boot: hello.boot })
      expect(await asked).toBe('ok {"n":1}')
      await sim.sleep(1)
      expect(here.dead).toEqual([' late-reply', ' late-reply'])
      expect(laws(here)).toEqual([0])
    })
  })

  test('S19, S61: only the node that was asked may answer, or say that there is no answer', async () => {
    const { sim, network, here, stranger, there, dial } = world(19)
    const thief = new Stranger(nodeID(2), network)
    await sim.run(async () => {
      const asked = outcomeOf(here.host.ask(there, { type: 'GetRequest', n: 0 }))
      await dial()
      thief.dial(here.node.id)
      await sim.sleep(1)
      thief.hello()
      const [hello] = stranger.frames
      const [item] = stranger.items()
      if (hello?.kind !== 'hello' || item?.kind !== 'message' || item.asks === undefined) return expect.fail('it did not ask')
      const { asks: { id } } = item
      thief.say({ kind: 'failure', id, boot: hello.boot, failure: 'stopped' }, { kind: 'reply', to: 'host', from: 'there', id, boot: hello.boot, response: { n: 666 } })
      await sim.sleep(1)
      expect(here.dead).toEqual([' not-asked'])
      stranger.say({ kind: 'reply', to: 'host', from: 'there', id, boot: hello.boot, response: { n: 1 } })
      expect(await asked).toBe('ok {"n":1}')
      await sim.sleep(1)
      expect(laws(here)).toEqual([0])
    })
  })

  test('a node that dials anew has lost its first link', async () => {
    const { sim, here, stranger, there, dial } = world(18)
    await sim.run(async () => {
      await dial()
      const asked = outcomeOf(here.host.ask(there, { type: 'GetRequest', n: 0 }))
      await sim.sleep(1)
      await dial()
      expect(await asked).toBe('unreachable')
      await sim.sleep(1)
      expect(stranger.closed.toSorted()).toEqual(['back', 'out'])
      expect(here.links.at(-1)).toBe('open')
    })
  })
})

describe('a node that means ill', () => {
  test('S1, S6, S57: it speaks for its own engines alone', async () => {
    const { sim, here, stranger, dial } = world(1)
    await sim.run(async () => {
      const senders: (string | null)[] = []
      const friend = { node: nodeID(3), name: 'friend' }
      const closed = await here.node.spawn(box({ closed: true, put: t => { senders.push(t.sender.node); return [] } }), { name: 'closed', acquaintances: [friend, here.host] })
      await here.node.spawn(box({ put: t => { senders.push(t.sender.node); return [] } }), { name: 'open' })
      await dial()
      for (const from of ['friend', 'host', 'closed', 'mallory']) stranger.say(message('closed', put(0), from), message('open', put(0), from))
      await sim.sleep(1)
      expect(senders).toEqual([stranger.id, stranger.id, stranger.id, stranger.id])
      expect(here.dead).toEqual(Array.from({ length: 4 }, () => 'Put not-acquainted'))
      for (const from of ['', 'a b', `${nodeID(3)}/friend\n`, 'x'.repeat(1025)]) {
        await dial()
        const before = stranger.closed.length
        stranger.say(message('closed', put(0), from))
        await sim.sleep(1)
        expect(stranger.closed.length).toBeGreaterThan(before)
      }
      void closed
      expect(laws(here)).toEqual([0])
    })
  })

  test('S62: it cannot watch, or ask, to find out what there is', async () => {
    const { sim, here, stranger, dial } = world(1)
    await sim.run(async () => {
      await here.node.spawn(box({ closed: true }), { name: 'closed' })
      await dial()
      for (const name of ['closed', 'nobody']) {
        stranger.say({ kind: 'watch', watcher: 'me', engine: name }, message(name, get(0), 'me', { id: 1, left: 100 }), message(name, { type: 'Nonsense' }, 'me', { id: 2, left: 100 }))
        await sim.sleep(1)
      }
      const strip = (items: readonly object[]) => items.map(item => ({ ...item, engine: undefined }))
      const items = stranger.items()
      expect(items).toHaveLength(6)
      expect(strip(items.slice(0, 3))).toEqual(strip(items.slice(3)))
    })
  })

  test('S5: it fills no more than mailboxes and outboxes hold, and is given up when it hears nothing', async () => {
    const { sim, here, stranger, dial } = world(5, { outbox: 1 })
    await sim.run(async () => {
      const gate = Promise.withResolvers<{ opened: string }>()
      const starting = here.node.spawn(box({ capacity: 5, acquire: () => gate.promise, get: t => reply({ n: t.msg.n }) }), { name: 'box' })
      await dial()
      // It lets itself be dialed, and says nothing then.
      stranger.isPolite = false
      for (let id = 1; id <= 30; id++) stranger.say(message('box', get(id), 'me', { id, left: 1_000_000 }))
      await sim.sleep(1)
      expect(here.node.counters()).toMatchObject({ arrived: 30, queued: 5, deadLettered: 25 })
      expect(stranger.closed).toContain('out')
      gate.resolve({ opened: 'yes' })
      await starting
      await sim.sleep(1)
      // Whoever asked is gone: nothing of it is handled.
      expect(here.node.counters()).toMatchObject({ arrived: 30, queued: 0, deadLettered: 30, handled: 0 })
      expect(laws(here)).toEqual([0])
    })
  })

  test('it has so many watches and no more, and they end with its link', async () => {
    const { sim, here, stranger, dial } = world(5, { outbox: 3 })
    await sim.run(async () => {
      const to = await here.node.spawn(box({ put: () => stop() }), { name: 'box' })
      await dial()
      // Sixteen for each message that may wait.
      stranger.say(...Array.from({ length: 49 }, (_, n) => ({ kind: 'watch', watcher: `w${n + 1}`, engine: 'box' } as const)))
      await sim.sleep(1)
      expect(stranger.items()).toEqual([{ kind: 'terminated', watcher: 'w49', engine: 'box', reason: 'unreachable' }])
      stranger.say({ kind: 'unwatch', watcher: 'w1' }, { kind: 'watch', watcher: 'w49', engine: 'box' })
      await sim.sleep(1)
      stranger.out?.close()
      await sim.sleep(1)
      const before = stranger.frames.length
      here.host.tell(to, { type: 'Put', n: 0 })
      await sim.sleep(1)
      expect(stranger.frames.length).toBe(before)
    })
  })

  test('a mailbox that there is not, answers nobody waits for, and ends of what nobody watches, change nothing', async () => {
    const { sim, here, stranger, dial } = world(5)
    await sim.run(async () => {
      const seen: number[] = []
      await here.node.spawn(noting(seen), { name: 'box' })
      await dial()
      stranger.say(
        { kind: 'message', to: 'box', mailbox: 7, from: 'me', msg: put(1), asks: undefined },
        { kind: 'terminated', watcher: 'box', engine: 'there', reason: 'crashed' },
        { kind: 'unwatch', watcher: 'me' },
        { kind: 'failure', id: 99, boot: BOOT, failure: 'crashed' },
        message('box', put(2)),
      )
      await sim.sleep(1)
      expect(seen).toEqual([2])
      expect(here.dead).toEqual(['Put no-mailbox'])
      expect(stranger.closed).toEqual([])
      expect(laws(here)).toEqual([0])
    })
  })
})
