import { keyDer } from '../../hpke/der.ts'
import type { KeyObject, NodeCrypto } from '../../node/platform.ts'
import type { KeyPair } from '../x25519/native.ts'
import { ML_KEM_PUBLIC_KEY_LENGTH } from './facts.ts'

/** DER of an ML-KEM-768 key up to its bytes: PKCS #8 of a seed d ‖ z (64 bytes), and SubjectPublicKeyInfo (RFC 9935). */
const PKCS8 = Uint8Array.of(
  0x30, 0x54, 0x02, 0x01, 0x00, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x02, 0x04, 0x42, 0x80, 0x40,
)
const SPKI = Uint8Array.of(
  0x30, 0x82, 0x04, 0xb2, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04, 0x02, 0x03, 0x82, 0x04, 0xa1, 0x00,
)

/** The ML-KEM-768 key pair of a seed d ‖ z of 64 bytes (FIPS 203, algorithm 16). Throws where OpenSSL has no ML-KEM. */
export function mlKemPair(crypto: NodeCrypto, seed: Uint8Array): KeyPair {
  const key = keyDer(PKCS8, seed, 64)
  try {
    const privateKey = crypto.createPrivateKey({ key, format: 'der', type: 'pkcs8' })
    return { privateKey, publicKey: crypto.createPublicKey(privateKey) }
  } finally {
    key.fill(0)
  }
}

/** An encapsulation key of 1184 bytes. Throws for one that fails the check of FIPS 203, section 7.2: coefficients at or above q. */
export function mlKemPublicKey(crypto: NodeCrypto, publicKey: Uint8Array): KeyObject {
  return crypto.createPublicKey({ key: keyDer(SPKI, publicKey, ML_KEM_PUBLIC_KEY_LENGTH), format: 'der', type: 'spki' })
}

/** The 1184 bytes of an encapsulation key. */
export function mlKemBytes(publicKey: KeyObject): Uint8Array {
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI.length))
}
