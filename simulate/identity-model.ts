import { formatEngineID } from '../src/index.ts'
import type { Capabilities, EngineID, Observed, ObservedMessage } from '../src/index.ts'
import type { Violations } from './violations.ts'

type Fields = { readonly [name: string]: unknown }
type Single = 'Commit' | 'Decrypt'

/** An identity as it must be, by what was answered so far. */
export interface KnownIdentity {
  readonly name: string
  readonly owner: string
  readonly capabilities: Capabilities
  /** Its engines' names, as its capabilities have it. */
  readonly engines: { readonly [can in Single]?: string }
  readonly grants: Map<string, Capabilities>
  /** Who may use each engine. */
  readonly access: { readonly [can in Single]: Set<string> }
  state: 'live' | 'deleting' | 'deleted'
}

interface Asked {
  readonly sender: string
  readonly msg: Fields
}

interface Attempt {
  /** What was asked for under this `requestId`. */
  readonly wishes: Set<string>
  /** What came of it. */
  identity: string | undefined
}

export const IDENTITY_MANAGEMENT = 'im'

/** What identity engines may answer, by a model of who may do what. It is led by their answers, and says when one cannot be. */
export class IdentityModel {
  readonly #violations: Violations
  readonly #here: string
  readonly #identities = new Map<string, KnownIdentity>()
  readonly #asked = new Map<number, Asked>()
  readonly #attempts = new Map<string, Attempt>()
  /** Engines of Identity Management that live. */
  readonly #engines = new Set<string>()
  readonly #gone = new Set<string>()
  /** Who asked for the use that these data name. */
  readonly #uses = new Map<number, { readonly identity: string; readonly sender: string }>()

  /** `here` names the life of a node that the engines are on. */
  constructor(here: string, violations: Violations) {
    this.#here = here
    this.#violations = violations
  }

  /** All that there ever were, oldest first. */
  get identities(): readonly KnownIdentity[] {
    return [...this.#identities.values()]
  }

  // ── what clients and backends report ─────────────────────────────────────────────────────────────────────────

  /** Somebody is about to ask for the use of an identity. Answers the data to ask with. */
  use(sender: EngineID, identity: string): Uint8Array {
    const n = this.#uses.size
    this.#uses.set(n, { identity, sender: formatEngineID(sender) })
    return Uint8Array.of(0xda, 0x7a, n >> 8, n & 0xff)
  }

  /** The key of an identity is about to be used: its engine's step has begun. */
  using(name: string, can: Single, data: Uint8Array): void {
    const use = this.#uses.get(((data[2] ?? 0) << 8) | (data[3] ?? 0))
    const identity = this.#identities.get(name)
    if (use === undefined || use.identity !== name) return this.#violated('S33', `the key of ${name} is used for a request that was not for it`)
    if (identity === undefined || identity.state === 'deleted') return this.#violated('S38', `the key of ${name}, which is deleted, is used`)
    if (!identity.access[can].has(use.sender)) this.#violated('S37', `${use.sender} uses ${name} to ${can}, and may not: it has no access, or no more`)
  }

  /** A backend is asked to erase. Answers whether the identity had been handed out. */
  deleting(name: string): boolean {
    const identity = this.#identities.get(name)
    if (identity === undefined) return false
    if (identity.state !== 'live') this.#violated('S38', `${name} is being deleted twice`)
    identity.state = 'deleting'
    return true
  }

  // ── what is observed ─────────────────────────────────────────────────────────────────────────────────────────

  witness(event: Observed): void {
    switch (event.kind) {
      case 'spawned':
        if (event.parent?.name === IDENTITY_MANAGEMENT) this.#engines.add(event.engine.name)
        return
      case 'ended':
        if (this.#engines.delete(event.engine.name)) this.#gone.add(event.engine.name)
        return
      case 'message':
        if (event.inReplyTo !== 0) this.#answered(event)
        else if (event.target.name === IDENTITY_MANAGEMENT) this.#ask(event)
        return
      case 'dead-letter':
        if (event.reason === 'not-acquainted') this.#turnedAway(event.sender, event.target)
    }
  }

  #ask({ id, sender, msg }: ObservedMessage): void {
    const asked: Asked = { sender: formatEngineID(sender), msg: fieldsOf(msg) }
    this.#asked.set(id, asked)
    const { type, requestId } = asked.msg
    if (type !== 'GenerateIdentityRequest' || requestId === undefined) return
    const key = `${asked.sender} ${text(requestId)}`
    const attempt = this.#attempts.get(key)
    if (attempt === undefined) this.#attempts.set(key, { wishes: new Set([text(asked.msg['capabilities'])]), identity: undefined })
    else attempt.wishes.add(text(asked.msg['capabilities']))
  }

  #turnedAway(sender: EngineID, target: EngineID): void {
    for (const { engines, access, name } of this.#identities.values()) {
      if ((engines.Commit === target.name && access.Commit.has(formatEngineID(sender))) || (engines.Decrypt === target.name && access.Decrypt.has(formatEngineID(sender)))) {
        this.#violated('S35', `${sender.name} was turned away by ${target.name} of ${name}, and may use it`)
      }
    }
  }

  #answered({ inReplyTo, sender, msg, name }: ObservedMessage): void {
    if (name === 'DecryptionResponse' && 'data' in fieldsOf(msg) && fieldsOf(msg)['data'] !== '[redacted]') this.#violated('S9', 'a plaintext is shown to observers')
    if (sender.name !== IDENTITY_MANAGEMENT) return
    const asked = this.#asked.get(inReplyTo)
    if (asked === undefined) return
    this.#asked.delete(inReplyTo)
    const response = fieldsOf(msg)
    const code = response['code'] === undefined ? 'ok' : text(response['code'])
    const identity = this.#identities.get(text(fieldsOf(asked.msg['externalIdentity'])['name']))
    switch (asked.msg['type']) {
      case 'GenerateIdentityRequest': return this.#generated(asked, response, code)
      case 'ConnectIdentityRequest': return this.#connected(asked, response, code, identity)
      case 'GrantIdentityRequest': return this.#granted(asked, code, identity)
      case 'RevokeIdentityRequest': return this.#revoked(asked, code, identity)
      case 'DeleteIdentityRequest': return this.#deleted(asked, code, identity)
      case 'ListIdentitiesRequest': return this.#listed(asked, response)
    }
  }

  #generated({ sender, msg }: Asked, response: Fields, code: string): void {
    const key = msg['requestId'] === undefined ? undefined : `${sender} ${text(msg['requestId'])}`
    const attempt = key === undefined ? undefined : this.#attempts.get(key)
    const before = attempt?.identity === undefined ? undefined : this.#identities.get(attempt.identity)
    if (code !== 'ok') {
      const isPossible = code === 'backend-failed' ? before === undefined
        : code === 'request-conflict' ? attempt !== undefined && attempt.wishes.size > 1
          : code === 'not-found' ? before !== undefined && before.state !== 'live'
            : code === 'engine-gone' && before !== undefined && this.#isGone(before, before.capabilities)
      if (!isPossible) this.#violated('S39', `a generate was refused with ${code}`)
      return
    }
    const capabilities = capabilitiesOf(msg['capabilities'])
    const name = text(fieldsOf(response['externalIdentity'])['name'])
    const engines = enginesIn(response)
    if (!this.#fit(engines, capabilities)) this.#violated('S33', `asked for ${capabilities}, ${sender} got ${Object.keys(engines).join()}`)
    if (before !== undefined) {
      if (before.name !== name) this.#violated('S39', `the same requestId gave ${before.name} and ${name}`)
      if (before.state !== 'live') this.#violated('S38', `${name} is ${before.state}, and was handed out again`)
      return
    }
    if (this.#identities.has(name)) return this.#violated('S39', `${name} was handed out twice`)
    for (const engine of Object.values(engines)) if (!this.#engines.has(engine) && !this.#gone.has(engine)) this.#violated('S33', `the engine ${engine} of ${name} is not there`)
    if (attempt !== undefined) attempt.identity = name
    this.#identities.set(name, {
      name, owner: sender, capabilities, engines, grants: new Map(), access: { Commit: new Set([sender]), Decrypt: new Set([sender]) }, state: 'live',
    })
  }

  #connected({ sender, msg }: Asked, response: Fields, code: string, identity: KnownIdentity | undefined): void {
    const wanted = capabilitiesOf(msg['capabilities'])
    const granted = identity?.owner === sender ? identity.capabilities : identity?.grants.get(sender)
    const expected = identity?.state !== 'live' ? 'not-found' : !includes(identity.capabilities, wanted) ? 'not-available'
      : granted === undefined || !includes(granted, wanted) ? 'not-granted' : 'ok'
    if (code === 'engine-gone' && expected === 'ok' && identity !== undefined && this.#isGone(identity, wanted)) return
    if (code !== expected) return this.#violated(identity?.state === 'live' ? 'S35' : 'S38', `${sender} connected to ${identity?.name} for ${wanted}: ${code} instead of ${expected}`)
    if (code !== 'ok' || identity === undefined) return
    const engines = enginesIn(response)
    for (const can of singles(wanted)) {
      if (engines[can] !== identity.engines[can]) this.#violated('S35', `${sender} got ${engines[can]} for ${identity.engines[can]}`)
      identity.access[can].add(sender)
    }
    if (!this.#fit(engines, wanted)) this.#violated('S35', `asked for ${wanted}, ${sender} got ${Object.keys(engines).join()}`)
  }

  #granted({ sender, msg }: Asked, code: string, identity: KnownIdentity | undefined): void {
    const given = capabilitiesOf(msg['capabilities'])
    const grantee = engineText(msg['grantee'])
    const expected = identity?.state !== 'live' ? 'not-found' : identity.owner !== sender ? 'not-owner' : includes(identity.capabilities, given) ? 'ok' : 'not-available'
    if (code !== expected) this.#violated('S36', `${sender} granted ${given} of ${identity?.name}: ${code} instead of ${expected}`)
    if (code !== 'ok' || identity === undefined || grantee === identity.owner) return
    const had = identity.grants.get(grantee)
    identity.grants.set(grantee, had === undefined || had === given ? given : 'CommitAndDecrypt')
  }

  #revoked({ sender, msg }: Asked, code: string, identity: KnownIdentity | undefined): void {
    const grantee = engineText(msg['grantee'])
    const expected = identity?.state !== 'live' ? 'not-found' : identity.owner !== sender ? 'not-owner' : grantee === sender ? 'not-granted' : 'ok'
    if (code !== expected) this.#violated('S36', `${sender} revoked what ${grantee} had of ${identity?.name}: ${code} instead of ${expected}`)
    if (code !== 'ok' || identity === undefined) return
    identity.grants.delete(grantee)
    identity.access.Commit.delete(grantee)
    identity.access.Decrypt.delete(grantee)
  }

  #deleted({ sender }: Asked, code: string, identity: KnownIdentity | undefined): void {
    if (identity === undefined) {
      if (code !== 'not-found') this.#violated('S38', `the delete of no identity: ${code}`)
    } else if (code === 'ok' || code === 'backend-failed') {
      if (identity.owner !== sender) this.#violated('S36', `${sender} had ${identity.name} deleted, which is ${identity.owner}'s`)
      if (identity.state !== 'deleting') this.#violated('S38', `${identity.name} was deleted, and no backend was asked`)
      identity.state = code === 'ok' ? 'deleted' : 'live'
    } else {
      const expected = identity.state !== 'live' ? 'not-found' : identity.owner !== sender ? 'not-owner' : 'ok'
      if (code !== expected) this.#violated('S38', `${sender} deleted ${identity.name}: ${code} instead of ${expected}`)
    }
  }

  #listed({ sender }: Asked, response: Fields): void {
    const listed = Array.isArray(response['identities']) ? response['identities'].map(fieldsOf) : []
    const actual = listed.map(entry => `${text(fieldsOf(entry['externalIdentity'])['name'])} ${text(entry['capabilities'])}`).toSorted()
    const expected = this.identities.flatMap(({ name, owner, capabilities, grants, state }) => {
      const can = owner === sender ? capabilities : grants.get(sender)
      return can === undefined || state !== 'live' ? [] : [`${name} ${can}`]
    }).toSorted()
    if (actual.join() !== expected.join()) this.#violated('S34', `${sender} has ${expected.join()}, and was told of ${actual.join()}`)
  }

  // ── in the end ───────────────────────────────────────────────────────────────────────────────────────────────

  /** When nothing is left to do. `content` is what the backend holds, `open` how many signers and decryptors are. */
  checkQuiet(content: readonly string[], open: number): void {
    const live = this.identities.filter(({ state }) => state !== 'deleted')
    for (const { name, state } of live) if (state === 'deleting') this.#violated('S38', `the delete of ${name} never ended`)
    const held = live.map(({ name }) => name).toSorted()
    if (content.toSorted().join() !== held.join()) this.#violated('S40', `the backend holds ${content.join()}, and there are ${held.join()}`)
    const engines = live.flatMap(({ engines }) => Object.values(engines)).filter(engine => !this.#gone.has(engine)).toSorted()
    const living = [...this.#engines].toSorted()
    if (engines.join() !== living.join()) this.#violated('S33', `the engines ${living.join()} live, and the identities have ${engines.join()}`)
    if (open !== living.length) this.#violated('S30', `${living.length} engines live, and ${open} signers and decryptors are open`)
    for (const { msg, sender } of this.#asked.values()) this.#violated('S18', `${sender} was never answered: ${text(msg['type'])}`)
  }

  /** Whether an engine for one of these capabilities has ended though nobody deleted the identity. */
  #isGone({ engines }: KnownIdentity, capabilities: Capabilities): boolean {
    return singles(capabilities).some(can => this.#gone.has(engines[can] ?? ''))
  }

  #fit(engines: { readonly [can in Single]?: string }, capabilities: Capabilities): boolean {
    return Object.keys(engines).join() === singles(capabilities).join()
  }

  #violated(guarantee: string, detail: string): void {
    this.#violations.add(guarantee, `${this.#here}: ${detail}`)
  }
}

function includes(have: Capabilities, want: Capabilities): boolean {
  return have === want || have === 'CommitAndDecrypt'
}

export function singles(capabilities: Capabilities): readonly Single[] {
  return capabilities === 'CommitAndDecrypt' ? ['Commit', 'Decrypt'] : [capabilities]
}

function enginesIn({ commitmentEngine, decryptionEngine }: Fields): { readonly [can in Single]?: string } {
  return {
    ...commitmentEngine !== undefined && { Commit: text(fieldsOf(commitmentEngine)['name']) },
    ...decryptionEngine !== undefined && { Decrypt: text(fieldsOf(decryptionEngine)['name']) },
  }
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function engineText(value: unknown): string {
  const { node, name } = fieldsOf(value)
  return `${text(node)}/${text(name)}`
}

function capabilitiesOf(value: unknown): Capabilities {
  return value === 'Commit' || value === 'Decrypt' ? value : 'CommitAndDecrypt'
}
