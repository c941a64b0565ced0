import { describe, expect, test } from 'vitest'
import type { Vault } from '../../src/backends/vault/vault.ts'
import type { ExternalIdentity } from '../../src/core/engine-id.ts'
import { Fault } from '../../src/core/errors.ts'
import { keyOf } from '../../src/stores/key.ts'
import { Disk, key, MemoryAnchor, signal } from './vaults.ts'

const data = new Uint8Array([1, 2, 3])
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

async function generate({ backend }: Vault, name: string): Promise<ExternalIdentity> {
  return backend.generate({ key: name, params: 'Ed25519', capabilities: 'Commit' }, signal)
}

const identityRow = ({ name }: ExternalIdentity): Uint8Array => keyOf('vault', 'identity', name)

describe('records that are changed while the vault is open', () => {
  const replayed = async () => {
    const disk = new Disk()
    const vault = await disk.open()
    const [gone, kept] = [await generate(vault, 'gone'), await generate(vault, 'kept')]
    const [row] = await disk.rows('identity', gone.name)
    await vault.backend.delete(gone, signal)
    return { disk, vault, gone, kept, row: row ?? expect.fail() }
  }

  test.each<[string, (vault: Vault, other: ExternalIdentity) => Promise<unknown>]>([
    ['a rotation', vault => vault.rotate()], ['a purge', (vault, other) => vault.purge([other])],
  ])('are not made good by %s', async (_what, act) => {
    const { disk, vault, kept, row } = await replayed()
    await vault.backend.delete(kept, signal)
    await disk.store.write([row])
    await expect(act(vault, kept)).rejects.toEqual(code('vault-damaged'))
    await vault.close()
    await expect(disk.open()).rejects.toEqual(code('vault-damaged'))
  })

  test('nor is one that is missing', async () => {
    const { disk, vault, kept } = await replayed()
    await disk.store.write([{ key: identityRow(kept), value: undefined }])
    await expect(vault.rotate()).rejects.toEqual(code('vault-damaged'))
  })

  test('keep it locked when that was while it was locked', async () => {
    const { disk, vault, gone, row } = await replayed()
    const [now] = await disk.rows('identity', gone.name)
    await vault.lock()
    await disk.store.write([row])
    await expect(vault.unlock(key())).rejects.toEqual(code('vault-damaged'))
    expect(vault.isLocked).toBe(true)
    await disk.store.write([now ?? expect.fail()])
    await vault.unlock(key())
  })

  test('are told apart from what was accepted', async () => {
    const { disk, vault, kept, row } = await replayed()
    await vault.close()
    await disk.store.write([{ key: identityRow(kept), value: data }])
    const opened = await disk.open({ acceptDamage: true })
    await opened.lock()
    await opened.unlock(key())
    await generate(opened, 'more')
    await opened.lock()
    await disk.store.write([row])
    await expect(opened.unlock(key())).rejects.toEqual(code('vault-damaged'))
  })
})

test('a purge that could not drop the old root key is finished by the same again, though whom it names is gone', async () => {
  const disk = new Disk()
  let replaced = 0
  let isFailing = false
  const vault = await disk.open({
    keyslots: {
      read: () => disk.keyslots.read(),
      async replace(bytes) {
        replaced++
        if (isFailing && replaced === 2) throw new Fault('store-failed', 'The disk is full')
        await disk.keyslots.replace(bytes)
      },
    },
  })
  const gone = await generate(vault, 'gone')
  await vault.backend.delete(gone, signal)
  const old = await disk.rows()
  replaced = 0
  isFailing = true
  await expect(vault.purge([gone])).rejects.toEqual(code('store-failed'))
  await expect(vault.purge([gone])).rejects.toEqual(code('not-found'))
  // What the disk may still have of it does not open with the keyslots as they are.
  const crashed = await disk.copy()
  await crashed.putBack(old)
  await expect(crashed.open()).rejects.toEqual(code('vault-damaged'))
  expect(await vault.purge()).toBe(0)
})

describe('damage that is accepted', () => {
  test('costs no root key of a rotation that was cut short', async () => {
    const disk = new Disk()
    const vault = await disk.open()
    const identity = await generate(vault, 'a')
    await vault.close()
    const { store } = disk
    const dying = await disk.open({ store: { capabilities: store.capabilities, get: name => store.get(name), range: range => store.range(range), close: async () => {}, write: async () => { throw new Fault('store-failed', 'The process died') } } })
    await expect(dying.rotate()).rejects.toEqual(code('store-failed'))
    const manifest = await store.get(keyOf('vault', 'manifest')) ?? expect.fail()
    const changed = manifest.slice()
    changed[4] = 2
    for (const value of [undefined, data, changed]) {
      const copy = await disk.copy()
      await copy.store.write([{ key: keyOf('vault', 'manifest'), value }])
      const opened = await copy.open({ acceptDamage: true })
      expect(await (await opened.backend.signer(identity, signal)).sign(data, signal)).toBeInstanceOf(Uint8Array)
      await opened.lock()
      await opened.unlock(key())
      await generate(opened, 'b')
      await opened.rotate()
      await opened.close()
      const again = await copy.open()
      expect(await generate(again, 'a')).toEqual(identity)
    }
  })
})

describe('an anchor that says what is no state', () => {
  test.each<[string, () => Uint8Array]>([['null', () => JSON.parse('null')], ['text', () => JSON.parse(`"${'x'.repeat(32)}"`)], ['five bytes', () => new Uint8Array(5)]])('%s: fails, and costs nothing', async (_what, said) => {
    const disk = new Disk()
    const anchor = { read: async () => said(), advance: async () => {} }
    for (const acceptRollback of [false, true]) await expect(disk.open({ anchor, acceptRollback })).rejects.toEqual(code('backend-failed'))
    expect(await disk.rows()).toEqual([])
    await (await disk.open({ anchor: new MemoryAnchor() })).close()
    await expect(disk.open({ anchor })).rejects.toEqual(code('backend-failed'))
  })
})

describe('rows that no vault writes', () => {
  test('are found under the manifest too, and are printed so that they do nothing to a terminal', async () => {
    const disk = new Disk()
    await (await disk.open()).close()
    await disk.store.write([{ key: keyOf('vault', 'manifest', 'more'), value: data }])
    await expect(disk.open()).rejects.toEqual(code('vault-damaged'))
    await disk.store.write([{ key: keyOf('vault', '\u001b[2J\u001b]0;x\u0007'), value: data }])
    await expect(disk.open()).rejects.toMatchObject({ code: 'vault-damaged', message: expect.stringMatching(/^[\u0020-\u007e]*$/) })
  })
})
