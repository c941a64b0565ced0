import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js'
import { requireBytes } from '../../bytes.ts'
import { draw, randomBytes } from '../../random.ts'
import { suiteOf } from '../../suite.ts'
import { isPublicKey, isSoundClaim, NO_CONTEXT, requireSecretKey } from './encoding.ts'
import { mldsa65Facts } from './facts.ts'

/** What the suite's `verify` is for the empty context. For published cases with another; it is no part of the suite. */
export function verifyInContext(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, context: Uint8Array): boolean {
  return isSoundClaim(publicKey, signature, context) && ml_dsa65.verify(signature, message, publicKey, { context })
}

/**
 * ML-DSA-65 (FIPS 204), with the empty context. Secret key: the seed ξ of 32 bytes; public key: 1952 bytes; signature: 3309 bytes.
 *
 * Signing is hedged (section 3.4): two signatures of one message differ.
 */
export const portableMldsa65 = suiteOf(mldsa65Facts, {
  path: 'portable',
  provider: '@noble/post-quantum',

  generate: random => draw(random, 32),

  publicKey(secretKey) {
    requireSecretKey(secretKey)
    const pair = ml_dsa65.keygen(secretKey)
    pair.secretKey.fill(0)
    return pair.publicKey
  },

  isPublicKey,

  signer(own) {
    requireSecretKey(own)
    const { secretKey } = ml_dsa65.keygen(own)
    return {
      sign: message => ml_dsa65.sign(message, secretKey, { context: NO_CONTEXT, extraEntropy: draw(randomBytes, 32) }),
      erase: () => secretKey.fill(0),
    }
  },

  verify(publicKey, message, signature) {
    requireBytes(message, 'The message')
    return verifyInContext(publicKey, message, signature, NO_CONTEXT)
  },
})
