import { p256 } from '@noble/curves/nist.js'
import { isBytesOf, requireBytes } from '../../bytes.ts'
import { isSupported, keyFormat } from '../../node/keys.ts'
import type { NodePlatform } from '../../node/platform.ts'
import { inThreads, signInThread, verifyInThread } from '../../node/threads.ts'
import { suiteOf } from '../../suite.ts'
import type { SignatureSuite } from '../../suite.ts'
import { generateSecretKey, requireSecretKey } from '../ecdsa.ts'
import { p256Facts } from './facts.ts'

const { Point, Signature } = p256

/** An ECPrivateKey without its public key (RFC 5915, section 3), and a compressed point (RFC 5480, section 2). */
const PREFIXES = {
  pkcs8: '3041020100301306072a8648ce3d020106082a8648ce3d030107042730250201010420',
  spki: '3039301306072a8648ce3d020106082a8648ce3d030107032200',
}

/**
 * ECDSA over P-256 by OpenSSL, whose nonces are random. It gives and takes signatures as DER: asking it for r ‖ s itself takes twice as
 * long as converting them here.
 */
export function nativeP256(platform: NodePlatform): SignatureSuite | undefined {
  const { crypto, openssl } = platform
  const keys = keyFormat(crypto, PREFIXES)
  if (!isSupported(keys, new Uint8Array(32).fill(1))) return undefined
  /** OpenSSL reads it as one, on the curve and with x < p. Prefix and length leave but the compressed form. */
  const importPublic = (publicKey: Uint8Array) => isCompressed(publicKey) ? keys.importPublic(publicKey) : undefined
  return suiteOf(p256Facts, {
    path: 'native',
    provider: openssl,

    generate: random => generateSecretKey(p256, random),

    publicKey(secretKey) {
      requireSecretKey(p256, 'P256', secretKey)
      const pair = crypto.createECDH('prime256v1')
      pair.setPrivateKey(secretKey)
      return new Uint8Array(pair.getPublicKey(null, 'compressed'))
    },

    isPublicKey: publicKey => importPublic(publicKey) !== undefined,

    signer(own) {
      requireSecretKey(p256, 'P256', own)
      const key = keys.importSecret(own)
      own.fill(0)
      return {
        sign: message => toCompact(crypto.sign('sha256', message, key)),
        signBatch: (messages, signal) => inThreads(platform, messages, async message => toCompact(await signInThread(crypto, 'sha256', message, key)), { signal }),
      }
    },

    verify(publicKey, message, signature) {
      requireBytes(message, 'The message')
      const der = toDer(signature)
      const key = der && importPublic(publicKey)
      return der !== undefined && key !== undefined && crypto.verify('sha256', message, key, der)
    },

    verifyBatch(signed) {
      return inThreads(platform, signed, ({ publicKey, message, signature }) => {
        const der = toDer(signature)
        const key = der && importPublic(publicKey)
        return der !== undefined && key !== undefined && verifyInThread(crypto, 'sha256', message, key, der)
      })
    },
  })
}

function isCompressed(publicKey: Uint8Array): boolean {
  return isBytesOf(publicKey, 33) && (publicKey[0] === 2 || publicKey[0] === 3)
}

/** With the low S. */
function toCompact(der: Uint8Array): Uint8Array {
  const signature = Signature.fromBytes(der, 'der')
  const low = signature.hasHighS() ? new Signature(signature.r, Point.Fn.neg(signature.s)) : signature
  return low.toBytes('compact')
}

/** `undefined` for what is no signature: r or s of 0, or at or above the order. */
function toDer(signature: Uint8Array): Uint8Array | undefined {
  if (!isBytesOf(signature, 64)) return undefined
  try {
    return Signature.fromBytes(signature, 'compact').toBytes('der')
  } catch {
    return undefined
  }
}
