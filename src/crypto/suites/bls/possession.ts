import { Fault } from '../../../core/errors.ts'
import { isBytesOf } from '../../bytes.ts'
import { secretCopy } from '../../secret-bytes.ts'
import { coreSign, coreVerify, POSSESSION_DOMAIN, requireSecretKey, scheme } from './points.ts'

let bytesOf: (key: unknown) => Uint8Array | undefined

/**
 * A public key whose owner proved to have its secret key: {@link verifyPossession} makes it. To be constructed is to be verified, and
 * the bytes are private, so nothing that merely looks like one is one.
 */
class ProvenPublicKey {
  readonly #publicKey: Uint8Array

  constructor(publicKey: Uint8Array, proof: Uint8Array) {
    const own = Uint8Array.from(publicKey)
    if (!coreVerify(own, own, proof, POSSESSION_DOMAIN)) throw new Fault('invalid-argument', 'The possession of this key is not proven: use verifyPossession')
    this.#publicKey = own
    Object.freeze(this)
  }

  /** The 48 bytes of the key: a copy. */
  toBytes(): Uint8Array {
    return Uint8Array.from(this.#publicKey)
  }

  // No static method: whoever holds a proven key also holds its class, and must not get from there to the array, where other bytes could be put.
  static {
    bytesOf = key => typeof key === 'object' && key !== null && #publicKey in key ? key.#publicKey : undefined
  }
}
export type { ProvenPublicKey }

/** The bytes of a proven key, not copied; `undefined` for whatever is none. Subclasses cannot say otherwise. */
export const provenBytes = bytesOf

/**
 * PopProve (draft-irtf-cfrg-bls-signature, section 3.3.2): a signature of the key's own public key in a domain that no message is signed
 * in, 96 bytes. Throws `invalid-argument` for a secret key that is none. The native package signs in one domain only, so the portable
 * code proves and verifies possession everywhere: about 15 to 25 ms each.
 */
export function provePossession(secretKey: Uint8Array): Uint8Array {
  requireSecretKey(secretKey)
  const own = secretCopy(secretKey)
  try {
    return coreSign(own, scheme.getPublicKey(own).toBytes(true), POSSESSION_DOMAIN)
  } finally {
    own.fill(0)
  }
}

/** PopVerify (section 3.3.3): the key, proven, or `undefined` when the proof is none of it, or the key is none. */
export function verifyPossession(publicKey: Uint8Array, proof: Uint8Array): ProvenPublicKey | undefined {
  if (!isBytesOf(publicKey, 48) || !isBytesOf(proof, 96)) return undefined
  try {
    return new ProvenPublicKey(publicKey, proof)
  } catch (error) {
    if (error instanceof Fault) return undefined
    throw error
  }
}
