import { bytesToHex } from '@noble/hashes/utils.js'
import { Fault } from '../core/errors.ts'
import { KEY_LIMIT } from './store.ts'
import type { Change, KeyRange } from './store.ts'

/** A key as text, in the same order: so that rows can be kept in a `Table`. Throws `invalid-argument` for what is no key. */
export function textOfKey(key: Uint8Array): string {
  if (!isBytes(key) || key.length === 0 || key.length > KEY_LIMIT) {
    throw new Fault('invalid-argument', `A key is a Uint8Array of 1 to ${KEY_LIMIT} bytes`)
  }
  return bytesToHex(key)
}

/** A range, as texts. Its ends may be empty, and a byte longer than a key: `keysUnder` has such. Throws `invalid-argument`. */
export function textOfRange({ from, to }: KeyRange): { readonly from: string; readonly to: string } {
  if (!isEnd(from) || !isEnd(to)) throw new Fault('invalid-argument', `A range is { from, to }, each a Uint8Array of at most ${KEY_LIMIT + 1} bytes`)
  return { from: bytesToHex(from), to: bytesToHex(to) }
}

/** Changes by their keys as text, the last of each, with arrays of their own. Throws `invalid-argument` for what is no change. */
export function changesByKey(changes: readonly Change[]): ReadonlyMap<string, Change> {
  if (!Array.isArray(changes)) throw new Fault('invalid-argument', 'Changes are an array of { key, value }')
  const found = new Map<string, Change>()
  for (const change of changes) {
    const { key, value } = change ?? {}
    const text = textOfKey(key)
    if (value !== undefined && !isBytes(value)) throw new Fault('invalid-argument', 'The value of a change is a Uint8Array, or undefined to remove the row')
    found.set(text, { key: new Uint8Array(key), value: value && new Uint8Array(value) })
  }
  return found
}

/** The text of the key that comes next after that one, whether or not there is such a row. */
export function textAfter(text: string): string {
  return `${text}00`
}

function isEnd(end: unknown): boolean {
  return isBytes(end) && end.length <= KEY_LIMIT + 1
}

function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array
}
