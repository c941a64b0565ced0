import { secp256k1 } from '@noble/curves/secp256k1.js'
import { bytesToNumberBE } from '@noble/curves/utils.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { isBytesOf, requireBytes, sameBytes } from '../../bytes.ts'
import type { NodePlatform } from '../../node/platform.ts'
import { suiteOf } from '../../suite.ts'
import type { SignatureSuite } from '../../suite.ts'
import { inTurns } from '../../turns.ts'
import { generateSecretKey, requireSecretKey } from '../ecdsa.ts'
import { secp256k1Facts } from './facts.ts'

/** Signatures between two turns of the event loop: about half a millisecond of them. There is nothing that signs in a thread. */
const PER_TURN = 16

/** What is used of the npm package `secp256k1`: Bitcoin Core's libsecp256k1. */
interface Binding {
  publicKeyCreate(secretKey: Uint8Array, compressed: boolean): Uint8Array
  publicKeyVerify(publicKey: Uint8Array): boolean
  ecdsaSign(digest: Uint8Array, secretKey: Uint8Array): { readonly signature: Uint8Array; readonly recid: number }
  /** Throws for r or s at or above the order, and for a key that is none. */
  ecdsaVerify(signature: Uint8Array, digest: Uint8Array, publicKey: Uint8Array): boolean
  /** Throws where there is no such key. */
  ecdsaRecover(signature: Uint8Array, recid: number, digest: Uint8Array, compressed: boolean): Uint8Array
}

const FUNCTIONS = ['publicKeyCreate', 'publicKeyVerify', 'ecdsaSign', 'ecdsaVerify', 'ecdsaRecover']

function isBinding(value: unknown): value is Binding {
  return typeof value === 'object' && value !== null && FUNCTIONS.every(name => typeof Reflect.get(value, name) === 'function')
}

/**
 * ECDSA over secp256k1 by libsecp256k1: byte for byte what the portable path signs, since both take the nonce of RFC 6979.
 * It verifies low S alone. It never hashes: SHA-256 is OpenSSL's.
 */
export function nativeSecp256k1({ crypto, load }: NodePlatform): SignatureSuite | undefined {
  // The package's index falls back to slow JavaScript without a word.
  const binding = load('secp256k1/bindings.js')
  if (!isBinding(binding)) return undefined
  const sha256 = (message: Uint8Array) => crypto.hash('sha256', message, 'buffer')
  return suiteOf(secp256k1Facts, {
    path: 'native',
    provider: 'libsecp256k1',

    generate: random => generateSecretKey(secp256k1, random),

    publicKey(secretKey) {
      requireSecretKey(secp256k1, 'Secp256k1', secretKey)
      return binding.publicKeyCreate(secretKey, true)
    },

    isPublicKey: publicKey => isBytesOf(publicKey, 33) && binding.publicKeyVerify(publicKey),

    signer(own) {
      requireSecretKey(secp256k1, 'Secp256k1', own)
      const sign = (message: Uint8Array) => binding.ecdsaSign(sha256(message), own).signature
      return {
        sign,
        signBatch: (messages, signal) => inTurns(messages, sign, { size: PER_TURN, signal }),
        signDigest(digest) {
          const { signature, recid } = binding.ecdsaSign(reduced(digest), own)
          return concatBytes(signature, Uint8Array.of(recid))
        },
      }
    },

    verify(publicKey, message, signature) {
      requireBytes(message, 'The message')
      return isBytesOf(publicKey, 33) && isBytesOf(signature, 64)
        && holds(() => binding.ecdsaVerify(signature, sha256(message), publicKey))
    },

    verifyDigest(publicKey, digest, signature) {
      if (!isBytesOf(publicKey, 33) || !isBytesOf(digest, 32) || !isBytesOf(signature, 65)) return false
      const compact = signature.subarray(0, 64)
      const recoveryId = signature[64] ?? 4
      // Recovery alone would take a high S.
      return recoveryId < 4
        && holds(() => binding.ecdsaVerify(compact, digest, publicKey) && sameBytes(binding.ecdsaRecover(compact, recoveryId, digest, true), publicKey))
    },
  })
}

/** The package throws for what it cannot read. */
function holds(check: () => boolean): boolean {
  try {
    return check()
  } catch {
    return false
  }
}

/**
 * The digest modulo the order, which is what is signed. RFC 6979, section 2.3.4, makes the nonce of it too, and libsecp256k1 of the bytes
 * as given. A chosen digest may be above the order; a SHA-256 is once in 2¹²⁷, and then has another nonce here, no less valid.
 */
function reduced(digest: Uint8Array): Uint8Array {
  const { Fn } = secp256k1.Point
  return Fn.toBytes(Fn.create(bytesToNumberBE(digest)))
}
