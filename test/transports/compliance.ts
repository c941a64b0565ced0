import { afterEach, describe, expect, test } from 'vitest'
import type { NodeID } from '../../src/core/engine-id.ts'
import type { Link, LinkEvents, Transport, TransportEvents } from '../../src/transports/transport.ts'

/** Where nodes can reach each other: made anew for each test. */
export interface Place {
  /** A NodeID that nobody has, and a transport that can speak for it; or another transport for the given one. */
  node(id?: NodeID): { readonly id: NodeID; readonly transport: Transport } | Promise<{ readonly id: NodeID; readonly transport: Transport }>
  close?(): void | Promise<void>
}

/** What a transport says of itself. */
export interface TransportCapabilities {
  /** Whether frames arrive in order and once, as long as the link lives. */
  readonly reliable: boolean
  /** Whether a NodeID can be spoken for by one transport at a time, and the second is turned away. */
  readonly exclusive: boolean
  /** The most bytes that may be sent before `send` answers `false`; `undefined` when it never does. */
  readonly buffer: number | undefined
}

/** One node's view: what it was told, and who waits to be told. */
class Station implements TransportEvents {
  readonly id: NodeID
  readonly transport: Transport
  readonly log: string[] = []
  readonly frames: Uint8Array[] = []
  readonly links: Link[] = []
  /** Runs inside of `linked`. */
  onLinked: (link: Link, dialed: boolean) => void = () => {}
  onReceived: (link: Link, frame: Uint8Array) => void = () => {}
  readonly #waiting: { readonly isThere: () => boolean; readonly go: () => void }[] = []
  readonly #telling = new Set<Link>()

  constructor(id: NodeID, transport: Transport) {
    this.id = id
    this.transport = transport
  }

  linked(link: Link, dialed: boolean): LinkEvents {
    this.links.push(link)
    this.#note(`linked ${link.peer} ${dialed}`)
    this.#telling.add(link)
    this.onLinked(link, dialed)
    this.#telling.delete(link)
    const heard = (what: string) => {
      if (this.#telling.has(link)) this.#note('too early')
      this.#note(what)
    }
    return {
      received: frame => {
        this.frames.push(frame)
        heard(`received ${frame.length}`)
        this.onReceived(link, frame)
      },
      drained: () => heard('drained'),
      closed: () => heard('closed'),
    }
  }

  unreachable(peer: NodeID, reason: string): void {
    this.#note(`unreachable ${peer} ${typeof reason}`)
  }

  /** Resolves when that is so. */
  until(isThere: () => boolean): Promise<void> {
    return isThere() ? Promise.resolve() : new Promise(go => void this.#waiting.push({ isThere, go }))
  }

  count(what: string): number {
    return this.log.filter(line => line.startsWith(what)).length
  }

  #note(line: string): void {
    this.log.push(line)
    for (const wait of this.#waiting.splice(0)) {
      if (wait.isThere()) wait.go()
      else this.#waiting.push(wait)
    }
  }
}

/**
 * What every transport must do, by its contract. `make` gives a fresh place each time. Nothing here knows an implementation, and nothing
 * sleeps: that something does not come is looked at once something else has, which went the same way later.
 */
export function transportCompliance(label: string, make: () => Place | Promise<Place>, declared: TransportCapabilities): void {
  describe(`${label} is a transport`, () => {
    const open: { readonly stations: Station[]; place: Place | undefined } = { stations: [], place: undefined }

    afterEach(async () => {
      for (const { transport } of open.stations.splice(0)) await transport.close()
      await open.place?.close?.()
      open.place = undefined
    })

    const place = async (): Promise<Place> => open.place ??= await make()
    const station = async (given?: NodeID): Promise<Station> => {
      const { id, transport } = await (await place()).node(given)
      const made = new Station(id, transport)
      await transport.open(id, made)
      expect(made.log).toEqual([])
      open.stations.push(made)
      return made
    }

    /** A link from one to the other. */
    const join = async (from: Station, to: Station): Promise<{ readonly dialing: Link; readonly dialed: Link }> => {
      const [before, beforeThere] = [from.links.length, to.links.length]
      from.transport.dial(to.id)
      await from.until(() => from.links.length > before)
      await to.until(() => to.links.length > beforeThere)
      const [dialing, dialed] = [from.links[before], to.links[beforeThere]]
      if (dialing === undefined || dialed === undefined) return expect.fail('there is no link')
      return { dialing, dialed }
    }

    test('a dial gives each end a link to the node at the other, and tells who dialed', async () => {
      const [a, b] = [await station(), await station()]
      const { dialing, dialed } = await join(a, b)
      expect(dialing.peer).toBe(b.id)
      expect(dialed.peer).toBe(a.id)
      expect(a.log).toEqual([`linked ${b.id} true`])
      expect(b.log).toEqual([`linked ${a.id} false`])
    })

    test('dial tells nothing before it returns', async () => {
      const [a, b] = [await station(), await station()]
      a.transport.dial(b.id)
      expect(a.log).toEqual([])
      await a.until(() => a.links.length > 0)
    })

    test('a node that is not there is unreachable, once', async () => {
      const [a, b] = [await station(), await station()]
      const gone = await (await place()).node()
      a.transport.dial(gone.id)
      expect(a.log).toEqual([])
      await a.until(() => a.count('unreachable') > 0)
      await join(a, b)
      expect(a.log).toEqual([`unreachable ${gone.id} string`, `linked ${b.id} true`])
    })

    test('frames go both ways, whole', async () => {
      const [a, b] = [await station(), await station()]
      const { dialing, dialed } = await join(a, b)
      const frame = Uint8Array.from({ length: 300_000 }, (_, i) => i * 31)
      dialing.send(frame.slice())
      dialed.send(frame.slice(0, 5))
      await b.until(() => b.frames.length > 0)
      await a.until(() => a.frames.length > 0)
      expect(b.frames).toEqual([frame])
      expect(a.frames).toEqual([frame.slice(0, 5)])
    })

    test('a frame of 16 MiB arrives', async () => {
      const [a, b] = [await station(), await station()]
      const { dialing } = await join(a, b)
      dialing.send(new Uint8Array(16 << 20).fill(7))
      await b.until(() => b.frames.length > 0)
      expect(b.frames[0]?.length).toBe(16 << 20)
    })

    test.runIf(declared.reliable)('frames arrive in order and once', async () => {
      const [a, b] = [await station(), await station()]
      const { dialing } = await join(a, b)
      for (let i = 0; i < 500; i++) dialing.send(Uint8Array.of(i >> 8, i))
      await b.until(() => b.frames.length >= 500)
      expect(b.frames.map(([high = 0, low = 0]) => high * 256 + low)).toEqual(Array.from({ length: 500 }, (_, i) => i))
    })

    test('what is sent from within linked arrives after linked', async () => {
      const [a, b] = [await station(), await station()]
      a.onLinked = link => void link.send(Uint8Array.of(1))
      b.onLinked = link => void link.send(Uint8Array.of(2))
      await join(a, b)
      await a.until(() => a.frames.length > 0)
      await b.until(() => b.frames.length > 0)
      expect([a.frames, b.frames]).toEqual([[Uint8Array.of(2)], [Uint8Array.of(1)]])
      expect([a.count('too early'), b.count('too early')]).toEqual([0, 0])
    })

    test('an answer from within received arrives', async () => {
      const [a, b] = [await station(), await station()]
      b.onReceived = (link, frame) => void link.send(frame.slice())
      const { dialing } = await join(a, b)
      dialing.send(Uint8Array.of(1, 2))
      await a.until(() => a.frames.length > 0)
      expect(a.frames).toEqual([Uint8Array.of(1, 2)])
    })

    test('links of a pair, one each way, live apart', async () => {
      const [a, b] = [await station(), await station()]
      const there = await join(a, b)
      const back = await join(b, a)
      there.dialing.close()
      await b.until(() => b.count('closed') > 0)
      back.dialing.send(Uint8Array.of(9))
      await a.until(() => a.frames.length > 0)
      expect(a.frames).toEqual([Uint8Array.of(9)])
      expect([a.count('closed'), b.count('closed')]).toEqual([0, 1])
    })

    test('closing a link tells the other end, after what was sent, and not this one', async () => {
      const [a, b] = [await station(), await station()]
      const { dialing, dialed } = await join(a, b)
      for (let i = 0; i < 20; i++) dialing.send(Uint8Array.of(i))
      dialing.close()
      dialing.close()
      dialed.send(Uint8Array.of(99))
      expect(typeof dialing.send(Uint8Array.of(98))).toBe('boolean')
      await b.until(() => b.count('closed') > 0)
      if (declared.reliable) expect(b.frames.length).toBe(20)
      dialed.send(Uint8Array.of(97))
      dialed.close()
      await join(b, a)
      expect(b.log.slice(-2)).toEqual(['closed', `linked ${a.id} true`])
      expect(a.log).toEqual([`linked ${b.id} true`, `linked ${b.id} false`])
    })

    test('closing a transport tells its peers, and nobody reaches it any more', async () => {
      const [a, b] = [await station(), await station()]
      await join(a, b)
      await join(b, a)
      await a.transport.close()
      await a.transport.close()
      const heard = [...a.log]
      await b.until(() => b.count('closed') === 2)
      b.transport.dial(a.id)
      await b.until(() => b.count('unreachable') > 0)
      a.transport.dial(b.id)
      const c = await station()
      await join(c, b)
      expect(a.log).toEqual(heard)
    })

    test('a node may come back, and is dialed anew', async () => {
      const [a, b] = [await station(), await station()]
      await join(a, b)
      await b.transport.close()
      await a.until(() => a.count('closed') > 0)
      const again = await station(b.id)
      const { dialing } = await join(a, again)
      dialing.send(Uint8Array.of(5))
      await again.until(() => again.frames.length > 0)
      expect(b.frames).toEqual([])
    })

    test.runIf(declared.exclusive)('a second transport for the same node is turned away, and one that was opened is not opened again', async () => {
      const a = await station()
      const { transport } = await (await place()).node(a.id)
      await expect((async () => transport.open(a.id, a))()).rejects.toMatchObject({ code: 'invalid-argument' })
      await expect((async () => a.transport.open(a.id, a))()).rejects.toMatchObject({ code: 'invalid-argument' })
    })

    test('what is no NodeID is not spoken for', async () => {
      const { transport } = await (await place()).node()
      const nobody: TransportEvents = { linked: () => expect.fail('a link'), unreachable: () => {} }
      await expect((async () => transport.open('alice', nobody))()).rejects.toMatchObject({ code: 'invalid-argument' })
    })

    test.runIf(declared.buffer !== undefined)('send says when it is enough, and when there is room again', async () => {
      const [a, b] = [await station(), await station()]
      const { dialing } = await join(a, b)
      const frame = new Uint8Array(Math.max(1, Math.ceil((declared.buffer ?? 0) / 8)))
      let sent = 1
      while (dialing.send(frame.slice())) expect(++sent).toBeLessThan(1_000)
      // Nothing is lost of what is sent all the same.
      dialing.send(frame.slice())
      expect(a.count('drained')).toBe(0)
      await a.until(() => a.count('drained') > 0)
      expect(dialing.send(frame.slice())).toBe(frame.length <= (declared.buffer ?? 0))
      await b.until(() => b.frames.length >= sent + 2)
      expect(b.frames.length).toBe(sent + 2)
      // Once for each time that send said no.
      expect(a.count('drained')).toBeLessThanOrEqual(2)
    })
  })
}
