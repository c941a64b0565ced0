import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { chmod, cp, mkdir, mkdtemp, readdir, rm, symlink, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { run } from '../../scripts/command.ts'
import { lmdbStore } from '../../src/lmdb.ts'
import type { Migration } from '../../src/stores/lmdb/migrations.ts'
import { openStore } from '../../src/stores/lmdb/opening.ts'
import type { Row, Store } from '../../src/stores/store.ts'
import { child } from './child.ts'
import { describeLmdb, filesIn, newFolder } from './places.ts'

const bytes = utf8ToBytes
const put = (key: string, value: string): Row => ({ key: bytes(key), value: bytes(value) })
const format = (...migrations: readonly Migration[]) => ({ migrations, newId: () => new Uint8Array(16).fill(7) })

async function rows(store: Store): Promise<readonly string[]> {
  const found: string[] = []
  for await (const { key, value } of store.range({ from: Uint8Array.of(), to: Uint8Array.of(0xff) })) found.push(`${new TextDecoder().decode(key)}=${new TextDecoder().decode(value)}`)
  return found
}

await describeLmdb('opening an LMDB store', () => {
  let path = ''
  let remove = async () => {}

  beforeEach(async () => {
    ({ path, remove } = await newFolder())
  })

  afterEach(() => remove())

  async function made(...content: readonly Row[]): Promise<void> {
    const store = await lmdbStore({ path })
    await store.write(content)
    await store.close()
  }

  /** That opening rejects so, twice, and that not a byte has changed. */
  async function isRefused(code: string, open: () => Promise<Store> = () => lmdbStore({ path })): Promise<void> {
    const before = await filesIn(path)
    for (let i = 0; i < 2; i++) await expect(open()).rejects.toMatchObject({ code })
    expect(await filesIn(path)).toEqual(before)
  }

  test('makes a store in an absent folder, and in an empty one', async () => {
    await made(put('a', '1'))
    await mkdir(`${path}2`)
    await (await lmdbStore({ path: `${path}2` })).close()
    expect(await rows(await lmdbStore({ path }))).toEqual(['a=1'])
  })

  test('makes the last part of a path, and no more', async () => {
    await expect(lmdbStore({ path: join(path, 'a', 'b') })).rejects.toMatchObject({ code: 'store-failed', cause: { code: 'ENOENT' } })
    await expect(filesIn(path)).rejects.toThrow('ENOENT')
  })

  test.each([undefined, {}, { path: '' }, { path: 7 }])('refuses the options %o', async options => {
    await expect(Reflect.apply(lmdbStore, undefined, [options])).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  test('of what a crash had left there before the store was made, nothing stays', async () => {
    await made(put('a', '1'))
    await mkdir(join(path, 'next'))
    await writeFile(join(path, 'next', 'data.mdb'), 'half')
    expect(await rows(await lmdbStore({ path }))).toEqual(['a=1'])
    expect(await readdir(path)).not.toContain('next')
    const other = `${path}2`
    await mkdir(other)
    await writeFile(join(other, 'store.lock'), '')
    await mkdir(join(other, 'next'))
    expect(await rows(await lmdbStore({ path: other }))).toEqual([])
  })

  test('a folder of other files is foreign', async () => {
    await mkdir(path)
    await writeFile(join(path, 'letter.txt'), 'Dear')
    await isRefused('store-foreign')
  })

  test('a file is foreign', async () => {
    await writeFile(path, 'Dear')
    await expect(lmdbStore({ path })).rejects.toMatchObject({ code: 'store-foreign' })
  })

  test.each([0, 7, 100_000])('a data file of %i bytes that are not LMDB\'s is foreign', async length => {
    await mkdir(path)
    await writeFile(join(path, 'data.mdb'), new Uint8Array(length).fill(7))
    await isRefused('store-foreign')
    await isRefused('store-foreign', () => lmdbStore({ path, acceptDamage: true }))
  })

  test('somebody else\'s LMDB is foreign', async () => {
    const { open } = await import('lmdb')
    const db = open({ path, noSubdir: false })
    await db.put('their', 'data')
    await db.openDB({ name: 'more' }).put('their', 'data')
    await db.close()
    await isRefused('store-foreign')
  })

  test('a store of a newer version is left alone, and one of an older is migrated', async () => {
    await made(put('a', '1'), put('b', '2'))
    const calls: string[] = []
    const second: Migration = ({ key, value }) => bytesToHex(value) === '31' ? undefined : { key, value: bytes(`${new TextDecoder().decode(value)}, second`) }
    const third: Migration = ({ value }) => {
      calls.push('third')
      return { key: bytes('only'), value: bytes(`${new TextDecoder().decode(value)}, third`) }
    }
    const newest = await openStore({ path }, format(second, third))
    expect(await rows(newest)).toEqual(['only=2, second, third'])
    await newest.close()
    const again = await openStore({ path }, format(second, third))
    expect(await rows(again)).toEqual(['only=2, second, third'])
    await again.close()
    expect(calls).toEqual(['third'])
    await isRefused('store-newer')
    await isRefused('store-newer', () => openStore({ path, acceptDamage: true }, format(second)))
  })

  test('a migration that throws leaves the old store', async () => {
    await made(put('a', '1'), put('b', '2'))
    await expect(openStore({ path }, format(() => { throw new Error('no') }))).rejects.toMatchObject({ code: 'store-failed' })
    expect(await rows(await lmdbStore({ path }))).toEqual(['a=1', 'b=2'])
  })

  test('what version 1 wrote can be read', async () => {
    await mkdir(path)
    await cp(join(import.meta.dirname, '../golden/store-1.mdb'), join(path, 'data.mdb'))
    const store = await lmdbStore({ path })
    expect((await rows(store)).slice(0, 2)).toEqual(['key 0=value 0', 'key 1=value 1'])
    expect(await rows(store)).toHaveLength(51)
    expect(await store.get(bytes('long'))).toEqual(new Uint8Array(9000).fill(0x6c))
    await store.write([put('key 0', 'changed')])
    await store.close()
    expect((await rows(await lmdbStore({ path })))[0]).toBe('key 0=changed')
  })

  test.each(['the folder', 'the data file', 'the lock file'])('%s that can\'t be written to is refused', async what => {
    await made(put('a', '1'))
    const file = what === 'the folder' ? path : join(path, what === 'the data file' ? 'data.mdb' : 'store.lock')
    const writable = what === 'the folder' ? [] : [path, ...(await readdir(path)).map(name => join(path, name))]
    await chmod(join(path, '..'), 0o755)
    for (const other of writable) await chmod(other, 0o777)
    await chmod(file, what === 'the folder' ? 0o555 : 0o444)
    const before = await filesIn(path)
    // Nobody stops the superuser: so another user tries.
    const other = child('open', path, process.getuid?.() === 0 ? { user: 65_534 } : {})
    expect(await other.next()).toMatch(/^store-read-only/)
    await other.kill()
    expect(await filesIn(path)).toEqual(before)
    await chmod(path, 0o755)
  })

  test('without the package lmdb it says what to install', async () => {
    const place = await mkdtemp(join(tmpdir(), 'without-lmdb-'))
    try {
      const root = join(import.meta.dirname, '../..')
      await cp(join(root, 'src'), join(place, 'src'), { recursive: true })
      await writeFile(join(place, 'package.json'), JSON.stringify({ type: 'module' }))
      await mkdir(join(place, 'node_modules'))
      for (const name of ['@noble', 'zod']) await symlink(join(root, 'node_modules', name), join(place, 'node_modules', name))
      const { output } = await run(process.execPath, ['-e', `
        import('./src/lmdb.ts').then(({ lmdbStore }) => lmdbStore({ path: './store' })).catch(error => console.log(error.code, error.message))
      `], place)
      expect(output).toMatch(/^not-available .*npm install lmdb/)
    } finally {
      await rm(place, { recursive: true })
    }
  })

  test('a truncated file is damaged', async () => {
    await made(...Array.from({ length: 200 }, (_, i) => put(`key ${i}`, `value ${i}`.padEnd(300))))
    for (const length of [60_000, 30_000, 8_192, 5_000, 100, 0]) {
      await truncate(join(path, 'data.mdb'), length)
      await isRefused('store-damaged')
    }
  })
})
