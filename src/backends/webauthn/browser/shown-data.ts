import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

/** Bytes as a person reads them: all of them, or a digest that can be compared with another. */
export interface ShownData {
  readonly kind: 'text' | 'hex' | 'digest' | 'empty'
  /** What is there: "42 bytes, as text". */
  readonly caption: string
  readonly content: string
}

/** The most bytes that are shown in full. */
const MOST_SHOWN = 4096
const BYTES_A_GROUP = 2

/**
 * Text where it is that, with nothing in it that is not seen or changes the order of what is; else hexadecimal; long data as its SHA-256.
 */
export function showData(data: Uint8Array): ShownData {
  if (data.length === 0) return { kind: 'empty', caption: 'No bytes', content: '' }
  const size = sizeOf(data)
  if (data.length > MOST_SHOWN) return { ...showDigest(data), caption: `${size}, too long to show. Sign only if you know this to be their SHA-256` }
  const text = readable(data)
  return text === undefined
    ? { kind: 'hex', caption: `${size}, in hexadecimal`, content: grouped(bytesToHex(data)) }
    : { kind: 'text', caption: `${size}, as text${linesOf(text)}`, content: text }
}

/** Its size and SHA-256. */
export function showDigest(data: Uint8Array): ShownData {
  return { kind: 'digest', caption: `${sizeOf(data)}, by their SHA-256`, content: grouped(bytesToHex(sha256(data))) }
}

function sizeOf({ length }: Uint8Array): string {
  return length === 1 ? '1 byte' : `${length.toLocaleString('en')} bytes`
}

/** Whether there is more of it further down. */
function linesOf(text: string): string {
  const lines = text.split('\n').length
  return lines === 1 ? '' : ` in ${lines.toLocaleString('en')} lines`
}

/** Letters, marks, numbers, punctuation, symbols, plain spaces, tabs and line feeds: no controls, nothing that hides or turns text around. Some letters, marks and symbols are blank. */
const READABLE = /^[[\p{L}\p{M}\p{N}\p{P}\p{S} \t\n]--[\p{Default_Ignorable_Code_Point}\u2800\ufffc\u{1d159}]]*$/v
/** So many marks on one letter reach over the lines around it. */
const PILED = /\p{M}{5}/u

/** Text that somebody else chose, as one line: what is not seen, or changes the order of what is, is written out. */
export function showName(name: string): string {
  const hidden = PILED.test(name) ? /[\t\n\p{M}]/u : /[\t\n]/u
  return Array.from(name, character => READABLE.test(character) && !hidden.test(character) ? character : `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`).join('')
}

function readable(data: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data)
    return READABLE.test(text) && !PILED.test(text) && text.trim() !== '' ? text : undefined
  } catch {
    return undefined
  }
}

function grouped(hex: string): string {
  return hex.match(new RegExp(`.{1,${2 * BYTES_A_GROUP}}`, 'g'))?.join(' ') ?? ''
}
