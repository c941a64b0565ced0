import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { Fault } from '../../../core/errors.ts'
import { sameBytes } from '../../../crypto/bytes.ts'
import { AUTHENTICATOR_CBOR } from '../../../crypto/authenticator-data.ts'

/** Maps and arrays in one another (CTAP 2.1, section 8). */
const DEEPEST = 4

/**
 * CTAP2 canonical CBOR (CTAP 2.1, section 8). For keys that are numbers and text its order (major type, length, bytes) is that of RFC 8949, section 4.2.1. Maps stay
 * maps, since keys are numbers.
 */
export function encodeCanonical(value: unknown): Uint8Array {
  return encode(value, rfc8949EncodeOptions)
}

/** A map without what is undefined; and none at all when all is, since devices refuse empty ones. */
export function mapOf(fields: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined)
  return entries.length === 0 ? undefined : new Map(entries)
}

/** Throws for whatever is not CTAP2 canonical CBOR, whole: other forms of the same value, and kinds that CTAP2 does not know. */
export function decodeCanonical(bytes: Uint8Array): unknown {
  const value: unknown = decode(bytes, AUTHENTICATOR_CBOR)
  requireCanonical(value, bytes)
  return value
}

/** Throws `backend-failed` unless these bytes are how CTAP2 has this value. */
export function requireCanonical(value: unknown, bytes: Uint8Array): void {
  requireKinds(value, 0)
  if (!sameBytes(encodeCanonical(value), bytes)) throw new Fault('backend-failed', 'This CBOR is not in its canonical form')
}

function requireKinds(value: unknown, depth: number): void {
  if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'bigint' || value === null || value instanceof Uint8Array) return
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) throw new Fault('backend-failed', 'This CBOR has a fraction')
    return
  }
  if (depth === DEEPEST) throw new Fault('backend-failed', `This CBOR is nested in more than ${DEEPEST} levels`)
  if (Array.isArray(value)) {
    for (const item of value) requireKinds(item, depth + 1)
  } else if (value instanceof Map) {
    for (const [key, item] of value) {
      if (typeof key !== 'string' && !Number.isSafeInteger(key)) throw new Fault('backend-failed', 'This CBOR has a key that is no number and no text')
      requireKinds(item, depth + 1)
    }
  } else {
    throw new Fault('backend-failed', 'This CBOR has a kind of value that is not known')
  }
}
