import { decodeFirst, encode, objectToTokens, rfc8949EncodeOptions, Token, Tokenizer, Type } from 'cborg'
import type { DecodeOptions, EncodeOptions } from 'cborg'
import { DEPTH } from './data.ts'
import { Fault } from './errors.ts'
import { Table } from './table.ts'

/** The deterministic CBOR form of data (RFC 8949 §4.2.1); a table is a map. Equal data has equal bytes. */
export function encodeData(value: unknown): Uint8Array {
  return encode(value, hashed)
}

/**
 * As {@link encodeData}, in a form that {@link decodeData} reads back as it was: a table is a map with tag 259, a bigint a bignum (tags
 * 2 and 3), and -0 is a float. Throws `not-encodable` for text with lone surrogates, which UTF-8 has no form for.
 */
export function packData(value: unknown): Uint8Array {
  return encode(value, packed)
}

/**
 * Reads items that follow each other (a CBOR sequence, RFC 8742), at most `limit` of them. Throws for what is cut short, nested too deep, has
 * a repeated key, a longer form than needed or a tag that {@link packData} does not write. What it reads from a stranger is data only
 * when `assertData` says so: an object may have a field `__proto__`.
 */
export function decodeData(bytes: Uint8Array, limit: number): readonly unknown[] {
  const items: unknown[] = []
  // A plain view: what is sliced off a Buffer is no copy.
  for (let rest = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length); rest.length > 0;) {
    if (items.length === limit) throw new Fault('not-encodable', `There are more than ${limit} items`)
    const tokenizer = new ShallowTokens(rest, strict)
    const [item]: readonly unknown[] = decodeFirst(rest, { ...strict, tokenizer })
    items.push(item)
    rest = rest.subarray(tokenizer.pos())
  }
  return items
}

const TABLE = 259
const [POSITIVE, NEGATIVE] = [2, 3]
const BIGNUM_LIMIT = 8

const hashed: EncodeOptions = {
  ...rfc8949EncodeOptions,
  ignoreUndefinedProperties: true,
  typeEncoders: {
    Object: (value: unknown, _type, inner) => value instanceof Table ? objectToTokens(new Map(value), inner) : null,
  },
}

const packed: EncodeOptions = {
  ...hashed,
  typeEncoders: {
    Object: (value: unknown, _type, inner) => value instanceof Table ? [new Token(Type.tag, TABLE), objectToTokens(new Map(value), inner)] : null,
    bigint: (value: bigint) => [new Token(Type.tag, value < 0n ? NEGATIVE : POSITIVE), new Token(Type.bytes, bytesOf(value < 0n ? -1n - value : value))],
    number: (value: number) => Object.is(value, -0) ? new Token(Type.float, value) : null,
    string: (value: string) => {
      if (!value.isWellFormed()) throw new Fault('not-encodable', 'A text has lone surrogates: UTF-8 has no form for them')
      return null
    },
  },
}

const strict: DecodeOptions = {
  strict: true,
  allowIndefinite: false,
  allowBigInt: false,
  rejectDuplicateMapKeys: true,
  tags: {
    [TABLE]: decode => tableOf(decode.entries()),
    [POSITIVE]: decode => bigintOf(decode()),
    [NEGATIVE]: decode => -1n - bigintOf(decode()),
  },
}

function tableOf(entries: readonly (readonly [unknown, unknown])[]): Table<unknown> {
  const known: [string, unknown][] = []
  for (const [key, value] of entries) {
    if (typeof key !== 'string') throw new Fault('not-encodable', 'A key of a table is no text')
    known.push([key, value])
  }
  const table = Table.from(known)
  if (table.size < known.length) throw new Fault('not-encodable', 'A key of a table is repeated')
  return table
}

function bytesOf(value: bigint): Uint8Array {
  const bytes: number[] = []
  for (let rest = value; rest > 0n; rest >>= 8n) bytes.unshift(Number(rest & 0xffn))
  return Uint8Array.from(bytes)
}

function bigintOf(bytes: unknown): bigint {
  if (!(bytes instanceof Uint8Array) || bytes.length > BIGNUM_LIMIT || bytes[0] === 0) throw new Fault('not-encodable', 'A bignum is not one of at most 64 bits')
  return bytes.reduce((value, byte) => value << 8n | BigInt(byte), 0n)
}

/** Data of tables takes two levels for each, and stands in an item itself. */
const NESTING = 2 * DEPTH + 4

/** Refuses what is nested too deep while it is read, since the reader calls itself for each level. */
class ShallowTokens extends Tokenizer {
  /** How many items each open array, map or tag still lacks. */
  readonly #open: number[] = []

  override next(): Token {
    const token = super.next()
    const last = this.#open.length - 1
    if (last >= 0) this.#open[last] = (this.#open[last] ?? 0) - 1
    const items = itemsIn(token)
    if (items > 0) {
      this.#open.push(items)
      if (this.#open.length > NESTING) throw new Fault('not-encodable', `It is nested deeper than ${NESTING}`)
    } else {
      while (this.#open.at(-1) === 0) this.#open.pop()
    }
    return token
  }
}

function itemsIn({ type, value }: Token): number {
  if (Type.equals(type, Type.tag)) return 1
  if (Type.equals(type, Type.array)) return Number(value)
  return Type.equals(type, Type.map) ? 2 * Number(value) : 0
}
