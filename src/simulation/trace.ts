import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { IpseError } from '../core/errors.ts'
import { Table } from '../core/table.ts'

/** So many characters are hashed at once. */
const BLOCK = 1 << 15

/** Longer texts are written once, and then by number: the names of nodes come again and again. */
const LONG = 24

/**
 * A digest of everything that nodes were seen to do, in order. Events are written as text that can be read back in one way only: what
 * is of any length has its length before it.
 */
export class TraceHash {
  readonly #hash = sha256.create()
  readonly #encoder = new TextEncoder()
  readonly #long = new Map<string, number>()
  #text = ''

  add(node: string, event: object): void {
    this.#text += this.#written(node) + this.#fields(event)
    if (this.#text.length >= BLOCK) this.#flush()
  }

  /** SHA-256 over the events so far, in hexadecimal. */
  digest(): string {
    this.#flush()
    return bytesToHex(this.#hash.clone().digest())
  }

  #flush(): void {
    this.#hash.update(this.#encoder.encode(this.#text))
    this.#text = ''
  }

  #written(value: unknown): string {
    switch (typeof value) {
      case 'string': return value.length > LONG ? this.#name(value) : `${value.length}"${value}`
      case 'number': return Object.is(value, -0) ? '#-0;' : `#${value};`
      case 'bigint': return `#${value}n;`
      case 'boolean': return value ? '+' : '-'
      case 'object': return value === null ? '0' : this.#structure(value)
      default: return '?'
    }
  }

  #name(text: string): string {
    const number = this.#long.get(text)
    if (number !== undefined) return `=${number};`
    this.#long.set(text, this.#long.size)
    return `${text.length}"${text}`
  }

  #structure(value: object): string {
    if (value instanceof Uint8Array) return `${value.length}x${value.join()};`
    if (Array.isArray(value)) {
      let text = `${value.length}[`
      for (const item of value) text += this.#written(item)
      return text
    }
    if (value instanceof Table) return `t${this.#written([...value])}`
    // An error is no data, and the text of a foreign one may differ between platforms.
    if (value instanceof IpseError) return `!${this.#written(value.code)}`
    if (value instanceof Error) return `!${this.#written(value.name)}`
    return this.#fields(value)
  }

  /** A field without a value is as good as absent. */
  #fields(value: object): string {
    let text = '{'
    const all: { readonly [name: string]: unknown } = { ...value }
    for (const name in all) {
      const field = all[name]
      if (field !== undefined) text += `${name.length}"${name}${this.#written(field)}`
    }
    return `${text}}`
  }
}
