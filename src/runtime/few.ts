/** Distinct values, of which most steps have one: a set is made for the second. */
export class Few<T extends string | number> {
  #first: T | undefined
  #more: Set<T> | undefined

  /** Whether it was not there yet. */
  add(value: T): boolean {
    if (this.#first === undefined) {
      this.#first = value
      return true
    }
    if (this.#first === value || this.#more?.has(value)) return false
    this.#more ??= new Set()
    this.#more.add(value)
    return true
  }

  clear(): void {
    this.#first = this.#more = undefined
  }
}
