import { requireBytes } from '../../bytes.ts'
import type { NodePlatform } from '../../node/platform.ts'
import { suiteOf } from '../../suite.ts'
import type { SignatureSuite } from '../../suite.ts'
import { verifyTogether } from './batch.ts'
import { decodePublicKey, decodeSignature, loadBlst } from './blst.ts'
import { blsFacts } from './facts.ts'
import { requireSecretKey } from './points.ts'
import { portableBls } from './portable.ts'

/**
 * The same scheme, with the same refusals and the same bytes, by blst. Points were checked when they were decoded, so its functions are
 * told not to check them again. Bytes are copied, since those that it returns cannot be transferred to another thread.
 */
export function nativeBls(platform: NodePlatform): SignatureSuite | undefined {
  const blst = loadBlst(platform)
  if (blst === undefined) return undefined
  const { SecretKey, verify, verifyMultipleAggregateSignatures } = blst
  return suiteOf(blsFacts, {
    path: 'native',
    provider: '@chainsafe/blst',

    generate: portableBls.generate,

    publicKey(secretKey) {
      requireSecretKey(secretKey)
      return Uint8Array.from(SecretKey.fromBytes(secretKey).toPublicKey().toBytes(true))
    },

    isPublicKey: publicKey => decodePublicKey(blst, publicKey) !== undefined,

    // The binding has a copy of the key, which it overwrites when it is collected: nothing can ask it to do so sooner.
    signer(own) {
      requireSecretKey(own)
      const secretKey = SecretKey.fromBytes(own)
      own.fill(0)
      return { sign: message => Uint8Array.from(secretKey.sign(message).toBytes(true)) }
    },

    verify(publicKey, message, signature) {
      requireBytes(message, 'The message')
      const key = decodePublicKey(blst, publicKey)
      const point = key && decodeSignature(blst, signature)
      return key !== undefined && point !== undefined && verify(message, key, point, false, false)
    },

    // Relied on: verifyMultipleAggregateSignatures draws a scalar of 64 bits, and not 0, for each signature, from the CSPRNG of its own
    // thread (Rust's ThreadRng), and checks e(G, Σ [r]signature) = ∏ e([r]key, H(message)) on threads of its own. What is given here
    // as `random` has no part in it. Its aggregateVerify has no scalars: it admits forgeries that cancel out, and is none for batches.
    verifyBatch: signed => verifyTogether(signed, {
      prepare({ publicKey, message, signature }) {
        const pk = decodePublicKey(blst, publicKey)
        const sig = pk && decodeSignature(blst, signature)
        return pk && sig && { msg: message, pk, sig }
      },
      hold(sets) {
        const [only, ...others] = sets
        if (only !== undefined && others.length === 0) return verify(only.msg, only.pk, only.sig, false, false)
        return verifyMultipleAggregateSignatures([...sets], false, false)
      },
    }),
  })
}
