import { Fault } from '../core/errors.ts'
import { isBytesOf } from './bytes.ts'
import { secretBytes } from './secret-bytes.ts'
import type { RandomBytes } from './suite.ts'

/** The most that `getRandomValues` fills at once (W3C Web Cryptography, section 10.1.1). */
const CHUNK = 65_536

/**
 * The platform's CSPRNG: the one source of keys and nonces in production. `length` is in bytes. Throws `invalid-argument`
 * for a length that is no non-negative integer.
 */
export const randomBytes: RandomBytes = length => {
  if (!Number.isSafeInteger(length) || length < 0) {
    throw new Fault('invalid-argument', `Cannot draw ${String(length)} random bytes: give a non-negative integer`)
  }
  const bytes = secretBytes(length)
  for (let at = 0; at < length; at += CHUNK) globalThis.crypto.getRandomValues(bytes.subarray(at, at + CHUNK))
  return bytes
}

/**
 * Draws exactly `length` bytes from `random`. Throws `invalid-argument` when it gives anything else: a source that comes up
 * short must never shorten a key.
 */
export function draw(random: RandomBytes, length: number): Uint8Array {
  const bytes: unknown = random(length)
  if (!isBytesOf(bytes, length)) {
    throw new Fault('invalid-argument', `The random source did not give the ${length} bytes it was asked for`)
  }
  return bytes
}
