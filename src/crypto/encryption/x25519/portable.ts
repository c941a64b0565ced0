import { x25519 } from '@noble/curves/ed25519.js'
import { KEM_DHKEM_X25519_HKDF_SHA256 } from 'hpke'
import type { KEMFactory } from 'hpke'
import { keyDer } from '../../hpke/der.ts'
import { portableScheme } from '../../hpke/portable.ts'
import { PKCS8, x25519Facts } from './facts.ts'
import { isCanonicalU, isX25519PublicKey } from './public-key.ts'

/** As `hpke` has it, but for the import of secret keys, of which that leaves a copy. */
const kem: KEMFactory<CryptoKey> = () => ({
  ...KEM_DHKEM_X25519_HKDF_SHA256(),
  async DeserializePrivateKey(secretKey, extractable) {
    const key = keyDer(PKCS8, secretKey, x25519Facts.secretKeyLength)
    try {
      return await crypto.subtle.importKey('pkcs8', key, 'X25519', extractable, ['deriveBits'])
    } finally {
      key.fill(0)
    }
  },
})

/** X25519 by WebCrypto, which holds the secret keys and does not give them out again. */
export const portableX25519 = portableScheme(x25519Facts, {
  kem,
  provider: 'hpke, WebCrypto',
  publicKey: secretKey => x25519.getPublicKey(secretKey),
  isPublicKey: isX25519PublicKey,
  isEnc: isCanonicalU,
})
