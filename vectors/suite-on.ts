import type { Path, SignatureSuite } from '../src/crypto/suite.ts'
import { suites } from '../src/crypto/suites.ts'

/** There is no code of that path here. */
export class NoSuite extends Error {}

/** The suite of that path. Throws {@link NoSuite} where there is none: what is not run must not pass. */
export function suiteOn(path: Path, params: string): SignatureSuite {
  const suite = suites(path).find(one => one.params === params)
  if (suite === undefined) throw new NoSuite(`There is no ${path} ${params} here`)
  return suite
}
