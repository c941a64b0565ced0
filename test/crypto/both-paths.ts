import { describe, expect, test } from 'vitest'
import type { Path, SignatureSuite } from '../../src/crypto/suite.ts'
import { suites } from '../../src/crypto/suites.ts'

const paths: readonly Path[] = ['native', 'portable']

const suiteOf = (path: Path, params: string): SignatureSuite | undefined => suites(path).find(suite => suite.params === params)

/** Where there is no native code, one skipped test whose name says so, and under CI=true a failure. */
function missing(params: string, path: Path): void {
  const name = `there is no ${path} ${params} here: see the optional packages in the README`
  if (process.env['CI'] === 'true') test(name, () => expect.fail('CI must have every suite on both paths'))
  else test.skip(name)
}

/** A `describe` for the suite of each path. */
export function describeOnEachPath(params: string, body: (suite: SignatureSuite) => void): void {
  describe.each(paths)(`${params}, %s`, path => {
    const suite = suiteOf(path, params)
    if (suite === undefined) missing(params, path)
    else body(suite)
  })
}

/** A `describe` that has both paths of a scheme. */
export function describeBothPaths(params: string, body: (native: SignatureSuite, portable: SignatureSuite) => void): void {
  describe(`${params} on both paths`, () => {
    const native = suiteOf('native', params)
    const portable = suiteOf('portable', params)
    if (portable === undefined) missing(params, 'portable')
    else if (native === undefined) missing(params, 'native')
    else body(native, portable)
  })
}
