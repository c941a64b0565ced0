import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

test('each numbered guarantee is cited by a test, and no test cites one that is not there', () => {
  const stated = new Set(readFileSync('docs/semantics.md', 'utf8').match(/(?<=^- \*\*)S\d+(?=\*\*)/gm))
  const tests = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.test.ts'))
  const cited = new Set(tests.flatMap(name => titlesOf(readFileSync(`test/${name}`, 'utf8'))).flatMap(title => title.match(/\bS\d+\b/g) ?? []))
  expect([...stated].filter(number => !cited.has(number))).toEqual([])
  expect([...cited].filter(number => !stated.has(number))).toEqual([])
  // A number is for good, so that a section grows without the others' changing.
  for (let n = 1; n <= stated.size; n++) expect(stated).toContain(`S${n}`)
})

/** What stands between the quotes of each `test(` and `describe(`. */
function titlesOf(source: string): readonly string[] {
  return Array.from(source.matchAll(/\b(?:test|describe|it)(?:\.each\([^]*?\))?\(\s*(['"`])(.*?)\1/g), match => match[2] ?? '')
}
