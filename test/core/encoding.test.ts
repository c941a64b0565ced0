import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { copyData } from '../../src/core/data.ts'
import { decodeData, encodeData, packData } from '../../src/core/encoding.ts'
import { Table } from '../../src/core/table.ts'

const text = fc.string({ unit: 'grapheme' })
const { data } = fc.letrec(tie => ({
  data: fc.oneof({ depthSize: 'small' }, fc.constant(null), fc.boolean(), fc.integer(), fc.double(), fc.maxSafeInteger(), text,
    fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }), fc.uint8Array({ maxLength: 8 }), fc.array(fc.oneof(tie('data'), fc.constant(undefined)), { maxLength: 4 }),
    fc.dictionary(text.filter(key => key !== '__proto__'), tie('data'), { maxKeys: 4, noNullPrototype: true }),
    fc.array(fc.tuple(text, tie('data')), { maxLength: 4 }).map(entries => Table.from(entries))),
}))

/** Tables as what they hold, so that they can be compared. */
function shown(value: unknown): unknown {
  if (value instanceof Table) return { table: Array.from(value, ([key, entry]) => [key, shown(entry)]) }
  if (Array.isArray(value)) return value.map(shown)
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, shown(entry)]))
}

describe('packed data', () => {
  test('comes back as it was', () => {
    fc.assert(fc.property(fc.array(data, { maxLength: 3 }), values => {
      const bytes = Uint8Array.from(values.flatMap(value => [...packData(value)]))
      expect(decodeData(bytes, 3).map(shown)).toEqual(values.map(value => shown(copyData(value, 'it'))))
    }), { numRuns: 1_000 })
  })

  test('has the same bytes for equal data, whatever the order of its fields', () => {
    expect(packData({ b: 1, a: Table.from([['y', 1n], ['x', 2n]]) })).toEqual(packData({ a: Table.from([['x', 2n], ['y', 1n]]), b: 1 }))
    expect(encodeData(5n)).toEqual(encodeData(5))
    expect(packData(5n)).not.toEqual(packData(5))
  })

  test('shares no bytes with the frame it came in', () => {
    const frame = Buffer.concat([Buffer.from([0]), packData(Uint8Array.of(1, 2, 3))])
    const [bytes] = decodeData(frame.subarray(1), 1)
    frame.fill(0)
    expect(bytes).toEqual(Uint8Array.of(1, 2, 3))
  })

  test('refuses what it has no form for', () => {
    for (const value of ['\ud800', { '\udfff': 1 }, ['a\ud800b']]) expect(() => packData(value)).toThrow(expect.objectContaining({ code: 'not-encodable' }))
  })

  const hex = (digits: string) => Uint8Array.from(digits.match(/../g) ?? [], byte => Number.parseInt(byte, 16))
  test.each([
    ['cut short', '8201'],
    ['a longer form than needed', '1817'],
    ['of indefinite length', '9f01ff'],
    ['a repeated key', 'a2616101616102'],
    ['a key that is no text', 'a10102'],
    ['a table with a repeated key', 'd90103a2616101616102'],
    ['a table with a key that is no text', 'd90103a10102'],
    ['a table that is no map', 'd9010380'],
    ['a tag of another kind', 'c001'],
    ['a bignum with a zero ahead', 'c24200ff'],
    ['a bignum of more than 64 bits', 'c249010000000000000000'],
    ['a bignum that is no bytes', 'c201'],
    ['an integer that is no number here', '1b0020000000000001'],
    ['more items than there may be', '01020304'],
    ['nested too deep', '81'.repeat(200) + '00'],
    ['tags too deep', 'd90103'.repeat(200) + 'a0'],
  ])('refuses %s', (_what, digits) => {
    expect(() => decodeData(hex(digits), 3)).toThrow(Error)
  })

  test('reads as deep as data goes', () => {
    let value: unknown = 1
    for (let depth = 0; depth < 64; depth++) value = Table.from([['x', value]])
    expect(shown(decodeData(packData([value]), 1)[0])).toEqual(shown([value]))
  })
})
