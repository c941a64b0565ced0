import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commitmentProtocol, decryptionProtocol, identityManagementProtocol } from '../src/index.ts'

const root = join(import.meta.dirname, '..')
const page = readFileSync(join(root, 'docs/errors.md'), 'utf8')

/** The first column of the table under that heading, whose rows are all filled in. */
function documented(heading: string): readonly string[] {
  const [, section = ''] = page.split(`\n${heading}\n`)
  const lines = section.split(/\n##/, 1)[0]?.split('\n').filter(line => line.startsWith('|')) ?? []
  const [head, rule, ...rows] = lines
  expect(head).toMatch(/^\| (code|reason) \| what it means \| what to do \|$/)
  expect(rule).toBe('|---|---|---|')
  return rows.map(row => {
    expect(row).toMatch(/^\| `[a-z-]+` \| [^|]+\. \| [^|]+\. \|$/)
    return row.split('`')[1] ?? ''
  })
}

/** The members of a union of literals, which exists in the source alone. */
function union(file: string, name: string): readonly string[] {
  const source = readFileSync(join(root, file), 'utf8').replace(/\/\*[^]*?\*\//g, '')
  const [, declaration = ''] = new RegExp(`\\nexport type ${name} =([^=]*?)\\n(?:\\n|[a-z])`).exec(source) ?? []
  return Array.from(declaration.matchAll(/'([^']+)'/g), ([, member = '']) => member)
}

/** The codes of the runtime's own refusals: a union of constants. */
function boundaryCodes(): readonly string[] {
  const source = readFileSync(join(root, 'src/core/schema.ts'), 'utf8')
  const [, names = ''] = /\nexport type BoundaryCode = (.+)\n/.exec(source) ?? []
  return Array.from(names.matchAll(/typeof (\w+)/g), ([, name = '']) => new RegExp(`\\nconst ${name} = '(.+)'\n`).exec(source)?.[1] ?? name)
}

const devices = union('src/core/errors.ts', 'DeviceCode')

/** Those that are not any backend's. */
function beside(codes: readonly string[]): readonly string[] {
  const shared: readonly string[] = commitmentProtocol.codes
  expect(codes).toEqual(expect.arrayContaining([...shared]))
  return codes.filter(code => !shared.includes(code))
}

describe.each([
  ['## Fault', union('src/core/errors.ts', 'FaultCode'), 12],
  ['## Failed', union('src/core/errors.ts', 'FailureCode'), 8],
  ['### Any protocol', boundaryCodes(), 2],
  ['### Any backend', commitmentProtocol.codes.filter(code => !devices.includes(code)), 2],
  ['### Devices', devices, 14],
  ['### Identity Management', beside(identityManagementProtocol.codes), 8],
  ['### Decryption', beside(decryptionProtocol.codes), 2],
  ['## Dead letters', union('src/runtime/observation.ts', 'DeadLetterReason'), 10],
] as const)('docs/errors.md, %s', (heading, codes, least) => {
  test('has each code of the source, once, and no other', () => {
    expect(documented(heading).toSorted()).toEqual(codes.toSorted())
    // A source that is read wrongly must not pass for one without codes.
    expect(codes.length).toBeGreaterThanOrEqual(least)
  })
})

test('docs/errors.md has no table that is not looked at', () => {
  expect(page.match(/\|---\|---\|---\|/g)).toHaveLength(8)
})
