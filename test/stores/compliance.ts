import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import { KEY_LIMIT } from '../../src/stores/store.ts'
import type { Change, KeyRange, Store } from '../../src/stores/store.ts'

/** Where one store can be: made anew for each test. */
export interface StorePlace {
  /** Opens the store that is there; after it was closed, if it is persistent, again. */
  open(): Promise<Store>
  remove?(): Promise<void>
}

const EVERYTHING: KeyRange = { from: Uint8Array.of(), to: new Uint8Array(8).fill(0xff) }
const bytes = utf8ToBytes
const put = (key: string, value: string): Change => ({ key: bytes(key), value: bytes(value) })
const removal = (key: string): Change => ({ key: bytes(key), value: undefined })

/** What every store does. The suite reads what a store says it is capable of, and knows no store. */
export function storeCompliance(name: string, make: () => Promise<StorePlace>): void {
  describe(`a store: ${name}`, () => {
    const ends: (() => Promise<void> | undefined)[] = []

    afterEach(async () => {
      for (const end of ends.splice(0).toReversed()) await end()
    })

    async function place(): Promise<StorePlace> {
      const found = await make()
      ends.push(async () => found.remove?.())
      return {
        async open() {
          const store = await found.open()
          ends.push(() => store.close())
          return store
        },
      }
    }

    const open = async () => (await place()).open()

    test('is empty at first, holds what was written, and forgets what was removed', async () => {
      const store = await open()
      expect(await rows(store)).toEqual([])
      expect(await store.get(bytes('a'))).toBeUndefined()
      await store.write([put('a', '1'), put('b', '2')])
      expect(await store.get(bytes('a'))).toEqual(bytes('1'))
      await store.write([removal('a'), removal('never there'), put('b', '3')])
      expect(await store.get(bytes('a'))).toBeUndefined()
      expect(await rows(store)).toEqual([['b', '3']])
    })

    test('both reads see a write from the call on', async () => {
      const store = await open()
      await store.write([put('a', '1'), put('b', '1'), put('d', '1')])
      const written = [store.write([put('a', '2'), put('c', '2'), removal('b')]), store.write([put('c', '3')])]
      const read = [store.get(bytes('a')), store.get(bytes('b')), store.get(bytes('c'))]
      expect((await Promise.all(read)).map(value => value && new TextDecoder().decode(value))).toEqual(['2', undefined, '3'])
      const again = store.write([put('d', '4')])
      expect(await rows(store)).toEqual([['a', '2'], ['c', '3'], ['d', '4']])
      await Promise.all([...written, again])
      expect(await rows(store)).toEqual([['a', '2'], ['c', '3'], ['d', '4']])
    })

    test('reads see the newest write, also when an older one arrives', async () => {
      const store = await open()
      for (let turns = 0; turns < 8; turns++) {
        const older = store.write([put('a', 'older'), put('b', 'older')])
        for (let i = 0; i < turns; i++) await new Promise(resolve => { setImmediate(resolve) })
        const newer = store.write([put('a', 'newer'), removal('b')])
        await older
        expect(await store.get(bytes('a'))).toEqual(bytes('newer'))
        expect(await rows(store)).toEqual([['a', 'newer']])
        await newer
      }
    })

    test('a long range sees every change that is not stored yet', async () => {
      const store = await open()
      const key = (i: number) => `key ${String(i).padStart(4, '0')}`
      await store.write(Array.from({ length: 1200 }, (_, i) => put(key(i), 'old')))
      const written = store.write(Array.from({ length: 1200 }, (_, i) => i % 3 === 0 ? removal(key(i)) : put(i % 3 === 1 ? key(i) : `${key(i)}+`, 'new')))
      expect(await rows(store)).toEqual(Array.from({ length: 1200 }, (_, i) => (
        i % 3 === 0 ? [] : i % 3 === 1 ? [[key(i), 'new']] : [[key(i), 'old'], [`${key(i)}+`, 'new']]
      )).flat())
      await written
    })

    test('of several changes of one key, the last counts', async () => {
      const store = await open()
      await store.write([put('a', '1'), removal('a'), put('b', '1'), put('a', '2'), removal('b')])
      expect(await rows(store)).toEqual([['a', '2']])
    })

    test('nothing to write is written too', async () => {
      const store = await open()
      const first = store.write([put('a', '1')])
      await store.write([])
      await first
      expect(await rows(store)).toEqual([['a', '1']])
    })

    test('values can be empty, and large', async () => {
      const store = await open()
      const large = new Uint8Array(1 << 20).map((_, i) => i * 31)
      await store.write([put('empty', ''), { key: bytes('large'), value: large }])
      expect(await store.get(bytes('empty'))).toEqual(Uint8Array.of())
      expect(await store.get(bytes('large'))).toEqual(large)
      await store.write([{ key: bytes('large'), value: large.subarray(0, 70_000) }])
      expect(await store.get(bytes('large'))).toEqual(large.subarray(0, 70_000))
    })

    test(`keys have 1 to ${KEY_LIMIT} bytes, any of them`, async () => {
      const store = await open()
      const longest = new Uint8Array(KEY_LIMIT).fill(0xff)
      const next = longest.with(KEY_LIMIT - 1, 0xfe)
      await store.write([{ key: longest, value: bytes('longest') }, { key: next, value: bytes('next') }, { key: Uint8Array.of(0), value: bytes('0') }])
      expect(await store.get(longest)).toEqual(bytes('longest'))
      expect(await store.get(next)).toEqual(bytes('next'))
      expect(await rows(store, { from: Uint8Array.of(), to: Uint8Array.of(0, 0) })).toEqual([['\u0000', '0']])
      expect(await rows(store, { from: next, to: longest })).toHaveLength(1)
      expect(await rows(store, { from: longest, to: new Uint8Array(KEY_LIMIT + 1).fill(0xff) })).toHaveLength(1)
    })

    test.each<[what: string, change: unknown]>([
      ['an empty key', { key: Uint8Array.of(), value: bytes('1') }],
      ['too long a key', { key: new Uint8Array(KEY_LIMIT + 1), value: bytes('1') }],
      ['a key of text', { key: 'a', value: bytes('1') }],
      ['a value of text', { key: bytes('a'), value: '1' }],
      ['null for a value', { key: bytes('a'), value: null }],
      ['an array for a value', { key: bytes('a'), value: [1] }],
      ['no key', { value: bytes('1') }],
      ['nothing', undefined],
      ['null', null],
    ])('a write with %s changes nothing', async (_, change) => {
      const store = await open()
      const changes: unknown = [put('b', '1'), change]
      await expect(Reflect.apply(store.write, store, [changes])).rejects.toMatchObject({ code: 'invalid-argument' })
      expect(await rows(store)).toEqual([])
      await store.write([put('a', '1')])
      expect(await rows(store)).toEqual([['a', '1']])
    })

    test('what is no key, no range and no changes is refused', async () => {
      const store = await open()
      const isRefused = { code: 'invalid-argument' }
      for (const key of ['a', undefined, Uint8Array.of(), new Uint8Array(KEY_LIMIT + 1)]) {
        await expect(Reflect.apply(store.get, store, [key])).rejects.toMatchObject(isRefused)
      }
      for (const from of ['a', undefined, new Uint8Array(KEY_LIMIT + 2)]) {
        const range = Reflect.apply(store.range, store, [{ from, to: bytes('b') }])
        await expect(range[Symbol.asyncIterator]().next()).rejects.toMatchObject(isRefused)
      }
      for (const changes of [undefined, put('a', '1'), 'a']) await expect(Reflect.apply(store.write, store, [changes])).rejects.toMatchObject(isRefused)
      expect(await rows(store)).toEqual([])
    })

    test('what it answers is the caller\'s, and what was written is its own', async () => {
      const store = await open()
      const change = { key: bytes('a'), value: bytes('1') }
      await store.write([change])
      change.key.fill(0)
      change.value.fill(0)
      expect(await rows(store)).toEqual([['a', '1']])
      const value = await store.get(bytes('a'))
      expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype)
      value?.fill(0)
      for await (const row of store.range(EVERYTHING)) {
        expect(Object.getPrototypeOf(row.key)).toBe(Uint8Array.prototype)
        expect(Object.getPrototypeOf(row.value)).toBe(Uint8Array.prototype)
        row.key.fill(0)
        row.value.fill(0)
      }
      const pending = store.write([put('a', '2')])
      ;(await store.get(bytes('a')))?.fill(0)
      await pending
      expect(await rows(store)).toEqual([['a', '2']])
    })

    test('a range is in the order of bytes, from its first key on and without its second', async () => {
      const store = await open()
      const keys = ['61', '6100', '61ff', '62', '80', '00', 'ff', 'ff00', '7f', '610000']
      await store.write(keys.map(key => ({ key: Uint8Array.from(Buffer.from(key, 'hex')), value: bytes(key) })))
      const within = async (from: string, to: string) => {
        const found: string[] = []
        for await (const { key } of store.range({ from: Buffer.from(from, 'hex'), to: Buffer.from(to, 'hex') })) found.push(bytesToHex(key))
        return found
      }
      expect(await within('', 'ffff')).toEqual(keys.toSorted())
      expect(await within('61', '62')).toEqual(['61', '6100', '610000', '61ff'])
      expect(await within('6100', '61ff')).toEqual(['6100', '610000'])
      expect(await within('6101', '80')).toEqual(['61ff', '62', '7f'])
      expect(await within('62', '61')).toEqual([])
      expect(await within('61', '61')).toEqual([])
      expect(await within('', '')).toEqual([])
    })

    test('10,000 rows can be read while they are removed, and left in the middle', async () => {
      const store = await open()
      const key = (i: number) => bytes(String(i).padStart(5, '0'))
      await store.write(Array.from({ length: 10_000 }, (_, i) => ({ key: key(i), value: bytes(`${i}`) })))
      let count = 0
      const removed: Promise<void>[] = []
      for await (const row of store.range(EVERYTHING)) {
        expect(row.key).toEqual(key(count++))
        if (count % 2 === 0) removed.push(store.write([{ key: row.key, value: undefined }]))
      }
      expect(count).toBe(10_000)
      for await (const row of store.range({ from: key(5_000), to: key(9_000) })) {
        if (new TextDecoder().decode(row.value) === '6000') break
        count++
      }
      expect(count).toBe(10_500)
      await Promise.all(removed)
      expect(await rows(store)).toHaveLength(5_000)
    })

    test('many write at once, and each batch is there whole', async () => {
      const store = await open()
      const writers = Array.from({ length: 64 }, async (_, writer) => {
        for (let i = 0; i < 20; i++) await store.write([put(`w${writer}/a`, `${i}`), put(`w${writer}/b`, `${i}`), put('last', `${writer} ${i}`)])
      })
      const check = async () => {
        for (let i = 0; i < 20; i++) {
          for (let writer = 0; writer < 64; writer++) {
            const [a, b] = await Promise.all([store.get(bytes(`w${writer}/a`)), store.get(bytes(`w${writer}/b`))])
            expect(a).toEqual(b)
          }
        }
      }
      await Promise.all([...writers, check()])
      expect(await rows(store)).toHaveLength(129)
    })

    test('closing waits for what was written, can be repeated, and ends every use', async () => {
      const there = await place()
      const store = await there.open()
      await store.write([put('b', '1')])
      const half = store.range(EVERYTHING)[Symbol.asyncIterator]()
      await half.next()
      const written = store.write([put('a', '1')])
      const closed = store.close()
      const isClosed = { code: 'store-closed' }
      await expect(store.write([put('c', '1')])).rejects.toMatchObject(isClosed)
      await Promise.all([written, closed, store.close()])
      await store.close()
      await expect(store.get(bytes('a'))).rejects.toMatchObject(isClosed)
      await expect(half.next()).rejects.toMatchObject(isClosed)
      await expect(rows(store)).rejects.toMatchObject(isClosed)
      await expect(store.write([])).rejects.toMatchObject(isClosed)
      if (store.compact) await expect(store.compact()).rejects.toMatchObject(isClosed)
      if (store.capabilities.persistent) expect(await rows(await there.open())).toEqual([['a', '1'], ['b', '1']])
    })

    test('has `compact` where it says so, which changes nothing that can be read', async () => {
      const store = await open()
      expect(typeof store.compact).toBe(store.capabilities.compacts ? 'function' : 'undefined')
      if (store.compact === undefined) return
      await store.write([put('a', '1'), put('b', '1')])
      const during = [store.write([removal('a')]), store.compact(), store.write([put('c', '2')]), store.compact(), store.write([put('b', '2')])]
      expect(await rows(store)).toEqual([['b', '2'], ['c', '2']])
      await Promise.all(during)
      expect(await rows(store)).toEqual([['b', '2'], ['c', '2']])
    })

    test('agrees with a map, whatever is written, in whatever groups, and however often it is opened', async () => {
      const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 })
      const change = fc.record({ key, value: fc.option(fc.uint8Array({ maxLength: 40 }), { nil: undefined }) })
      const command = fc.oneof(
        { weight: 6, arbitrary: fc.record({ type: fc.constant('write' as const), changes: fc.array(change, { maxLength: 6 }), isAwaited: fc.boolean() }) },
        { weight: 3, arbitrary: fc.record({ type: fc.constant('read' as const), from: fc.uint8Array({ maxLength: 3, max: 4 }), to: fc.uint8Array({ maxLength: 3, max: 4 }) }) },
        { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('reopen' as const, 'compact' as const) }) },
      )
      await fc.assert(fc.asyncProperty(fc.array(command, { maxLength: 25 }), async commands => {
        const there = await place()
        let store = await there.open()
        const model = new Map<string, string>()
        const pending: Promise<void>[] = []
        for (const step of commands) {
          if (step.type === 'write') {
            const written = store.write(step.changes)
            for (const { key: at, value } of step.changes) {
              if (value === undefined) model.delete(bytesToHex(at))
              else model.set(bytesToHex(at), bytesToHex(value))
            }
            if (step.isAwaited) await written
            else pending.push(written)
          } else if (step.type === 'read') {
            const from = bytesToHex(step.from)
            const to = bytesToHex(step.to)
            const expected = [...model].filter(([at]) => at >= from && at < to).toSorted(([a], [b]) => a < b ? -1 : 1)
            const found: string[][] = []
            for await (const row of store.range(step)) found.push([bytesToHex(row.key), bytesToHex(row.value)])
            expect(found).toEqual(expected)
            if (step.from.length > 0) expect(hex(await store.get(step.from))).toBe(model.get(from))
          } else if (step.type === 'compact') {
            pending.push(store.compact?.() ?? Promise.resolve())
          } else if (store.capabilities.persistent) {
            await store.close()
            store = await there.open()
          }
        }
        await Promise.all(pending)
        expect(await rows(store)).toHaveLength(model.size)
        await store.close()
      }), { numRuns: 25 })
    })
  })
}

function hex(value: Uint8Array | undefined): string | undefined {
  return value && bytesToHex(value)
}

/** As text, key and value. */
async function rows(store: Store, range: KeyRange = EVERYTHING): Promise<readonly (readonly [string, string])[]> {
  const decoder = new TextDecoder()
  const found: (readonly [string, string])[] = []
  for await (const { key, value } of store.range(range)) found.push([decoder.decode(key), decoder.decode(value)])
  return found
}
