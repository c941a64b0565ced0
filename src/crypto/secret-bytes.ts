/**
 * An array for a secret. It has a buffer of its own from the start: arrays of up to 64 bytes else lie on the heap of the collector of garbage, and a
 * copy of them is left there whenever they are moved, or native code gets to see them; what is erased then is only the last of these.
 */
export function secretBytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length))
}

/** These, one after the other, in an array for a secret, which the caller erases. */
export function secretCopy(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const joined = secretBytes(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** The secret, moved to an array for it: the one that it was in, which a library made, is erased. */
export function secretFrom(made: Uint8Array): Uint8Array<ArrayBuffer> {
  const own = secretCopy(made)
  made.fill(0)
  return own
}
