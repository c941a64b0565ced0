import { inspect } from 'node:util'

// Looking for secrets in whatever can be seen.

export interface Secret { readonly name: string; readonly bytes: Uint8Array }

/** How bytes may be written down, with white space taken out. Those in `folded` are looked for without regard to case. */
function formsOf(secret: Uint8Array): { readonly exact: readonly string[]; readonly folded: readonly string[] } {
  const buffer = Buffer.from(secret)
  // Inside longer bytes, base64 begins at one of three places; its first and last letters depend on the neighbours.
  const base64 = [0, 1, 2].map(offset => {
    const text = Buffer.concat([Buffer.alloc(offset), buffer]).toString('base64').replaceAll('=', '')
    return text.slice(offset === 0 ? 0 : offset + 1, -1)
  })
  return {
    exact: [
      ...[buffer.toString('latin1'), buffer.toString('utf8')].map(text => text.replaceAll(/\s/g, '')),
      ...base64, ...base64.map(text => text.replaceAll('+', '-').replaceAll('/', '_')),
    ],
    folded: [
      buffer.toString('hex'), Buffer.from([...secret].toReversed()).toString('hex'),
      [...secret].join(), [...secret].map((byte, i) => `"${i}":${byte}`).join(), [...secret].map(byte => `0x${byte.toString(16).padStart(2, '0')}`).join(),
    ],
  }
}

/** The secrets that `text` holds, whole or by half. */
export function found(text: string, secrets: readonly Secret[]): readonly string[] {
  const exact = text.replaceAll(/\s/g, '')
  const folded = exact.toLowerCase()
  return secrets.flatMap(({ name, bytes: secret }) => {
    const half = secret.length >> 1
    const parts = [secret, secret.subarray(0, half), secret.subarray(half)].map(formsOf)
    return parts.some(forms => forms.exact.some(form => exact.includes(form)) || forms.folded.some(form => folded.includes(form))) ? [name] : []
  })
}

/** All that a determined reader gets of a value without calling its methods. */
export function everythingOf(value: unknown): string {
  const seen: string[] = []
  const attempt = (write: () => string | undefined): void => {
    try { seen.push(write() ?? '') } catch (error) { seen.push(String(error)) }
  }
  attempt(() => inspect(value, { showHidden: true, depth: Infinity, getters: true, maxArrayLength: null, maxStringLength: null, breakLength: Infinity }))
  attempt(() => JSON.stringify(value, (_key, part: unknown) => typeof part === 'bigint' ? part.toString(16) : part))
  attempt(() => String(value))
  walk(value, new Set(), part => attempt(() => part))
  return seen.join('\n')
}

/** Follows properties of any kind, prototypes, entries, and whole buffers of which only a part is shown. */
function walk(value: unknown, visited: Set<unknown>, see: (text: string) => void): void {
  if (typeof value === 'string') return see(value)
  if (typeof value === 'bigint') return see(value.toString(16))
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null || visited.has(value)) return
  visited.add(value)
  // What every program shares is no one's secret, and large.
  if (value === globalThis || value === process || value === Function.prototype || value === Object.prototype) return
  if (ArrayBuffer.isView(value)) return walk(value.buffer, visited, see)
  if (value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return see(Buffer.from(new Uint8Array(value)).toString('hex'))
  if (value instanceof Map || value instanceof Set) for (const entry of value.entries()) walk(entry, visited, see)
  for (const key of Reflect.ownKeys(value)) {
    const { value: part, get } = Object.getOwnPropertyDescriptor(value, key) ?? {}
    walk(part ?? get, visited, see)
  }
  walk(Object.getPrototypeOf(value), visited, see)
}
