import { setImmediate } from 'node:timers'
import { describe, expect, test } from 'vitest'
import { formatIdentityName } from '../../src/crypto/identity-name.ts'
import { portableEd25519 } from '../../src/crypto/suites/ed25519/portable.ts'
import { memoryNetwork } from '../../src/index.ts'
import type { Node } from '../../src/index.ts'
import { Agenda } from '../../src/simulation/agenda.ts'
import { SeededHost } from '../../src/simulation/host.ts'
import { SeededNetwork } from '../../src/simulation/network.ts'
import type { NetworkOptions, Port } from '../../src/simulation/network.ts'
import { SeededRandom } from '../../src/simulation/random.ts'
import { simulate } from '../../src/simulation.ts'
import type { Network } from '../../src/simulation.ts'
import type { Link, LinkEvents } from '../../src/transports/transport.ts'
import { transportCompliance } from '../transports/compliance.ts'

class Wires {
  readonly random: SeededRandom
  readonly agenda: Agenda
  readonly network: SeededNetwork
  readonly told: string[] = []

  constructor(seed: number, options: NetworkOptions = {}) {
    this.random = new SeededRandom(seed)
    this.agenda = new Agenda(this.random, 0)
    this.network = new SeededNetwork(this.agenda, this.random.fork(), options, kind => this.told.push(kind))
  }

  nodeID(): string {
    return formatIdentityName({ sign: { suite: portableEd25519, publicKey: portableEd25519.publicKey(this.random.bytes(32)) } })
  }

  run(until = Infinity): void {
    while (this.agenda.runOne() || this.agenda.skip(until)) { /* all that is left */ }
  }

  /** A node that notes what it hears. */
  station(): Station {
    const host = new SeededHost(this.agenda)
    const port = this.network.port(this.nodeID(), host)
    const station: Station = { port, host, log: [], links: [], id: port.self }
    port.open(port.self, {
      linked: (link): LinkEvents => {
        station.links.push(link)
        station.log.push('linked')
        return {
          received: frame => void station.log.push(`received ${frame[0]}`),
          drained: () => void station.log.push('drained'),
          closed: () => void station.log.push('closed'),
        }
      },
      unreachable: () => void station.log.push('unreachable'),
    })
    return station
  }
}

interface Station {
  readonly id: string
  readonly port: Port
  readonly host: SeededHost
  readonly log: string[]
  readonly links: Link[]
}

transportCompliance('a simulated network', () => {
  const wires = new Wires(1)
  let isOver = false
  const go = () => {
    for (let i = 0; i < 50 && !isOver; i++) if (!wires.agenda.runOne()) wires.agenda.skip()
    if (!isOver) setImmediate(go)
  }
  setImmediate(go)
  return {
    node(id = wires.nodeID()) {
      return { id, transport: wires.network.port(id, new SeededHost(wires.agenda)) }
    },
    close() { isOver = true },
  }
}, { reliable: true, exclusive: true, buffer: 1 << 10 })

describe('a simulated network', () => {
  function linked(seed: number, options: NetworkOptions = {}) {
    const wires = new Wires(seed, options)
    const [a, b] = [wires.station(), wires.station()]
    a.port.dial(b.id)
    wires.run()
    const [link] = a.links
    if (link === undefined) return expect.fail('there is no link')
    return { wires, a, b, link }
  }
  const received = ({ log }: Station) => log.filter(line => line.startsWith('received')).map(line => Number(line.split(' ')[1]))

  test('S32: loses and repeats frames by the seed, and keeps their order', () => {
    const run = (seed: number) => {
      const { wires, b, link } = linked(seed, { loss: 0.3, duplication: 0.3, window: 1000 })
      for (let i = 0; i < 200; i++) link.send(Uint8Array.of(i))
      wires.run()
      return received(b)
    }
    const first = run(1)
    expect(run(1)).toEqual(first)
    expect(run(2)).not.toEqual(first)
    expect(first).toEqual(first.toSorted((x, y) => x - y))
    const distinct = new Set(first).size
    expect(distinct).toBeGreaterThan(100)
    expect(distinct).toBeLessThan(180)
    expect(first.length).toBeGreaterThan(distinct + 20)
  })

  test('takes the time it is told to', () => {
    const { wires, b, link } = linked(1, { delay: [100, 200] })
    const before = wires.agenda.time
    link.send(Uint8Array.of(1))
    wires.run(before + 99)
    expect(received(b)).toEqual([])
    wires.run(before + 201)
    expect(received(b)).toEqual([1])
  })

  test('a partition loses what is under way, closes links at both ends, and lets no dial through until it heals', () => {
    const { wires, a, b, link } = linked(1)
    link.send(Uint8Array.of(1))
    wires.network.partition([a])
    wires.run()
    expect(a.log).toEqual(['linked', 'closed'])
    expect(b.log).toEqual(['linked', 'closed'])
    a.port.dial(b.id)
    wires.run()
    expect(a.log.at(-1)).toBe('unreachable')
    wires.network.heal()
    a.port.dial(b.id)
    wires.run()
    expect(a.log.at(-1)).toBe('linked')
    expect(wires.told).toEqual(['partition', 'heal'])
  })

  test('a dial that a partition overtakes is told of once', () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      const wires = new Wires(seed, { delay: [0, 10] })
      const [a, b] = [wires.station(), wires.station()]
      a.port.dial(b.id)
      wires.run(seed / 3)
      wires.network.partition([b])
      wires.run()
      expect(a.log.filter(line => line === 'linked' || line === 'unreachable')).toHaveLength(1)
      if (a.log[0] === 'linked') expect(a.log).toEqual(['linked', 'closed'])
      outcomes.add(a.log.join())
    }
    expect(outcomes.size).toBe(2)
  })

  test('a node that ends hears nothing more, and its peers learn of it', () => {
    const { wires, a, b, link } = linked(1)
    link.send(Uint8Array.of(1))
    b.links[0]?.send(Uint8Array.of(2))
    a.host.end()
    a.port.close()
    wires.run()
    expect(a.log).toEqual(['linked'])
    expect(b.log).toEqual(['linked', 'received 1', 'closed'])
  })

  test('refuses what is no network', () => {
    for (const options of [{ loss: 2 }, { duplication: -1 }, { delay: [5, 1] as const }, { delay: 5 }, { delay: null }, { window: 0 }, null, 0.1, [], new Map()]) {
      expect(() => new Wires(1, options as NetworkOptions)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
    }
  })

  test('refuses a setting that it does not have, and names those it has', () => {
    const problem = expect.objectContaining({ code: 'invalid-argument', message: 'A network has no setting "los"; it has delay, loss, duplication, window' })
    const network = simulate({ seed: 1 }).network()
    expect(() => simulate({ seed: 1 }).network({ los: 0.1 } as NetworkOptions)).toThrow(problem)
    expect(() => network.change({ los: 0.1 } as NetworkOptions)).toThrow(problem)
  })

  test('is joined by nodes of its own simulation alone', () => {
    const [here, there] = [simulate({ seed: 1 }), simulate({ seed: 2 })]
    const join = (network: unknown) => () => here.createNode({ network: network as Network })
    for (const network of [{}, null, memoryNetwork()]) expect(join(network)).toThrow(expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining('simulation.network()') }))
    expect(join(there.network())).toThrow(expect.objectContaining({ code: 'invalid-argument', message: expect.stringContaining('another simulation') }))
    expect(join(here.network())).not.toThrow()
  })

  test('cuts off none but nodes that joined it, in whichever life', () => {
    const sim = simulate({ seed: 1 })
    const [network, other] = [sim.network(), sim.network()]
    const [a, b, alone] = [sim.createNode({ network }), sim.createNode({ network: other }), sim.createNode()]
    const fates: string[] = []
    sim.observe((_node, { kind }) => fates.push(kind))
    for (const nodes of [[b], [alone], [a, b], [undefined], a, null, 'a']) {
      expect(() => network.partition(nodes as Node[])).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
    }
    expect(fates).toEqual([])
    sim.crash(a)
    network.partition([a])
    network.partition([sim.restart(a)])
    expect(fates).toEqual(['crash', 'partition', 'restart', 'partition'])
  })
})
