import { utf8ToBytes } from '@noble/hashes/utils.js'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lmdbStore } from '../../src/lmdb.ts'
import { child } from './child.ts'
import { describeLmdb, newFolder } from './places.ts'

await describeLmdb('the lock of an LMDB store', () => {
  let path = ''
  let remove = async () => {}

  beforeEach(async () => {
    ({ path, remove } = await newFolder())
  })

  afterEach(() => remove())

  test('keeps this process from opening it twice, by whatever path', async () => {
    const store = await lmdbStore({ path })
    await expect(lmdbStore({ path })).rejects.toMatchObject({ code: 'store-locked' })
    await expect(lmdbStore({ path: join(path, '..', 'store') })).rejects.toMatchObject({ code: 'store-locked' })
    await store.write([{ key: utf8ToBytes('a'), value: utf8ToBytes('1') }])
    await store.close()
    const again = await lmdbStore({ path })
    expect(await again.get(utf8ToBytes('a'))).toEqual(utf8ToBytes('1'))
    await again.close()
  })

  test('keeps other processes out, until its owner is killed', async () => {
    for (let i = 0; i < 3; i++) {
      const owner = child('open', path)
      expect(await owner.next()).toBe('open')
      await expect(lmdbStore({ path })).rejects.toMatchObject({ code: 'store-locked' })
      const other = child('open', path)
      expect(await other.next()).toMatch(/^store-locked/)
      await Promise.all([owner.kill(), other.kill()])
    }
    await (await lmdbStore({ path })).close()
  })

  test('is held by this process against others', async () => {
    const store = await lmdbStore({ path })
    const other = child('open', path)
    expect(await other.next()).toMatch(/^store-locked/)
    await other.kill()
    await store.close()
  })

  test('is had by one, however many race for it, also for a store that is not there yet', async () => {
    const opened = await Promise.allSettled(Array.from({ length: 10 }, () => lmdbStore({ path })))
    const [first, ...rest] = opened.flatMap(each => each.status === 'fulfilled' ? [each.value] : [])
    expect(rest).toEqual([])
    expect(opened.flatMap(each => each.status === 'rejected' ? [each.reason.code] : [])).toEqual(Array(9).fill('store-locked'))
    await first?.close()
    const racers = Array.from({ length: 6 }, () => child('open', `${path}2`))
    const said = await Promise.all(racers.map(each => each.next()))
    await Promise.all(racers.map(each => each.kill()))
    expect(said.toSorted().map(line => line?.split(' ')[0])).toEqual(['open', ...Array(5).fill('store-locked')])
  })

  test('a lock file that is none is in the way, and says so', async () => {
    await (await lmdbStore({ path })).close()
    await writeFile(join(path, 'store.lock'), 'not a lock'.repeat(100))
    await expect(lmdbStore({ path })).rejects.toMatchObject({ code: 'store-failed' })
  })
})
