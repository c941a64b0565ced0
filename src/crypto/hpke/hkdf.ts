import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../../core/errors.ts'
import type { KeyObject, NodeCrypto } from '../node/platform.ts'

/** HKDF-SHA256 with the labels of RFC 9180, section 4. A label is given first, and what follows from it is computed once. */
export interface LabeledHkdf {
  /** LabeledExtract, always of one `label`: a pseudorandom key of 32 bytes. No salt is the empty one. */
  extract(label: string): (salt: KeyObject | undefined, ikm: Uint8Array) => Uint8Array
  /** LabeledExpand, always of one `label` and to `length` bytes. */
  expand(label: string, length: number): (prk: KeyObject, info: Uint8Array) => Uint8Array
}

const LIMIT = 255 * 32
const NONE = new Uint8Array(0)

/** HKDF-SHA256 (RFC 5869) by HMACs: the key of each is a KeyObject, since Node.js takes several times as long with bytes. */
export function hkdfSha256(crypto: NodeCrypto) {
  const none = crypto.createSecretKey(new Uint8Array(32))
  return {
    /** HKDF-Extract. */
    extract(salt: KeyObject | undefined, ...ikm: readonly Uint8Array[]): Uint8Array {
      return hmac(crypto, salt ?? none, ikm)
    },
    /** HKDF-Expand. Throws `invalid-argument` for a length above 255 · 32 bytes, where its counter ends. */
    expand(prk: KeyObject, length: number, ...info: readonly Uint8Array[]): Uint8Array {
      if (length > LIMIT) throw new Fault('invalid-argument', `HKDF-SHA256 gives at most ${LIMIT} bytes`)
      const okm = new Uint8Array(length)
      let block: Uint8Array = NONE
      for (let at = 0; at < length; at += 32) {
        block = hmac(crypto, prk, [block, ...info, Uint8Array.of(at / 32 + 1)])
        okm.set(block.subarray(0, length - at), at)
      }
      return okm
    },
  }
}

function hmac(crypto: NodeCrypto, key: KeyObject, message: readonly Uint8Array[]): Uint8Array {
  const mac = crypto.createHmac('sha256', key)
  for (const part of message) mac.update(part)
  return mac.digest()
}

/** `suiteId` tells one use of HKDF from another. */
export function labeledHkdf(crypto: NodeCrypto, suiteId: Uint8Array): LabeledHkdf {
  const hkdf = hkdfSha256(crypto)
  const prefix = (label: string) => concatBytes(ascii('HPKE-v1'), suiteId, ascii(label))
  return {
    extract(label) {
      const labeled = prefix(label)
      return (salt, ikm) => hkdf.extract(salt, labeled, ikm)
    },
    expand(label, length) {
      const labeled = concatBytes(u16(length), prefix(label))
      return (prk, info) => hkdf.expand(prk, length, labeled, info)
    },
  }
}

/** `text` holds ASCII alone. */
export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** I2OSP(value, 2). */
export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff)
}
