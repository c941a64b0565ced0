import { createCipheriv, createDecipheriv, createECDH, createHash, createHmac, createPrivateKey, createPublicKey, randomBytes, sign } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { CborMap } from './cbor.ts'

export type AlgorithmName = 'ES256' | 'EdDSA'
/** Their COSE numbers. */
export const ALGORITHM: { readonly [name in AlgorithmName]: number } = { ES256: -7, EdDSA: -8 }

/** How well a credential is protected (CTAP 2.1, section 12.1): 1 not, 2 hidden without its id, 3 hidden without user verification. */
export type Protection = 1 | 2 | 3

/** What a credential is made of. All of its secrets come from its seed. */
export interface CredentialParts {
  readonly algorithm: AlgorithmName
  readonly seed: Uint8Array
  readonly protection: Protection
  readonly hmacSecret: boolean
}

/** A key pair for one relying party. */
export class Credential implements CredentialParts {
  readonly id: Uint8Array
  readonly algorithm: AlgorithmName
  readonly seed: Uint8Array
  readonly protection: Protection
  readonly hmacSecret: boolean
  readonly #key: KeyObject

  constructor(id: Uint8Array, { algorithm, seed, protection, hmacSecret }: CredentialParts) {
    this.id = id
    this.algorithm = algorithm
    this.seed = seed
    this.protection = protection
    this.hmacSecret = hmacSecret
    this.#key = algorithm === 'ES256' ? p256Key(seed) : ed25519Key(seed)
  }

  descriptor(): CborMap {
    return new Map<string, unknown>([['id', this.id], ['type', 'public-key']])
  }

  /** As COSE (RFC 9053). */
  publicKey(): CborMap {
    const { x = '', y = '' } = createPublicKey(this.#key).export({ format: 'jwk' })
    const [left, right] = [x, y].map(text => Buffer.from(text, 'base64url'))
    return new Map<number, unknown>(this.algorithm === 'ES256' ? [[1, 2], [3, -7], [-1, 1], [-2, left], [-3, right]] : [[1, 1], [3, -8], [-1, 6], [-2, left]])
  }

  /** DER for ES256. */
  sign(data: Uint8Array): Uint8Array {
    return sign(this.algorithm === 'ES256' ? 'sha256' : null, data, this.#key)
  }

  /** CredRandomWithUV, or CredRandomWithoutUV (CTAP 2.1, section 12.5). */
  credRandom(userVerified: boolean): Uint8Array {
    return createHmac('sha256', this.seed).update(userVerified ? 'CredRandomWithUV' : 'CredRandomWithoutUV').digest()
  }
}

/** A seed that every algorithm can make a key of: it is above 0 and below the order of P-256. */
export function newSeed(): Uint8Array {
  const ecdh = createECDH('prime256v1')
  ecdh.generateKeys()
  return Buffer.from(ecdh.getPrivateKey('hex').padStart(64, '0'), 'hex')
}

function p256Key(seed: Uint8Array): KeyObject {
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(seed)
  const point = ecdh.getPublicKey()
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url')
  return createPrivateKey({ format: 'jwk', key: { kty: 'EC', crv: 'P-256', d: text(seed), x: text(point.subarray(1, 33)), y: text(point.subarray(33)) } })
}

/** PKCS #8 (RFC 8410), up to the seed. */
const ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')

function ed25519Key(seed: Uint8Array): KeyObject {
  return createPrivateKey({ format: 'der', type: 'pkcs8', key: Buffer.concat([ED25519, seed]) })
}

const [NONCE, TAG] = [12, 16]

/** Wraps credentials into ids, so that nothing need be stored for them. An id holds for one relying party, and under one device key. */
export class DeviceKey {
  readonly #key = randomBytes(32)

  wrap(relyingPartyHash: Uint8Array, { algorithm, seed, protection, hmacSecret }: CredentialParts): Uint8Array {
    const nonce = randomBytes(NONCE)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(relyingPartyHash)
    const parts = [cipher.update(Uint8Array.of(algorithm === 'ES256' ? 0 : 1, protection, hmacSecret ? 1 : 0, ...seed)), cipher.final()]
    return Buffer.concat([nonce, ...parts, cipher.getAuthTag()])
  }

  /** Nothing, where it was not wrapped here for that relying party. */
  unwrap(relyingPartyHash: Uint8Array, id: Uint8Array): Credential | undefined {
    if (id.length !== NONCE + 35 + TAG) return undefined
    const decipher = createDecipheriv('aes-256-gcm', this.#key, id.subarray(0, NONCE)).setAAD(relyingPartyHash).setAuthTag(id.subarray(-TAG))
    try {
      const plain = Buffer.concat([decipher.update(id.subarray(NONCE, -TAG)), decipher.final()])
      const protection = plain[1] === 3 ? 3 : plain[1] === 2 ? 2 : 1
      return new Credential(id, { algorithm: plain[0] === 0 ? 'ES256' : 'EdDSA', protection, hmacSecret: plain[2] === 1, seed: plain.subarray(3) })
    } catch {
      return undefined
    }
  }
}

export function sha256(data: Uint8Array | string): Uint8Array {
  return createHash('sha256').update(data).digest()
}
