import { isBytes } from '@noble/hashes/utils.js'
import { Fault } from '../core/errors.ts'

/** Throws `invalid-argument` unless `value` is a Uint8Array. `what` names it in the text, e.g. "The data". */
export function requireBytes(value: unknown, what: string): asserts value is Uint8Array {
  if (!isBytes(value)) throw new Fault('invalid-argument', `${what} must be a Uint8Array: encode text with TextEncoder first`)
  // Only empty ones are asked for their buffer: for small arrays, asking makes one.
  if (value.length === 0 && 'detached' in value.buffer && value.buffer.detached) {
    throw new Fault('invalid-argument', `${what} must be a Uint8Array that was not transferred elsewhere`)
  }
}

/** Throws `invalid-argument` unless `value` is an array. `what` names it in the text, e.g. "The signatures". */
export function requireList(value: unknown, what: string): asserts value is readonly unknown[] {
  if (!Array.isArray(value)) throw new Fault('invalid-argument', `${what} must be an array`)
}

/** Whether `value` is a Uint8Array of exactly that many bytes. */
export function isBytesOf(value: unknown, length: number): value is Uint8Array {
  return isBytes(value) && value.length === length
}

/** Whether two public byte strings are the same. Not for secrets: it takes as long as the common prefix. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/** UTF-8. Throws `invalid-argument` for text with lone surrogates, since distinct texts would get the same bytes. */
export function utf8(text: string, what: string): Uint8Array<ArrayBuffer> {
  if (typeof text !== 'string' || !text.isWellFormed()) throw new Fault('invalid-argument', `${what} must be well-formed text`)
  return new TextEncoder().encode(text)
}
