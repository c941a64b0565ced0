import { secretBytes } from '../secret-bytes.ts'

// Secret scalars, as bytes, big-endian. Numbers and text that are made of a secret can't be erased, so there are none here; nor does the time depend on it.

/** Whether these bytes are a number above 0 and below `order`, which has as many. */
export function isScalar(bytes: Uint8Array, order: Uint8Array): boolean {
  let borrow = 0
  let any = 0
  for (let i = order.length - 1; i >= 0; i--) {
    const byte = bytes[i] ?? 0
    borrow = byte - (order[i] ?? 0) - borrow >>> 31
    any |= byte
  }
  return borrow === 1 && any !== 0
}

/** The seed modulo `order − 1`, plus 1 (FIPS 186-5, A.2.1). The order is odd. */
export function scalarOf(seed: Uint8Array, order: Uint8Array): Uint8Array {
  const last = order.length - 1
  const modulus = order.map((byte, i) => i === last ? byte - 1 : byte)
  const rest = secretBytes(order.length)
  const less = secretBytes(order.length)
  for (const byte of seed) {
    for (let bit = 7; bit >= 0; bit--) {
      let carry = byte >> bit & 1
      let borrow = 0
      for (let i = last; i >= 0; i--) {
        const doubled = (rest[i] ?? 0) << 1 | carry
        const difference = (doubled & 0xff) - (modulus[i] ?? 0) - borrow
        carry = doubled >> 8
        borrow = difference >>> 31
        rest[i] = doubled
        less[i] = difference
      }
      // All ones where the modulus fits in.
      const mask = -(carry | 1 - borrow)
      for (let i = 0; i <= last; i++) rest[i] = (rest[i] ?? 0) & ~mask | (less[i] ?? 0) & mask
    }
  }
  less.fill(0)
  for (let i = last, carry = 1; i >= 0; i--) {
    const sum = (rest[i] ?? 0) + carry
    rest[i] = sum
    carry = sum >> 8
  }
  return rest
}
