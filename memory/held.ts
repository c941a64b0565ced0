import { z } from 'zod'
import type { Secret } from './secrets.ts'

/** The labels of secrets that live: whole, or by half. */
export interface Held {
  readonly arrays: readonly string[]
  readonly texts: readonly string[]
}

const written = z.array(z.string())
const snapshot = z.object({ strings: z.array(z.string()) })

/**
 * Looks through what V8 says lives: its arrays of bytes, as `inspect` writes them, and the texts in a snapshot of its heap. Neither has what was planted as a
 * number, and V8 tells of no array what of its buffer is not in it.
 */
export function heldIn(secrets: readonly Secret[], reports: { readonly arrays: string; readonly snapshot: string }): Held {
  const arrays = written.parse(JSON.parse(reports.arrays)).map(hexOf)
  const texts = snapshot.parse(JSON.parse(reports.snapshot)).strings.join('\n')
  const labels = (isHeld: (half: Buffer) => boolean) =>
    [...new Set(secrets.flatMap(({ label, bytes }) => [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)].some(isHeld) ? [label] : []))]
  return {
    arrays: labels(half => arrays.some(hex => hex.includes(half.toString('hex')))),
    texts: labels(half => texts.includes(half.toString('hex')) || texts.includes(half.toString('latin1'))),
  }
}

/** `<Buffer 01 02>`, or `Uint8Array(2) [ 1, 2 ]`. */
function hexOf(inspected: string): string {
  const [, hex] = /^<Buffer ((?:[\da-f]{2}[ >])+)/.exec(inspected) ?? []
  if (hex !== undefined) return hex.replaceAll(/[ >]/g, '')
  return Buffer.from(Array.from(inspected.slice(inspected.indexOf('[')).matchAll(/(?<=^|[\s[])\d+(?=,|\s|$)/g), ([number]) => Number(number))).toString('hex')
}
