import { describe, expect, test } from 'vitest'
import { readVectors } from '../../vectors/files.ts'
import { pathsOf, runSet } from '../../vectors/set.ts'
import { sets } from '../../vectors/sets.ts'
import { NoSuite } from '../../vectors/suite-on.ts'

describe.each(sets)('S68: $name', set => {
  const file = readVectors(set.file)
  if (file === undefined) {
    const name = `no ${set.file} in ../shared/vectors, nor in the folder that IPSE_VECTORS names`
    if (process.env['CI'] === 'true') test(name, () => expect.fail('CI must have the published vectors'))
    else test.skip(name)
    return
  }
  const cases = set.read(file)

  test('has the published number of cases, each named once', () => {
    const { inapplicable, refusedHere } = set
    expect({ cases: cases.length, valid: cases.filter(({ published }) => published === 'valid').length }).toEqual(set.count)
    const ids = new Set(cases.map(({ id }) => id))
    expect(ids.size).toBe(cases.length)
    for (const id of [...inapplicable?.ids ?? [], ...refusedHere?.ids ?? []]) expect(ids).toContain(id)
  })

  test.for(pathsOf(set))('is decided right by %s code, if there is some', async (path, { skip }) => {
    const { wrong, run } = await runSet(set, cases, path).catch((error: unknown) => {
      if (error instanceof NoSuite && process.env['CI'] !== 'true') skip(error.message)
      throw error
    })
    expect(wrong).toEqual([])
    expect(run).toBe(set.count.cases - (set.inapplicable?.ids.length ?? 0))
  })
})
