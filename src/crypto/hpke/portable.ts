import { AEAD_AES_256_GCM, CipherSuite, KDF_HKDF_SHA256, NotSupportedError } from 'hpke'
import type { Key, KEMFactory } from 'hpke'
import { Fault } from '../../core/errors.ts'
import { isBytesOf, requireBytes } from '../bytes.ts'
import type { EncryptionFacts, EncryptionScheme } from '../encryption.ts'
import { draw } from '../random.ts'
import { requirePublicKey, requireSecretKey } from './keys.ts'
import { secretCopy } from '../secret-bytes.ts'
import { openerOf } from './opener.ts'

/** What the portable code of a scheme brings along. Lengths were checked. */
interface PortableCore<K extends Key> {
  readonly kem: KEMFactory<K>
  readonly provider: string
  publicKey(secretKey: Uint8Array): Uint8Array
  isPublicKey(publicKey: Uint8Array): boolean
  /** Whether a sender could have made this `enc`. */
  isEnc(enc: Uint8Array): boolean
  /** Overwrites a secret key, where it is not the platform that holds it. */
  erase?(privateKey: K): void
}

/** A scheme by the package `hpke`: HKDF-SHA256 and AES-256-GCM are WebCrypto's. */
export function portableScheme<K extends Key>(facts: EncryptionFacts, core: PortableCore<K>): EncryptionScheme {
  const { kem, provider, isEnc } = core
  const hpke = new CipherSuite(kem, KDF_HKDF_SHA256, AEAD_AES_256_GCM)
  const publicKey = (secretKey: Uint8Array) => {
    requireSecretKey(facts, secretKey)
    return core.publicKey(secretKey)
  }
  const isPublicKey = (bytes: Uint8Array) => isBytesOf(bytes, facts.publicKeyLength) && core.isPublicKey(bytes)
  return Object.freeze({
    ...facts,
    path: 'portable',
    provider,
    generate: random => draw(random, facts.secretKeyLength),
    publicKey,
    isPublicKey,

    async opener(secretKey: Uint8Array) {
      requireSecretKey(facts, secretKey)
      const own = secretCopy(secretKey)
      try {
        const keys = Promise.all([hpke.DeserializePublicKey(publicKey(own)), hpke.DeserializePrivateKey(own)])
        const [publicHalf, privateKey] = await keys
        const pair = { publicKey: publicHalf, privateKey }
        return openerOf(async (info, enc, ciphertext) => {
          if (!isBytesOf(enc, facts.encLength) || !isEnc(enc)) return undefined
          try {
            // Copies: what the caller does with its arrays while this waits must not change what is opened.
            return await hpke.Open(pair, Uint8Array.from(enc), Uint8Array.from(ciphertext), { info: Uint8Array.from(info) })
          } catch (cause) {
            if (cause instanceof NotSupportedError) throw unsupported(cause)
            return undefined
          }
        }, () => core.erase?.(privateKey))
      } catch (cause) {
        throw unsupported(cause)
      } finally {
        own.fill(0)
      }
    },

    async seal(recipient: Uint8Array, info: Uint8Array, plaintext: Uint8Array) {
      requirePublicKey(facts, recipient, isPublicKey)
      requireBytes(info, 'The info')
      requireBytes(plaintext, 'The plaintext')
      const own = secretCopy(plaintext)
      const options = { info: Uint8Array.from(info) }
      try {
        const { encapsulatedSecret, ciphertext } = await hpke.Seal(await hpke.DeserializePublicKey(Uint8Array.from(recipient)), own, options)
        return { enc: encapsulatedSecret, ciphertext }
      } catch (cause) {
        if (cause instanceof NotSupportedError) throw unsupported(cause)
        throw new Fault('backend-failed', 'This platform failed to encrypt: see the cause', { cause })
      } finally {
        own.fill(0)
      }
    },
  } satisfies EncryptionScheme)
}

/** A platform that lacks an algorithm is the host's trouble and never a stranger's: it is told apart from what does not open. */
function unsupported(cause: unknown): Fault {
  return new Fault('not-available', 'This platform has no X25519, HKDF or AES-GCM in WebCrypto: use Node 22.12 or a newer browser', { cause })
}
