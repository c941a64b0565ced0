/** Something that must hold, and did not. */
export interface Violation {
  /** The number of the guarantee in docs/semantics.md. */
  readonly guarantee: string
  readonly detail: string
}

/** Gathers violations; the first ends a schedule, and what comes after it may come of it. */
export class Violations {
  readonly all: Violation[] = []

  add(guarantee: string, detail: string): void {
    this.all.push({ guarantee, detail })
  }

  /** Throws when there is one. */
  check(): void {
    const [first] = this.all
    if (first !== undefined) throw new Violated(first)
  }
}

export class Violated extends Error {
  override readonly name = 'Violated'
  readonly violation: Violation

  constructor(violation: Violation) {
    super(`${violation.guarantee}: ${violation.detail}`)
    this.violation = violation
  }
}
