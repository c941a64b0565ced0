import { engineIDOf } from '../src/core/engine-id.ts'
import { externalIdentityOf } from '../src/core/engine-id.ts'
import { Failed, Fault, formatEngineID, identityManagement, Refused } from '../src/index.ts'
import type { BackendName, Client, CommitmentProtocol, DecryptionProtocol, EngineID, EngineRef, IdentityManagementProtocol, Node, Protocol } from '../src/index.ts'
import type { Simulation } from '../src/simulation.ts'
import { BACKEND_DEADLINE, commitmentOf, masked, SimulatedBackend } from './backend.ts'
import { IDENTITY_MANAGEMENT, IdentityModel } from './identity-model.ts'
import type { Ledger } from './ledger.ts'
import { CLIENTS, PUPPETS } from './operations.ts'
import type { IdentityOrder, Order } from './operations.ts'
import { forged, refOf } from './puppet.ts'
import type { PuppetProtocol, Puppets } from './puppet.ts'
import { writeProgram } from './programs.ts'
import type { Program } from './programs.ts'

/** What only the owner of an identity may do. */
const OWNERS: ReadonlySet<string> = new Set(['grant', 'revoke', 'delete'])
/** How much later than its deadline an ask may fail: what is under way takes a little time. */
const SLACK = 3

/** One life of a node, with what lives on it and who speaks to it. */
export class Place {
  readonly number: number
  readonly node: Node
  readonly model: IdentityModel
  readonly backend: SimulatedBackend
  /** Asks that have not come to their end. */
  openAsks = 0
  isOver = false
  readonly #simulation: Simulation
  readonly #ledger: Ledger
  readonly #label: string
  readonly #clients: readonly Client[]
  readonly #sent = new Map<string, number>()
  #im: EngineRef<IdentityManagementProtocol> | undefined

  constructor(number: number, node: Node, simulation: Simulation, ledger: Ledger) {
    this.number = number
    this.node = node
    this.#simulation = simulation
    this.#ledger = ledger
    this.#label = `${number}:${ledger.live(number, node)}`
    this.model = new IdentityModel(this.#label, ledger.violations)
    this.backend = new SimulatedBackend(`identity-${this.#label}`, simulation, this.model)
    this.#clients = Array.from({ length: CLIENTS }, (_, i) => node.client(`c${i}`))
  }

  /** Spawns everything. `nodes` are all there are, this one among them. */
  async furnish(puppets: Puppets, nodes: readonly Node[]): Promise<void> {
    const peer = (place: number, name: string) => ({ label: `${place}.${name}`, id: engineIDOf(nodes[place]?.id ?? null, name) })
    // A child may live or not: who sends there finds out.
    const own = [...PUPPETS, 'p0/0'].map(name => peer(this.number, name))
    const other = nodes.flatMap((_, place) => place === this.number ? [] : [peer(place, PUPPETS[0])])
    const spawnPuppet = (name: string) => this.node.spawn(puppets.open, { name, config: { label: `${this.#label}.${name}`, peers: [...own, ...other] } })
    const [im] = await Promise.all([
      this.node.spawn(identityManagement, { name: IDENTITY_MANAGEMENT, config: { backendDeadline: BACKEND_DEADLINE }, services: { backends: [this.backend] } }),
      ...[...PUPPETS, 'anchor'].map(spawnPuppet),
    ])
    this.#im = im
  }

  // ── puppets ──────────────────────────────────────────────────────────────────────────────────────────────────

  order({ client, to, mailbox, isAsk, times, deadline, program }: Order): void {
    for (let i = 0; i < times; i++) this.send(client, PUPPETS[to] ?? PUPPETS[0], mailbox, program, isAsk ? deadline : undefined)
  }

  /** Tells a puppet, or asks it when there is a deadline. */
  send(c: number, name: string, mailbox: number, program: Program, deadline?: number): void {
    const client = this.#clients[c]
    if (client === undefined) return
    const way = `${c} ${name} ${mailbox}`
    const n = this.#sent.get(way) ?? 0
    this.#sent.set(way, n + 1)
    const target: EngineRef<PuppetProtocol> = refOf(engineIDOf(this.node.id, name))
    const fields = { program: writeProgram(program), mark: { from: `${this.#label}.c${c}`, to: `${this.number}.${name}`, mailbox, n, isPoison: false }, sender: forged(this.node.id) }
    if (deadline === undefined) return client.tell(target, { type: 'Do', ...fields }, { mailbox })
    this.#follow(client.askRaw(target, { type: 'DoRequest', ...fields }, { deadline, mailbox }), deadline)
  }

  stop(name: string): void {
    // It may have ended already.
    void this.node.stop(engineIDOf(this.node.id, name)).catch(() => {})
  }

  // ── identities ───────────────────────────────────────────────────────────────────────────────────────────────

  identityOrder(order: IdentityOrder): void {
    const { do: what, client: c, identity: back, asOwner, grantee: g, capabilities, requestId } = order
    if (what === 'use-and-revoke') {
      const use = requestId % 2 === 0 ? 'commit' : 'decrypt'
      for (const step of [use, use, 'revoke', use] as const) this.identityOrder({ ...order, do: step, client: g })
      return
    }
    const backend: BackendName = { type: 'LocalMemory' }
    const { identities } = this.model
    const known = identities[identities.length - 1 - back]
    const owner = this.#clients.find(({ id }) => formatEngineID(id) === known?.owner)
    const [client, grantee, im] = [asOwner && OWNERS.has(what) ? owner : this.#clients[c], this.#clients[g]?.id, this.#im]
    if (client === undefined || grantee === undefined || im === undefined) return
    const externalIdentity = externalIdentityOf(known?.name ?? 'nobody')
    const ask = <T>(asked: Promise<T>) => this.#follow(asked, 30_000)
    switch (what) {
      case 'generate':
        return void ask(client.ask(im, { type: 'GenerateIdentityRequest', backend, params: 'Ed25519', capabilities, ...requestId < 3 && { requestId: `attempt-${requestId}` } }))
      case 'connect': return void ask(client.ask(im, { type: 'ConnectIdentityRequest', externalIdentity, backend, capabilities }))
      case 'grant': return void ask(client.ask(im, { type: 'GrantIdentityRequest', externalIdentity, grantee, capabilities }))
      case 'revoke': return void ask(client.ask(im, { type: 'RevokeIdentityRequest', externalIdentity, grantee }))
      case 'delete': return void ask(client.ask(im, { type: 'DeleteIdentityRequest', externalIdentity, backend }))
      case 'list': return void ask(client.ask(im, { type: 'ListIdentitiesRequest' }))
      case 'commit': {
        const engine = known?.engines.Commit
        if (known === undefined || engine === undefined) return
        const data = this.model.use(client.id, known.name)
        return this.#same(client.ask(engineNamed<CommitmentProtocol>(this.node, engine), { type: 'CommitmentRequest', data }), 'commitment', commitmentOf(known.name, data))
      }
      case 'decrypt': {
        const engine = known?.engines.Decrypt
        if (known === undefined || engine === undefined) return
        const data = this.model.use(client.id, known.name)
        return this.#same(client.ask(engineNamed<DecryptionProtocol>(this.node, engine), { type: 'DecryptionRequest', data: masked(known.name, data) }), 'data', data)
      }
    }
  }

  #same(asked: Promise<object>, field: string, expected: Uint8Array): void {
    this.#follow(asked.then(response => {
      const got: unknown = Reflect.get(response, field)
      if (!(got instanceof Uint8Array) || got.join() !== expected.join()) this.#ledger.violated('S41', `a ${field} is not that of its identity`)
    }), 30_000)
  }

  // ── asks ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #follow(asked: Promise<unknown>, deadline: number): void {
    this.openAsks++
    const end = this.#simulation.time + deadline
    const over = () => {
      this.openAsks--
      if (this.#simulation.time > end + SLACK) this.#ledger.violated('S20', `an ask that had ${deadline} ms ended ${this.#simulation.time - end} ms after that`)
    }
    asked.then(over, (error: unknown) => {
      if (!(error instanceof Failed || error instanceof Refused || error instanceof Fault)) this.#ledger.violated('S18', `an ask ended with ${String(error)}`)
      over()
    })
  }

  /** When nothing is left to do. */
  checkQuiet(): void {
    if (this.isOver) return
    if (this.openAsks > 0) this.#ledger.violated('S18', `${this.openAsks} asks of node ${this.#label} never ended`)
    this.model.checkQuiet(this.backend.content, this.backend.open)
  }

  checkEnd(): void {
    if (!this.isOver && this.backend.open > 0) this.#ledger.violated('S30', `${this.backend.open} signers and decryptors of node ${this.#label} were never closed`)
  }
}

function engineNamed<P extends Protocol>(node: Node, name: string): EngineRef<P>
function engineNamed(node: Node, name: string): EngineID {
  return engineIDOf(node.id, name)
}
