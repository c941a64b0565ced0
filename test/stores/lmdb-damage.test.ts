import { utf8ToBytes } from '@noble/hashes/utils.js'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Fault } from '../../src/core/errors.ts'
import { lmdbStore } from '../../src/lmdb.ts'
import { keyOf } from '../../src/stores/key.ts'
import type { Row, Store } from '../../src/stores/store.ts'
import { describeLmdb, filesIn, newFolder } from './places.ts'

const EVERYTHING = { from: Uint8Array.of(), to: Uint8Array.of(0xff) }
const CONTENT: readonly Row[] = Array.from({ length: 60 }, (_, i) => ({ key: keyOf('part', `row ${i}`), value: utf8ToBytes(`value of ${i} `.repeat(i % 20)) }))

await describeLmdb('damage in an LMDB store', () => {
  let path = ''
  let data = ''
  let remove = async () => {}

  beforeEach(async () => {
    ({ path, remove } = await newFolder())
    data = join(path, 'data.mdb')
    const store = await lmdbStore({ path })
    for (let i = 0; i < CONTENT.length; i += 10) await store.write(CONTENT.slice(i, i + 10))
    // Some pages are not in use any more, and known as such.
    await store.write(CONTENT.slice(0, 10))
    await store.close()
  })

  afterEach(() => remove())

  /** What can be read: all rows; or those before and after what is damaged, in whose place there is its error. */
  async function readAll(store: Store): Promise<readonly string[]> {
    return Promise.all(CONTENT.map(({ key }) => store.get(key).then(value => new TextDecoder().decode(value), (error: unknown) => error instanceof Fault ? error.code : 'no Fault')))
  }

  const whole = CONTENT.map(({ value }) => new TextDecoder().decode(value))

  test('a bit that flips anywhere is found before it is read, or does no harm', async () => {
    const sound = await readFile(data)
    const outcomes = new Map<string, number>()
    const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    // Densely where pages tell of pages, and everywhere else at a stride that visits all positions of a page in time.
    const places = [...Array.from({ length: 36 }, (_, i) => 16 + i * 4), ...Array.from({ length: 12 }, (_, i) => 4096 + 16 + i * 12)]
    for (let at = 8192; at < sound.length; at += 1021) places.push(at)
    for (const [turn, at] of places.entries()) {
      await writeFile(data, sound.with(at, Number(sound[at]) ^ (1 << turn % 8)))
      const before = await filesIn(path)
      try {
        const store = await lmdbStore({ path })
        expect(await readAll(store), `bit ${turn % 8} of byte ${at}`).toEqual(whole)
        await store.close()
        count('harmless')
      } catch (error) {
        expect(error, `bit ${turn % 8} of byte ${at}`).toMatchObject({ code: 'store-damaged' })
        expect(await filesIn(path)).toEqual(before)
        count('found')
      }
    }
    expect(outcomes.get('found')).toBeGreaterThan(10)
    expect(outcomes.get('harmless')).toBeGreaterThan(10)
  }, 180_000)

  test('a damaged row is named, and the rest can be read with acceptDamage, mended, and settled by compact', async () => {
    const bytes = await readFile(data)
    const marker = utf8ToBytes('value of 37 ')
    // Also where an older state has it.
    for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 1)) bytes[at] = 0
    await writeFile(data, bytes)
    const isDamaged = { code: 'store-damaged', message: expect.stringContaining('1 damaged rows: "part/row 37/"') }
    await expect(lmdbStore({ path })).rejects.toMatchObject(isDamaged)
    const store = await lmdbStore({ path, acceptDamage: true })
    expect(await readAll(store)).toEqual(whole.with(37, ''))
    const ranged: Row[] = []
    for await (const row of store.range(EVERYTHING)) ranged.push(row)
    expect(ranged).toContainEqual({ key: CONTENT[37]?.key, value: new Uint8Array() })
    await expect(store.compact?.()).rejects.toMatchObject({ code: 'store-damaged' })
    await store.write(CONTENT.slice(37, 38))
    await store.compact?.()
    expect(await readAll(store)).toEqual(whole)
    await store.close()
    const mended = await lmdbStore({ path })
    expect(await readAll(mended)).toEqual(whole)
    await mended.close()
  })

  test('the state before the last one does not come back without a word', async () => {
    const sound = await readFile(data)
    // The numbers of the transactions that LMDB compares.
    for (const at of [152, 4096 + 152]) {
      for (let bit = 0; bit < 8; bit++) {
        await writeFile(data, sound.with(at, Number(sound[at]) ^ (1 << bit)))
        await expect(lmdbStore({ path }), `bit ${bit} of byte ${at}`).rejects.toMatchObject({ code: 'store-damaged' })
      }
    }
  })

  test('damage that comes while it is open ends its use, once it is read', async () => {
    const store = await lmdbStore({ path })
    const bytes = await readFile(data)
    const marker = utf8ToBytes('value of 37 ')
    for (let at = bytes.indexOf(marker); at >= 0; at = bytes.indexOf(marker, at + 1)) bytes[at] = 0
    await writeFile(data, bytes, { flag: 'r+' })
    const key = keyOf('part', 'row 37')
    expect(await store.get(keyOf('part', 'row 36'))).toBeDefined()
    await expect(store.get(key)).rejects.toMatchObject({ code: 'store-damaged' })
    await expect(store.write([{ key, value: key }])).rejects.toMatchObject({ code: 'store-damaged' })
    await expect(store.get(keyOf('part', 'row 36'))).rejects.toMatchObject({ code: 'store-damaged' })
    await store.close()
  })

  test('nothing is left of what was removed or changed, once compact resolves', async () => {
    const markers = ['REMOVED-MARKER', 'CHANGED-MARKER', 'LARGE-MARKER']
    const store = await lmdbStore({ path })
    const key = (i: number) => keyOf('secret', `${i}`)
    await store.write(markers.map((marker, i) => ({ key: key(i), value: utf8ToBytes(marker.repeat(i === 2 ? 1000 : 2)) })))
    await store.write([{ key: key(0), value: undefined }, { key: key(1), value: utf8ToBytes('other') }, { key: key(2), value: undefined }])
    // Not read where it is: this process would lose its lock with the file. Here no lock is on the data file.
    const found = async () => {
      await copyFile(data, `${path}-copy`)
      const bytes = await readFile(`${path}-copy`)
      return markers.filter(marker => bytes.includes(marker))
    }
    expect(await found()).toEqual(markers)
    await store.compact?.()
    expect(await found()).toEqual([])
    expect(await readAll(store)).toEqual(whole)
    await store.close()
    expect([...(await filesIn(path)).keys()].toSorted()).toEqual(['/data.mdb', '/lock.mdb', '/store.lock'])
  })
})
