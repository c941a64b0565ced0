/** A binary heap: what comes first by `before` is taken first. `before` must be a strict order, the same at all times for what is in it. */
export class Heap<T> {
  readonly #items: T[] = []
  readonly #before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#items.length
  }

  /** What comes first. O(1). */
  get first(): T | undefined {
    return this.#items[0]
  }

  /** O(log n); O(1) for what comes last. */
  push(item: T): void {
    let at = this.#items.length
    while (at > 0) {
      const up = (at - 1) >> 1
      const above = this.#items[up]
      if (above === undefined || !this.#before(item, above)) break
      this.#items[at] = above
      at = up
    }
    this.#items[at] = item
  }

  /** Takes what comes first. O(log n). */
  shift(): T | undefined {
    const items = this.#items
    const first = items[0]
    const last = items.pop()
    if (last === undefined || items.length === 0) return first
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      const left = items[down]
      if (left === undefined) break
      const right = items[down + 1]
      let below = left
      if (right !== undefined && this.#before(right, left)) {
        below = right
        down++
      }
      if (!this.#before(below, last)) break
      items[at] = below
      at = down
    }
    items[at] = last
    return first
  }

  clear(): void {
    this.#items.length = 0
  }

  /** In no particular order. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]()
  }
}
