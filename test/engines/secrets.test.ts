import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { z } from 'zod'
import { beforeAll, describe, expect, test } from 'vitest'
import { LocalMemory } from '../../src/backends/local-memory/local-memory.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { portableSecp256k1 } from '../../src/crypto/suites/secp256k1/portable.ts'
import {
  always, bytes, createNode, defineEngine, defineProtocol, encrypt, engineRef, exchange, identities, identityManagement, parseExternalIdentity, request, update,
} from '../../src/index.ts'
import type { Ask, Backend, Client, DecryptionProtocol, EngineID, IdentityManagementProtocol, Observed, ProtocolOf } from '../../src/index.ts'
import { everythingOf, found } from '../looking.ts'
import type { Secret } from '../looking.ts'
import { askAnything, outcomeOf, quiet, TestBackend, untyped, utf8, World } from './test-backend.ts'

// S42: the canary. Everything that can be seen of a node, its clients, its messages and its errors is searched for the keys and
// the plaintext, however they may be written down.

// ── the search itself can fail ───────────────────────────────────────────────────────────────────────────────────

describe('the search finds what was planted', () => {
  const secret = { name: 'planted', bytes: Uint8Array.from({ length: 32 }, (_, i) => (i * 37 + 200) & 0xff) }
  const buffer = Buffer.from(secret.bytes)
  const hidden = (value: unknown): object => Object.defineProperty({}, 'hidden', { value })
  class Shows { #inner = buffer.toString('hex'); toJSON(): string { return this.#inner } }
  class Static { static leak = buffer.toString('hex') }
  const leaks: readonly (readonly [string, unknown])[] = [
    ['bytes', secret.bytes], ['a buffer', buffer], ['bytes within bytes', Uint8Array.of(1, 2, 3, ...secret.bytes, 4)], ['a part of bytes', new Uint8Array([...secret.bytes, 1]).subarray(32)],
    ['hex', buffer.toString('hex')], ['hex in capitals', `key: ${buffer.toString('hex').toUpperCase()}`], ['hex with spaces', buffer.toString('hex').replaceAll(/../g, '$& ')],
    ['base64', buffer.toString('base64')], ['base64url', { key: buffer.toString('base64url') }],
    ['base64 at another place', Buffer.concat([Buffer.from([9]), buffer, Buffer.from([9])]).toString('base64')],
    ['base64url at a third place', Buffer.concat([Buffer.from([9, 9]), buffer, Buffer.from([9])]).toString('base64url')],
    ['text', buffer.toString('latin1')], ['decimals', [...secret.bytes]], ['decimals as text', `[${[...secret.bytes].join(', ')}]`], ['JSON of bytes', JSON.stringify(secret.bytes)],
    ['a number', BigInt(`0x${buffer.toString('hex')}`)], ['half of it', buffer.subarray(16).toString('hex')],
    ['a hidden property', hidden(buffer.toString('hex'))], ['a symbol', { [Symbol('key')]: secret.bytes }], ['a map\'s key', new Map([[buffer.toString('hex'), 1]])],
    ['an error\'s text', new Error(buffer.toString('hex'))], ['a cause\'s cause', new Error('a', { cause: new Error('b', { cause: secret.bytes }) })],
    ['a property of an error', Object.assign(new Error('a'), { key: secret.bytes })], ['toJSON', new Shows()], ['a getter', { get key() { return buffer.toString('hex') } }],
    ['a static property', new Static()], ['a function\'s property', Object.assign(() => {}, { key: secret.bytes })],
  ]

  test.each(leaks)('as %s', (_, leak) => {
    expect(found(everythingOf(leak), [secret])).toEqual(['planted'])
    expect(found(everythingOf({ deep: [{ down: leak }] }), [secret])).toEqual(['planted'])
  })

  test('and nothing else', () => {
    for (const other of [new Uint8Array(32), randomBytes(32), 'nothing', {}, new Error('x'), 7n]) expect(found(everythingOf(other), [secret])).toEqual([])
  })
})

// ── the canary ───────────────────────────────────────────────────────────────────────────────────────────────────

/** An engine that has something decrypted, and crashes on the answer. */
const readerProtocol = defineProtocol({
  id: 'test/reader', version: 1, codes: [],
  requests: { ReadRequest: exchange({ engine: engineRef<DecryptionProtocol>(), data: bytes() }, {}) }, tells: {},
})
interface ReaderProtocol extends ProtocolOf<typeof readerProtocol> {}
interface Reader {
  protocol: ReaderProtocol
  config: z.ZodObject<{}>
  environment: {}
  asks: { open: Ask<DecryptionProtocol, 'DecryptionRequest'> }
}
const reader = defineEngine<Reader>({
  protocol: readerProtocol,
  config: z.object({}),
  environment: () => ({}),
  open: true,
  behaviour: {
    messages: { ReadRequest: always(({ msg }) => request(msg.engine, { type: 'DecryptionRequest', data: msg.data }, { key: 'open' })) },
    answers: { open: always(() => { throw new TypeError('this engine cannot read') }) },
  },
})

/** As {@link reader}, by a connection of its own, so that the answer does come. */
const connectingProtocol = defineProtocol({
  id: 'test/connecting-reader', version: 1, codes: [],
  requests: { ReadRequest: exchange({ im: engineRef<IdentityManagementProtocol>(), name: z.string(), data: bytes() }, {}) }, tells: {},
})
interface ConnectingProtocol extends ProtocolOf<typeof connectingProtocol> {}
interface ConnectingReader {
  protocol: ConnectingProtocol
  config: z.ZodObject<{}>
  environment: { readonly data: Uint8Array }
  asks: { connect: Ask<IdentityManagementProtocol, 'ConnectIdentityRequest'>; open: Ask<DecryptionProtocol, 'DecryptionRequest'> }
}
const connectingReader = defineEngine<ConnectingReader>({
  protocol: connectingProtocol,
  config: z.object({}),
  environment: () => ({ data: new Uint8Array(0) }),
  open: true,
  behaviour: {
    messages: {
      ReadRequest: always(({ msg }) => [
        request(msg.im, { type: 'ConnectIdentityRequest', externalIdentity: parseExternalIdentity(msg.name), backend: { type: 'LocalMemory' }, capabilities: 'Decrypt' }, { key: 'connect' }),
        update({ data: msg.data }),
      ]),
    },
    answers: {
      connect: always(({ reply: answer }, _config, { data }) => {
        if (answer === undefined || !('decryptionEngine' in answer)) throw new TypeError('it may not')
        return request(answer.decryptionEngine, { type: 'DecryptionRequest', data }, { key: 'open' })
      }),
      open: always(() => { throw new TypeError('this engine cannot read') }),
    },
  },
})

const PLAINTEXT = 'the canary sings at 04:17, and nobody writes it down'

/** Keys as they were drawn, before the backend erases them; and what is derived from them. */
function recorded(): { readonly random: (length: number) => Uint8Array; readonly secrets: Secret[] } {
  const secrets: Secret[] = []
  let drawn = 0
  return {
    secrets,
    random: length => {
      const seed = randomBytes(length)
      const name = `draw ${drawn++}`
      secrets.push({ name, bytes: seed.slice() }, { name: `${name}, expanded`, bytes: Uint8Array.from(createHash('sha512').update(seed).digest()) })
      // The longer draws become a key by reduction, the shorter ones are keys.
      if (length > 32) secrets.push({ name: `${name}, reduced`, bytes: portableSecp256k1.generate(() => seed.slice()) })
      return seed
    },
  }
}

describe('S42: no key and no plaintext is seen', () => {
  const { random, secrets } = recorded()
  const plaintext = utf8(PLAINTEXT)
  const seen = new Map<string, unknown>()
  const events: Observed[] = []
  let backend: LocalMemory

  beforeAll(async () => {
    backend = new LocalMemory({ random })
    // The same backend, which at times fails with all it knows.
    let isLeaky = false
    const leak = (): void => {
      if (!isLeaky) return
      const text = secrets.map(({ bytes: key }) => Buffer.from(key).toString('hex')).join()
      throw Object.assign(new Error(`${text} ${PLAINTEXT}`, { cause: plaintext }), { keys: secrets })
    }
    const leaky: Backend = {
      name: backend.name, params: backend.params, capabilities: backend.capabilities,
      generate: options => { leak(); return backend.generate(options) },
      delete: identity => { leak(); return backend.delete(identity) },
      adopt: (_identity, claim) => { throw new Error(Buffer.from(claim).toString('hex'), { cause: claim }) },
      signer: identity => {
        const signer = backend.signer(identity)
        return { sign: (data, signal) => { leak(); return signer.sign(data, signal) }, close: () => signer.close() }
      },
      decryptor: async identity => {
        const decryptor = await backend.decryptor(identity)
        return { decrypt: async (data, signal) => { const opened = await decryptor.decrypt(data, signal); leak(); return opened }, close: () => decryptor.close() }
      },
    }

    const node = await createNode()
    node.observe(event => events.push(event))
    const [alice, bob] = [node.client('alice'), node.client('bob')]
    const im = await node.spawn(identityManagement, { name: 'im', services: { backends: [leaky] } })
    const failures: unknown[] = []
    const fail = async (asking: Promise<unknown>): Promise<void> => {
      failures.push(await asking.then(() => expect.fail('it did not fail'), (error: unknown) => error))
    }

    // A life: generated, used, shared, listed.
    const mine = await identities(alice, im).generate({ params: 'Ed25519', requestId: 'first' })
    const other = await identities(alice, im).generate({ params: 'Secp256k1' })
    const ciphertext = await encrypt(mine.externalIdentity, plaintext)
    expect(Buffer.from(await mine.decrypt(ciphertext)).toString()).toBe(PLAINTEXT)
    const commitments = [await mine.commit(utf8('data')), await other.commit(utf8('data'))]
    await mine.grant(bob, 'CommitAndDecrypt')
    const borrowed = await identities(bob, im).connect(mine.externalIdentity, 'CommitAndDecrypt')
    expect(Buffer.from(await borrowed.decrypt(ciphertext)).toString()).toBe(PLAINTEXT)
    const lists = [await identities(alice, im).list(), await identities(bob, im).list()]

    // What goes wrong: ciphertexts, messages, backends, engines, askers.
    for (const wrong of [ciphertext.subarray(1), ciphertext.subarray(0, -1), ciphertext.map((byte, i) => i === 60 ? byte ^ 1 : byte), await encrypt(other.externalIdentity, plaintext)]) {
      await fail(mine.decrypt(wrong))
    }
    await fail(askAnything(alice, 'ask', mine.decryptionEngine, { type: 'DecryptionRequest', data: PLAINTEXT }))
    const claim = randomBytes(64)
    secrets.push({ name: 'a claim', bytes: claim })
    await fail(identities(bob, im).adopt(mine.externalIdentity, claim))
    await fail(identities(bob, im).adopt(parseExternalIdentity('z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'), claim))
    await fail(askAnything(alice, 'ask', im, { type: 'AdoptIdentityRequest', externalIdentity: mine.externalIdentity, backend: { type: 'LocalMemory' }, claim, more: claim }))
    await fail(askAnything(alice, 'ask', im, { type: 'GenerateIdentityRequest', backend: PLAINTEXT, params: PLAINTEXT, capabilities: PLAINTEXT }))
    isLeaky = true
    await fail(mine.commit(utf8('data')))
    await fail(mine.decrypt(ciphertext))
    await fail(mine.delete())
    await fail(identities(alice, im).generate({ params: 'Ed25519' }))
    isLeaky = false
    for (const asker of [alice, bob]) {
      const stop = new AbortController()
      const asking = asker.ask(mine.decryptionEngine, { type: 'DecryptionRequest', data: ciphertext }, { signal: stop.signal })
      await quiet()
      stop.abort()
      await asking.catch((error: unknown) => failures.push(error))
    }
    alice.tell(mine.decryptionEngine, { type: 'DecryptionRequest', data: ciphertext })
    // The platform decrypts in a thread of its own. Without this, all might be stopped before it has.
    while (!events.some(event => event.kind === 'dead-letter' && event.reason === 'not-asked')) await new Promise(resolve => setImmediate(resolve))
    const crashing = await node.spawn(reader, { name: 'reader' })
    await mine.grant(crashing, 'Decrypt')
    await fail(alice.ask(crashing, { type: 'ReadRequest', engine: mine.decryptionEngine, data: ciphertext }))
    const connecting = await node.spawn(connectingReader, { name: 'connecting' })
    await mine.grant(connecting, 'Decrypt')
    await fail(alice.ask(connecting, { type: 'ReadRequest', im, name: mine.externalIdentity.name, data: ciphertext }))
    await mine.revoke(bob)
    await fail(borrowed.decrypt(ciphertext))

    for (const [name, value] of Object.entries({ 'the node': node, 'a client': alice, 'another client': bob, 'an engine': im, 'its handles': mine, 'a borrowed handle': borrowed })) {
      seen.set(`${name}, alive`, everythingOf(value))
    }
    const [signer, decryptor] = [backend.signer(mine.externalIdentity), await backend.decryptor(mine.externalIdentity)]
    seen.set('the backend', backend).set('a signer', signer).set('a decryptor', decryptor)
    seen.set('engine refs', [im, mine.commitmentEngine, mine.decryptionEngine, alice.id])
    seen.set('commitments', commitments).set('lists', lists).set('counters, alive', node.counters())

    // Its end.
    const atTheEnd = mine.decrypt(ciphertext).catch((error: unknown) => failures.push(error))
    await mine.delete()
    await atTheEnd
    await fail(mine.decrypt(ciphertext))
    await fail(mine.delete())
    const stopped = other.decrypt(await encrypt(other.externalIdentity, plaintext)).catch((error: unknown) => failures.push(error))
    await node.stop()
    await stopped
    seen.set('errors', failures).set('counters', node.counters()).set('the node', node).set('clients', [alice, bob]).set('handles', [mine, other, borrowed])
    seen.set('façades', [identities(alice, im)])
  })

  const all = (): readonly Secret[] => [...secrets, { name: 'plaintext', bytes: plaintext }]

  test('in any observed event', () => {
    expect(events.length).toBeGreaterThan(80)
    for (const event of events) expect(found(everythingOf(event), all()), inspect(event, { depth: 4 })).toEqual([])
  })

  test('in anything else that is held by a program', () => {
    for (const [name, value] of seen) expect(found(everythingOf(value), all()), name).toEqual([])
  })

  test('nor, for those that were observed, is a thing left out: the events do show all that happened', () => {
    const kinds = new Set(events.map(event => event.kind === 'dead-letter' ? `dead-letter ${event.reason}` : event.kind))
    expect([...kinds].toSorted()).toEqual(expect.arrayContaining(['dead-letter crashed', 'dead-letter not-acquainted', 'dead-letter not-asked', 'ended', 'message', 'spawned', 'step']))
    const answers = events.filter(event => event.kind === 'message' && event.name === 'DecryptionResponse')
    expect(answers.map(event => event.kind === 'message' ? event.msg : undefined)).toContainEqual({ data: '[redacted]' })
    expect(events.some(event => event.kind === 'dead-letter' && event.name === 'DecryptionResponse' && event.reason === 'crashed')).toBe(true)
    expect(secrets.length).toBeGreaterThanOrEqual(8)
  })

  test('and a leak in any one of them would have been', () => {
    const [one] = secrets
    const planted = [...events, Object.freeze({ kind: 'message', msg: { data: one?.bytes } })]
    expect(planted.filter(event => found(everythingOf(event), all()).length > 0)).toHaveLength(1)
    expect(found(everythingOf({ ...Object.fromEntries(seen), planted: `x${PLAINTEXT}x` }), all())).toEqual(['plaintext'])
  })
})

// ── what a handle leads to ───────────────────────────────────────────────────────────────────────────────────────

describe('an EngineID', () => {
  test('leads to nothing but its name: no function that is reached from it gives out the engine', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice)
    const spawned = world.events.flatMap(event => event.kind === 'spawned' ? [event.engine] : [])
    const ids: readonly EngineID[] = [world.im, alice.id, made.commitmentEngine, made.decryptionEngine, made.externalIdentity, ...spawned]
    for (const id of ids) {
      for (const reachable of functionsOf(id)) {
        let given: unknown
        try { given = Reflect.apply(reachable, undefined, [id]) } catch { continue }
        expect(typeof given === 'object' && given !== null ? Reflect.ownKeys(given) : [], `${reachable.name}(${id.name})`).toEqual([])
      }
    }
  })

  test('lets no one who merely holds it sign in another\'s name', async () => {
    await using world = await World.make()
    const alice = world.node.client('alice')
    const made = await world.generate(alice)
    await quiet()
    const signers: object[] = []
    const visited = new Set<unknown>()
    const search = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || visited.has(value)) return
      visited.add(value)
      if ('sign' in value) signers.push(value)
      if (value instanceof Set || value instanceof Map) for (const entry of value.values()) search(entry)
      else for (const part of Object.values(value)) search(part)
    }
    for (const reachable of functionsOf(world.im)) {
      try { search(Reflect.apply(reachable, undefined, [world.im])) } catch { /* no way in */ }
    }
    const signatures: unknown[] = signers.map(signer => untyped(signer).sign(utf8('I owe you'), new AbortController().signal))
    expect(signatures.filter(signature => signature instanceof Uint8Array && world.backend.verify(made.externalIdentity.name, utf8('I owe you'), signature))).toEqual([])
  })
})

/** The functions among the properties of a value, its prototypes and their constructors, but for those of the language. */
function functionsOf(value: object): readonly Function[] {
  const functions: Function[] = []
  for (let at: unknown = value; typeof at === 'object' && at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const owner of [at, at.constructor]) {
      for (const key of Reflect.ownKeys(owner)) {
        const part: unknown = Object.getOwnPropertyDescriptor(owner, key)?.value
        if (typeof part === 'function' && key !== 'constructor') functions.push(part)
      }
    }
  }
  return functions
}

test('a client and a node show no more than their names', async () => {
  await using world = await World.make({ backend: new TestBackend() })
  const alice: Client = world.node.client('alice')
  await world.generate(alice)
  expect(Reflect.ownKeys(alice)).toEqual(['id'])
  expect(Reflect.ownKeys(world.node)).toEqual(['id'])
  expect(JSON.stringify(alice)).toBe(JSON.stringify({ id: alice.id }))
  expect(await outcomeOf(world.list(untyped(alice)))).toBe('done')
})
