import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addressOf, engineIDOf, formatEngineID, isEngineName, isHostGivenName, parseEngineID, sameEngine, targetOf } from '../../src/core/engine-id.ts'

const nodes = fc.constantFrom(null, `z6Mk${'a'.repeat(44)}`, `z6Mk${'B'.repeat(44)}`)
const segment = fc.string({ minLength: 1, maxLength: 12, unit: 'grapheme' }).filter(s => isEngineName(s) && !s.includes('/'))
const names = fc.array(segment, { minLength: 1, maxLength: 3 }).map(parts => parts.join('/'))

test('the text form reads back, and distinct EngineIDs have distinct texts', () => {
  fc.assert(fc.property(nodes, names, nodes, names, (n1, a, n2, b) => {
    const x = engineIDOf(n1, a)
    const y = engineIDOf(n2, b)
    expect(sameEngine(parseEngineID(formatEngineID(x)), x)).toBe(true)
    expect(formatEngineID(x) === formatEngineID(y)).toBe(sameEngine(x, y))
  }))
})

test.each(['', 'x', '//', 'z6Mkshort/name', '/a//b', '/a b', '/a\n', `z6Mk${'0'.repeat(44)}/x`, `/${'x'.repeat(1025)}`])('refuses %j', text => {
  expect(() => parseEngineID(text)).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
})

test('hosts give one segment, and nothing that looks like an external identity', () => {
  expect(isHostGivenName('identity-management')).toBe(true)
  expect(isHostGivenName('alice@example.org')).toBe(true)
  expect(isHostGivenName('a/b')).toBe(false)
  expect(isHostGivenName(`z6Mk${'a'.repeat(44)}`)).toBe(false)
  expect(isHostGivenName(`z6Mk${'a'.repeat(44)}.z6LS${'a'.repeat(44)}`)).toBe(false)
})

test('what an EngineID leads to is seen by nobody else', () => {
  const target = { secret: 1 }
  const id = addressOf<unknown>(null, 'x', target)
  expect(targetOf(id)).toBe(target)
  expect(targetOf({ node: null, name: 'x' })).toBeUndefined()
  expect(Reflect.ownKeys(id)).toEqual(['node', 'name'])
  expect(targetOf(structuredClone(id))).toBeUndefined()
})
