import { requireBytes } from '../../bytes.ts'
import { isSupported, keyFormat } from '../../node/keys.ts'
import type { KeyFormat } from '../../node/keys.ts'
import type { NodeCrypto, NodePlatform } from '../../node/platform.ts'
import { inThreads, signInThread, verifyInThread } from '../../node/threads.ts'
import { draw } from '../../random.ts'
import { suiteOf } from '../../suite.ts'
import type { SignatureSuite } from '../../suite.ts'
import { isPublicKey, isSoundClaim, NO_CONTEXT, requireSecretKey } from './encoding.ts'
import { mldsa65Facts } from './facts.ts'

/** RFC 9881, sections 4 and 6: the private key is the seed alone. */
function keysOf(crypto: NodeCrypto): KeyFormat {
  return keyFormat(crypto, { pkcs8: '3034020100300b060960864801650304031204228020', spki: '308207b2300b0609608648016503040312038207a100' })
}

/** What the suite's `verify` is for the empty context. For published cases with another; it is no part of the suite. */
export function verifyInContext(
  { crypto }: NodePlatform, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, context: Uint8Array,
): boolean {
  return verifyWith(crypto, keysOf(crypto), publicKey, message, signature, context)
}

function verifyWith(crypto: NodeCrypto, keys: KeyFormat, publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array, context: Uint8Array): boolean {
  const key = isSoundClaim(publicKey, signature, context) ? keys.importPublic(publicKey) : undefined
  return key !== undefined && crypto.verify(null, message, { key, context }, signature)
}

/** ML-DSA-65 by OpenSSL, from 3.5 on. Signing is hedged (FIPS 204, section 3.4). */
export function nativeMldsa65(platform: NodePlatform): SignatureSuite | undefined {
  const { crypto, openssl } = platform
  const keys = keysOf(crypto)
  if (!isSupported(keys, new Uint8Array(32))) return undefined
  return suiteOf(mldsa65Facts, {
    path: 'native',
    provider: openssl,

    generate: random => draw(random, 32),

    publicKey(secretKey) {
      requireSecretKey(secretKey)
      return keys.exportPublic(keys.importSecret(secretKey))
    },

    isPublicKey,

    signer(own) {
      requireSecretKey(own)
      const key = keys.importSecret(own)
      own.fill(0)
      return {
        sign: message => new Uint8Array(crypto.sign(null, message, key)),
        signBatch: (messages, signal) => inThreads(platform, messages, async message => new Uint8Array(await signInThread(crypto, null, message, key)), { each: 'long', signal }),
      }
    },

    verify(publicKey, message, signature) {
      requireBytes(message, 'The message')
      return verifyWith(crypto, keys, publicKey, message, signature, NO_CONTEXT)
    },

    verifyBatch(signed) {
      return inThreads(platform, signed, ({ publicKey, message, signature }) => {
        const key = isSoundClaim(publicKey, signature, NO_CONTEXT) ? keys.importPublic(publicKey) : undefined
        return key !== undefined && verifyInThread(crypto, null, message, key, signature)
      }, { each: 'long' })
    },
  })
}
