import { base64, hex } from '@scure/base'
import { expect, test } from 'vitest'
import { externalIdentityOf } from '../../src/core/engine-id.ts'
import { verifyCommitment } from '../../src/crypto/commitment.ts'
import golden from '../golden/vault.json' with { type: 'json' }
import { Disk, key, signal } from './vaults.ts'

const data = new Uint8Array([1, 2, 3])

/** What an earlier release wrote. */
async function written(): Promise<Disk> {
  const disk = new Disk()
  disk.time = golden.time
  await disk.store.write(golden.rows.map(([name = '', value = '']) => ({ key: hex.decode(name), value: base64.decode(value) })))
  await disk.keyslots.replace(base64.decode(golden.keyslots))
  return disk
}

test('the golden vault opens, and has what was put into it', async () => {
  const vault = await (await written()).open()
  expect(vault.damage).toEqual([])
  const { signs, both, deleted, purged } = golden.names
  for (const name of [signs, both]) {
    const identity = externalIdentityOf(name)
    expect(verifyCommitment(identity, data, await (await vault.backend.signer(identity, signal)).sign(data, signal))).toBe(true)
  }
  expect(await vault.backend.generate({ key: 'signs', params: 'Ed25519', capabilities: 'Commit' }, signal)).toEqual(externalIdentityOf(signs))
  await vault.backend.undelete?.(externalIdentityOf(deleted), signal)
  expect(await vault.backend.decryptor(externalIdentityOf(deleted), signal)).toBeDefined()
  const imported = await vault.importBackup(base64.decode(golden.backup), key(9))
  expect(imported.map(({ externalIdentity, outcome }) => [externalIdentity.name, outcome])).toEqual([[signs, 'present'], [both, 'present'], [purged, 'purged']])
})

test('the golden backup is whole, for any vault', async () => {
  const vault = await new Disk().open()
  expect((await vault.importBackup(base64.decode(golden.backup), key(9))).map(({ outcome }) => outcome)).toEqual(['imported', 'imported', 'imported'])
})
