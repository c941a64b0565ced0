import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../core/errors.ts';
import type { Refusal } from '../core/errors.ts';
import { requireBytes, utf8 } from './bytes.ts'
import type { EncryptionFacts, Opener, Sealed } from './encryption.ts'
import { encryptionFacts } from './encryptions.ts'
import { readIdentity } from './known-names.ts'
import type { EncryptionKey, IdentityName } from './identity-name.ts'
import { secretCopy } from './secret-bytes.ts'

/** The most bytes that {@link encryptTo} takes: 1 MiB. */
export const PLAINTEXT_LIMIT = 1_048_576

const VERSION = 1
const HEADER_LENGTH = 2
const TAG_LENGTH = 16

/** The length in bytes of the longest ciphertext, by whatever scheme. */
export const CIPHERTEXT_LIMIT = PLAINTEXT_LIMIT + HEADER_LENGTH + Math.max(...encryptionFacts.map(({ encLength }) => encLength)) + TAG_LENGTH

const PREFIX = Uint8Array.of(...new TextEncoder().encode('ipse/enc/1'), 0)
const PURPOSE = new TextEncoder().encode('data')

/** Why a ciphertext did not open; nothing more is said. */
export type CiphertextRefusal = Refusal<'malformed-ciphertext' | 'decryption-failed'>

const MALFORMED: CiphertextRefusal = Object.freeze({ err: 'Malformed ciphertext', code: 'malformed-ciphertext' })
export const DECRYPTION_FAILED: CiphertextRefusal = Object.freeze({ err: 'Decryption failed', code: 'decryption-failed' })

/**
 * HPKE `info`: `"ipse/enc/1" 00 ‖ version ‖ suite ‖ u8 length ‖ purpose ‖ recipient's name`. The name goes last, so that it
 * needs no length, and binds the ciphertext to both of the recipient's keys.
 */
function infoFor({ id }: EncryptionFacts, name: string): Uint8Array {
  return concatBytes(PREFIX, Uint8Array.of(VERSION, id, PURPOSE.length), PURPOSE, utf8(name, "The recipient's name"))
}

/**
 * Encrypts `data` (at most {@link PLAINTEXT_LIMIT} bytes) to an identity, with HPKE base mode (RFC 9180, section 6.1):
 * `u8 version 1 ‖ u8 suite ‖ enc ‖ ciphertext and tag` (docs/formats.md). The sender is not authenticated. Rejects
 * with `invalid-identity` for an identity that is none, `not-available` for one without an encryption key or a platform without
 * the algorithms, `invalid-argument` for data that is none or too long, `backend-failed` when the platform fails.
 */
export async function encryptTo(identity: string | IdentityName, data: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  requireBytes(data, 'The data')
  if (data.length > PLAINTEXT_LIMIT) {
    throw new Fault('invalid-argument', `Cannot encrypt ${data.length} bytes at once: the limit is ${PLAINTEXT_LIMIT}`)
  }
  const { name, encrypt } = readIdentity(identity)
  if (encrypt === undefined) {
    throw new Fault('not-available', 'This identity cannot decrypt: its name holds no encryption key, so nothing can be encrypted to it')
  }
  // Copied before the first wait: what the caller does with its array afterwards must not change what is encrypted.
  const plaintext = secretCopy(data)
  try {
    const { enc, ciphertext } = await seal(encrypt, infoFor(encrypt.scheme, name), plaintext)
    return concatBytes(Uint8Array.of(VERSION, encrypt.scheme.id), enc, ciphertext)
  } finally {
    plaintext.fill(0)
  }
}

async function seal({ scheme, publicKey }: EncryptionKey, info: Uint8Array, plaintext: Uint8Array): Promise<Sealed> {
  try {
    return await scheme.seal(publicKey, info, plaintext)
  } catch (cause) {
    if (cause instanceof Fault) throw cause
    throw new Fault('backend-failed', 'This platform failed to encrypt: see the cause', { cause })
  }
}

/** What is said of bytes that no key of that scheme opens, since they are no ciphertext. Throws `invalid-argument` for what is no Uint8Array. */
export function malformedRefusal(ciphertext: Uint8Array, { id, encLength }: EncryptionFacts): CiphertextRefusal | undefined {
  requireBytes(ciphertext, 'The ciphertext')
  const overhead = HEADER_LENGTH + encLength + TAG_LENGTH
  const { length } = ciphertext
  return length < overhead || length > overhead + PLAINTEXT_LIMIT || ciphertext[0] !== VERSION || ciphertext[1] !== id ? MALFORMED : undefined
}

/** Opens the ciphertexts of one identity, whose name is the decryptor's own and never read from a ciphertext. */
export class CiphertextOpener {
  readonly #opener: Opener
  readonly #facts: EncryptionFacts
  readonly #info: Uint8Array

  /** Throws `invalid-argument` for a name that is no text. */
  constructor(opener: Opener, facts: EncryptionFacts, name: string) {
    this.#opener = opener
    this.#facts = facts
    this.#info = infoFor(facts, name)
  }

  /**
   * The plaintext, or a refusal: `malformed-ciphertext` while version, suite and length are not those of a ciphertext,
   * and `decryption-failed` for everything after. Throws, or rejects with, `invalid-argument` for a ciphertext that is no Uint8Array,
   * `not-available` on a platform without the algorithms.
   */
  open(ciphertext: Uint8Array): Uint8Array | CiphertextRefusal | Promise<Uint8Array | CiphertextRefusal> {
    const malformed = malformedRefusal(ciphertext, this.#facts)
    if (malformed !== undefined) return malformed
    const body = HEADER_LENGTH + this.#facts.encLength
    const opened = this.#opener.open(this.#info, ciphertext.subarray(HEADER_LENGTH, body), ciphertext.subarray(body))
    return opened instanceof Promise ? opened.then(plaintext => plaintext ?? DECRYPTION_FAILED) : opened ?? DECRYPTION_FAILED
  }

  /** Erases the opener's key. It opens no more. */
  erase(): void {
    this.#opener.erase()
  }
}
