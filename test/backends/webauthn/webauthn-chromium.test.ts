import { createServer } from 'node:http'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Backend } from '../../../src/backends/backend.ts'
import type { WebAuthn, WebAuthnOptions } from '../../../src/backends/webauthn/webauthn.ts'
import type { EngineID, ExternalIdentity } from '../../../src/core/engine-id.ts'
import { assertionOf } from '../../../src/crypto/assertion.ts'
import { encryptTo } from '../../../src/crypto/ciphertext.ts'
import { verifyCommitment } from '../../../src/crypto/commitment.ts'
import { parseIdentityName } from '../../../src/crypto/identity-name.ts'
import { createNode, identities, identityManagement, memoryStore, verify } from '../../../src/index.ts'
import { openWebAuthn } from '../../../src/webauthn.ts'
import { backendCompliance } from '../compliance.ts'
import { Browser, testsOfChromium } from './chromium.ts'
import type { Authenticator, Person, Seat } from './chromium.ts'

const { signal } = new AbortController()
const data = new TextEncoder().encode('what the person sees')
const asker: EngineID = { node: null, name: 'letters' }
const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const PARAMS = ['P256', 'Ed25519']

declare global {
  var secrets: string[], kept: Uint8Array[], shown: string[], ask: (url: string, secret: string) => void
}

/** Runs in the page: notes what the PRF gives, which may not be when a credential is made. */
function listen(answersAtOnce: boolean): void {
  globalThis.secrets = []
  globalThis.kept = []
  const original = PublicKeyCredential.prototype.getClientExtensionResults
  PublicKeyCredential.prototype.getClientExtensionResults = function getClientExtensionResults() {
    const results = original.call(this)
    const first = results.prf?.results?.first
    if (first instanceof ArrayBuffer) {
      const bytes = new Uint8Array(first)
      globalThis.secrets.push(Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join(''))
      globalThis.kept.push(bytes)
    }
    if (answersAtOnce || !(this.response instanceof AuthenticatorAttestationResponse)) return results
    new Uint8Array(first instanceof ArrayBuffer ? first : new ArrayBuffer(0)).fill(0)
    return { prf: { enabled: true } }
  }
}

/** The module, as a program for browsers has it, and what its page does with it. */
async function moduleScript(): Promise<string> {
  const contents = `
    import { serveCeremonies } from './webauthn-browser.ts'
    globalThis.shown = []
    globalThis.ask = (url, secret) => void serveCeremonies({ url, secret, confirm: async ({ ceremony }) => (shown.push(ceremony.kind), true) })`
  const { outputFiles: [output] } = await build({ stdin: { contents, resolveDir: join(import.meta.dirname, '../../../src') }, bundle: true, format: 'esm', platform: 'browser', write: false, logLevel: 'error' })
  return output?.text ?? ''
}

describe('In Chromium', () => testsOfChromium(() => {
  let browser: Browser
  const opened: WebAuthn[] = []
  beforeAll(async () => { browser = await Browser.launch() })
  afterAll(async () => {
    for (const webauthn of opened) await webauthn.close()
    await browser?.[Symbol.asyncDispose]()
  })

  /** A backend, its page, and somebody with an authenticator before it. */
  async function stage(options: WebAuthnOptions = {}, person: Person = 'approves'): Promise<{ webauthn: WebAuthn; backend: Backend; seat: Seat; authenticator: Authenticator }> {
    const webauthn = await openWebAuthn({ port: 0, ...options })
    opened.push(webauthn)
    const seat = await browser.open(webauthn.url, person)
    return { webauthn, backend: webauthn.backend, seat, authenticator: await seat.plug() }
  }

  async function commit(backend: Backend, identity: ExternalIdentity, bytes = data, until = signal): Promise<Uint8Array> {
    return (await backend.signer(identity, signal)).sign(bytes, until, asker)
  }

  async function decrypt(backend: Backend, identity: ExternalIdentity, until = signal): Promise<unknown> {
    return (await backend.decryptor(identity, signal)).decrypt(await encryptTo(identity, data), until, asker)
  }

  backendCompliance('WebAuthn', async () => (await stage()).backend, { params: PARAMS, capabilities: ['Commit', 'Decrypt', 'CommitAndDecrypt'] })

  describe.each(PARAMS)('%s', params => {
    const generate = (backend: Backend, capabilities: 'Commit' | 'Decrypt' | 'CommitAndDecrypt' = 'CommitAndDecrypt', key = 'a') => backend.generate({ key, params, capabilities }, signal, asker)

    test('an identity is registered, commits with a verified user, and decrypts', async () => {
      const { webauthn, backend, seat, authenticator } = await stage()
      const identity = await generate(backend)
      expect(parseIdentityName(identity)).toMatchObject({
        sign: { suite: { params } }, assertion: { relyingParty: 'localhost', userVerification: true, origins: [new URL(webauthn.url).origin] },
      })
      const commitment = await commit(backend, identity)
      expect(verifyCommitment(identity, data, commitment)).toBe(true)
      expect(verifyCommitment(identity, data, commitment, { counterAbove: 1 })).toBe(true)
      expect(assertionOf(commitment)).toMatchObject({ userPresent: true, userVerified: true })
      expect(await decrypt(backend, identity)).toEqual(data)
      expect(await authenticator.credentials()).toHaveLength(1)
      await expect.poll(() => seat.text()).toContain('Decrypted.')
    })

    test('a credential that is resident stays in the authenticator, and works', async () => {
      const { backend, authenticator } = await stage({ resident: true })
      const identity = await generate(backend)
      expect(await authenticator.credentials()).toMatchObject([{ isResidentCredential: true }])
      expect(verifyCommitment(identity, data, await commit(backend, identity))).toBe(true)
      expect(await decrypt(backend, identity)).toEqual(data)
    })

    test('commitments need no verified user where nobody asks for that; decryption does', async () => {
      const { backend, authenticator } = await stage({ userVerification: false })
      const committing = await generate(backend, 'Commit')
      const decrypting = await generate(backend, 'Decrypt', 'b')
      await authenticator.verifyUser(false)
      const commitment = await commit(backend, committing)
      expect(assertionOf(commitment)?.userVerified).toBe(false)
      expect(verifyCommitment(committing, data, commitment)).toBe(true)
      await expect(decrypt(backend, decrypting)).rejects.toEqual(code('denied'))
    })

    test('a second authenticator is enrolled, decrypts alone, and the first one is removed', async () => {
      const { webauthn, backend, seat, authenticator } = await stage()
      const identity = await generate(backend)
      await seat.behaves('waits')
      const enrolling = webauthn.enrol(identity)
      const approve = seat.page.locator('button[data-action=approve]')
      await approve.click()
      await expect.poll(() => seat.text()).toContain('Now the new authenticator')
      // The browser takes whichever is there: the first one is unplugged, as a person would.
      const second = await seat.plug()
      await authenticator.touch(false)
      await approve.click()
      const added = await enrolling
      expect(await webauthn.credentials(identity)).toMatchObject([{ signs: true, decrypts: true }, { id: added, signs: false, decrypts: true }])
      expect(await second.credentials()).toHaveLength(1)
      const [first] = await webauthn.credentials(identity)
      await webauthn.remove(identity, first?.id ?? '')
      expect(await webauthn.credentials(identity)).toMatchObject([{ signs: true, decrypts: false }, { id: added, signs: false, decrypts: true }])
      await expect(webauthn.remove(identity, added)).rejects.toEqual(code('not-available'))
      await seat.behaves('approves')
      await authenticator.unplug()
      expect(await decrypt(backend, identity)).toEqual(data)
      await expect(commit(backend, identity)).rejects.toEqual(code('denied'))
    })

    test('another authenticator is refused', async () => {
      const { backend, seat, authenticator } = await stage()
      const identity = await generate(backend)
      await authenticator.unplug()
      await seat.plug()
      await expect(commit(backend, identity)).rejects.toEqual(code('denied'))
      await expect(decrypt(backend, identity)).rejects.toEqual(code('denied'))
    })

    test('an authenticator that does not verify its user is refused', async () => {
      const { backend, authenticator } = await stage()
      const identity = await generate(backend)
      await authenticator.verifyUser(false)
      await expect(commit(backend, identity)).rejects.toEqual(code('denied'))
      await expect(decrypt(backend, identity)).rejects.toEqual(code('denied'))
      await expect(generate(backend, 'Commit', 'b')).rejects.toEqual(code('denied'))
    })
  })

  test('a person who denies is heard, without the authenticator', async () => {
    const { backend, seat, authenticator } = await stage()
    const identity = await backend.generate({ key: 'a', params: 'P256', capabilities: 'CommitAndDecrypt' }, signal, asker)
    const [before] = await authenticator.credentials()
    await seat.behaves('denies')
    await expect(commit(backend, identity)).rejects.toEqual(code('denied'))
    await expect(decrypt(backend, identity)).rejects.toEqual(code('denied'))
    await expect(backend.generate({ key: 'b', params: 'P256', capabilities: 'Commit' }, signal)).rejects.toEqual(code('denied'))
    expect(await authenticator.credentials()).toEqual([before])
    await expect.poll(() => seat.text()).toContain('You said no')
  })

  test('the page keeps to its own policy: nothing is complained of', async () => {
    const webauthn = await openWebAuthn({ port: 0 })
    opened.push(webauthn)
    const seat = await browser.open('about:blank')
    const complaints: string[] = []
    seat.page.on('console', message => complaints.push(message.text()))
    seat.page.on('pageerror', error => complaints.push(error.message))
    await seat.page.goto(webauthn.url)
    await seat.plug()
    const identity = await webauthn.backend.generate({ key: 'a', params: 'P256', capabilities: 'CommitAndDecrypt' }, signal)
    expect(await decrypt(webauthn.backend, identity)).toEqual(data)
    // Chromium would like to be asked for algorithms that are not wanted.
    expect(complaints.filter(text => !text.includes('pubKeyCredParams'))).toEqual([])
  })

  test('an authenticator without PRF cannot decrypt, and can commit', async () => {
    const { backend, seat, authenticator } = await stage()
    await authenticator.unplug()
    await seat.plug({ prf: false })
    await expect(backend.generate({ key: 'a', params: 'P256', capabilities: 'CommitAndDecrypt' }, signal)).rejects.toEqual(code('not-available'))
    const identity = await backend.generate({ key: 'b', params: 'P256', capabilities: 'Commit' }, signal)
    expect(verifyCommitment(identity, data, await commit(backend, identity))).toBe(true)
  })

  test('nobody answers, or nobody touches: the request ends at its deadline, and the page says so', async () => {
    const { backend, seat, authenticator } = await stage({ patience: 1500 })
    const identity = await backend.generate({ key: 'a', params: 'P256', capabilities: 'Commit' }, signal)
    await seat.behaves('waits')
    await expect(commit(backend, identity)).rejects.toEqual(code('unanswered'))
    await expect.poll(() => seat.text()).toContain('not answered in time')
    await seat.behaves('approves')
    await authenticator.touch(false)
    await expect(commit(backend, identity)).rejects.toEqual(code('unanswered'))
    await authenticator.touch(true)
    expect(verifyCommitment(identity, data, await commit(backend, identity))).toBe(true)
  })

  test('a request that is taken back leaves the page, also while the authenticator waits for a touch', async () => {
    const { backend, seat, authenticator } = await stage()
    const identity = await backend.generate({ key: 'a', params: 'P256', capabilities: 'Commit' }, signal)
    await authenticator.touch(false)
    const ended = new AbortController()
    const committing = commit(backend, identity, data, ended.signal)
    await expect.poll(() => seat.text()).toContain('Touch your security key')
    ended.abort()
    await expect(committing).rejects.toThrow()
    await expect.poll(() => seat.text()).toContain('withdrawn')
    await authenticator.touch(true)
    expect(verifyCommitment(identity, data, await commit(backend, identity))).toBe(true)
  })

  test('a page that is closed ends what it shows, and not what waits', async () => {
    const { webauthn, backend, seat } = await stage()
    const identity = await backend.generate({ key: 'a', params: 'P256', capabilities: 'Commit' }, signal)
    await seat.behaves('waits')
    const shown = expect(commit(backend, identity)).rejects.toEqual(code('page-closed'))
    const waiting = expect(commit(backend, identity)).rejects.toEqual(code('denied'))
    await expect.poll(() => seat.text()).toContain('1 more waiting')
    const next = await browser.open('about:blank', 'denies')
    await seat.page.close()
    await shown
    await next.page.goto(webauthn.url)
    await waiting
  })

  test('of two pages the newer one is asked; the older one says so, and can take over', async () => {
    const { webauthn, backend, seat, authenticator } = await stage()
    const identity = await backend.generate({ key: 'a', params: 'P256', capabilities: 'Commit' }, signal)
    const second = await browser.open(webauthn.url, 'denies')
    await expect.poll(() => seat.text()).toContain('Open in another window')
    await expect(commit(backend, identity)).rejects.toEqual(code('denied'))
    await seat.page.getByRole('button', { name: 'Use this page' }).click()
    await expect.poll(() => second.text()).toContain('Open in another window')
    expect(verifyCommitment(identity, data, await commit(backend, identity))).toBe(true)
    expect(await authenticator.credentials()).toHaveLength(1)
  })

  test('a page of another origin gets nothing from an authenticator, nor from the node', async () => {
    const { webauthn, backend } = await stage()
    const identity = await backend.generate({ key: 'a', params: 'P256', capabilities: 'Commit' }, signal)
    // 127.0.0.1 leads to the same server, and is no name that the relying party is one of.
    const elsewhere = await browser.open(webauthn.url.replace('localhost', '127.0.0.1'))
    await expect.poll(() => elsewhere.text()).toContain('Connection lost')
    expect(webauthn.pages).toBe(1)
    expect(verifyCommitment(identity, data, await commit(backend, identity))).toBe(true)
  })

  test('through engines, the person sees who asks, as text, and the asker hears that they said no', async () => {
    const { backend, seat } = await stage({}, 'waits')
    await using node = await createNode({ portableCrypto: true })
    const im = await node.spawn(identityManagement, { name: 'identity-management', services: { backends: [backend] } })
    const client = identities(node.client('alice'), im)
    const approve = seat.page.locator('button[data-action=approve]')
    const generating = client.generate({ backend: backend.name, params: 'Ed25519', capabilities: 'CommitAndDecrypt' })
    await approve.click()
    const me = await generating
    const committing = expect(me.commit(new TextEncoder().encode('<b>bold</b>'))).rejects.toEqual(code('denied'))
    await expect.poll(() => seat.text()).toContain('<b>bold</b>')
    expect(await seat.text()).toContain(`alice\nat ${node.id.slice(0, 12)}…`)
    // Enter presses nothing: neither button has the focus.
    await seat.page.keyboard.press('Enter')
    await seat.page.locator('button[data-action=deny]').click()
    await committing
    const name = 'mallory<img src=x onerror="document.title=1">\u202e'
    const hostile = expect(Promise.resolve((await backend.signer(me.externalIdentity, signal)).sign(data, signal, { node: null, name }))).rejects.toEqual(code('denied'))
    await expect.poll(() => seat.text()).toContain('mallory<img src=x onerror="document.title=1">\\u{202e}')
    await seat.page.locator('button[data-action=deny]').click()
    await hostile
    expect(await seat.page.title()).toBe('ipse')
    await seat.behaves('approves')
    expect(await verify(me.externalIdentity, data, await me.commit(data))).toBe(true)
    expect(await me.decrypt(await encryptTo(me.externalIdentity, data))).toEqual(data)
  })

  test.each([true, false])('what the PRF gives reaches neither the node nor the store; it answers when a credential is made: %s', async answersAtOnce => {
    const store = memoryStore()
    const { webauthn, backend, seat } = await stage({ store }, 'waits')
    const sent: string[] = []
    await seat.page.goto('about:blank')
    seat.page.on('websocket', socket => socket.on('framesent', ({ payload }) => sent.push(String(payload))))
    await seat.page.addInitScript(`(${listen.toString()})(${answersAtOnce})`)
    await seat.page.goto(webauthn.url)
    await seat.behaves('approves')
    const identity = await backend.generate({ key: 'a', params: 'P256', capabilities: 'CommitAndDecrypt' }, signal)
    expect(await decrypt(backend, identity)).toEqual(data)
    const secrets: string[] = await seat.page.evaluate('secrets')
    expect(secrets.length).toBeGreaterThanOrEqual(2)
    const rows: string[] = []
    for await (const { value } of store.range({ from: Uint8Array.of(0), to: Uint8Array.of(255) })) rows.push(Buffer.from(value).toString('hex'))
    expect(rows).toHaveLength(2)
    for (const secret of secrets.map(hex => Buffer.from(hex, 'hex'))) {
      expect(secret).toHaveLength(32)
      for (const encoding of ['hex', 'base64', 'base64url'] as const) expect(sent.join()).not.toContain(secret.toString(encoding))
      expect(rows.join()).not.toContain(secret.toString('hex'))
    }
    expect(sent.join()).not.toContain('prf')
    // What was given was overwritten.
    expect(await seat.page.evaluate('kept.every(bytes => bytes.every(byte => byte === 0))')).toBe(true)
  })

  test('a page of another program has the module, and asks in its own way', async () => {
    const app = createServer((_request, response) => void response.setHeader('content-type', 'text/html').end('<!doctype html><title>app</title><div id=root></div>'))
    await new Promise<void>(resolve => app.listen(0, '127.0.0.1', resolve))
    try {
      const address = app.address()
      const origin = `http://localhost:${typeof address === 'object' && address !== null ? address.port : 0}`
      const webauthn = await openWebAuthn({ port: 0, serve: false, origins: [origin] })
      opened.push(webauthn)
      expect(webauthn.url.startsWith(`${origin}/#`)).toBe(true)
      const seat = await browser.open(origin)
      await seat.plug()
      await seat.page.addScriptTag({ type: 'module', content: await moduleScript() })
      await seat.page.evaluate(({ url, secret }) => globalThis.ask(url, secret), { url: webauthn.socket, secret: new URL(webauthn.url).hash.slice(1) })
      const identity = await webauthn.backend.generate({ key: 'a', params: 'Ed25519', capabilities: 'CommitAndDecrypt' }, signal)
      expect(parseIdentityName(identity).assertion?.origins).toEqual([origin])
      expect(verifyCommitment(identity, data, await commit(webauthn.backend, identity))).toBe(true)
      expect(await decrypt(webauthn.backend, identity)).toEqual(data)
      expect(await seat.page.evaluate('shown')).toEqual(['register', 'commit', 'decrypt'])
    } finally {
      app.close()
      app.closeAllConnections()
    }
  })

  test('a page that the node knows, of a site that is not the relying party\'s, is refused by the browser', async () => {
    const { backend } = await stage({ relyingParty: { id: 'example.org', name: 'another' } })
    await expect(backend.generate({ key: 'a', params: 'P256', capabilities: 'Commit' }, signal)).rejects.toEqual(code('wrong-origin'))
  })

  test('neither button does anything to what was shown a moment ago, or to who was elsewhere until a moment ago', async () => {
    const { backend, seat } = await stage({}, 'waits')
    const generating = (key: string) => expect(backend.generate({ key, params: 'P256', capabilities: 'Commit' }, signal)).rejects.toEqual(code('denied'))
    const [first, second] = [generating('a'), generating('b')]
    const deny = seat.page.locator('button[data-action=deny]')
    await deny.dblclick()
    await first
    await expect.poll(() => deny.isEnabled()).toBe(true)
    // As if the person came back to the page with the first of two clicks.
    await deny.evaluate(button => {
      document.dispatchEvent(new Event('visibilitychange'))
      if (button instanceof HTMLElement) button.click()
    })
    expect(await seat.text()).toContain('Create a new identity?')
    await deny.click()
    await second
  })

  test('what does not open is not called decrypted', async () => {
    const { backend, seat } = await stage()
    const identity = await backend.generate({ key: 'a', params: 'P256', capabilities: 'Decrypt' }, signal)
    const damaged = (await encryptTo(identity, data)).map((byte, at) => at === 60 ? byte ^ 1 : byte)
    expect(await (await backend.decryptor(identity, signal)).decrypt(damaged, signal, asker)).toEqual(code('decryption-failed'))
    await expect.poll(() => seat.text()).toContain('Nothing was decrypted')
    expect(await seat.text()).not.toContain('Decrypted.')
  })

  test('a PRF that answers nothing but zeros wraps no key: everybody could open it', async () => {
    const { webauthn, backend, seat } = await stage()
    await seat.page.addInitScript(`PublicKeyCredential.prototype.getClientExtensionResults = () => ({ prf: { enabled: true, results: { first: new ArrayBuffer(32) } } })`)
    await seat.page.goto('about:blank')
    await seat.page.goto(webauthn.url)
    await expect(backend.generate({ key: 'a', params: 'P256', capabilities: 'Decrypt' }, signal)).rejects.toEqual(code('not-available'))
  })

  test('a browser without WebAuthn says so', async () => {
    const { webauthn, backend, seat } = await stage()
    await seat.page.addInitScript('delete globalThis.PublicKeyCredential')
    await seat.page.goto('about:blank')
    await seat.page.goto(webauthn.url)
    await expect(backend.generate({ key: 'a', params: 'P256', capabilities: 'Commit' }, signal)).rejects.toEqual(code('not-available'))
    await expect.poll(() => seat.text()).toContain('no WebAuthn')
  })

  test('a new address in the same window is taken', async () => {
    const { webauthn } = await stage()
    const seat = await browser.open(`${webauthn.url.replace(/#.*/, '')}#AAAA`)
    await expect.poll(() => seat.text()).toContain('not valid any more')
    await seat.page.evaluate(hash => { location.hash = hash }, new URL(webauthn.url).hash)
    await expect.poll(() => seat.text()).toContain('Nothing is asked of you')
  })

  test('spaces are not swallowed', async () => {
    const { backend, seat } = await stage()
    const identity = await backend.generate({ key: 'a', params: 'P256', capabilities: 'Commit' }, signal)
    await seat.behaves('waits')
    const committing = expect(commit(backend, identity, new TextEncoder().encode(`a${' '.repeat(1000)}b`))).rejects.toEqual(code('denied'))
    const shown = seat.page.locator('pre')
    await shown.waitFor()
    expect(await shown.evaluate(pre => pre.scrollHeight > 5 * Number.parseFloat(getComputedStyle(pre).lineHeight))).toBe(true)
    await seat.page.locator('button[data-action=deny]').click()
    await committing
  })

  test('a page whose node ends says so, tries again, and is not let in by the next one', async () => {
    const { webauthn, seat } = await stage()
    await webauthn.close()
    await expect.poll(() => seat.text()).toContain('Connection lost')
    const next = await openWebAuthn({ port: Number(new URL(webauthn.url).port) })
    opened.push(next)
    await expect.poll(() => seat.text(), { timeout: 20_000 }).toContain('not valid any more')
    expect(next.pages).toBe(0)
  })

  test('an address without its secret lets nobody in', async () => {
    const { webauthn } = await stage()
    for (const url of [webauthn.url.replace(/#.*/, ''), `${webauthn.url.slice(0, -1)}${webauthn.url.endsWith('A') ? 'E' : 'A'}`]) {
      const seat = await browser.open(url)
      await expect.poll(() => seat.text()).toContain('not valid any more')
    }
    expect(webauthn.pages).toBe(1)
  })
}))
