import { createHash, createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { encode, rfc8949EncodeOptions } from 'cborg'
import type { Attestation, PageAssertion } from '../../../src/backends/webauthn/messages.ts'

/** What a browser and its authenticator say; each can be told to say something else. */
export interface Said {
  readonly origin: string
  readonly relyingParty: string
  readonly challenge: Uint8Array
  readonly type?: string
  readonly counter?: number
  readonly flags?: number
  readonly more?: object
}

interface Held {
  readonly id: Uint8Array
  readonly params: string
  readonly privateKey: KeyObject
  readonly prf: Uint8Array
}

const [UP, UV, AT] = [1, 4, 0x40]
const bytes = (buffer: Uint8Array): Uint8Array => new Uint8Array(buffer)
const sha256 = (data: Uint8Array | string): Uint8Array => bytes(createHash('sha256').update(data).digest())
const join = (...parts: readonly Uint8Array[]): Uint8Array => bytes(Buffer.concat(parts))
const u16 = (value: number): Uint8Array => Uint8Array.of(value >> 8, value & 255)
const u32 = (value: number): Uint8Array => Uint8Array.of(value >>> 24, value >> 16 & 255, value >> 8 & 255, value & 255)

/** An authenticator and the browser that it is plugged into, by node:crypto: for tests of whoever checks what these say. */
export class SoftwareAuthenticator {
  counter = 0
  readonly held: Held[] = []

  create(params: string, said: Said): Attestation {
    const pair = params === 'P256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
    const held = { id: bytes(randomBytes(32)), params, privateKey: pair.privateKey, prf: bytes(randomBytes(32)) }
    this.held.push(held)
    const jwk = pair.publicKey.export({ format: 'jwk' })
    const [x, y] = [jwk.x, jwk.y].map(part => bytes(Buffer.from(part ?? '', 'base64url')))
    const key: [number, unknown][] = params === 'P256' ? [[1, 2], [3, -7], [-1, 1], [-2, x], [-3, y]] : [[1, 1], [3, -8], [-1, 6], [-2, x]]
    const attested = join(new Uint8Array(16), u16(held.id.length), held.id, encode(new Map(key), rfc8949EncodeOptions))
    const authData = join(this.#head(said, UP | UV | AT), attested)
    return {
      id: held.id, transports: ['usb'], clientDataJSON: clientData({ type: 'webauthn.create', ...said }),
      attestationObject: encode({ fmt: 'none', attStmt: {}, authData }, rfc8949EncodeOptions),
    }
  }

  get(id: Uint8Array, said: Said): PageAssertion {
    const held = this.#find(id)
    const clientDataJSON = clientData({ type: 'webauthn.get', ...said })
    const authenticatorData = this.#head(said, UP | UV)
    const signature = bytes(sign(held.params === 'P256' ? 'sha256' : null, join(authenticatorData, sha256(clientDataJSON)), held.privateKey))
    return { id, clientDataJSON, authenticatorData, signature }
  }

  /** The PRF's secret for that salt. */
  prf(id: Uint8Array, salt: Uint8Array): Uint8Array {
    return bytes(createHmac('sha256', this.#find(id).prf).update(salt).digest())
  }

  #find(id: Uint8Array): Held {
    const held = this.held.find(one => Buffer.compare(one.id, id) === 0)
    if (held === undefined) throw new Error('It holds no such credential')
    return held
  }

  #head({ relyingParty, flags, counter }: Said, usual: number): Uint8Array {
    return join(sha256(relyingParty), Uint8Array.of(flags ?? usual), u32(counter ?? ++this.counter))
  }
}

function clientData({ type, challenge, origin, more }: Said): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ type, challenge: Buffer.from(challenge).toString('base64url'), origin, crossOrigin: false, ...more }))
}
