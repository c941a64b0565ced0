import { concatBytes } from '@noble/hashes/utils.js'
import { isBytesOf, requireBytes, sameBytes } from '../bytes.ts'
import type { EncryptionFacts, EncryptionScheme, Sealed } from '../encryption.ts'
import type { KeyObject, NodeCrypto, NodePlatform } from '../node/platform.ts'
import { draw } from '../random.ts'
import { nativeAead } from './aead.ts'
import type { Aead } from './aead.ts'
import { ascii, labeledHkdf, u16 } from './hkdf.ts'
import { requirePublicKey, requireSecretKey } from './keys.ts'
import { openerOf } from './opener.ts'

export interface Encapsulated {
  readonly sharedSecret: Uint8Array
  readonly enc: Uint8Array
}

/** A key encapsulation mechanism (RFC 9180, section 4), natively. Lengths were checked. */
export interface NativeKem {
  readonly id: number
  publicKey(secretKey: Uint8Array): Uint8Array
  isPublicKey(publicKey: Uint8Array): boolean
  /** `publicKey` is one that `isPublicKey` admits. Randomness is OpenSSL's. */
  encapsulate(publicKey: Uint8Array): Encapsulated
  /** What finds the shared secret of an `enc`, or `undefined` where there is none. Does what can be done once, and keeps no bytes of the key. */
  decapsulator(secretKey: Uint8Array): (enc: Uint8Array) => Uint8Array | undefined
}

/** What the key schedule gives (RFC 9180, section 5.1). */
export interface KeySchedule {
  readonly key: KeyObject
  /** The nonce of the first message. */
  readonly baseNonce: Uint8Array
  /** Context.Export (section 5.3), of at most 8,160 bytes. */
  export(context: Uint8Array, length: number): Uint8Array
}

/** The key schedule under an info. */
interface Schedule {
  readonly info: Uint8Array
  readonly of: (sharedSecret: Uint8Array) => KeySchedule
}

const MODE_BASE = Uint8Array.of(0)
const HKDF_SHA256 = 1
const NONE = new Uint8Array(0)

/** The key schedule of base mode, for one KEM and AEAD: under an info first, then of a shared secret. */
export function keyScheduleOf(crypto: NodeCrypto, kemId: number, aead: Aead): (info: Uint8Array) => Schedule['of'] {
  const hkdf = labeledHkdf(crypto, concatBytes(ascii('HPKE'), u16(kemId), u16(HKDF_SHA256), u16(aead.id)))
  const infoHash = hkdf.extract('info_hash')
  const secretOf = hkdf.extract('secret')
  const keyOf = hkdf.expand('key', aead.keyLength)
  const nonceOf = hkdf.expand('base_nonce', 12)
  const exporterOf = hkdf.expand('exp', 32)
  const start = concatBytes(MODE_BASE, hkdf.extract('psk_id_hash')(undefined, NONE))
  return info => {
    const context = concatBytes(start, infoHash(undefined, info))
    return sharedSecret => {
      const secret = crypto.createSecretKey(secretOf(crypto.createSecretKey(sharedSecret), NONE))
      return {
        key: crypto.createSecretKey(keyOf(secret, context)),
        baseNonce: nonceOf(secret, context),
        export: (exporterContext, length) => hkdf.expand('sec', length)(crypto.createSecretKey(exporterOf(secret, context)), exporterContext),
      }
    }
  }
}

/**
 * Whether the platform has what the KEM needs. What lacks there must not look like a ciphertext that does not open. An `enc` that ends with
 * the base point of X25519, and is zeros before it, has a shared secret under every key.
 */
function works(facts: EncryptionFacts, kem: NativeKem): boolean {
  const enc = new Uint8Array(facts.encLength)
  enc[facts.encLength - 32] = 9
  try {
    return kem.decapsulator(new Uint8Array(facts.secretKeyLength))(enc) !== undefined
  } catch {
    return false
  }
}

/** A scheme by `node:crypto`, with AES-256-GCM; `undefined` where that lacks something. */
export function nativeScheme(facts: EncryptionFacts, { crypto, openssl }: NodePlatform, kem: NativeKem): EncryptionScheme | undefined {
  if (!works(facts, kem)) return undefined
  const aead = nativeAead(crypto, 2)
  const scheduleUnder = keyScheduleOf(crypto, kem.id, aead)
  return Object.freeze({
    ...facts,
    path: 'native',
    provider: openssl,
    generate: random => draw(random, facts.secretKeyLength),

    publicKey(secretKey) {
      requireSecretKey(facts, secretKey)
      return kem.publicKey(secretKey)
    },

    isPublicKey: publicKey => isBytesOf(publicKey, facts.publicKeyLength) && kem.isPublicKey(publicKey),

    opener(secretKey) {
      requireSecretKey(facts, secretKey)
      const decapsulate = kem.decapsulator(secretKey)
      // Whoever opens much opens it under one info: what follows from the last one is not computed again.
      let last: Schedule | undefined
      return openerOf((info, enc, ciphertext) => {
        const sharedSecret = enc.length === facts.encLength ? decapsulate(enc) : undefined
        if (sharedSecret === undefined) return undefined
        if (last === undefined || !sameBytes(last.info, info)) last = { info: Uint8Array.from(info), of: scheduleUnder(info) }
        const { key, baseNonce } = last.of(sharedSecret)
        return aead.open(key, baseNonce, NONE, ciphertext)
      })
    },

    seal(publicKey, info, plaintext): Sealed {
      requirePublicKey(facts, publicKey, kem.isPublicKey)
      requireBytes(info, 'The info')
      requireBytes(plaintext, 'The plaintext')
      const { sharedSecret, enc } = kem.encapsulate(publicKey)
      const { key, baseNonce } = scheduleUnder(info)(sharedSecret)
      return { enc, ciphertext: aead.seal(key, baseNonce, NONE, plaintext) }
    },
  } satisfies EncryptionScheme)
}
