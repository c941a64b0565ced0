import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeData } from '../../src/core/encoding.ts'
import { Table } from '../../src/core/table.ts'

const keys = fc.string({ maxLength: 3, unit: fc.constantFrom('a', 'b', 'c', 'é', '\u{1F511}') })
const changes = fc.array(fc.oneof(
  fc.record({ op: fc.constant('set' as const), key: keys, value: fc.integer() }),
  fc.record({ op: fc.constant('delete' as const), key: keys }),
), { maxLength: 200 })

function apply<T extends { set(key: string, value: number): unknown; delete(key: string): unknown }>(step: (target: T) => void, target: T): T {
  step(target)
  return target
}

describe('Table', () => {
  test('agrees with a Map after any changes, in the order of its keys, and leaves older tables as they were', () => {
    fc.assert(fc.property(changes, list => {
      let table = Table.empty<number>()
      const map = new Map<string, number>()
      const snapshots: [Table<number>, string][] = []
      for (const change of list) {
        snapshots.push([table, JSON.stringify([...table])])
        if (change.op === 'set') {
          table = table.set(change.key, change.value)
          apply(m => m.set(change.key, change.value), map)
        } else {
          table = table.delete(change.key)
          apply(m => m.delete(change.key), map)
        }
      }
      const sorted = [...map].toSorted(([a], [b]) => (a < b ? -1 : 1))
      expect([...table]).toEqual(sorted)
      expect(table.size).toBe(map.size)
      for (const [key, value] of map) expect(table.get(key)).toBe(value)
      for (const { key } of list) expect(table.atOrAfter(key)).toEqual(sorted.find(([at]) => at >= key))
      for (const [key] of sorted) expect(table.atOrAfter(`${key}\0`)).toEqual(sorted.find(([at]) => at > key))
      for (const [old, text] of snapshots) expect(JSON.stringify([...old])).toBe(text)
      expect(encodeData(table)).toEqual(encodeData(new Map(sorted)))
    }))
  })

  test('stays balanced: 100,000 ordered entries are looked up along short paths', () => {
    let table = Table.empty<number>()
    for (let i = 0; i < 100_000; i++) table = table.set(String(i).padStart(6, '0'), i)
    let compared = 0
    // Counts what one update shares: the new table differs from the old along one path only.
    const changed = table.set('050000', -1)
    changed.eachNew(table, () => compared++)
    expect(compared).toBe(1)
    for (let i = 0; i < 100_000; i += 2) table = table.delete(String(i).padStart(6, '0'))
    expect(table.size).toBe(50_000)
    expect(table.get('000001')).toBe(1)
    expect(table.get('000002')).toBeUndefined()
  })

  test('of any entries, in order or not, is as if they were set one after the other', () => {
    const entries = fc.array(fc.tuple(keys, fc.integer()), { maxLength: 100 })
    fc.assert(fc.property(entries, fc.boolean(), changes, (list, isOrdered, then) => {
      const given = isOrdered ? list.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))) : list
      let table = Table.from(given)
      const map = new Map(given)
      for (const change of then) {
        table = change.op === 'set' ? table.set(change.key, change.value) : table.delete(change.key)
        apply(m => change.op === 'set' ? m.set(change.key, change.value) : m.delete(change.key), map)
      }
      expect([...table]).toEqual([...map].toSorted(([a], [b]) => (a < b ? -1 : 1)))
      expect(table.size).toBe(map.size)
      for (const [key, value] of map) expect(table.get(key)).toBe(value)
    }))
  })

  test('setting the value that is there answers the same table', () => {
    const table = Table.from([['a', 1], ['b', 2]])
    expect(table.set('a', 1)).toBe(table)
    expect(table.delete('c')).toBe(table)
    expect(table.set('a', 3)).not.toBe(table)
  })

  test('eachNew sees exactly the entries that differ', () => {
    fc.assert(fc.property(changes, changes, (first, second) => {
      const build = (start: Table<number>, list: typeof first) =>
        list.reduce((t, c) => (c.op === 'set' ? t.set(c.key, c.value) : t.delete(c.key)), start)
      const before = build(Table.empty<number>(), first)
      const after = build(before, second)
      const seen: [string, number][] = []
      after.eachNew(before, (key, value) => seen.push([key, value]))
      expect(seen).toEqual([...after].filter(([key, value]) => before.get(key) !== value))
    }))
  })
})
