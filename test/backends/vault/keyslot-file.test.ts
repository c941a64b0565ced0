import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { KEYSLOT_FILE_LIMIT } from '../../../src/backends/vault/keyslot-format.ts'
import { memoryKeyslots } from '../../../src/backends/vault/memory-keyslot-file.ts'
import { fileKeyslots } from '../../../src/backends/vault/node/keyslot-file.ts'
import { keyslotFileCompliance } from './keyslot-file-compliance.ts'

const root = await mkdtemp(join(tmpdir(), 'ipse-keyslots-'))
afterAll(() => rm(root, { recursive: true, force: true }))
const folderOf = () => mkdtemp(join(root, 'one-'))

keyslotFileCompliance('in memory', async () => memoryKeyslots())
keyslotFileCompliance('on disk', async () => fileKeyslots(join(await folderOf(), 'keyslots')))

describe('a keyslot file on disk', () => {
  let folder = ''
  let path = ''
  beforeEach(async () => {
    folder = await folderOf()
    path = join(folder, 'keyslots')
  })
  const permissions = async () => (await stat(path)).mode & 0o777

  test('is its owner\'s alone, also after one that was not, and leaves nothing beside it', async () => {
    await writeFile(path, 'old', { mode: 0o644 })
    await fileKeyslots(path).replace(Uint8Array.of(1))
    expect(await permissions()).toBe(0o600)
    expect(await readdir(folder)).toEqual(['keyslots'])
  })

  test('a new one that was left behind is never read, and overwritten, whoever may read it', async () => {
    await writeFile(`${path}.new`, 'left behind', { mode: 0o666 })
    const file = fileKeyslots(path)
    expect(await file.read()).toBeUndefined()
    await file.replace(Uint8Array.of(7))
    expect(await file.read()).toEqual(Uint8Array.of(7))
    expect(await permissions()).toBe(0o600)
  })

  test('a link that was left there leads nowhere', async () => {
    const other = join(folder, 'other')
    await writeFile(other, 'mine')
    await symlink(other, `${path}.new`)
    await fileKeyslots(path).replace(Uint8Array.of(7))
    expect(await readFile(other, 'utf8')).toBe('mine')
  })

  test('what fails is said with its cause, and changes nothing', async () => {
    const file = fileKeyslots(path)
    await file.replace(Uint8Array.of(1))
    // Neither a folder with something in it, nor a missing one, can be written to, even by root.
    await mkdir(join(`${path}.new`, 'full'), { recursive: true })
    await expect(file.replace(Uint8Array.of(2))).rejects.toMatchObject({ code: 'store-failed', cause: expect.any(Error) })
    expect(await file.read()).toEqual(Uint8Array.of(1))
    await expect(fileKeyslots(join(folder, 'no', 'folder')).replace(Uint8Array.of(2))).rejects.toMatchObject({ code: 'store-failed', cause: { code: 'ENOENT' } })
    await expect(fileKeyslots(folder).read()).rejects.toMatchObject({ code: 'store-failed', cause: { code: 'EISDIR' } })
    await rm(`${path}.new`, { recursive: true })
    await file.replace(Uint8Array.of(3))
    expect(await file.read()).toEqual(Uint8Array.of(3))
  })

  test('one that cannot be opened is no absent one', async () => {
    await symlink(path, path)
    await expect(fileKeyslots(path).read()).rejects.toMatchObject({ code: 'store-failed', cause: { code: 'ELOOP' } })
  })

  test('of a huge one no more is read than shows that it is too long', async () => {
    await writeFile(path, new Uint8Array(3 * KEYSLOT_FILE_LIMIT))
    expect((await fileKeyslots(path).read())?.length).toBe(KEYSLOT_FILE_LIMIT + 1)
  })
})
