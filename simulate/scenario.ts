import type { Node } from '../src/index.ts'
import type { Network, Scenario, Simulation } from '../src/simulation.ts'
import { Ledger } from './ledger.ts'
import { drawOperations, NODES, PUPPETS, simplerOperations } from './operations.ts'
import type { Operation } from './operations.ts'
import { Place } from './place.ts'
import { puppetsOf } from './puppet.ts'
import type { Puppets } from './puppet.ts'
import { Violations } from './violations.ts'

/** A schedule does at least so many steps. */
export const LEAST_STEPS = 300
/** Longer than any deadline of an operation or a program, in milliseconds. */
const LONG = 40_000

/** Three nodes with puppets and identities, what hosts ask of them, and what befalls them; at least so many steps. */
export function scenarioOf(leastSteps: number): Scenario<Operation> {
  return { plan: drawOperations, simpler: simplerOperations, perform: (simulation, operations) => new World(simulation, leastSteps).perform(operations) }
}

class World {
  readonly #simulation: Simulation
  readonly #violations = new Violations()
  readonly #ledger = new Ledger(this.#violations)
  readonly #puppets: Puppets = puppetsOf(this.#ledger)
  readonly #network: Network
  #places: readonly Place[] = []
  #past: readonly Place[] = []

  readonly #leastSteps: number

  constructor(simulation: Simulation, leastSteps: number) {
    this.#leastSteps = leastSteps
    this.#simulation = simulation
    this.#network = simulation.network({ delay: [0, 2] })
  }

  async perform(operations: readonly Operation[]): Promise<void> {
    const nodes = Array.from({ length: NODES }, () => this.#simulation.createNode({ network: this.#network }))
    this.#simulation.observe((label, event) => {
      const number = Number(label.slice('node-'.length)) - 1
      this.#ledger.witness(number, event)
      if ('step' in event) this.#places[number]?.model.witness(event)
      this.#violations.check()
    })
    this.#places = nodes.map((node, i) => new Place(i, node, this.#simulation, this.#ledger))
    await Promise.all(this.#places.map(place => place.furnish(this.#puppets, nodes)))
    for (const operation of operations) {
      await this.#do(operation)
      this.#violations.check()
    }
    this.#network.heal()
    this.#network.change({ loss: 0, duplication: 0, delay: [0, 2] })
    await this.#fill()
    await this.#simulation.sleep(LONG)
    for (const place of [...this.#past, ...this.#places]) place.checkQuiet()
    this.#ledger.checkQuiet()
    this.#violations.check()
    await Promise.all(this.#places.map(({ node }) => node.stop()))
    const before = this.#simulation.traceHash()
    await this.#simulation.sleep(LONG)
    if (this.#simulation.traceHash() !== before) this.#violations.add('S31', 'nodes that had stopped were seen to do something')
    for (const place of this.#places) place.checkEnd()
    this.#ledger.checkEnd()
    this.#violations.check()
  }

  async #do(operation: Operation): Promise<void> {
    if (operation.do === 'wait') return this.#simulation.sleep(operation.milliseconds)
    if (operation.do === 'weather') {
      return this.#network.change({ loss: operation.loss / 100, duplication: operation.duplication / 100, delay: [0, operation.delay] })
    }
    const place = this.#places[operation.node]
    if (place === undefined) return
    switch (operation.do) {
      case 'order': return place.order(operation)
      case 'stop-puppet': return place.stop(PUPPETS[operation.to] ?? PUPPETS[0])
      case 'crash-puppet': return place.send(0, PUPPETS[operation.to] ?? PUPPETS[0], 0, [{ op: 'crash' }])
      case 'crash-children': {
        const op = { op: 'crash-children' } as const
        return place.send(0, PUPPETS[operation.to] ?? PUPPETS[0], 0, [{ op: 'spawn' }, { op: 'spawn' }, op, op])
      }
      case 'partition': return this.#network.partition([place.node])
      case 'heal': return this.#network.heal()
      case 'restart-node': return this.#restart(place)
      default: return place.identityOrder(operation)
    }
  }

  async #restart(place: Place): Promise<void> {
    place.isOver = true
    this.#past = [...this.#past, place]
    this.#ledger.die(place.number)
    this.#simulation.crash(place.node)
    await this.#simulation.sleep(1)
    const again = new Place(place.number, this.#simulation.restart(place.node), this.#simulation, this.#ledger)
    this.#places = this.#places.with(place.number, again)
    await again.furnish(this.#puppets, this.#places.map(({ node }): Node => node))
  }

  /** Until enough was done, engines that nothing has befallen are asked; they must answer. */
  async #fill(): Promise<void> {
    while (this.#simulation.steps < this.#leastSteps) {
      for (const place of this.#places) {
        place.send(0, 'anchor', 0, [], 1000)
        for (const mailbox of [1, 2]) place.send(mailbox, 'anchor', mailbox, [{ op: 'loop', times: 6, mailbox }])
      }
      await this.#simulation.sleep(1)
      this.#violations.check()
    }
  }
}
