import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { Refusal } from './status.ts'

export type CborMap = ReadonlyMap<unknown, unknown>

/** CTAP2's canonical form (CTAP 2.1, section 8). Its order of keys is the bytewise order of RFC 8949 for keys that are integers and texts, which all of CTAP's are. */
export function toCbor(value: unknown): Uint8Array {
  return encode(value, rfc8949EncodeOptions)
}

/** Messages nest no deeper (CTAP 2.1, section 8). */
const DEPTH = 4

/** Reads a command's parameters: one map in canonical form, and nothing after it. Maps are read as Map. */
export function fromCbor(bytes: Uint8Array): CborMap {
  const value = decoded(bytes)
  if (!(value instanceof Map)) throw new Refusal('CBOR_UNEXPECTED_TYPE')
  if (depthOf(value) > DEPTH || Buffer.compare(toCbor(value), bytes) !== 0) throw new Refusal('INVALID_CBOR')
  return value
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return decode(bytes, { useMaps: true, strict: true, allowIndefinite: false, allowUndefined: false, allowBigInt: false, rejectDuplicateMapKeys: true })
  } catch {
    throw new Refusal('INVALID_CBOR')
  }
}

function depthOf(value: unknown): number {
  const inner = value instanceof Map ? [...value.keys(), ...value.values()] : value
  return Array.isArray(inner) ? 1 + inner.reduce<number>((deepest, each) => Math.max(deepest, depthOf(each)), 0) : 0
}

/** The parameters of a command, or the fields of one of them. A wrong type is CBOR_UNEXPECTED_TYPE, a lacking field MISSING_PARAMETER. */
export class Fields {
  readonly #map: CborMap

  constructor(map: CborMap) {
    this.#map = map
  }

  /** That of an item of a list, or of an extension. */
  static of(value: unknown): Fields {
    if (!(value instanceof Map)) throw new Refusal('CBOR_UNEXPECTED_TYPE')
    return new Fields(value)
  }

  has(key: unknown): boolean {
    return this.#map.has(key)
  }

  bytes(key: number | string): Uint8Array {
    return given(this.maybeBytes(key))
  }

  maybeBytes(key: number | string): Uint8Array | undefined {
    const value = this.#map.get(key)
    if (value === undefined || value instanceof Uint8Array) return value
    throw new Refusal('CBOR_UNEXPECTED_TYPE')
  }

  text(key: number | string): string {
    return given(this.maybeText(key))
  }

  maybeText(key: number | string): string | undefined {
    const value = this.#map.get(key)
    if (value === undefined || typeof value === 'string') return value
    throw new Refusal('CBOR_UNEXPECTED_TYPE')
  }

  integer(key: number | string): number {
    return given(this.maybeInteger(key))
  }

  maybeInteger(key: number | string): number | undefined {
    const value = this.#map.get(key)
    if (value === undefined || typeof value === 'number' && Number.isInteger(value)) return value
    throw new Refusal('CBOR_UNEXPECTED_TYPE')
  }

  maybeBoolean(key: number | string): boolean | undefined {
    const value = this.#map.get(key)
    if (value === undefined || typeof value === 'boolean') return value
    throw new Refusal('CBOR_UNEXPECTED_TYPE')
  }

  map(key: number | string): Fields {
    return given(this.maybeMap(key))
  }

  maybeMap(key: number | string): Fields | undefined {
    const value = this.#map.get(key)
    return value === undefined ? undefined : Fields.of(value)
  }

  list(key: number | string): readonly Fields[] {
    return given(this.maybeList(key))
  }

  maybeList(key: number | string): readonly Fields[] | undefined {
    const value = this.#map.get(key)
    if (value === undefined) return undefined
    if (!Array.isArray(value)) throw new Refusal('CBOR_UNEXPECTED_TYPE')
    return value.map(each => Fields.of(each))
  }

  /** The canonical bytes of what is there. */
  encoded(): Uint8Array {
    return toCbor(this.#map)
  }
}

function given<T>(value: T | undefined): T {
  if (value === undefined) throw new Refusal('MISSING_PARAMETER')
  return value
}
