import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { base64urlnopad } from '@scure/base'
import type { WebSocketServer } from 'ws'
import { Fault } from '../../../core/errors.ts'
import type { RandomBytes } from '../../../crypto/suite.ts'
import { FRAME_LIMIT, SECRET_LENGTH, SOCKET_PATH } from '../messages.ts'
import type { CeremonyQueue, Clock } from '../queue.ts'
import { receive } from './connection.ts'
import { listen } from './listening.ts'
import { HEADERS, pageResources } from './resources.ts'
import type { Resource } from './resources.ts'

export interface ServerOptions {
  /** An address of this machine; both of its loopback addresses when absent. */
  readonly host?: string
  /** 0 for any that is free. */
  readonly port: number
  /** Of the pages that may connect, that of the page to open first; `http://localhost:PORT` when absent. */
  readonly origins?: readonly string[]
  /** Whether the page is served here too. */
  readonly serve: boolean
}

export interface ServerSources {
  readonly random: RandomBytes
  readonly clock: Clock
}

const MOST_CONNECTIONS = 64

/**
 * Serves the page and its WebSocket: to who asks for them by a name of ours (other sites can have their names lead here), from a page of ours, and shows the secret,
 * which is in no request, since browsers keep what is behind a # to themselves.
 */
export class PageServer {
  readonly origins: readonly string[]
  /** The page's address, with the secret that lets it in. */
  readonly url: string
  /** The WebSocket's, by its name on this machine. */
  readonly socket: string
  readonly #servers: readonly Server[]
  readonly #sockets: WebSocketServer
  readonly #resources: ReadonlyMap<string, Resource>
  readonly #hosts: ReadonlySet<string>

  /** Rejects with `not-available` without the package `ws` or the built page, with `backend-failed` where the port is taken. */
  static async open(options: ServerOptions, queue: CeremonyQueue, sources: ServerSources): Promise<PageServer> {
    const { WebSocketServer } = await loadWs()
    const resources = options.serve ? await pageResources() : new Map<string, Resource>()
    const { servers, port } = await listen(options.host, options.port)
    const sockets = new WebSocketServer({ noServer: true, maxPayload: FRAME_LIMIT, perMessageDeflate: false })
    const secret = sources.random(SECRET_LENGTH)
    sockets.on('connection', socket => receive(socket, { secret, queue, clock: sources.clock }))
    return new PageServer(servers, sockets, resources, options.origins ?? [originAt(port)], port, secret)
  }

  private constructor(
    servers: readonly Server[], sockets: WebSocketServer, resources: ReadonlyMap<string, Resource>, origins: readonly string[], port: number, secret: Uint8Array,
  ) {
    this.#servers = servers
    this.#sockets = sockets
    this.#resources = resources
    this.origins = origins
    this.#hosts = new Set([...['localhost', '127.0.0.1', '[::1]'].map(name => `http://${name}:${port}`), ...origins].map(origin => new URL(origin).host))
    this.socket = `ws://localhost:${port}${SOCKET_PATH}`
    this.url = `${origins[0] ?? ''}/#${base64urlnopad.encode(secret)}`
    for (const server of servers) {
      server.maxConnections = MOST_CONNECTIONS
      server.on('request', (request, response) => this.#serve(request, response))
      server.on('upgrade', (request, socket, head) => {
        // Whoever leaves while this is answered is gone, and nothing else. Whoever is refused and stays is sent away: it would keep the server from ending.
        socket.on('error', () => socket.destroy())
        const refusal = this.#refusalOf(request)
        if (refusal !== undefined) return void socket.once('finish', () => socket.destroy()).end(`HTTP/1.1 ${refusal}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
        sockets.handleUpgrade(request, socket, head, connection => sockets.emit('connection', connection, request))
      })
    }
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate()
    await Promise.all(this.#servers.map(server => new Promise(closed => {
      server.close(closed)
      server.closeAllConnections()
    })))
  }

  #serve({ method, url, headers }: IncomingMessage, response: ServerResponse): void {
    const resource = this.#resources.get(url ?? '')
    const status = !this.#hosts.has(headers.host ?? '') ? 421 : method !== 'GET' && method !== 'HEAD' ? 405 : resource === undefined ? 404 : 200
    response.writeHead(status, { ...HEADERS, ...resource && status === 200 && { 'content-type': resource.type } })
    response.end(status === 200 && method === 'GET' ? resource?.body : undefined)
  }

  /** Why a page does not get a WebSocket. */
  #refusalOf({ url, headers: { host = '', origin = '' } }: IncomingMessage): string | undefined {
    if (!this.#hosts.has(host)) return '421 Misdirected Request'
    if (url !== SOCKET_PATH) return '404 Not Found'
    return this.origins.includes(origin) ? undefined : '403 Forbidden'
  }
}

/** Of the page that is served at that port, as browsers write it: they leave out the port that is usual. */
export function originAt(port: number): string {
  return new URL(`http://localhost:${port}`).origin
}

async function loadWs(): Promise<typeof import('ws')> {
  try {
    return await import('ws')
  } catch (cause) {
    throw new Fault('not-available', 'The WebAuthn backend needs the optional package ws, which is absent or does not load here: npm install ws@8', { cause })
  }
}
