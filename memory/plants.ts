import type { Draws } from './masked.ts'
import { unmoved } from './masked.ts'

/** Copies that are held on purpose, each in another form: whoever looks must find these, and nothing of the one that was erased. */
export function plant(draws: Draws): readonly unknown[] {
  const forms: { readonly [form: string]: (bytes: Uint8Array) => unknown } = {
    array: bytes => Uint8Array.from(bytes),
    'large array': bytes => Uint8Array.of(...new Uint8Array(100), ...bytes),
    'pooled buffer': bytes => Buffer.allocUnsafe(32).fill(bytes),
    text: bytes => hexOf(bytes),
    'two-byte text': bytes => String.fromCharCode(...bytes, 0x2713),
    number: bytes => BigInt(`0x${hexOf(bytes)}`),
    half: bytes => Uint8Array.from(bytes.subarray(16)),
    nowhere: () => undefined,
  }
  return Object.entries(forms).map(([form, hold]) => {
    const bytes = unmoved(32)
    globalThis.crypto.getRandomValues(bytes)
    draws.note(`plant: ${form}`, bytes)
    const held = hold(bytes)
    bytes.fill(0)
    return held
  })
}

function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
}
