import { requireBytes } from '../../bytes.ts'
import { isSupported, keyFormat } from '../../node/keys.ts'
import type { NodePlatform } from '../../node/platform.ts'
import { inThreads, signInThread, verifyInThread } from '../../node/threads.ts'
import { draw } from '../../random.ts'
import { suiteOf } from '../../suite.ts'
import type { SignatureSuite } from '../../suite.ts'
import { decodePublicKey, isSoundClaim, requireSecretKey } from './encoding.ts'
import { ed25519Facts } from './facts.ts'

/** RFC 8410, sections 4 and 7. */
const PREFIXES = { pkcs8: '302e020100300506032b657004220420', spki: '302a300506032b6570032100' }

/**
 * Ed25519 by OpenSSL.
 *
 * Its own rule varies by version: 3.5 refuses points of small order, earlier ones take them, and y above p. So all of that is refused
 * before, and what is left they share: A is decoded when it verifies (importing a key that is no point succeeds), and
 * encode([S]B − [k]A) is compared with R bytewise, without the cofactor. A key is decoded portably where only the key is asked about:
 * `node:crypto` has nothing that would.
 */
export function nativeEd25519(platform: NodePlatform): SignatureSuite | undefined {
  const { crypto, openssl } = platform
  const keys = keyFormat(crypto, PREFIXES)
  if (!isSupported(keys, new Uint8Array(32))) return undefined
  const soundKey = (publicKey: Uint8Array, signature: Uint8Array) => isSoundClaim(publicKey, signature) ? keys.importPublic(publicKey) : undefined
  return suiteOf(ed25519Facts, {
    path: 'native',
    provider: openssl,

    generate: random => draw(random, 32),

    publicKey(secretKey) {
      requireSecretKey(secretKey)
      return keys.exportPublic(keys.importSecret(secretKey))
    },

    isPublicKey: publicKey => decodePublicKey(publicKey) !== undefined,

    signer(own) {
      requireSecretKey(own)
      const key = keys.importSecret(own)
      own.fill(0)
      return {
        sign: message => new Uint8Array(crypto.sign(null, message, key)),
        signBatch: (messages, signal) => inThreads(platform, messages, async message => new Uint8Array(await signInThread(crypto, null, message, key)), { signal }),
      }
    },

    verify(publicKey, message, signature) {
      requireBytes(message, 'The message')
      const key = soundKey(publicKey, signature)
      return key !== undefined && crypto.verify(null, message, key, signature)
    },

    verifyBatch(signed) {
      return inThreads(platform, signed, ({ publicKey, message, signature }) => {
        const key = soundKey(publicKey, signature)
        return key !== undefined && verifyInThread(crypto, null, message, key, signature)
      })
    },
  })
}
