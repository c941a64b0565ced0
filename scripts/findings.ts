/** What a check found: one line for each problem, and what is worth telling either way. */
export interface Findings {
  readonly problems: readonly string[]
  readonly notes?: readonly string[]
}
