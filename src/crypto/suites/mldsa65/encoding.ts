import { Fault } from '../../../core/errors.ts'
import { isBytesOf } from '../../bytes.ts'

/** The empty context string (FIPS 204, section 5.2): purposes are separated in the message, under every suite alike. */
export const NO_CONTEXT = new Uint8Array()

/** Every string of that length decodes (FIPS 204, algorithm 23). */
export function isPublicKey(publicKey: Uint8Array): boolean {
  return isBytesOf(publicKey, 1952)
}

/** Whether all three have a length that verification admits (FIPS 204, algorithm 3: a context is at most 255 bytes). */
export function isSoundClaim(publicKey: Uint8Array, signature: Uint8Array, context: Uint8Array): boolean {
  return isPublicKey(publicKey) && isBytesOf(signature, 3309) && context.length <= 255
}

/** Throws `invalid-argument` for a secret key that is none. */
export function requireSecretKey(secretKey: Uint8Array): void {
  if (!isBytesOf(secretKey, 32)) throw new Fault('invalid-argument', 'An MLDSA65 secret key is a seed of 32 bytes')
}
