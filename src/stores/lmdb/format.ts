import { crc32 } from 'node:zlib'
import type { Item } from './environment.ts'

// What stands in the LMDB file: see "Store" in docs/formats.md. The header has a key of one zero byte, and each row 01 before its own.

/** What the header tells of all rows: how many there are, and the sum of their digests modulo 2³². */
export interface Tally {
  readonly rows: number
  readonly digest: number
}

export const NO_ROWS: Tally = Object.freeze({ rows: 0, digest: 0 })

export interface Header {
  readonly version: number
  /** 16 random bytes, which the store keeps for good. */
  readonly id: Uint8Array
  readonly tally: Tally
}

export const HEADER_KEY = Uint8Array.of(0)
/** Before every key of LMDB that is a row's, and after all of them. */
export const FIRST_ROW = Uint8Array.of(1)
export const AFTER_ROWS = Uint8Array.of(2)

const MAGIC = new TextEncoder().encode('ipse/store')
const CHECKSUM_SIZE = 4
const VERSION_AT = CHECKSUM_SIZE + MAGIC.length
const ID_AT = VERSION_AT + 2
const ROWS_AT = ID_AT + 16
const DIGEST_AT = ROWS_AT + 8
const HEADER_SIZE = DIGEST_AT + 4

export function headerItem({ version, id, tally }: Header): Item {
  const bytes = new Uint8Array(HEADER_SIZE)
  const view = new DataView(bytes.buffer)
  bytes.set(MAGIC, CHECKSUM_SIZE)
  view.setUint16(VERSION_AT, version)
  bytes.set(id, ID_AT)
  view.setBigUint64(ROWS_AT, BigInt(tally.rows))
  view.setUint32(DIGEST_AT, tally.digest)
  view.setUint32(0, checksumOf(HEADER_KEY, bytes))
  return { key: HEADER_KEY, bytes }
}

/** `undefined` for what is no header of any version. Of a newer one, only the version means something, and only if the header is sound. */
export function readHeader(bytes: Uint8Array | undefined): Header & { readonly isSound: boolean } | undefined {
  if (bytes === undefined || bytes.length < HEADER_SIZE || !MAGIC.every((byte, i) => byte === bytes[CHECKSUM_SIZE + i])) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return {
    version: view.getUint16(VERSION_AT),
    id: bytes.slice(ID_AT, ROWS_AT),
    tally: { rows: Number(view.getBigUint64(ROWS_AT)), digest: view.getUint32(DIGEST_AT) },
    isSound: isSound({ key: HEADER_KEY, bytes }),
  }
}

export function itemKey(key: Uint8Array): Uint8Array {
  const found = new Uint8Array(1 + key.length)
  found[0] = 1
  found.set(key, 1)
  return found
}

/** The key of LMDB that comes next, whether or not it has one. */
export function keyAfter(key: Uint8Array): Uint8Array<ArrayBuffer> {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

export function rowItem(key: Uint8Array, value: Uint8Array): Item {
  const bytes = new Uint8Array(CHECKSUM_SIZE + value.length)
  bytes.set(value, CHECKSUM_SIZE)
  const item = { key: itemKey(key), bytes }
  new DataView(bytes.buffer).setUint32(0, checksumOf(item.key, bytes))
  return item
}

/** Part of the item, and no copy; as the value is. */
export function keyOfItem({ key }: Item): Uint8Array {
  return key.subarray(1)
}

export function valueOfItem({ bytes }: Item): Uint8Array {
  return bytes.subarray(CHECKSUM_SIZE)
}

/** Whether the bytes are those that were written under that key. */
export function isSound({ key, bytes }: Item): boolean {
  return bytes.length >= CHECKSUM_SIZE && storedChecksum(bytes) === checksumOf(key, bytes)
}

/** The tally with a row more. */
export function plus({ rows, digest }: Tally, bytes: Uint8Array): Tally {
  return { rows: rows + 1, digest: (digest + digestOf(bytes)) >>> 0 }
}

/** The tally without that row, which is as it was written. */
export function minus({ rows, digest }: Tally, bytes: Uint8Array): Tally {
  return { rows: rows - 1, digest: (digest - digestOf(bytes)) >>> 0 }
}

/** CRC-32 of the key of LMDB and what follows the checksum: so that a row is damaged also when it stands under another key. */
function checksumOf(key: Uint8Array, bytes: Uint8Array): number {
  return crc32(bytes.subarray(CHECKSUM_SIZE), crc32(key))
}

function storedChecksum(bytes: Uint8Array): number {
  return bytes.length < CHECKSUM_SIZE ? 0 : new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(0)
}

/** MurmurHash3's finalizer over the checksum. Checksums are linear: of two rows that are both outdated alike, the changes could cancel in a sum of them. */
function digestOf(bytes: Uint8Array): number {
  let hash = storedChecksum(bytes)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
