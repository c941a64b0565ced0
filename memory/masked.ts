import { randomBytes } from '../src/crypto/random.ts'
import type { RandomBytes } from '../src/crypto/suite.ts'

/** A secret that whoever writes it down leaves no copy of: each half is random, and together by XOR they are it. In hexadecimal. */
export interface Masked {
  readonly label: string
  readonly mask: string
  readonly masked: string
}

/** Notes what a vault draws, by the order in which it draws it, and keeps none of it. */
export class Draws {
  readonly #noted: Masked[] = []
  readonly #expected: (string | undefined)[] = []

  /** What is drawn next, of 32 bytes and more; `undefined` stands for what is public. Shorter draws are nonces, names and salts. */
  expect(...labels: readonly (string | undefined)[]): void {
    this.#expected.push(...labels)
  }

  readonly random: RandomBytes = length => {
    const bytes = randomBytes(length)
    if (length < 32) return bytes
    if (this.#expected.length === 0) throw new TypeError(`A draw of ${length} bytes that is not known here`)
    const label = this.#expected.shift()
    if (label !== undefined) this.note(label, bytes)
    return bytes
  }

  note(label: string, bytes: Uint8Array): void {
    const mask = randomBytes(bytes.length)
    const masked = mask.map((byte, i) => byte ^ (bytes[i] ?? 0))
    this.#noted.push({ label, mask: Buffer.from(mask).toString('hex'), masked: Buffer.from(masked).toString('hex') })
  }

  get noted(): readonly Masked[] {
    if (this.#expected.length > 0) throw new TypeError(`Not drawn: ${this.#expected.join(', ')}`)
    return this.#noted
  }
}

/** Bytes that the collector of garbage does not move, which would leave copies: those of up to 64 bytes lie on its heap, unless they have a buffer. */
export function unmoved(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length))
}
