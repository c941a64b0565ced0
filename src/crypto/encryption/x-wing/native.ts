import { concatBytes } from '@noble/hashes/utils.js'
import type { EncryptionScheme } from '../../encryption.ts'
import { ascii } from '../../hpke/hkdf.ts'
import { nativeScheme } from '../../hpke/native.ts'
import type { NativeKem } from '../../hpke/native.ts'
import type { NodeCrypto, NodePlatform } from '../../node/platform.ts'
import { x25519Bytes, x25519Pair, x25519Secret } from '../x25519/native.ts'
import { isCanonicalU, isX25519PublicKey } from '../x25519/public-key.ts'
import { ML_KEM_CIPHERTEXT_LENGTH, ML_KEM_PUBLIC_KEY_LENGTH, X_WING_KEM_ID, xWingFacts } from './facts.ts'
import { mlKemBytes, mlKemPair, mlKemPublicKey } from './ml-kem.ts'

/** XWingLabel. */
const LABEL = ascii('\\.//^\\')

/** X-Wing, as its draft has it in section 5. */
export function nativeXWingKem(crypto: NodeCrypto): NativeKem {
  /** expandDecapsulationKey. */
  function expand(seed: Uint8Array) {
    const expanded = crypto.createHash('shake256', { outputLength: 96 }).update(seed).digest()
    try {
      return { mlKem: mlKemPair(crypto, expanded.subarray(0, 64)), x25519: x25519Pair(crypto, expanded.subarray(64)) }
    } finally {
      expanded.fill(0)
    }
  }

  /** Combiner. */
  function combine(mlKemSecret: Uint8Array, dh: Uint8Array, x25519Enc: Uint8Array, x25519Key: Uint8Array): Uint8Array {
    return crypto.hash('sha3-256', concatBytes(mlKemSecret, dh, x25519Enc, x25519Key, LABEL), 'buffer')
  }

  return {
    id: X_WING_KEM_ID,

    publicKey(secretKey) {
      const { mlKem, x25519 } = expand(secretKey)
      return concatBytes(mlKemBytes(mlKem.publicKey), x25519Bytes(x25519.publicKey))
    },

    isPublicKey(publicKey) {
      if (!isX25519PublicKey(publicKey.subarray(ML_KEM_PUBLIC_KEY_LENGTH))) return false
      try {
        mlKemPublicKey(crypto, publicKey.subarray(0, ML_KEM_PUBLIC_KEY_LENGTH))
        return true
      } catch {
        return false
      }
    },

    encapsulate(publicKey) {
      const x25519Key = publicKey.subarray(ML_KEM_PUBLIC_KEY_LENGTH)
      const ephemeral = crypto.generateKeyPairSync('x25519')
      const x25519Enc = x25519Bytes(ephemeral.publicKey)
      const dh = x25519Secret(crypto, ephemeral.privateKey, x25519Key)
      const { sharedKey, ciphertext } = crypto.encapsulate(mlKemPublicKey(crypto, publicKey.subarray(0, ML_KEM_PUBLIC_KEY_LENGTH)))
      return { enc: concatBytes(ciphertext, x25519Enc), sharedSecret: combine(sharedKey, dh, x25519Enc, x25519Key) }
    },

    decapsulator(secretKey) {
      const { mlKem, x25519 } = expand(secretKey)
      const x25519Key = x25519Bytes(x25519.publicKey)
      return enc => {
        const x25519Enc = enc.subarray(ML_KEM_CIPHERTEXT_LENGTH)
        if (!isCanonicalU(x25519Enc)) return undefined
        try {
          const dh = x25519Secret(crypto, x25519.privateKey, x25519Enc)
          return combine(crypto.decapsulate(mlKem.privateKey, enc.subarray(0, ML_KEM_CIPHERTEXT_LENGTH)), dh, x25519Enc, x25519Key)
        } catch {
          // The secret of X25519 is all zeros. ML-KEM has one for every ciphertext.
          return undefined
        }
      }
    },
  }
}

/** X-Wing by OpenSSL, which has ML-KEM from 3.5 on, and Node.js from 24.7 on. */
export function nativeXWing(platform: NodePlatform): EncryptionScheme | undefined {
  return nativeScheme(xWingFacts, platform, nativeXWingKem(platform.crypto))
}
