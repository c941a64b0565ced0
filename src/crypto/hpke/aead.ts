import type { KeyObject, NodeCrypto } from '../node/platform.ts'
import type { AeadId } from './aead-id.ts'

/** One AEAD, natively. */
export interface Aead {
  readonly id: AeadId
  readonly keyLength: number
  /** The ciphertext, with the tag at its end. */
  seal(key: KeyObject, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array
  /** The plaintext, once the tag was verified; `undefined` for whatever does not open. */
  open(key: KeyObject, nonce: Uint8Array, aad: Uint8Array, ciphertext: Uint8Array): Uint8Array | undefined
}

const TAG_LENGTH = 16
const OPTIONS = { authTagLength: TAG_LENGTH }

/** The AEAD with that id, by OpenSSL. */
export function nativeAead(crypto: NodeCrypto, id: AeadId): Aead {
  const { keyLength, cipher, decipher } = {
    1: {
      keyLength: 16,
      cipher: (key: KeyObject, nonce: Uint8Array) => crypto.createCipheriv('aes-128-gcm', key, nonce, OPTIONS),
      decipher: (key: KeyObject, nonce: Uint8Array) => crypto.createDecipheriv('aes-128-gcm', key, nonce, OPTIONS),
    },
    2: {
      keyLength: 32,
      cipher: (key: KeyObject, nonce: Uint8Array) => crypto.createCipheriv('aes-256-gcm', key, nonce, OPTIONS),
      decipher: (key: KeyObject, nonce: Uint8Array) => crypto.createDecipheriv('aes-256-gcm', key, nonce, OPTIONS),
    },
    3: {
      keyLength: 32,
      cipher: (key: KeyObject, nonce: Uint8Array) => crypto.createCipheriv('chacha20-poly1305', key, nonce, OPTIONS),
      decipher: (key: KeyObject, nonce: Uint8Array) => crypto.createDecipheriv('chacha20-poly1305', key, nonce, OPTIONS),
    },
  }[id]
  return {
    id,
    keyLength,
    seal(key, nonce, aad, plaintext) {
      const sealing = cipher(key, nonce)
      if (aad.length > 0) sealing.setAAD(aad, { plaintextLength: plaintext.length })
      const ciphertext = new Uint8Array(plaintext.length + TAG_LENGTH)
      ciphertext.set(sealing.update(plaintext))
      sealing.final()
      ciphertext.set(sealing.getAuthTag(), plaintext.length)
      return ciphertext
    },
    open(key, nonce, aad, ciphertext) {
      const length = ciphertext.length - TAG_LENGTH
      if (length < 0) return undefined
      const opening = decipher(key, nonce)
      opening.setAuthTag(ciphertext.subarray(length))
      if (aad.length > 0) opening.setAAD(aad, { plaintextLength: length })
      const { buffer, byteOffset } = opening.update(ciphertext.subarray(0, length))
      try {
        opening.final()
      } catch {
        return undefined
      }
      return new Uint8Array(buffer, byteOffset, length)
    },
  }
}
