import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { Fault } from '../../../core/errors.ts'

/**
 * Servers at that port of `host`, or of both loopback addresses: were one of these left, another program could have it, and with it the pages that browsers look
 * for there. Port 0 is any that is free. Rejects with `backend-failed`.
 */
export async function listen(host: string | undefined, port: number): Promise<{ readonly servers: readonly Server[]; readonly port: number }> {
  const first = await listenAt(host ?? '127.0.0.1', port)
  const address = first.address()
  const actual = typeof address === 'object' && address !== null ? address.port : port
  try {
    const second = host === undefined ? await unlessUnknown(listenAt('::1', actual)) : undefined
    return { servers: second === undefined ? [first] : [first, second], port: actual }
  } catch (error) {
    first.close()
    throw error
  }
}

async function listenAt(host: string, port: number): Promise<Server> {
  const server = createServer()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen({ host, port, exclusive: true }, resolve)
  try {
    await promise
    return server
  } catch (cause) {
    throw new Fault('backend-failed', `Cannot listen at ${host}, port ${port}: choose another with the option port`, { cause })
  }
}

/** A machine may have no IPv6. */
async function unlessUnknown(listening: Promise<Server>): Promise<Server | undefined> {
  try {
    return await listening
  } catch (error) {
    if (error instanceof Fault && ['EADDRNOTAVAIL', 'EAFNOSUPPORT'].includes(codeOf(error.cause))) return undefined
    throw error
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}
