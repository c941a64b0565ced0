import { encode, objectToTokens, rfc8949EncodeOptions } from 'cborg'
import type { EncodeOptions } from 'cborg'
import { Table } from './table.ts'

/** The deterministic CBOR form of data (RFC 8949 §4.2.1); a table is a map. Equal data has equal bytes. */
export function encodeData(value: unknown): Uint8Array {
  return encode(value, options)
}

const options: EncodeOptions = {
  ...rfc8949EncodeOptions,
  ignoreUndefinedProperties: true,
  typeEncoders: {
    Object: (value: unknown, _type, inner) => value instanceof Table ? objectToTokens(new Map(value), inner) : null,
  },
}
