import { createHmac, timingSafeEqual } from 'node:crypto'
import { expect } from 'vitest'
import { includes } from '../../src/backends/backend.ts'
import type { Adopted, Backend, BackendName, Capabilities, CiphertextRefusal, Decryptor, GenerateOptions, Signer, Undoable } from '../../src/backends/backend.ts'
import type { Host, Wake } from '../../src/core/clock.ts'
import type { Client } from '../../src/core/client.ts'
import { externalIdentityOf } from '../../src/core/engine-id.ts'
import type { EngineID, EngineRef, ExternalIdentity } from '../../src/core/engine-id.ts'
import type { Engine } from '../../src/core/engine.ts'
import { Fault, IpseError } from '../../src/core/errors.ts'
import type { CommitmentProtocol } from '../../src/engines/commitment/messages.ts'
import type { DecryptionProtocol } from '../../src/engines/decryption/messages.ts'
import type { IdentityManagement } from '../../src/engines/identity-management/family.ts'
import { identityManagement } from '../../src/engines/identity-management/index.ts'
import type { IdentityManagementProtocol } from '../../src/engines/identity-management/messages.ts'
import { RuntimeNode } from '../../src/runtime/node.ts'
import type { NodeOptions } from '../../src/runtime/node-options.ts'
import type { Observed } from '../../src/runtime/observation.ts'

// A backend that does as it is told, and a node around it whose time stands still until a test moves it.

/** What the types would not let through, for tests of those who ignore them. */
export function untyped(value: unknown) {
  const box = JSON.parse('{}')
  box.value = value
  return box.value
}

/** Asks whatever of whomever. */
export async function askAnything(client: Client, how: 'ask' | 'askRaw', to: unknown, message: unknown): Promise<unknown> {
  const response: unknown = await Reflect.apply(client[how], client, [to, message])
  return response
}

export const utf8 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

// ── the backend ──────────────────────────────────────────────────────────────────────────────────────────────────

export type Operation = 'generate' | 'delete' | 'undelete' | 'adopt' | 'signer' | 'decryptor' | 'sign' | 'decrypt' | 'close'
/** Stands between an operation and its work: it may do the work, now or later, or anything else. */
export type Hook = <T>(work: () => T, signal: AbortSignal) => T | Promise<T>

/** An operation that was held back. */
export interface Call {
  readonly signal: AbortSignal
  /** Does the work, and answers what came of it. */
  finish(): void
  /** Answers something else, whatever the work would have been. */
  answer(value: unknown): void
  fail(error: unknown): void
}

interface Held {
  readonly identity: ExternalIdentity
  readonly options: GenerateOptions
  readonly secret: Uint8Array
}

/** Fast, deterministic, and in the test's hands. A commitment is an HMAC, a ciphertext an HMAC and the data XORed with another. */
export class TestBackend implements Backend {
  readonly name: BackendName
  readonly params: readonly string[]
  readonly capabilities: readonly Capabilities[]
  readonly on: { [O in Operation]?: Hook } = {}
  /** How often each operation was begun. */
  readonly count: Record<Operation, number> = { generate: 0, delete: 0, undelete: 0, adopt: 0, signer: 0, decryptor: 0, sign: 0, decrypt: 0, close: 0 }
  /** For whom it was asked to do what. */
  readonly askers: string[] = []
  /** Signers and decryptors that were given out and not closed. */
  open = 0
  /** What a well-behaved caller would not have done. */
  readonly complaints: string[] = []
  /** Where it is given, deletes can be taken back for ever, whatever they say. */
  readonly undoUntil: number | undefined
  readonly #label: string
  readonly #byName = new Map<string, Held>()
  readonly #putAway = new Map<string, Held>()
  #made = 0

  constructor({ name = { type: 'LocalMemory' }, params = ['Ed25519', 'Secp256k1'], capabilities = ['Commit', 'Decrypt', 'CommitAndDecrypt'], label = 'test', undoUntil }: {
    readonly name?: BackendName; readonly params?: readonly string[]; readonly capabilities?: readonly Capabilities[]; readonly label?: string
    readonly undoUntil?: number
  } = {}) {
    this.name = name
    this.params = params
    this.capabilities = capabilities
    this.#label = label
    this.undoUntil = undoUntil
  }

  /** The names of the identities it holds. */
  get content(): readonly string[] {
    return [...this.#byName.keys()].toSorted()
  }

  /** Holds back that operation from now on, but for its first times, until told otherwise. */
  hold(operation: Operation, after = 0): readonly Call[] {
    const calls: Call[] = []
    let begun = 0
    this.on[operation] = <T>(work: () => T, signal: AbortSignal) => begun++ < after ? work() : new Promise<T>((resolve, reject) => {
      calls.push({
        signal,
        finish: () => { try { resolve(work()) } catch (error) { reject(error) } },
        answer: value => resolve(untyped(value)),
        fail: reject,
      })
    })
    return calls
  }

  pass(operation: Operation): void {
    delete this.on[operation]
  }

  generate(options: GenerateOptions, signal: AbortSignal, asker?: EngineID): ExternalIdentity | Promise<ExternalIdentity> {
    this.#note('generate', asker)
    return this.#do('generate', signal, () => {
      for (const held of this.#byName.values()) if (held.options.key === options.key) return held.identity
      const identity = externalIdentityOf(`${this.#label}-${++this.#made}`)
      const secret = createHmac('sha256', 'secret of').update(identity.name).digest()
      this.#byName.set(identity.name, { identity, options, secret })
      return identity
    })
  }

  delete({ name }: ExternalIdentity, signal: AbortSignal, asker?: EngineID): void | Undoable | Promise<void | Undoable> {
    this.#note('delete', asker)
    return this.#do('delete', signal, () => {
      const held = this.#putAway.get(name) ?? this.#held(name)
      this.#byName.delete(name)
      if (this.undoUntil === undefined) return undefined
      this.#putAway.set(name, held)
      return { undoUntil: this.undoUntil }
    })
  }

  undelete({ name }: ExternalIdentity, signal: AbortSignal): void | Promise<void> {
    return this.#do('undelete', signal, () => {
      this.#byName.set(name, this.#putAway.get(name) ?? this.#held(name))
      this.#putAway.delete(name)
    })
  }

  adopt({ name }: ExternalIdentity, claim: Uint8Array, signal: AbortSignal): Adopted | Promise<Adopted> {
    return this.#do('adopt', signal, () => {
      const { options: { params, capabilities } } = this.#held(name)
      if (Buffer.compare(claim, claimOf(name)) !== 0) throw new Fault('not-found', 'The test backend does not hold this identity')
      return { params, capabilities, format: 'framed' }
    })
  }

  signer({ name }: ExternalIdentity, signal: AbortSignal): Signer | Promise<Signer> {
    return this.#do('signer', signal, () => {
      if (!includes(this.#held(name).options.capabilities, 'Commit')) throw new Fault('not-available', 'cannot commit')
      const sign: Signer['sign'] = (data, stop, asker) => {
        this.#note('sign', asker)
        return this.#do('sign', stop, () => this.#sign(this.#held(name), data))
      }
      return { sign, close: this.#opened() }
    })
  }

  decryptor({ name }: ExternalIdentity, signal: AbortSignal): Decryptor | Promise<Decryptor> {
    return this.#do('decryptor', signal, () => {
      if (!includes(this.#held(name).options.capabilities, 'Decrypt')) throw new Fault('not-available', 'cannot decrypt')
      const decrypt: Decryptor['decrypt'] = (ciphertext, stop, asker) => {
        this.#note('decrypt', asker)
        return this.#do('decrypt', stop, () => this.#decrypt(this.#held(name), ciphertext))
      }
      return { decrypt, close: this.#opened() }
    })
  }

  /** Whether `commitment` is one of the identity of that name, which may have been deleted since. */
  verify(name: string, data: Uint8Array, commitment: Uint8Array): boolean {
    const secret = createHmac('sha256', 'secret of').update(name).digest()
    const expected = createHmac('sha256', secret).update('commitment').update(data).digest()
    return commitment.length === expected.length && timingSafeEqual(commitment, expected)
  }

  encrypt(name: string, data: Uint8Array): Uint8Array {
    const secret = createHmac('sha256', 'secret of').update(name).digest()
    return Buffer.concat([createHmac('sha256', secret).update('tag').update(data).digest(), mask(secret, data)])
  }

  #sign({ secret }: Held, data: Uint8Array): Uint8Array {
    return new Uint8Array(createHmac('sha256', secret).update('commitment').update(data).digest())
  }

  #decrypt({ secret }: Held, ciphertext: Uint8Array): Uint8Array | CiphertextRefusal {
    if (ciphertext.length < 32) return { err: 'Malformed ciphertext', code: 'malformed-ciphertext' }
    const data = mask(secret, ciphertext.subarray(32))
    const tag = createHmac('sha256', secret).update('tag').update(data).digest()
    return timingSafeEqual(tag, ciphertext.subarray(0, 32)) ? data : { err: 'Decryption failed', code: 'decryption-failed' }
  }

  #held(name: string): Held {
    const held = this.#byName.get(name)
    if (held === undefined) throw new Fault('not-found', 'The test backend does not hold this identity')
    return held
  }

  #note(operation: Operation, asker: EngineID | undefined): void {
    this.askers.push(`${operation} for ${asker?.name ?? 'nobody'}`)
  }

  #opened(): () => void | Promise<void> {
    let isOpen = true
    this.open++
    return () => this.#do('close', new AbortController().signal, () => {
      if (isOpen) this.open--
      else this.complaints.push('closed twice')
      isOpen = false
    })
  }

  #do<T>(operation: Operation, signal: AbortSignal, work: () => T): T | Promise<T> {
    this.count[operation]++
    const hook = this.on[operation]
    return hook === undefined ? work() : hook(work, signal)
  }
}

/** What gives a right to adopt the identity of that name. */
export function claimOf(name: string): Uint8Array {
  return utf8(`claim of ${name}`)
}

function mask(secret: Uint8Array, data: Uint8Array): Uint8Array {
  const stream = createHmac('sha256', secret).update('stream').digest()
  return Uint8Array.from(data, (byte, i) => byte ^ (stream[i % stream.length] ?? 0))
}

// ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Alarm {
  readonly time: number
  readonly work: () => void
}

/** A host whose clock moves when it is told to. */
export class StillHost implements Host {
  readonly slice = Infinity
  readonly turn = 64
  readonly look = 64
  readonly reports: unknown[] = []
  #now = 1_000_000
  readonly #alarms = new Set<Alarm>()

  now(): number {
    return this.#now
  }

  soon(work: () => void): void {
    queueMicrotask(work)
  }

  later(work: () => void): void {
    setImmediate(work)
  }

  wake(time: number, work: () => void): Wake {
    const alarm = { time, work }
    this.#alarms.add(alarm)
    return { cancel: () => void this.#alarms.delete(alarm), hold: () => {} }
  }

  report(error: unknown): void {
    this.reports.push(error)
  }

  /** Lets that many milliseconds pass. What falls due does so in order. */
  advance(milliseconds: number): void {
    const end = this.#now + milliseconds
    for (;;) {
      const [next] = [...this.#alarms].filter(({ time }) => time <= end).toSorted((a, b) => a.time - b.time)
      if (next === undefined) break
      this.#alarms.delete(next)
      this.#now = Math.max(this.#now, next.time)
      next.work()
    }
    this.#now = end
  }
}

/** Lets everything happen that needs no time and no answer from outside. */
export function quiet(): Promise<void> {
  return new Promise(resolve => { setImmediate(() => setImmediate(resolve)) })
}

// ── a node around it ─────────────────────────────────────────────────────────────────────────────────────────────

export const HERE = `z6Mk${'h'.repeat(44)}`
export const ELSEWHERE = `z6Mk${'e'.repeat(44)}`

/** Milliseconds, as every {@link World} has them. */
export const BACKEND_DEADLINE = 1_000
export const ASK_DEADLINE = 10_000
export const RELEASE_DEADLINE = 500

/** A node with one Identity Management engine, everything on it observed. Disposing of it checks that nothing was left behind. */
export class World implements AsyncDisposable {
  readonly node: RuntimeNode
  readonly im: EngineRef<IdentityManagementProtocol>
  readonly backend: TestBackend
  readonly host: StillHost
  readonly events: readonly Observed[]

  private constructor(node: RuntimeNode, im: EngineRef<IdentityManagementProtocol>, backend: TestBackend, host: StillHost, events: readonly Observed[]) {
    this.node = node
    this.im = im
    this.backend = backend
    this.host = host
    this.events = events
  }

  static async make({ backend = new TestBackend(), backends = [backend], options, engine = identityManagement }: {
    readonly backend?: TestBackend; readonly backends?: readonly Backend[]; readonly options?: NodeOptions; readonly engine?: Engine<IdentityManagement>
  } = {}): Promise<World> {
    const host = new StillHost()
    const node = new RuntimeNode({
      id: HERE, boot: '0'.repeat(32), host, freeze: true, options: { askDeadline: ASK_DEADLINE, startDeadline: BACKEND_DEADLINE, releaseDeadline: RELEASE_DEADLINE, ...options },
    })
    const events: Observed[] = []
    node.observe(event => events.push(event))
    const im = await node.spawn(engine, { name: 'im', config: { backendDeadline: BACKEND_DEADLINE }, services: { backends } })
    return new World(node, im, backend, host, events)
  }

  /** The names of the engines that live. */
  get engines(): readonly string[] {
    const living = new Set<string>()
    for (const event of this.events) {
      if (event.kind === 'spawned') living.add(event.engine.name)
      if (event.kind === 'ended') living.delete(event.engine.name)
    }
    return [...living].toSorted()
  }

  get ends(): readonly string[] {
    return this.events.flatMap(event => event.kind === 'ended' ? [`${event.engine.name} ${event.reason}`] : [])
  }

  get deadLetters(): readonly string[] {
    return this.events.flatMap(event => event.kind === 'dead-letter' ? [`${event.name} ${event.reason}`] : [])
  }

  async generate(client: Client, capabilities: Capabilities = 'CommitAndDecrypt', requestId?: string): Promise<Made> {
    const { externalIdentity, commitmentEngine, decryptionEngine } = await client.ask(this.im, {
      type: 'GenerateIdentityRequest', backend: this.backend.name, params: 'Ed25519', capabilities, ...requestId === undefined ? {} : { requestId },
    })
    return { externalIdentity, commitmentEngine: commitmentEngine ?? untyped(this.im), decryptionEngine: decryptionEngine ?? untyped(this.im) }
  }

  delete(client: Client, externalIdentity: ExternalIdentity): Promise<object> {
    return client.ask(this.im, { type: 'DeleteIdentityRequest', externalIdentity, backend: this.backend.name })
  }

  async list(client: Client): Promise<readonly string[]> {
    const { identities } = await client.ask(this.im, { type: 'ListIdentitiesRequest' })
    return identities.map(({ externalIdentity, capabilities, isOwner }) => `${externalIdentity.name} ${capabilities}${isOwner ? ' owned' : ''}`)
  }

  /** All that a refused request must leave as it was. */
  async state(...clients: readonly Client[]): Promise<object> {
    return { lists: await Promise.all(clients.map(client => this.list(client))), engines: this.engines, content: this.backend.content, open: this.backend.open }
  }

  /** The law of the counters, which holds between steps. */
  assertLawful(): void {
    const { originated, arrived, handled, queued, deferred, deadLettered, handedToTransport } = this.node.counters()
    expect(originated + arrived).toBe(handled + queued + deferred + deadLettered + handedToTransport)
    expect(this.host.reports).toEqual([])
    expect(this.backend.complaints).toEqual([])
  }

  /** Stops the node, passing as much time as that takes. Throws when a minute is not enough. */
  async stop(): Promise<void> {
    let isOver = false
    const stopping = this.node.stop().finally(() => { isOver = true })
    for (let i = 0; i < 120 && !isOver; i++) {
      await quiet()
      if (!isOver) this.host.advance(500)
    }
    expect(isOver, 'the node did not stop').toBe(true)
    return stopping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    this.assertLawful()
    expect(this.engines).toEqual([])
    expect(this.node.counters().queued).toBe(0)
  }
}

export interface Made {
  readonly externalIdentity: ExternalIdentity
  /** Of an identity without that capability, an engine that speaks another protocol. */
  readonly commitmentEngine: EngineRef<CommitmentProtocol>
  readonly decryptionEngine: EngineRef<DecryptionProtocol>
}

/** `done`, or the code of what it rejected with. */
export async function outcomeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'done'
  } catch (error) {
    return error instanceof IpseError ? error.code : `no error of this library: ${String(error)}`
  }
}

/** As {@link outcomeOf}, or `open` when nothing comes of it, however long nothing else happens. For what may have broken the node. */
export async function promptOutcomeOf(promise: Promise<unknown>): Promise<string> {
  let outcome = 'open'
  void outcomeOf(promise).then(settled => { outcome = settled })
  for (let i = 0; i < 3 && outcome === 'open'; i++) await quiet()
  return outcome
}
