import type { Path } from '../src/crypto/suite.ts'

/** One published case. */
export interface Case {
  /** As its set numbers it. */
  readonly id: string
  /** What the set says; `acceptable` leaves it to the rule. */
  readonly published: 'valid' | 'invalid' | 'acceptable'
  /**
   * Whether the code of this path does what the case asks: accepts the signature, prints these very bytes, opens to that plaintext.
   * Never throws for what the case holds. For a valid case of bytes that are compared, anything else is a refusal.
   */
  accepts(path: Path): boolean | Promise<boolean>
}

/** One published set of cases, read from where it lies. */
export interface VectorSet {
  /** "Wycheproof Ed25519": for people. */
  readonly name: string
  /** `wycheproof/…` and `hpke/…` lie under ../shared/vectors, or in the folder that IPSE_VECTORS names; `test/vectors/…` is in this repository. */
  readonly file: string
  /** How many cases the file has, and how many of them are published as valid: a file that shrinks fails. */
  readonly count: { readonly cases: number; readonly valid: number }
  /** Which of its cases are about something that this library does not do, and why; they are counted, and not run. */
  readonly inapplicable?: { readonly why: string; readonly ids: readonly string[] }
  /** Valid or acceptable cases that a stricter rule of ours refuses, and why. */
  readonly refusedHere?: { readonly why: string; readonly ids: readonly string[] }
  /** The one path that it is run on, and why not on the other. */
  readonly only?: { readonly path: Path; readonly why: string }
  /** `json` is the file, parsed. */
  read(json: unknown): readonly Case[]
}

/** What came of one set on one path. */
export interface Report {
  readonly cases: number
  readonly run: number
  readonly accepted: number
  readonly refused: number
  /** Cases that were not decided as the set, or our stricter rule, has it. */
  readonly wrong: readonly string[]
}

/** The paths that a set is run on. */
export function pathsOf({ only }: VectorSet): readonly Path[] {
  return only === undefined ? ['native', 'portable'] : [only.path]
}

/** Runs the cases of a set on one path. */
export async function runSet(set: VectorSet, cases: readonly Case[], path: Path): Promise<Report> {
  const inapplicable = new Set(set.inapplicable?.ids)
  const refusedHere = new Set(set.refusedHere?.ids)
  const wrong: string[] = []
  let accepted = 0
  const run = cases.filter(({ id }) => !inapplicable.has(id))
  for (const one of run) {
    // oxlint-disable-next-line no-await-in-loop -- they share the processor
    const accepts = await one.accepts(path)
    if (accepts) accepted++
    if (accepts !== isExpected(one, refusedHere)) wrong.push(one.id)
  }
  return { cases: cases.length, run: run.length, accepted, refused: run.length - accepted, wrong }
}

/** An acceptable case that is not listed as refused is accepted. */
function isExpected({ id, published }: Case, refusedHere: ReadonlySet<string>): boolean {
  return published !== 'invalid' && !refusedHere.has(id)
}
