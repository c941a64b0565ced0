import { concatBytes } from '@noble/hashes/utils.js'
import type { EncryptionScheme } from '../../encryption.ts'
import { keyDer } from '../../hpke/der.ts'
import { ascii, labeledHkdf, u16 } from '../../hpke/hkdf.ts'
import { nativeScheme } from '../../hpke/native.ts'
import type { Encapsulated, NativeKem } from '../../hpke/native.ts'
import type { KeyObject, NodeCrypto, NodePlatform } from '../../node/platform.ts'
import { PKCS8, x25519Facts } from './facts.ts'
import { isCanonicalU, isX25519PublicKey } from './public-key.ts'

/** DHKEM(X25519, HKDF-SHA256): RFC 9180, section 7.1. */
const KEM_ID = 0x0020

/** SubjectPublicKeyInfo (RFC 8410, section 4) in DER, up to the 32 bytes of the key. */
const SPKI = Uint8Array.of(0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00)

/** Both halves of a key, held by OpenSSL. */
export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** The pair of an X25519 secret key of 32 bytes. */
export function x25519Pair(crypto: NodeCrypto, secretKey: Uint8Array): KeyPair {
  const privateKey = x25519Private(crypto, secretKey)
  return { privateKey, publicKey: crypto.createPublicKey(privateKey) }
}

function x25519Private(crypto: NodeCrypto, secretKey: Uint8Array): KeyObject {
  const key = keyDer(PKCS8, secretKey, 32)
  try {
    return crypto.createPrivateKey({ key, format: 'der', type: 'pkcs8' })
  } finally {
    key.fill(0)
  }
}

/** The 32 bytes of a public key. */
export function x25519Bytes(publicKey: KeyObject): Uint8Array {
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI.length))
}

/** X25519 of RFC 7748, section 5, for any u of 32 bytes. Throws where it is all zeros (section 6.1): u is of small order. */
export function x25519Secret(crypto: NodeCrypto, privateKey: KeyObject, u: Uint8Array): Uint8Array {
  const publicKey = crypto.createPublicKey({ key: keyDer(SPKI, u, 32), format: 'der', type: 'spki' })
  return crypto.diffieHellman({ privateKey, publicKey })
}

interface X25519Kem extends NativeKem {
  /** Only tests of published vectors give an `ephemeral` secret. */
  encapsulate(publicKey: Uint8Array, ephemeral?: Uint8Array): Encapsulated
}

/** DHKEM of X25519 (RFC 9180, section 4.1). */
export function nativeX25519Kem(crypto: NodeCrypto): X25519Kem {
  const hkdf = labeledHkdf(crypto, concatBytes(ascii('KEM'), u16(KEM_ID)))
  const eaePrk = hkdf.extract('eae_prk')
  const expandSecret = hkdf.expand('shared_secret', 32)
  return {
    id: KEM_ID,
    publicKey: secretKey => x25519Bytes(x25519Pair(crypto, secretKey).publicKey),
    isPublicKey: isX25519PublicKey,

    encapsulate(publicKey, ephemeral) {
      const pair = ephemeral === undefined ? crypto.generateKeyPairSync('x25519') : x25519Pair(crypto, ephemeral)
      const enc = x25519Bytes(pair.publicKey)
      const dh = x25519Secret(crypto, pair.privateKey, publicKey)
      return { enc, sharedSecret: expandSecret(crypto.createSecretKey(eaePrk(undefined, dh)), concatBytes(enc, publicKey)) }
    },

    decapsulator(secretKey) {
      const privateKey = x25519Private(crypto, secretKey)
      return enc => {
        if (!isCanonicalU(enc)) return undefined
        try {
          // For an X25519 key this is Decap of DHKEM as a whole. It takes half the time of a public key object and diffieHellman.
          return crypto.decapsulate(privateKey, enc)
        } catch {
          // The shared secret is all zeros.
          return undefined
        }
      }
    },
  }
}

/** X25519 by OpenSSL, which has DHKEM from 3.2 on, and Node.js from 24.7 on. */
export function nativeX25519(platform: NodePlatform): EncryptionScheme | undefined {
  return nativeScheme(x25519Facts, platform, nativeX25519Kem(platform.crypto))
}
