/** A line of what waits for its turn: a ring that grows, so that coming and going costs no allocation. */
export class Line<T> {
  #ring: (T | undefined)[] = Array.from({ length: 16 }, () => undefined)
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#grow()
    this.#ring[this.#place(this.#length++)] = item
  }

  /** Takes the one at that position; those behind it move up. O(position). */
  take(position: number): T | undefined {
    if (position >= this.#length) return undefined
    const item = this.#ring[this.#place(position)]
    for (let at = position; at > 0; at--) this.#ring[this.#place(at)] = this.#ring[this.#place(at - 1)]
    this.#ring[this.#head] = undefined
    this.#head = this.#place(1)
    this.#length--
    return item
  }

  /** The ring's length is a power of two. */
  #place(position: number): number {
    return (this.#head + position) & (this.#ring.length - 1)
  }

  #grow(): void {
    const { length } = this.#ring
    this.#ring = Array.from({ length: length * 2 }, (_, position) => position < length ? this.#ring[this.#place(position)] : undefined)
    this.#head = 0
  }
}
