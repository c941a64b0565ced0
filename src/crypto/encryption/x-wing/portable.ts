import { ml_kem768_x25519 as kem } from '@noble/post-quantum/hybrid.js'
import type { KEMFactory, Key } from 'hpke'
import { portableScheme } from '../../hpke/portable.ts'
import { draw, randomBytes } from '../../random.ts'
import { secretCopy } from '../../secret-bytes.ts'
import { isCanonicalU, isX25519PublicKey } from '../x25519/public-key.ts'
import { ML_KEM_CIPHERTEXT_LENGTH, ML_KEM_PUBLIC_KEY_LENGTH, X_WING_KEM_ID, xWingFacts } from './facts.ts'

/** The modulus of ML-KEM. */
const Q = 3329

/** A key as `hpke` hands it around. Its bytes are private, so that nothing that inspects it prints them. */
class XWingKey implements Key {
  readonly algorithm = { name: 'X-Wing' }
  readonly extractable = false
  readonly type: 'private' | 'public'
  readonly #bytes: Uint8Array

  constructor(type: 'private' | 'public', bytes: Uint8Array) {
    this.type = type
    this.#bytes = secretCopy(bytes)
  }

  static bytesOf(key: XWingKey): Uint8Array {
    return key.#bytes
  }
}

/** What `hpke` asks of a KEM beyond what base mode with given keys does. */
async function unused(): Promise<never> {
  throw new TypeError('X-Wing keys are made by the scheme, and are not given out by hpke')
}

/** X-Wing as a KEM of `hpke`: the draft's Encapsulate and Decapsulate as they are. */
const xWingKem: KEMFactory<XWingKey> = () => ({
  id: X_WING_KEM_ID,
  type: 'KEM',
  name: 'X-Wing',
  Nsecret: 32,
  Nenc: xWingFacts.encLength,
  Npk: xWingFacts.publicKeyLength,
  Nsk: xWingFacts.secretKeyLength,
  DeriveKeyPair: unused,
  GenerateKeyPair: unused,
  SerializePrivateKey: unused,
  SerializePublicKey: unused,
  DeserializePublicKey: async bytes => new XWingKey('public', bytes),
  DeserializePrivateKey: async bytes => new XWingKey('private', bytes),
  async Encap(publicKey) {
    const { cipherText, sharedSecret } = kem.encapsulate(XWingKey.bytesOf(publicKey), draw(randomBytes, 64))
    return { enc: cipherText, shared_secret: sharedSecret }
  },
  Decap: async (enc, privateKey) => kem.decapsulate(enc, XWingKey.bytesOf(privateKey)),
})

/** Whether each coefficient of this encapsulation key of ML-KEM-768 is below q: the modulus check of FIPS 203, section 7.2. */
export function isEncapsulationKey(publicKey: Uint8Array): boolean {
  // The last 32 bytes are a seed. Before them, two coefficients are three bytes (section 4.2.1, ByteEncode).
  for (let at = 0; at < ML_KEM_PUBLIC_KEY_LENGTH - 32; at += 3) {
    const [a = 0, b = 0, c = 0] = publicKey.subarray(at, at + 3)
    if ((a | (b & 15) << 8) >= Q || (b >> 4 | c << 4) >= Q) return false
  }
  return true
}

/** X-Wing by @noble/post-quantum. Both halves of a public key are checked as those of X25519 are: one form for each, and none that is weak. */
export const portableXWing = portableScheme(xWingFacts, {
  kem: xWingKem,
  provider: '@noble/post-quantum, hpke',
  publicKey: secretKey => kem.getPublicKey(secretKey),
  isPublicKey: publicKey =>
    isEncapsulationKey(publicKey) && isX25519PublicKey(publicKey.subarray(ML_KEM_PUBLIC_KEY_LENGTH)),
  isEnc: enc => isCanonicalU(enc.subarray(ML_KEM_CIPHERTEXT_LENGTH)),
  erase: privateKey => XWingKey.bytesOf(privateKey).fill(0),
})
