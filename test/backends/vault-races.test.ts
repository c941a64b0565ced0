import { describe, expect, test } from 'vitest'
import type { Vault } from '../../src/backends/vault/vault.ts'
import type { ExternalIdentity } from '../../src/core/engine-id.ts'
import { Disk, key, MemoryAnchor, signal } from './vaults.ts'

const data = new Uint8Array([1, 2, 3])
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

async function generate({ backend }: Vault, name: string): Promise<ExternalIdentity> {
  return backend.generate({ key: name, params: 'Ed25519', capabilities: 'Commit' }, signal)
}

describe('a lock', () => {
  test('erases keys that were unsealed, and not given out yet, when it came', async () => {
    const vault = await new Disk().open()
    const [used, other] = [await generate(vault, 'used'), await generate(vault, 'other')]
    // Both share a batch, and who is answered first locks it.
    const locking = Promise.resolve(vault.backend.delete(other, signal)).then(() => vault.lock())
    const signer = await vault.backend.signer(used, signal)
    await locking
    expect(vault.isLocked).toBe(true)
    await expect((async () => signer.sign(data, signal))()).rejects.toEqual(code('locked'))
    await vault.unlock(key())
    expect(await signer.sign(data, signal)).toBeInstanceOf(Uint8Array)
  })

  test('waits for nobody who is asked for a passphrase', async () => {
    const vault = await new Disk().open()
    const asked = Promise.withResolvers<Uint8Array>()
    const outcomes = [
      vault.addSlot({ kind: 'key-file', secret: () => asked.promise }),
      vault.changePassphrase({ kind: 'key-file', secret: () => asked.promise }, key(8)),
      vault.exportBackup([], { kind: 'key-file', secret: () => asked.promise }),
      vault.changePassphrase(key(), { kind: 'key-file', secret: () => asked.promise }),
    ].map(one => expect(one).rejects.toEqual(code('locked')))
    await generate(vault, 'a')
    await vault.lock()
    asked.resolve(new Uint8Array(32).fill(7))
    await Promise.all(outcomes)
  })
})

describe('a vault that is open twice', () => {
  test.each([['made twice', false], ['opened twice', true]])('because it was %s, acknowledges nothing that is lost', async (_what, isThere) => {
    const disk = new Disk()
    if (isThere) await (await disk.open()).close()
    const both = await Promise.all([disk.open(), disk.open()])
    const acknowledged: ExternalIdentity[] = []
    const refusals: unknown[] = []
    for (const [i, vault] of both.entries()) {
      await generate(vault, `${i}`).then(identity => acknowledged.push(identity), (error: unknown) => refusals.push(error))
    }
    expect(refusals).toEqual([code('vault-damaged')])
    const names: string[] = []
    for await (const { externalIdentity } of (await disk.open()).identities()) names.push(externalIdentity.name)
    expect(names).toEqual(acknowledged.map(({ name }) => name))
  })
})

test('an anchor that does not answer holds up no lock of what is in use', async () => {
  const anchor = new MemoryAnchor()
  const vault = await new Disk().open({ anchor })
  const identity = await generate(vault, 'a')
  const signer = await vault.backend.signer(identity, signal)
  const { promise, resolve } = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  anchor.advance = () => {
    asked.resolve()
    return promise
  }
  const generating = generate(vault, 'b')
  await asked.promise
  const locking = vault.lock()
  await expect((async () => signer.sign(data, signal))()).rejects.toEqual(code('locked'))
  resolve()
  await locking
  await generating
})
