import { utf8ToBytes } from '@noble/hashes/utils.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { lmdbStore } from '../../src/lmdb.ts'
import { child } from './child.ts'
import { describeLmdb, newFolder } from './places.ts'

await describeLmdb('what a crash leaves of an LMDB store', () => {
  let path = ''
  let remove = async () => {}

  beforeEach(async () => {
    ({ path, remove } = await newFolder())
  })

  afterEach(() => remove())

  /** How many of the child's batches are there: all of each, and none that comes after one that is missing. */
  async function batchesThere(): Promise<number> {
    const store = await lmdbStore({ path })
    const text = async (key: string) => new TextDecoder().decode(await store.get(utf8ToBytes(key))).trim()
    const count = Number(await text('count'))
    const numbers: number[] = []
    for await (const { value } of store.range({ from: utf8ToBytes('row '), to: utf8ToBytes('row!') })) numbers.push(Number(new TextDecoder().decode(value)))
    expect(numbers.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i + 1))
    for (let n = Math.max(1, count - 20); n <= count; n++) expect(await text(`gone ${n}`)).toBe(n > count - 5 ? String(n) : '')
    await store.close()
    return count
  }

  test('is every batch that was acknowledged, and of the others those up to one of them', async () => {
    let before = 0
    let more = 0
    for (let kill = 0; kill < 24; kill++) {
      const writer = child('write', path)
      expect(await writer.next()).toBe('open')
      let last = 0
      for (let i = 0; i < 1 + kill * 7; i++) last = Number(await writer.next())
      const rest = await writer.kill()
      const acknowledged = Math.max(last, ...rest.map(Number))
      const there = await batchesThere()
      expect(there).toBeGreaterThanOrEqual(acknowledged)
      // No more than the eight that were on their way.
      expect(there - acknowledged).toBeLessThanOrEqual(8)
      expect(acknowledged).toBeGreaterThan(before)
      if (there > acknowledged) more++
      before = there
    }
    expect(more).toBeGreaterThan(0)
  }, 180_000)

  test('is the same when it was being compacted', async () => {
    const store = await lmdbStore({ path })
    await store.write(Array.from({ length: 3000 }, (_, i) => ({ key: utf8ToBytes(`row ${i}`), value: new Uint8Array(100).fill(i) })))
    await store.close()
    for (let kill = 0; kill < 12; kill++) {
      const compacting = child('compact', path)
      expect(await compacting.next()).toBe('open')
      for (let i = 0; i < kill % 4; i++) await compacting.next()
      await compacting.kill()
    }
    const after = await lmdbStore({ path })
    let count = 0
    for await (const _ of after.range({ from: utf8ToBytes('row '), to: utf8ToBytes('row!') })) count++
    expect(count).toBe(3000)
    await after.close()
  }, 180_000)

  test('a write for which there is no space fails with its cause, and whatever comes after it', async () => {
    // Blocks of 512 bytes. The signal would end the process.
    const writer = child('write large', path, { shell: "trap '' XFSZ; ulimit -f 4000" })
    expect(await writer.next()).toBe('open')
    let acknowledged = 0
    let line = await writer.next()
    for (; line !== undefined && !Number.isNaN(Number(line)); line = await writer.next()) acknowledged = Math.max(acknowledged, Number(line))
    expect(line).toMatch(/^store-failed (?:Input\/output error|File too large|No space)/)
    expect([await writer.next(), await writer.next(), await writer.next(), await writer.next()]).toEqual(['the same', 'the same', 'the same', 'closed'])
    await writer.kill()
    expect(acknowledged).toBeGreaterThan(10)
    expect(await batchesThere()).toBeGreaterThanOrEqual(acknowledged)
  })
})
