import fc from 'fast-check'
import { expect, test } from 'vitest'
import { includes } from '../../src/backends/backend.ts'
import type { Capabilities } from '../../src/backends/backend.ts'
import type { Client } from '../../src/core/client.ts'
import { externalIdentityOf } from '../../src/core/engine-id.ts'
import type { ExternalIdentity } from '../../src/core/engine-id.ts'
import { outcomeOf, utf8, World } from './test-backend.ts'
import type { Made } from './test-backend.ts'

// Who may do what (docs/semantics.md, S33 to S39), against a model that keeps sets and knows nothing of engines.

const PRINCIPALS = ['alice', 'bob', 'carol'] as const
type Principal = (typeof PRINCIPALS)[number]
type Power = 'commit' | 'decrypt'

const powersOf = (capabilities: Capabilities): readonly Power[] =>
  capabilities === 'Commit' ? ['commit'] : capabilities === 'Decrypt' ? ['decrypt'] : ['commit', 'decrypt']

/** What the model remembers of one identity. */
interface Known {
  readonly owner: Principal
  readonly capabilities: Capabilities
  lives: boolean
  /** What each was granted. */
  readonly granted: Map<Principal, Set<Power>>
  /** What each has connected to since. */
  readonly connected: Map<Principal, Set<Power>>
}

interface Model {
  readonly identities: Known[]
  /** The identity of each principal's `requestId`. */
  readonly attempts: Map<string, { readonly identity: number; readonly capabilities: Capabilities }>
}

interface Real {
  readonly world: World
  readonly made: Made[]
}

const mayUse = (known: Known, who: Principal): Set<Power> =>
  known.owner === who ? new Set(powersOf(known.capabilities)) : known.granted.get(who) ?? new Set()

const capabilitiesOf = (powers: Set<Power>): Capabilities =>
  powers.size === 2 ? 'CommitAndDecrypt' : powers.has('commit') ? 'Commit' : 'Decrypt'

/** The identity that a command means: one of those there were, or one that never was. */
function pick<T>(list: readonly T[], slot: number): { readonly index: number; readonly entry: T | undefined } {
  const index = list.length === 0 ? -1 : slot % (list.length + 1)
  return { index, entry: list[index] }
}

const NOBODY: ExternalIdentity = externalIdentityOf('nobody')

abstract class Command implements fc.AsyncCommand<Model, Real> {
  readonly who: Principal

  constructor(who: Principal) {
    this.who = who
  }

  check(): boolean {
    return true
  }

  async run(model: Model, real: Real): Promise<void> {
    await this.act(model, real, real.world.node.client(this.who))
    real.world.assertLawful()
    const living = model.identities.filter(({ lives }) => lives)
    expect(real.world.backend.content).toHaveLength(living.length)
    expect(real.world.engines).toHaveLength(1 + living.reduce((count, { capabilities }) => count + powersOf(capabilities).length, 0))
  }

  abstract act(model: Model, real: Real, client: Client): Promise<void>
  abstract toString(): string
}

class Generate extends Command {
  readonly capabilities: Capabilities
  readonly requestId: string | undefined

  constructor(who: Principal, capabilities: Capabilities, requestId: string | undefined) {
    super(who)
    this.capabilities = capabilities
    this.requestId = requestId
  }

  async act(model: Model, { world, made }: Real, client: Client): Promise<void> {
    const key = `${this.who} ${this.requestId}`
    const before = this.requestId === undefined ? undefined : model.attempts.get(key)
    const generating = world.generate(client, this.capabilities, this.requestId)
    if (before !== undefined && before.capabilities !== this.capabilities) {
      return expect(await outcomeOf(generating)).toBe('request-conflict')
    }
    if (before !== undefined) {
      if (model.identities[before.identity]?.lives !== true) return expect(await outcomeOf(generating)).toBe('not-found')
      return expect(await generating).toEqual(made[before.identity])
    }
    made.push(await generating)
    if (this.requestId !== undefined) model.attempts.set(key, { identity: model.identities.length, capabilities: this.capabilities })
    model.identities.push({
      owner: this.who, capabilities: this.capabilities, lives: true, granted: new Map(),
      connected: new Map([[this.who, new Set(powersOf(this.capabilities))]]),
    })
  }

  toString(): string {
    return `${this.who} generates ${this.capabilities}${this.requestId === undefined ? '' : ` as ${this.requestId}`}`
  }
}

class Connect extends Command {
  readonly slot: number
  readonly capabilities: Capabilities

  constructor(who: Principal, slot: number, capabilities: Capabilities) {
    super(who)
    this.slot = slot
    this.capabilities = capabilities
  }

  async act(model: Model, { world, made }: Real, client: Client): Promise<void> {
    const { index, entry: known } = pick(model.identities, this.slot)
    const externalIdentity = made[index]?.externalIdentity ?? NOBODY
    const asking = client.ask(world.im, { type: 'ConnectIdentityRequest', externalIdentity, backend: world.backend.name, capabilities: this.capabilities })
    const wanted = powersOf(this.capabilities)
    if (known?.lives !== true) return expect(await outcomeOf(asking)).toBe('not-found')
    if (!includes(known.capabilities, this.capabilities)) return expect(await outcomeOf(asking)).toBe('not-available')
    if (!wanted.every(power => mayUse(known, this.who).has(power))) return expect(await outcomeOf(asking)).toBe('not-granted')
    const { commitmentEngine, decryptionEngine } = made[index] ?? {}
    expect(await asking).toEqual({ ...wanted.includes('commit') && { commitmentEngine }, ...wanted.includes('decrypt') && { decryptionEngine } })
    known.connected.set(this.who, new Set([...known.connected.get(this.who) ?? [], ...wanted]))
  }

  toString(): string {
    return `${this.who} connects to ${this.slot} for ${this.capabilities}`
  }
}

class Grant extends Command {
  readonly slot: number
  readonly grantee: Principal
  readonly capabilities: Capabilities

  constructor(who: Principal, slot: number, grantee: Principal, capabilities: Capabilities) {
    super(who)
    this.slot = slot
    this.grantee = grantee
    this.capabilities = capabilities
  }

  async act(model: Model, { world, made }: Real, client: Client): Promise<void> {
    const { index, entry: known } = pick(model.identities, this.slot)
    const externalIdentity = made[index]?.externalIdentity ?? NOBODY
    const outcome = await outcomeOf(client.ask(world.im, {
      type: 'GrantIdentityRequest', externalIdentity, grantee: { node: null, name: this.grantee }, capabilities: this.capabilities,
    }))
    if (known?.lives !== true) return expect(outcome).toBe('not-found')
    if (known.owner !== this.who) return expect(outcome).toBe('not-owner')
    if (!includes(known.capabilities, this.capabilities)) return expect(outcome).toBe('not-available')
    expect(outcome).toBe('done')
    known.granted.set(this.grantee, new Set([...known.granted.get(this.grantee) ?? [], ...powersOf(this.capabilities)]))
  }

  toString(): string {
    return `${this.who} grants ${this.grantee} ${this.capabilities} of ${this.slot}`
  }
}

class Revoke extends Command {
  readonly slot: number
  readonly grantee: Principal

  constructor(who: Principal, slot: number, grantee: Principal) {
    super(who)
    this.slot = slot
    this.grantee = grantee
  }

  async act(model: Model, { world, made }: Real, client: Client): Promise<void> {
    const { index, entry: known } = pick(model.identities, this.slot)
    const externalIdentity = made[index]?.externalIdentity ?? NOBODY
    const outcome = await outcomeOf(client.ask(world.im, {
      type: 'RevokeIdentityRequest', externalIdentity, grantee: world.node.client(this.grantee).id,
    }))
    if (known?.lives !== true) return expect(outcome).toBe('not-found')
    if (known.owner !== this.who) return expect(outcome).toBe('not-owner')
    if (known.owner === this.grantee) return expect(outcome).toBe('not-granted')
    expect(outcome).toBe('done')
    known.granted.delete(this.grantee)
    known.connected.delete(this.grantee)
  }

  toString(): string {
    return `${this.who} revokes ${this.grantee} from ${this.slot}`
  }
}

/** Uses an engine whose EngineID everyone knows. */
class Use extends Command {
  readonly slot: number
  readonly power: Power

  constructor(who: Principal, slot: number, power: Power) {
    super(who)
    this.slot = slot
    this.power = power
  }

  async act(model: Model, { world, made }: Real, client: Client): Promise<void> {
    const { index, entry: known } = pick(model.identities, this.slot)
    const identity = made[index]
    if (known === undefined || identity === undefined || !powersOf(known.capabilities).includes(this.power)) return
    const data = utf8(`${this.who} of ${this.slot}`)
    const { name } = identity.externalIdentity
    const using = this.power === 'commit'
      ? client.ask(identity.commitmentEngine, { type: 'CommitmentRequest', data })
        .then(({ commitment }) => expect(world.backend.verify(name, data, commitment)).toBe(true))
      : client.ask(identity.decryptionEngine, { type: 'DecryptionRequest', data: world.backend.encrypt(name, data) })
        .then(plain => expect(plain.data).toEqual(data))
    if (!known.lives) expect(await outcomeOf(using)).toBe('stopped')
    else if (known.connected.get(this.who)?.has(this.power) === true) await using
    else expect(await outcomeOf(using)).toBe('not-acquainted')
  }

  toString(): string {
    return `${this.who} ${this.power}s with ${this.slot}`
  }
}

class Delete extends Command {
  readonly slot: number

  constructor(who: Principal, slot: number) {
    super(who)
    this.slot = slot
  }

  async act(model: Model, { world, made }: Real, client: Client): Promise<void> {
    const { index, entry: known } = pick(model.identities, this.slot)
    const outcome = await outcomeOf(world.delete(client, made[index]?.externalIdentity ?? NOBODY))
    if (known?.lives !== true) return expect(outcome).toBe('not-found')
    if (known.owner !== this.who) return expect(outcome).toBe('not-owner')
    expect(outcome).toBe('done')
    known.lives = false
  }

  toString(): string {
    return `${this.who} deletes ${this.slot}`
  }
}

class List extends Command {
  async act(model: Model, { world, made }: Real, client: Client): Promise<void> {
    const expected = model.identities.flatMap((known, i) => {
      const powers = mayUse(known, this.who)
      const name = made[i]?.externalIdentity.name
      return known.lives && powers.size > 0 ? [`${name} ${capabilitiesOf(powers)}${known.owner === this.who ? ' owned' : ''}`] : []
    })
    expect((await world.list(client)).toSorted()).toEqual(expected.toSorted())
  }

  toString(): string {
    return `${this.who} lists`
  }
}

const who = fc.constantFrom(...PRINCIPALS)
const slot = fc.nat(5)
const capabilities = fc.constantFrom<Capabilities[]>('Commit', 'Decrypt', 'CommitAndDecrypt')
const power = fc.constantFrom<Power[]>('commit', 'decrypt')
const requestId = fc.option(fc.constantFrom('one', 'two'), { nil: undefined, freq: 2 })

const commands = fc.commands<Model, Real, false>([
  fc.tuple(who, capabilities, requestId).map(([p, c, id]) => new Generate(p, c, id)),
  fc.tuple(who, slot, capabilities).map(([p, s, c]) => new Connect(p, s, c)),
  fc.tuple(who, slot, who, capabilities).map(([p, s, g, c]) => new Grant(p, s, g, c)),
  fc.tuple(who, slot, who).map(([p, s, g]) => new Revoke(p, s, g)),
  fc.tuple(who, slot, power).map(([p, s, x]) => new Use(p, s, x)),
  fc.tuple(who, slot, power).map(([p, s, x]) => new Use(p, s, x)),
  fc.tuple(who, slot).map(([p, s]) => new Delete(p, s)),
  who.map(p => new List(p)),
], { size: 'large', maxCommands: 80 })

test('S33–S39: over any sequence of requests, each may do what was granted to it, and no more', async () => {
  const seen = new Map<string, number>()
  await fc.assert(fc.asyncProperty(commands, async sequence => {
    await using world = await World.make()
    await fc.asyncModelRun(() => ({ model: { identities: [], attempts: new Map() }, real: { world, made: [] } }), sequence)
    for (const event of world.events) {
      const what = event.kind === 'dead-letter' ? `${event.name} ${event.reason}`
        : event.kind === 'message' && event.inReplyTo > 0 ? `${event.name.replace(/(?:Identity)?Response$/, '')} ${codeOf(event.msg)}` : undefined
      if (what !== undefined) seen.set(what, (seen.get(what) ?? 0) + 1)
    }
  }), { numRuns: 600 })
  // The sequences reach what there is to reach, many times.
  for (const what of REACHED) expect(seen.get(what) ?? 0, what).toBeGreaterThan(4)
})

const REACHED = [
  'Generate done', 'Generate not-found', 'Generate request-conflict', 'Connect done', 'Connect not-found', 'Connect not-available', 'Connect not-granted',
  'Grant done', 'Grant not-found', 'Grant not-available', 'Grant not-owner', 'Revoke done', 'Revoke not-found', 'Revoke not-granted', 'Revoke not-owner',
  'Delete done', 'Delete not-found', 'Delete not-owner', 'ListIdentities done', 'Commitment done', 'Decryption done',
  'CommitmentRequest stopped', 'CommitmentRequest not-acquainted', 'DecryptionRequest stopped', 'DecryptionRequest not-acquainted',
]

function codeOf(msg: unknown): string {
  return typeof msg === 'object' && msg !== null && 'code' in msg && typeof msg.code === 'string' ? msg.code : 'done'
}
