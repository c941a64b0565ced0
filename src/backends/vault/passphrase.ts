import { Fault } from '../../core/errors.ts'
import { requireBytes } from '../../crypto/bytes.ts'
import { secretCopy, secretFrom } from '../../crypto/secret-bytes.ts'
import type { SlotKind, Unlocker } from './root-keys.ts'

/** The most bytes of a passphrase. */
export const PASSPHRASE_LIMIT = 1024

/**
 * Opens the slots of a passphrase: text, or its UTF-8, of which the caller can erase its array. The same text opens however it was typed: it is prepared as RFC 8265,
 * section 4.2 (OpaqueString), says. Throws `invalid-argument` for an empty one, one of more than 1 KiB, and one with characters that are none or
 * control characters, such as the end of a line.
 */
export function passphrase(text: string | Uint8Array): Unlocker {
  return new Secret('passphrase', prepared(text))
}

/** An unlocker that has its secret. It is private, so that nothing that inspects it prints it. */
export class Secret implements Unlocker {
  readonly kind: SlotKind
  readonly #bytes: Uint8Array

  /** Keeps these bytes, and no copy. */
  constructor(kind: SlotKind, bytes: Uint8Array) {
    this.kind = kind
    this.#bytes = bytes
  }

  async secret(): Promise<Uint8Array> {
    return secretCopy(this.#bytes)
  }
}

/** Controls; code points without a character, for which a later Unicode may have another normal form; surrogates. */
const DISALLOWED = /[\p{Cc}\p{Cn}\p{Cs}]/u

/** The bytes that a passphrase stands for. */
export function prepared(text: string | Uint8Array): Uint8Array {
  // Of ASCII no text is made: that could not be erased.
  const bytes = typeof text !== 'string' && isPrintable(text) ? secretCopy(text) : opaque(typeof text === 'string' ? text : decoded(text))
  if (bytes.length >= 1 && bytes.length <= PASSPHRASE_LIMIT) return bytes
  bytes.fill(0)
  throw new Fault('invalid-argument', `A passphrase is 1 to ${PASSPHRASE_LIMIT} bytes of UTF-8`)
}

function isPrintable(bytes: Uint8Array): boolean {
  requireBytes(bytes, 'A passphrase that is no text')
  return bytes.every(byte => byte >= 0x20 && byte <= 0x7e)
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new Fault('invalid-argument', 'A passphrase that is given as bytes must be UTF-8')
  }
}

/** OpaqueString: every space is U+0020, and then normalization form C. */
function opaque(text: string): Uint8Array {
  if (DISALLOWED.test(text)) throw new Fault('invalid-argument', 'A passphrase has no control characters, such as the end of a line, and no code points without a character')
  return secretFrom(new TextEncoder().encode(text.replace(/\p{Zs}/gu, ' ').normalize('NFC')))
}
