import { afterEach, describe, expect, test } from 'vitest'
import type { Backend, GenerateOptions } from '../../../src/backends/backend.ts'
import { CredentialRecords } from '../../../src/backends/credential/records.ts'
import { CLOSED } from '../../../src/backends/webauthn/messages.ts'
import type { Ceremony, FromNode } from '../../../src/backends/webauthn/messages.ts'
import { CeremonyQueue } from '../../../src/backends/webauthn/queue.ts'
import type { Page } from '../../../src/backends/webauthn/queue.ts'
import { WebAuthnBackend } from '../../../src/backends/webauthn/webauthn-backend.ts'
import type { WebAuthn } from '../../../src/backends/webauthn/webauthn.ts'
import type { ExternalIdentity } from '../../../src/core/engine-id.ts'
import { encryptTo } from '../../../src/crypto/ciphertext.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { memoryStore } from '../../../src/stores/memory/index.ts'
import type { Store } from '../../../src/stores/store.ts'
import { SoftwareAuthenticator } from './software-authenticator.ts'
import { SoftwarePage, SoftwarePerson } from './software-page.ts'
import { ManualClock } from '../hid/manual-clock.ts'
import { stage } from './stage.ts'

const { signal } = new AbortController()
const PATIENCE = 60_000
const data = new TextEncoder().encode('data')
const options = (key: string): GenerateOptions => ({ key, params: 'P256', capabilities: 'Commit' })
const denial = { kind: 'refused', code: 'denied', text: '' } as const

/** How a request ended: with its code, or well. */
async function outcome(work: unknown): Promise<string> {
  try {
    await work
    return 'done'
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

/** A page that does nothing but hear. */
class Ear implements Page {
  readonly heard: FromNode[] = []
  readonly closed: number[] = []

  send(frame: FromNode): void {
    this.heard.push(frame)
  }

  close(code: number): void {
    this.closed.push(code)
  }
}

const open: WebAuthn[] = []
const staged = async () => {
  const made = await stage()
  open.push(made.webauthn)
  return { ...made, backend: made.webauthn.backend, url: made.webauthn.url }
}
afterEach(async () => {
  for (const webauthn of open.splice(0)) await webauthn.close()
})

async function generated(backend: Backend, person: SoftwarePerson): Promise<ExternalIdentity> {
  const [identity] = await Promise.all([backend.generate(options('first'), signal), person.once()])
  return identity
}

describe('S90: requests', () => {
  test('wait for a page, and end at their deadline without one', async () => {
    const { backend, clock } = await staged()
    const ended = outcome(backend.generate(options('a'), signal))
    await expect.poll(() => clock.alarms).toBe(1)
    clock.advance(PATIENCE - 1)
    expect(clock.alarms).toBe(1)
    clock.advance(1)
    expect(await ended).toBe('unanswered')
    expect(clock.alarms).toBe(0)
  })

  test('that waited are shown when a page comes, with all of the patience', async () => {
    const { backend, clock, url } = await staged()
    const ended = outcome(backend.generate(options('a'), signal))
    await expect.poll(() => clock.alarms).toBe(1)
    clock.advance(PATIENCE - 1)
    const page = await SoftwarePage.enter(url)
    const ask = await page.hear('ask')
    expect(ask).toMatchObject({ patience: PATIENCE, waiting: 0 })
    clock.advance(PATIENCE - 1)
    clock.advance(1)
    expect(await page.hear('withdrawn')).toMatchObject({ id: ask.id, code: 'unanswered' })
    expect(await ended).toBe('unanswered')
  })

  test('are shown one at a time, in their order, and the rest is counted', async () => {
    const { backend, url } = await staged()
    const page = await SoftwarePage.enter(url)
    const ended = ['a', 'b', 'c'].map(key => outcome(backend.generate(options(key), signal)))
    const first = await page.hear('ask')
    await expect.poll(() => page.heard.filter(({ type }) => type === 'waiting')).toEqual([{ type: 'waiting', waiting: 1 }, { type: 'waiting', waiting: 2 }])
    expect(page.heard.some(({ type }) => type === 'ask')).toBe(false)
    page.answer(first, denial)
    const second = await page.hear('ask')
    expect(second.waiting).toBe(1)
    page.answer(second, denial)
    const third = await page.hear('ask')
    expect(third.waiting).toBe(0)
    page.answer(third, denial)
    expect(await Promise.all(ended)).toEqual(['denied', 'denied', 'denied'])
    expect(new Set([first.id, second.id, third.id]).size).toBe(3)
  })

  test('that are taken back leave the page, or the line', async () => {
    const { backend, url, clock } = await staged()
    const page = await SoftwarePage.enter(url)
    const controllers = ['a', 'b', 'c'].map(() => new AbortController())
    const [one, two, three] = controllers.map(({ signal }, i) => outcome(backend.generate(options(`key ${i}`), signal)))
    const ask = await page.hear('ask')
    await expect.poll(() => clock.alarms).toBe(3)
    controllers[1]?.abort(new Error('taken back'))
    expect(await two).toContain('taken back')
    controllers[0]?.abort(new Error('taken back'))
    expect(await one).toContain('taken back')
    expect(await page.hear('withdrawn')).toEqual({ type: 'withdrawn', id: ask.id, code: 'aborted' })
    page.answer(await page.hear('ask'), denial)
    expect(await three).toBe('denied')
    expect(clock.alarms).toBe(0)
  })

  test('end with the page that shows them; the others wait for the next one', async () => {
    const { backend, url } = await staged()
    const page = await SoftwarePage.enter(url)
    const ended = ['a', 'b'].map(key => outcome(backend.generate(options(key), signal)))
    await page.hear('ask')
    await page.hear('waiting')
    page.socket.terminate()
    expect(await ended[0]).toBe('page-closed')
    const next = await SoftwarePage.enter(url)
    next.answer(await next.hear('ask'), denial)
    expect(await ended[1]).toBe('denied')
  })

  test('go to the page that came last, and the one before is told', async () => {
    const { backend, url, webauthn } = await staged()
    const page = await SoftwarePage.enter(url)
    const ended = outcome(backend.generate(options('a'), signal))
    const ask = await page.hear('ask')
    const person = await SoftwarePerson.at(url)
    expect(await page.closed).toBe(CLOSED.superseded)
    expect(webauthn.pages).toBe(1)
    const again = await person.page.hear('ask')
    expect(again.id).toBe(ask.id)
    person.page.answer(again, await person.perform(again.ceremony))
    expect(await ended).toBe('done')
  })

  test('end when the backend is closed, which ends the pages too', async () => {
    const { backend, url, webauthn } = await staged()
    const page = await SoftwarePage.enter(url)
    const ended = ['a', 'b'].map(key => outcome(backend.generate(options(key), signal)))
    await page.hear('ask')
    await webauthn.close()
    await webauthn.close()
    expect(await Promise.all(ended)).toEqual(['backend-failed', 'backend-failed'])
    await page.closed
    expect(await outcome(backend.generate(options('c'), signal))).toBe('backend-failed')
    await expect(SoftwarePage.connect(url)).rejects.toThrow()
  })

  test('that can\'t be told to a page fail, and hold up no others', async () => {
    const queue = new CeremonyQueue({ clock: new ManualClock(), random: randomBytes, patience: PATIENCE })
    const heard: FromNode[] = []
    queue.admit({
      send(frame) {
        if (frame.type === 'ask' && frame.ceremony.kind === 'commit' && frame.ceremony.data.length === 0) throw new TypeError('no frame')
        heard.push(frame)
      },
      close() {},
    })
    const ceremony = (bytes: Uint8Array): Ceremony => ({
      kind: 'commit', relyingParty: { id: 'localhost', name: 'ipse' }, identity: { name: 'name' }, data: bytes, credential: { id: data, transports: [] }, userVerification: true,
    })
    const asked = [new Uint8Array(0), data].map(bytes => outcome(queue.ask(ceremony(bytes), 'committed', async () => 'done', signal)))
    expect(await asked[0]).toBe('backend-failed')
    expect(heard.filter(({ type }) => type === 'ask')).toHaveLength(1)
    queue.close()
    expect(await asked[1]).toBe('backend-failed')
  })

  test('are bounded in number', async () => {
    const { backend, clock } = await staged()
    const ended = Array.from({ length: 1001 }, (_, i) => outcome(backend.generate(options(`${i}`), signal)))
    expect(await Promise.race(ended)).toBe('device-busy')
    expect(clock.alarms).toBe(1000)
    clock.advance(PATIENCE)
    expect((await Promise.all(ended)).filter(code => code === 'unanswered')).toHaveLength(1000)
  })

  test('of an identity that is deleted, or a signer that is closed, are withdrawn', async () => {
    const { backend, url } = await staged()
    const person = await SoftwarePerson.at(url)
    const identity = await generated(backend, person)
    const [one, two] = [await backend.signer(identity, signal), await backend.signer(identity, signal)]
    const closing = outcome(one.sign(data, signal))
    await person.page.hear('ask')
    await one.close()
    expect(await closing).toBe('backend-failed')
    expect(await person.page.hear('withdrawn')).toMatchObject({ code: 'aborted' })
    const deleting = outcome(two.sign(data, signal))
    await person.page.hear('ask')
    await backend.delete(identity, signal)
    expect(await deleting).toBe('backend-failed')
    expect(await person.page.hear('withdrawn')).toMatchObject({ code: 'aborted' })
  })

  test('of the same attempt are one', async () => {
    const { backend, url } = await staged()
    const person = await SoftwarePerson.at(url)
    const generating = [backend.generate(options('a'), signal), backend.generate(options('a'), signal)]
    await person.once()
    const [one, two] = await Promise.all(generating)
    expect(two?.name).toBe(one?.name)
    expect(person.page.heard.some(({ type }) => type === 'ask')).toBe(false)
  })

  test('of an attempt that failed are asked anew', async () => {
    const { backend, url } = await staged()
    const person = await SoftwarePerson.at(url)
    const generating = [outcome(backend.generate(options('a'), signal)), outcome(backend.generate(options('a'), signal))]
    await person.once(() => denial)
    await person.once()
    expect(await Promise.all(generating)).toEqual(['denied', 'done'])
  })

  test('say for whom they are', async () => {
    const { backend, url } = await staged()
    const person = await SoftwarePerson.at(url)
    const asker = { node: 'z6Mk', name: 'letters' }
    await Promise.all([backend.generate(options('a'), signal, asker), person.once()])
    expect(person.seen[0]).toMatchObject({ kind: 'register', asker, relyingParty: { id: 'localhost', name: 'ipse' } })
  })
})

/** A store that holds up what is asked of it while its gate is closed. */
function gated() {
  const store = memoryStore()
  let gate = Promise.withResolvers<void>()
  let held = 0
  gate.resolve()
  const through = async () => {
    held++
    await gate.promise
    held--
  }
  const slow: Store = {
    capabilities: store.capabilities,
    range: range => store.range(range),
    close: () => store.close(),
    get: async key => (await through(), store.get(key)),
    write: async changes => (await through(), store.write(changes)),
  }
  return { store: slow, close: () => void (gate = Promise.withResolvers<void>()), open: () => gate.resolve(), isHolding: () => held > 0 }
}

test.each([{ node: null, name: 'a'.repeat(1024) }, { node: 'z'.repeat(10_000), name: 'a'.repeat(10_000) }])('an asker with a long name is shown, as far as there are such', async asker => {
  const { backend, url } = await staged()
  const person = await SoftwarePerson.at(url)
  const generating = outcome(backend.generate(options('a'), signal, asker))
  await person.once()
  expect(await generating).toBe('done')
  expect(person.seen[0]?.asker?.name).toBe('a'.repeat(1024))
})

describe('an answer that is looked at', () => {
  const staged = async () => {
    const gate = gated()
    const made = await stage({ store: gate.store })
    open.push(made.webauthn)
    return { ...made, gate, backend: made.webauthn.backend, person: await SoftwarePerson.at(made.webauthn.url) }
  }

  test('makes an identity for who asks again, if the one who asked gave up while it was kept', async () => {
    const { backend, person, gate } = await staged()
    const ended = new AbortController()
    const generating = outcome(backend.generate(options('a'), ended.signal))
    const ask = await person.page.hear('ask')
    gate.close()
    person.page.answer(ask, await person.perform(ask.ceremony))
    await expect.poll(gate.isHolding).toBe(true)
    ended.abort()
    const again = backend.generate(options('a'), signal)
    gate.open()
    // Whoever is told that it failed can rely on it that nothing is left.
    expect(await generating).toBe('done')
    expect((await again).name).toBeDefined()
    expect(person.page.heard.some(({ type }) => type === 'ask')).toBe(false)
  })

  test('makes nothing for who gave up before it was kept', async () => {
    const queue = new CeremonyQueue({ clock: new ManualClock(), random: randomBytes, patience: PATIENCE })
    const store = memoryStore()
    const [origin, relyingParty] = ['http://localhost:8437', { id: 'localhost', name: 'ipse' }]
    const backend = new WebAuthnBackend({ relyingParty, origins: [origin], userVerification: true, resident: false }, new CredentialRecords(store, 'webauthn'), { queue, random: randomBytes })
    const heard: FromNode[] = []
    const page = { send: (frame: FromNode) => void heard.push(frame), close() {} }
    queue.admit(page)
    const ended = new AbortController()
    const generating = outcome(backend.generate(options('a'), ended.signal))
    await expect.poll(() => heard.at(-1)).toMatchObject({ type: 'ask' })
    const ask = heard.at(-1)
    if (ask?.type !== 'ask' || ask.ceremony.kind !== 'register') return expect.fail('It was asked to register')
    const attestation = new SoftwareAuthenticator().create('P256', { origin, relyingParty: relyingParty.id, challenge: ask.ceremony.challenge })
    const answering = queue.answer(page, ask.id, { kind: 'registered', attestation })
    ended.abort(new Error('taken back'))
    await answering
    expect(await generating).toContain('taken back')
    for await (const row of store.range({ from: Uint8Array.of(0), to: Uint8Array.of(255) })) expect.fail(`It left ${row.key.length} bytes`)
  })

  test.each([['is closed', 'close'], ['has its identity deleted', 'delete']] as const)('gives no commitment to a signer that %s meanwhile', async (_what, how) => {
    const { backend, person, gate } = await staged()
    const identity = await generated(backend, person)
    const signer = await backend.signer(identity, signal)
    const signing = outcome(signer.sign(data, signal))
    const ask = await person.page.hear('ask')
    gate.close()
    person.page.answer(ask, await person.perform(ask.ceremony))
    await expect.poll(gate.isHolding).toBe(true)
    const ending = how === 'close' ? signer.close() : backend.delete(identity, signal)
    gate.open()
    await ending
    expect(await signing).toBe('backend-failed')
  })

  test.each(['decrypt', 'enrol'] as const)('gives nothing to who gave up while a counter was kept: %s', async what => {
    const { webauthn, backend, person, gate } = await staged()
    const [identity] = await Promise.all([backend.generate({ ...options('first'), capabilities: 'CommitAndDecrypt' }, signal), person.once()])
    const ended = new AbortController()
    const ciphertext = await encryptTo(identity, data)
    const working = outcome(what === 'enrol' ? webauthn.enrol(identity, ended.signal) : (await backend.decryptor(identity, signal)).decrypt(ciphertext, ended.signal))
    const ask = await person.page.hear('ask')
    gate.close()
    person.page.answer(ask, await person.perform(ask.ceremony))
    await expect.poll(gate.isHolding).toBe(true)
    ended.abort(new Error('taken back'))
    gate.open()
    expect(await working).toContain('taken back')
    expect(await webauthn.credentials(identity)).toHaveLength(1)
  })

  test('does not keep who asks for the same from giving up', async () => {
    const { backend, person } = await staged()
    const first = outcome(backend.generate(options('a'), signal))
    const ask = await person.page.hear('ask')
    const ended = new AbortController()
    const second = outcome(backend.generate(options('a'), ended.signal))
    ended.abort(new Error('taken back'))
    expect(await second).toContain('taken back')
    person.page.answer(ask, denial)
    expect(await first).toBe('denied')
  })

  test('a request that begins while its identity is being deleted is withdrawn', async () => {
    const { backend, person, gate } = await staged()
    const identity = await generated(backend, person)
    gate.close()
    const deleting = backend.delete(identity, signal)
    const signing = (async () => (await backend.signer(identity, signal)).sign(data, signal))()
    await expect.poll(gate.isHolding).toBe(true)
    gate.open()
    await deleting
    expect(await outcome(signing)).toMatch(/backend-failed|not-found/)
    expect(person.page.heard.filter(({ type }) => type === 'ask').length).toBe(person.page.heard.filter(({ type }) => type === 'withdrawn').length)
  })
})

describe('S90: an answer', () => {
  test('is taken once', async () => {
    const { backend, url } = await staged()
    const person = await SoftwarePerson.at(url)
    const identity = await generated(backend, person)
    const signing = (await backend.signer(identity, signal)).sign(data, signal)
    const ask = await person.page.hear('ask')
    const answer = await person.perform(ask.ceremony)
    person.page.answer(ask, answer)
    person.page.answer(ask, answer)
    const settled = [await person.page.hear('settled'), await person.page.hear('settled')]
    expect(settled).toEqual(expect.arrayContaining([{ type: 'settled', id: ask.id }, { type: 'settled', id: ask.id, code: 'stale-response' }]))
    expect(await outcome(signing)).toBe('done')
    person.page.answer(ask, answer)
    expect(await person.page.hear('settled')).toEqual({ type: 'settled', id: ask.id, code: 'stale-response' })
  })

  test('to a request that is over, or that nobody asked, is stale, and changes nothing', async () => {
    const { backend, url, clock } = await staged()
    const person = await SoftwarePerson.at(url)
    const late = outcome(backend.generate(options('a'), signal))
    const ask = await person.page.hear('ask')
    const answer = await person.perform(ask.ceremony)
    clock.advance(PATIENCE)
    await person.page.hear('withdrawn')
    person.page.answer(ask, answer)
    expect(await person.page.hear('settled')).toEqual({ type: 'settled', id: ask.id, code: 'stale-response' })
    expect(await late).toBe('unanswered')
    person.page.send({ type: 'answer', id: 'A'.repeat(22), answer })
    expect(await person.page.hear('settled')).toMatchObject({ code: 'stale-response' })
    const again = outcome(backend.generate(options('a'), signal))
    await person.once()
    expect(await again).toBe('done')
  })

  test('of a page that another one took the place of is stale', async () => {
    const queue = new CeremonyQueue({ clock: new ManualClock(), random: randomBytes, patience: PATIENCE })
    const pages = [new Ear(), new Ear()] as const
    const ceremony: Ceremony = {
      kind: 'commit', relyingParty: { id: 'localhost', name: 'ipse' }, identity: { name: 'name' }, data, credential: { id: data, transports: [] }, userVerification: true,
    }
    queue.admit(pages[0])
    const ended = outcome(queue.ask(ceremony, 'committed', async () => {}, signal))
    const asked = pages[0].heard.find(frame => frame.type === 'ask') ?? expect.fail('it was asked')
    queue.admit(pages[1])
    expect(pages[0].closed).toEqual([CLOSED.superseded])
    await queue.answer(pages[0], asked.id, denial)
    expect(pages[0].heard.at(-1)).toEqual({ type: 'settled', id: asked.id, code: 'stale-response' })
    queue.leave(pages[0])
    await queue.answer(pages[1], asked.id, denial)
    expect(await ended).toBe('denied')
  })

  test('that was given to an earlier request is stale under a new one\'s id', async () => {
    const { backend, url } = await staged()
    const person = await SoftwarePerson.at(url)
    const identity = await generated(backend, person)
    const signer = await backend.signer(identity, signal)
    const sign = async (bytes: Uint8Array, change?: Parameters<SoftwarePerson['once']>[0]) => (await Promise.all([outcome(signer.sign(bytes, signal)), person.once(change)]))[0]
    expect(await sign(data)).toBe('done')
    const [, replayed = denial] = person.answers
    expect(await sign(Uint8Array.of(1), () => replayed)).toBe('stale-response')
    // Even for the same data: the counter stood higher already.
    expect(await sign(data, () => replayed)).toBe('counter-behind')
  })
})
