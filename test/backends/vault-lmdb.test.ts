import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { verifyCommitment } from '../../src/crypto/commitment.ts'
import { lmdbStore } from '../../src/lmdb.ts'
import { fileKeyslots, newKeyFile, openVault } from '../../src/vault.ts'
import { describeLmdb } from '../stores/places.ts'
import { signal } from './vaults.ts'

const data = new Uint8Array([1, 2, 3])
const folders: string[] = []

afterAll(() => Promise.all(folders.map(folder => rm(folder, { recursive: true, force: true }))))

await describeLmdb('a vault on disk', () => test('outlasts its process, and nothing of it is there in the clear, nor of what was purged', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vault-'))
  folders.push(folder)
  const path = join(folder, 'store')
  const keyslots = fileKeyslots(join(folder, 'keyslots'))
  const unlock = await newKeyFile(join(folder, 'key'))
  const store = await lmdbStore({ path })
  const vault = await openVault({ store, keyslots, unlock })
  const kept = await vault.backend.generate({ key: 'kept', params: 'Ed25519', capabilities: 'Commit' }, signal)
  const gone = await vault.backend.generate({ key: 'gone', params: 'Ed25519', capabilities: 'Commit' }, signal)
  await vault.backend.delete(gone, signal)
  expect(await vault.purge([gone])).toBe(1)
  await vault.close()
  await store.close()
  const files = await Promise.all((await readdir(path)).map(file => readFile(join(path, file), 'latin1')))
  expect(files.some(file => file.includes(kept.name))).toBe(true)
  // Names are in keys; what was purged is compacted away, but for its hash.
  for (const file of files) expect(file).not.toMatch(new RegExp(`${gone.name}|CommitAndDecrypt|Ed25519|framed`))
  const again = await lmdbStore({ path })
  const opened = await openVault({ store: again, keyslots, unlock })
  expect(verifyCommitment(kept, data, await (await opened.backend.signer(kept, signal)).sign(data, signal))).toBe(true)
  await opened.close()
  await again.close()
}))

await describeLmdb('a vault on a damaged disk', () => test('names the record that is damaged, and signs with the rest; a backup mends it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vault-'))
  folders.push(folder)
  const path = join(folder, 'store')
  const unlock = await newKeyFile(join(folder, 'key'))
  const keyslots = fileKeyslots(join(folder, 'keyslots'))
  const store = await lmdbStore({ path })
  const vault = await openVault({ store, keyslots, unlock })
  const make = (key: string) => vault.backend.generate({ key, params: 'Ed25519', capabilities: 'Commit' }, signal)
  const [hurt, whole] = [await make('hurt'), await make('whole')]
  const backup = await vault.exportBackup([hurt], unlock)
  await vault.close()
  await store.close()
  const file = join(path, 'data.mdb')
  const bytes = await readFile(file)
  // The row of that identity, wherever a state of the file has it: its key ends with the name, and its value comes next.
  for (let at = bytes.indexOf(hurt.name); at >= 0; at = bytes.indexOf(hurt.name, at + 1)) {
    const inValue = at + hurt.name.length + 100
    bytes[inValue] = Number(bytes[inValue]) ^ 1
  }
  await writeFile(file, bytes)
  await expect(lmdbStore({ path })).rejects.toMatchObject({ code: 'store-damaged', message: expect.stringContaining(hurt.name) })
  const damaged = await lmdbStore({ path, acceptDamage: true })
  await expect(openVault({ store: damaged, keyslots, unlock })).rejects.toMatchObject({ code: 'vault-damaged', message: expect.stringContaining(hurt.name) })
  const rest = await openVault({ store: damaged, keyslots, unlock, acceptDamage: true })
  expect(rest.damage).toMatchObject([{ record: `identity ${hurt.name}` }])
  const commits = async (identity: typeof whole) => verifyCommitment(identity, data, await (await rest.backend.signer(identity, signal)).sign(data, signal))
  expect(await commits(whole)).toBe(true)
  await expect(commits(hurt)).rejects.toMatchObject({ code: 'backend-failed' })
  expect(await rest.importBackup(backup, unlock)).toMatchObject([{ outcome: 'imported' }])
  expect(await commits(hurt)).toBe(true)
  await rest.close()
  await damaged.close()
  const mended = await lmdbStore({ path })
  await (await openVault({ store: mended, keyslots, unlock })).close()
  await mended.close()
}))
