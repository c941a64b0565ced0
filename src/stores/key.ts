import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { KeyRange } from './store.ts'

/**
 * The key of a row that is named by several texts. Each is written as UTF-8, its zero bytes as `00 FF`, and ends with `00 01`: so keys are in the order of
 * their parts, and those that begin with the same parts stand together. A part of more than 160 bytes is replaced by its hash: where it is to be read
 * back, the value holds it too.
 */
export function keyOf(...parts: readonly string[]): Uint8Array {
  return concatBytes(...parts.map(encodePart))
}

/** All keys that begin with these parts, and have more. */
export function keysUnder(...parts: readonly string[]): KeyRange {
  const from = keyOf(...parts)
  // No part begins with a byte above F4: none of UTF-8 is.
  return { from, to: concatBytes(from, Uint8Array.of(0xff)) }
}

const LONGEST_PART = 160

function encodePart(part: string): Uint8Array {
  const bytes = utf8ToBytes(part)
  if (bytes.length > LONGEST_PART) return encodePart(`\u0001${bytesToHex(sha256(bytes))}`)
  const escaped: number[] = []
  for (const byte of bytes) {
    escaped.push(byte)
    if (byte === 0) escaped.push(0xff)
  }
  return Uint8Array.of(...escaped, 0, 1)
}
