import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { isPrintable } from './printable.ts'
import type { DataSummary } from './prompt.ts'

/** In bytes. */
const SHORT = 256

export function summaryOf(data: Uint8Array): DataSummary {
  const text = data.length > 0 && data.length <= SHORT ? textOf(data) : undefined
  return { length: data.length, digest: bytesToHex(sha256(data)), ...text !== undefined && { text } }
}

function textOf(data: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(data)
    return isPrintable(text) ? text : undefined
  } catch {
    return undefined
  }
}
