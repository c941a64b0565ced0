/**
 * A seeded generator, for choices and never for keys that matter: xoshiro128** (Blackman and Vigna,
 * "Scrambled linear pseudorandom number generators", 2021), its state filled by splitmix32.
 */
export class SeededRandom {
  #a: number
  #b: number
  #c: number
  #d: number

  constructor(seed: number) {
    let state = seed >>> 0
    const fill = () => {
      state = (state + 0x9e3779b9) >>> 0
      let z = state
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
      return (z ^ (z >>> 16)) >>> 0
    }
    this.#a = fill()
    // A seed beyond 32 bits counts whole, and its halves apart.
    state ^= Math.floor(seed / 0x100000000) >>> 0
    this.#b = fill()
    this.#c = fill()
    this.#d = fill() | 1
  }

  /** 32 random bits. */
  bits(): number {
    const result = Math.imul(rotate(Math.imul(this.#b, 5), 7), 9) >>> 0
    const t = this.#b << 9
    this.#c ^= this.#a
    this.#d ^= this.#b
    this.#b ^= this.#c
    this.#a ^= this.#d
    this.#c ^= t
    this.#d = rotate(this.#d, 11)
    return result
  }

  /** A whole number from 0 to `count` − 1. The bias is below 2⁻²⁰ for the counts that occur here. */
  below(count: number): number {
    return Math.floor((this.bits() / 0x100000000) * count)
  }

  /** Whether something of that probability, from 0 to 1, happens. */
  chance(probability: number): boolean {
    return this.bits() / 0x100000000 < probability
  }

  /** A generator of its own, so that what is drawn there changes nothing here. */
  fork(): SeededRandom {
    return new SeededRandom(this.bits())
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.bits() & 0xff)
  }
}

function rotate(x: number, k: number): number {
  return (x << k) | (x >>> (32 - k))
}
