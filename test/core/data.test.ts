import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assertChangedData, assertData, copyData, DEPTH, freezeData } from '../../src/core/data.ts'
import { addressOf } from '../../src/core/engine-id.ts'
import { Table } from '../../src/core/table.ts'

const data = fc.letrec(tie => ({
  value: fc.oneof({ depthSize: 'small' },
    fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n - 1n }), fc.uint8Array(),
    fc.array(tie('value')), fc.dictionary(fc.string().filter(k => k !== '__proto__'), tie('value')),
    fc.dictionary(fc.string(), tie('value')).map(o => Table.from(Object.entries(o)))),
})).value

const strays = [() => 1, Symbol('s'), Promise.resolve(), new Date(0), new Map(), new Error('x'), new (class A {})(), /x/, new Float64Array(1), 2n ** 64n]

describe('data', () => {
  test('what is data is copied equal, sharing nothing mutable', () => {
    fc.assert(fc.property(data, value => {
      expect(() => assertData(value, 'it')).not.toThrow()
      const copy = copyData(value, 'it')
      expect(copy).toEqual(value)
      const before = JSON.stringify(copy, (_k, v: unknown) => typeof v === 'bigint' ? `${v}` : v)
      scramble(value)
      expect(JSON.stringify(copy, (_k, v: unknown) => typeof v === 'bigint' ? `${v}` : v)).toBe(before)
    }))
  })

  test.each(strays.map(stray => [String(typeof stray === 'symbol' ? 'symbol' : stray), stray] as const))('refuses %s wherever it hides', (_name, stray) => {
    for (const value of [stray, { a: { b: stray } }, [[stray]], Table.from([['k', stray]]), { t: Table.from([['k', [stray]]]) }]) {
      expect(() => assertData(value, 'the message')).toThrow(expect.objectContaining({ code: 'not-encodable' }))
      expect(() => copyData(value, 'the message')).toThrow(expect.objectContaining({ code: 'not-encodable' }))
    }
  })

  test('refuses cycles and what is nested too deep, and names the place', () => {
    const cycle: Record<string, unknown> = {}
    cycle['self'] = cycle
    expect(() => assertData(cycle, 'it')).toThrow(/it\.self\.self/)
    expect(() => copyData(cycle, 'it')).toThrow(/can't be encoded/)
    let deep: unknown = 1
    for (let i = 0; i < DEPTH; i++) deep = [deep]
    expect(() => assertData(deep, 'it')).not.toThrow()
    expect(() => assertData([[deep]], 'it')).toThrow()
    expect(() => assertData({ a: [0, { b: () => 1 }] }, 'it')).toThrow(/it\.a\[1\]\.b/)
  })

  test('a changed environment is looked at only where it changed, and a stray in a change is found', () => {
    const before = { table: Table.from(Array.from({ length: 100 }, (_, i) => [`k${i}`, { i }] as const)), rest: { deep: [1] } }
    const poisoned = { ...before, table: before.table.set('k7', { i: 7, f: () => 1 } as { i: number }) }
    expect(() => assertChangedData({ ...before, rest: before.rest }, before, 'it')).not.toThrow()
    expect(() => assertChangedData(poisoned, before, 'it')).toThrow(/table\["k7"\]\.f/)
  })

  test('what an object has from its prototype, or from its class, is no data that was looked at before', () => {
    const bytes = new Uint8Array(4)
    const stray = expect.objectContaining({ code: 'not-encodable' })
    expect(() => assertChangedData({ x: { constructor: Object } }, { x: {} }, 'e')).toThrow(stray)
    expect(() => assertChangedData({ x: { buffer: bytes.buffer } }, { x: bytes }, 'e')).toThrow(stray)
    expect(() => assertChangedData({ at: Array.prototype.at }, [], 'e')).toThrow(stray)
    const table = Table.from([['k', 1]])
    for (const field of ['set', 'eachNew', 'constructor']) {
      expect(() => assertChangedData({ x: { [field]: Reflect.get(table, field) } }, { x: table }, 'e')).toThrow(stray)
    }
    expect(() => assertChangedData({ x: { constructor: 1 } }, { x: {} }, 'e')).not.toThrow()
  })

  test('copies bytes out of a pool, and a __proto__ key changes no prototype', () => {
    const pool = Buffer.from('secret data here')
    const copy = copyData({ data: pool.subarray(7, 11) }, 'it')
    expect(copy.data.buffer.byteLength).toBe(4)
    for (const refuse of [copyData, assertData]) {
      expect(() => refuse(JSON.parse('{"a":[{"__proto__":{"admin":true}}]}'), 'it')).toThrow(/it\.a\[0\]\.__proto__/)
    }
  })

  test('EngineIDs that the runtime made are shared: they can not change', () => {
    const id = addressOf(null, 'x', {})
    expect(copyData({ id }, 'it').id).toBe(id)
    expect(Object.isFrozen(id)).toBe(true)
  })

  test('freezes all but bytes, also through tables', () => {
    const inner = { x: [1, { y: 2 }] }
    const value = { t: Table.from([['k', inner]]), b: Uint8Array.of(1) }
    freezeData(value)
    expect(Object.isFrozen(value)).toBe(true)
    expect(Object.isFrozen(inner.x[1])).toBe(true)
  })
})

function scramble(value: unknown): void {
  if (value instanceof Uint8Array) value.fill(0xee)
  else if (Array.isArray(value)) {
    for (const entry of value) scramble(entry)
    value.length = 0
  } else if (value instanceof Table) for (const [, entry] of value) scramble(entry)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, entry] of Object.entries(value)) {
      scramble(entry)
      Reflect.deleteProperty(value, key)
    }
  }
}
