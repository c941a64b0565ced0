import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { isPiled, isVisible } from '../../visible.ts'

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

/** Text that somebody else chose, as one line: what is not seen, or changes the order of what is, is written out. */
export function showName(name: string): string {
  const hidden = isPiled(name) ? /\p{M}/u : undefined
  return Array.from(name, character => isVisible(character) && hidden?.test(character) !== true ? character : `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`).join('')
}

function readable(data: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data)
    return isVisible(text.replaceAll(/[\t\n]/g, '')) && !isPiled(text) && text.trim() !== '' ? text : undefined
  } catch {
    return undefined
  }
}

function grouped(hex: string): string {
  return hex.match(new RegExp(`.{1,${2 * BYTES_A_GROUP}}`, 'g'))?.join(' ') ?? ''
}
