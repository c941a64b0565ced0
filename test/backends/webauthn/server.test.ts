import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http'
import { connect } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import type { WebAuthn } from '../../../src/backends/webauthn/webauthn.ts'
import { CLOSED, FRAME_LIMIT, VERSION } from '../../../src/backends/webauthn/messages.ts'
import { originAt } from '../../../src/backends/webauthn/node/server.ts'
import { openWebAuthn } from '../../../src/webauthn.ts'
import { secretOf, SoftwarePage, SoftwarePerson } from './software-page.ts'
import { stage } from './stage.ts'

const { signal } = new AbortController()
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

interface Response {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

function get(url: string, path: string, headers: { readonly [name: string]: string } = {}, method = 'GET'): Promise<Response> {
  const { port, host } = new URL(url)
  return new Promise((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method, headers: { host, ...headers } }, response => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => { body += chunk }).on('end', () => resolve({ status: response.statusCode, headers: response.headers, body }))
    }).on('error', reject).end()
  })
}

const open: WebAuthn[] = []
const staged = async (...args: Parameters<typeof stage>) => {
  const made = await stage(...args)
  open.push(made.webauthn)
  return made
}
afterEach(async () => {
  for (const webauthn of open.splice(0)) await webauthn.close()
})

describe('the server', () => {
  test('serves the page to who asks for it by its name, and nothing else', async () => {
    const { webauthn: { url } } = await staged()
    const page = await get(url, '/')
    expect(page).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } })
    expect(await get(url, '/page.js')).toMatchObject({ status: 200, headers: { 'content-type': 'text/javascript; charset=utf-8' } })
    expect(await get(url, '/', {}, 'HEAD')).toMatchObject({ status: 200, body: '' })
    expect(await get(url, '/', {}, 'POST')).toMatchObject({ status: 405, body: '' })
    for (const path of ['/ceremonies', '/../package.json', '/page.ts', '//', '/?', '/__proto__', '/constructor']) expect(await get(url, path)).toMatchObject({ status: 404, body: '' })
  })

  test('lets no other site have its pages, frame them, script them or keep them', async () => {
    const { webauthn: { url } } = await staged()
    for (const path of ['/', '/page.js', '/nowhere']) {
      const { headers } = await get(url, path)
      expect(headers).toMatchObject({
        'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY',
        'cross-origin-opener-policy': 'same-origin', 'cross-origin-resource-policy': 'same-origin',
      })
      expect(headers['content-security-policy']).toContain("default-src 'none'; script-src 'self'; connect-src 'self'")
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'")
      expect(headers['content-security-policy']).not.toContain('unsafe')
      expect(headers).not.toHaveProperty('access-control-allow-origin')
    }
  })

  test('tells its secret to nobody', async () => {
    const { webauthn: { url } } = await staged()
    const secret = new URL(url).hash.slice(1)
    expect(secret).toMatch(/^[\w-]{43}$/)
    for (const path of ['/', '/page.js']) expect(JSON.stringify(await get(url, path))).not.toContain(secret)
    expect((await staged()).webauthn.url).not.toContain(secret)
  })

  test.each(['example.com', 'localhost', 'localhost:1', 'localhost.example.com', '127.0.0.1'])('is not found under the name %j', async host => {
    const { webauthn: { url } } = await staged()
    expect(await get(url, '/', { host })).toMatchObject({ status: 421, body: '' })
    await expect(SoftwarePage.connect(url, { host })).rejects.toThrow('421')
  })

  test.each(['http://example.com', 'https://localhost', 'http://localhost', 'null', ''])('takes no WebSocket from a page of %j', async origin => {
    const { webauthn: { url } } = await staged()
    await expect(SoftwarePage.connect(url, { origin })).rejects.toThrow('403')
    await expect(SoftwarePage.connect(url, { origin: `${new URL(url).origin}.example.com` })).rejects.toThrow('403')
  })

  test('has one path for WebSockets', async () => {
    const { webauthn: { url } } = await staged()
    await expect(SoftwarePage.connect(url, {}, '/')).rejects.toThrow('404')
  })

  test('serves both loopback addresses, and no others', async () => {
    const { webauthn } = await staged()
    const { port } = new URL(webauthn.url)
    await expect(openWebAuthn({ port: Number(port) })).rejects.toEqual(code('backend-failed'))
  })

  test('is reached at the address of its first origin', async () => {
    const { webauthn: { url } } = await staged({ origins: ['http://localhost:8000', 'http://app.localhost:8000'] })
    expect(url).toMatch(/^http:\/\/localhost:8000\/#/)
  })

  test.each([[80, 'http://localhost'], [443, 'http://localhost:443'], [8437, 'http://localhost:8437']])('has at port %i the origin that browsers name', (port, origin) => {
    expect(originAt(port)).toBe(origin)
  })

  test('ends also when somebody it refused does not leave', async () => {
    const { webauthn } = await staged()
    const { port, host } = new URL(webauthn.url)
    const refused = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true })
    refused.write(`GET /ceremonies HTTP/1.1\r\nhost: ${host}\r\norigin: null\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`)
    const [answer] = await once(refused, 'data')
    expect(String(answer)).toContain('403')
    await webauthn.close()
    refused.destroy()
  })

  test('serves no page where another one has the module, and takes its WebSocket', async () => {
    const origins = ['https://app.example', 'https://keys.example']
    const { webauthn: { url, backend } } = await staged({ serve: false, origins, relyingParty: { id: 'example', name: 'Example' } })
    expect(url).toMatch(/^https:\/\/app\.example\/#/)
    await expect(backend.generate({ key: 'a', params: 'P256', capabilities: 'Commit' }, AbortSignal.abort())).rejects.toThrow()
  })

  test.each<[string, Parameters<typeof openWebAuthn>[0]]>([
    ['an origin with a path', { origins: ['http://localhost/a'] }], ['no origins', { origins: [] }], ['an origin that is none', { origins: ['localhost'] }],
    ['no page and no origins', { serve: false }], ['no patience', { patience: 0 }], ['patience without end', { patience: Infinity }],
    ['a relying party without an id', { relyingParty: { id: '', name: 'ipse' } }],
    ['a relying party with a space', { relyingParty: { id: 'local host', name: 'ipse' } }], ['a relying party with a port', { relyingParty: { id: 'localhost:8437', name: 'ipse' } }],
    ['a relying party beyond ASCII', { relyingParty: { id: 'bücher.example', name: 'ipse' } }], ['a relying party as no browser writes it', { relyingParty: { id: 'LOCALHOST', name: 'ipse' } }],
    ['an origin that no name has room for', { origins: [`http://${'a'.repeat(60)}.${'b'.repeat(200)}`] }],
    ['a port below 0', { port: -1 }], ['a port that is none', { port: 65_536 }], ['half a port', { port: 0.5 }], ['no host, which would be all of them', { host: '' }],
    ['nine origins', { origins: Array.from({ length: 9 }, (_, i) => `http://localhost:${i + 1}`) }],
  ])('refuses %s', async (_what, options) => {
    await expect(openWebAuthn({ port: 0, ...options })).rejects.toEqual(code('invalid-argument'))
  })
})

describe('a page', () => {
  test('is let in with the secret, and closed without it', async () => {
    const { webauthn } = await staged()
    const { url } = webauthn
    for (const secret of [new Uint8Array(32), secretOf(url).map((byte, i) => i === 31 ? byte ^ 1 : byte)]) {
      const page = await SoftwarePage.connect(url)
      page.send({ type: 'hello', version: VERSION, secret })
      expect(await page.closed).toBe(CLOSED.notLetIn)
    }
    expect(webauthn.pages).toBe(0)
    const page = await SoftwarePage.enter(url)
    expect(webauthn.pages).toBe(1)
    page.close()
    await page.closed
    await expect.poll(() => webauthn.pages).toBe(0)
  })

  test('that says nothing is closed', async () => {
    const { webauthn: { url }, clock } = await staged()
    const page = await SoftwarePage.connect(url)
    clock.advance(10_000)
    expect(await page.closed).toBe(CLOSED.tooLate)
  })

  const hello = (url: string) => JSON.stringify({ type: 'hello', version: 1, secret: Buffer.from(secretOf(url)).toString('base64url') })
  test.each<[string, (url: string) => string | Uint8Array]>([
    ['no JSON', () => 'hello'], ['nothing', () => ''], ['null', () => 'null'], ['another type', () => '{"type":"__proto__"}'], ['bytes', url => new TextEncoder().encode(hello(url))],
    ['an answer', () => '{"type":"answer","id":"AAAAAAAAAAAAAAAAAAAAAA","answer":{"kind":"refused","code":"denied","text":""}}'],
    ['a hello of another version', url => hello(url).replace('1', '2')], ['a hello with more', url => hello(url).replace('}', ',"more":1}')],
    ['a hello with a short secret', () => '{"type":"hello","version":1,"secret":"AAAA"}'], ['a hello with padding', url => hello(url).replace('"}', '="}')],
    ['a long hello', url => hello(url).replace('}', `${' '.repeat(1000)}}`)], ['a deep hello', () => '['.repeat(400)],
  ])('that begins with %s is closed', async (_what, make) => {
    const { webauthn } = await staged()
    const page = await SoftwarePage.connect(webauthn.url)
    page.socket.send(make(webauthn.url))
    expect(await page.closed).toBe(CLOSED.malformed)
    expect(webauthn.pages).toBe(0)
  })

  test.each<[string, (url: string) => string | Uint8Array, number]>([
    ['nonsense', () => '{', CLOSED.malformed], ['bytes', () => new Uint8Array(3), CLOSED.malformed], ['hello again', hello, CLOSED.malformed],
    ['an answer with what a PRF gave', () => JSON.stringify({ type: 'answer', id: 'A'.repeat(22), answer: { kind: 'committed', assertion: { id: 'AA', clientDataJSON: 'AA', authenticatorData: 'AA', signature: 'AA', clientExtensionResults: { prf: { results: { first: 'AA' } } } } } }), CLOSED.malformed],
    ['too much', () => ' '.repeat(FRAME_LIMIT + 1), 1009],
  ])('that was let in and says %s is closed, and what it showed is over', async (_what, make, closed) => {
    const { webauthn: { url, backend } } = await staged()
    const page = await SoftwarePage.enter(url)
    const generating = expect(backend.generate({ key: 'a', params: 'P256', capabilities: 'Commit' }, signal)).rejects.toEqual(code('page-closed'))
    await page.hear('ask')
    page.socket.send(make(url))
    expect(await page.closed).toBe(closed)
    await generating
  })

  test('that says anything at all harms nothing', async () => {
    const { webauthn } = await staged()
    const { url, backend } = webauthn
    const text = fc.string({ unit: 'binary', maxLength: 60 })
    const frame = fc.oneof(
      text, fc.json(), fc.uint8Array({ maxLength: 60 }),
      fc.record({ type: fc.constantFrom('hello', 'answer', 'ask'), version: fc.constantFrom(1, 2), secret: text, id: text, answer: fc.anything() }, { requiredKeys: ['type'] }).map(value => JSON.stringify(value)),
    )
    await fc.assert(fc.asyncProperty(frame, fc.boolean(), async (said, isLetIn) => {
      const page = isLetIn ? await SoftwarePage.enter(url) : await SoftwarePage.connect(url)
      page.socket.send(said)
      expect(await page.closed).toBe(CLOSED.malformed)
    }), { numRuns: 300 })
    const person = await SoftwarePerson.at(url)
    person.always()
    expect(await backend.generate({ key: 'a', params: 'P256', capabilities: 'Commit' }, signal)).toBeDefined()
  }, 60_000)
})
