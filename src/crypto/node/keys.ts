import { concatBytes, hexToBytes } from '@noble/hashes/utils.js'
import type { KeyObject } from 'node:crypto'
import { secretCopy } from '../secret-bytes.ts'
import type { NodeCrypto } from './platform.ts'

/**
 * How `node:crypto` reads the keys of one algorithm, in every release that has it: DER, which for keys of one length is a constant
 * prefix and then the raw bytes. OpenSSL decides little about these: that they are keys is for the caller to check.
 */
export interface KeyFormat {
  /** Throws OpenSSL's error where it lacks the algorithm. */
  importSecret(secretKey: Uint8Array): KeyObject
  /** `undefined` for what OpenSSL refuses. */
  importPublic(publicKey: Uint8Array): KeyObject | undefined
  /** The raw public key that belongs to an imported secret key. */
  exportPublic(secretKey: KeyObject): Uint8Array
}

/** `pkcs8` and `spki` are the prefixes, in hexadecimal, of PKCS #8 (RFC 5958) and of SubjectPublicKeyInfo (RFC 5280, section 4.1). */
export function keyFormat(crypto: NodeCrypto, { pkcs8, spki }: { readonly pkcs8: string; readonly spki: string }): KeyFormat {
  const secretPrefix = hexToBytes(pkcs8)
  const publicPrefix = hexToBytes(spki)
  return {
    importSecret(secretKey) {
      const key = secretCopy(secretPrefix, secretKey)
      try {
        return crypto.createPrivateKey({ key, format: 'der', type: 'pkcs8' })
      } finally {
        key.fill(0)
      }
    },
    importPublic(publicKey) {
      try {
        return crypto.createPublicKey({ key: concatBytes(publicPrefix, publicKey), format: 'der', type: 'spki' })
      } catch {
        return undefined
      }
    },
    exportPublic: secretKey => new Uint8Array(crypto.createPublicKey(secretKey).export({ format: 'der', type: 'spki' }).subarray(publicPrefix.length)),
  }
}

/** Whether this OpenSSL has the algorithm: `secretKey` is any of its keys. */
export function isSupported(format: KeyFormat, secretKey: Uint8Array): boolean {
  try {
    format.importSecret(secretKey)
    return true
  } catch {
    return false
  }
}
