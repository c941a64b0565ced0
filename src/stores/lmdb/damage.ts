import { bytesToHex } from '@noble/hashes/utils.js'
import { Fault } from '../../core/errors.ts'

export function damagedRow(key: Uint8Array): Fault {
  return new Fault('store-damaged', `The row ${describeKey(key)} is not what was written: restore a copy, or read the rest`)
}

/** For people: as text if it can be printed, the ends of its parts (see `keyOf`) as slashes; else in hexadecimal. */
export function describeKey(key: Uint8Array): string {
  const text = new TextDecoder().decode(key).replaceAll('\u0000\u0001', '/')
  return /^[\u0020-\u007e]+$/.test(text) ? JSON.stringify(text) : bytesToHex(key)
}
