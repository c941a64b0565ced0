import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import type { ExternalIdentity } from '../../src/core/engine-id.ts'
import { OpenKeys } from '../../src/backends/local-memory/open-keys.ts'
import type { Signer } from '../../src/backends/backend.ts'
import type { Vault, VaultOptions } from '../../src/backends/vault/vault.ts'
import { memoryStore } from '../../src/index.ts'
import { memoryKeyslots, openVault } from '../../src/vault.ts'
import { encryptTo } from '../../src/crypto/ciphertext.ts'
import { verifyCommitment } from '../../src/crypto/commitment.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import type { RandomBytes } from '../../src/crypto/suite.ts'
import { DAY, Disk, key, signal } from './vaults.ts'

const data = new Uint8Array([1, 2, 3])
const both = { key: 'a', params: 'Ed25519', capabilities: 'CommitAndDecrypt' } as const
const code = (expected: string): unknown => expect.objectContaining({ code: expected })

async function generate({ backend }: Vault, name = 'a'): Promise<ExternalIdentity> {
  return backend.generate({ ...both, key: name }, signal)
}

async function isUsable({ backend }: Vault, identity: ExternalIdentity): Promise<boolean> {
  const signer = await backend.signer(identity, signal)
  const decryptor = await backend.decryptor(identity, signal)
  const opened = await decryptor.decrypt(await encryptTo(identity, data), signal)
  const isGood = verifyCommitment(identity, data, await signer.sign(data, signal))
  await signer.close()
  await decryptor.close()
  return isGood && opened instanceof Uint8Array && opened.every((byte, i) => byte === data[i])
}

async function namesIn(vault: Vault): Promise<readonly string[]> {
  const names: string[] = []
  for await (const { externalIdentity: { name } } of vault.identities()) names.push(name)
  return names
}

describe('a vault that is opened again', () => {
  test('has what was acknowledged: identities, attempts, deletes', async () => {
    const disk = new Disk()
    const first = await disk.open()
    const kept = await generate(first, 'kept')
    const gone = await generate(first, 'gone')
    const long = await first.backend.generate({ key: 'long', params: 'MLDSA65', capabilities: 'CommitAndDecrypt', format: 'raw' }, signal)
    const undoable = await first.backend.delete(gone, signal)
    await first.close()
    const second = await disk.open()
    expect(await isUsable(second, kept)).toBe(true)
    expect(await second.backend.generate({ key: 'long', params: 'MLDSA65', capabilities: 'CommitAndDecrypt', format: 'raw' }, signal)).toEqual(long)
    expect(await generate(second, 'kept')).toEqual(kept)
    expect(await second.backend.delete(gone, signal)).toEqual(undoable)
    await second.backend.undelete?.(gone, signal)
    expect(await isUsable(second, gone)).toBe(true)
    const told = []
    for await (const one of second.identities()) told.push(one)
    expect(told).toHaveLength(3)
    expect(told.find(({ params }) => params === 'MLDSA65')).toEqual({ externalIdentity: long, params: 'MLDSA65', capabilities: 'CommitAndDecrypt', format: 'raw' })
  })

  test('opens with none but its own key, and not after another was put in its place', async () => {
    const disk = new Disk()
    const vault = await disk.open()
    const identity = await generate(vault)
    await expect(disk.open({ unlock: key(8) })).rejects.toEqual(code('wrong-passphrase'))
    await expect(vault.changePassphrase(key(8), key(9))).rejects.toEqual(code('wrong-passphrase'))
    const added = await vault.addSlot(key(8))
    await vault.changePassphrase(key(8), key(9))
    expect(vault.slots().map(({ id }) => id)).not.toContain(added)
    expect(vault.slots()).toHaveLength(2)
    await vault.close()
    await expect(disk.open({ unlock: key(8) })).rejects.toEqual(code('wrong-passphrase'))
    const again = await disk.open({ unlock: key(9) })
    expect(await isUsable(again, identity)).toBe(true)
    await again.removeSlot(again.slots().find(({ id }) => id !== again.slots()[1]?.id)?.id ?? '')
    await expect(again.removeSlot(again.slots()[0]?.id ?? '')).rejects.toEqual(code('invalid-argument'))
    await expect(disk.open()).rejects.toEqual(code('wrong-passphrase'))
  })

  test('shows many identities, page by page, in the order of their names', async () => {
    const vault = await new Disk().open()
    const made = await Promise.all(Array.from({ length: 600 }, (_, i) => generate(vault, `${i}`)))
    expect(await namesIn(vault)).toEqual(made.map(({ name }) => name).toSorted())
  })
})

describe('a vault', () => {
  test('signs at once while it is unlocked, fails while it is locked, and then signs again', async () => {
    const vault = await new Disk().open()
    const identity = await generate(vault)
    const signer = await vault.backend.signer(identity, signal)
    const decryptor = await vault.backend.decryptor(identity, signal)
    const ciphertext = await encryptTo(identity, data)
    expect(signer.sign(data, signal)).toBeInstanceOf(Uint8Array)
    const locking = vault.lock()
    expect(vault.isLocked).toBe(true)
    await expect((async () => signer.sign(data, signal))()).rejects.toEqual(code('locked'))
    await locking
    await expect((async () => signer.signBatch?.([data], signal))()).rejects.toEqual(code('locked'))
    await expect((async () => decryptor.decrypt(ciphertext, signal))()).rejects.toEqual(code('locked'))
    for (const act of [
      () => vault.backend.generate(both, signal), () => vault.backend.delete(identity, signal), () => vault.rotate(),
      () => vault.purge(), () => vault.addSlot(key(8)), () => vault.exportBackup([identity], key()), () => namesIn(vault),
    ]) await expect((async () => act())()).rejects.toEqual(code('locked'))
    await expect(vault.unlock(key(8))).rejects.toEqual(code('wrong-passphrase'))
    expect(vault.isLocked).toBe(true)
    await vault.unlock(key())
    expect(await signer.sign(data, signal)).toBeInstanceOf(Uint8Array)
    expect(signer.sign(data, signal)).toBeInstanceOf(Uint8Array)
    expect(await decryptor.decrypt(ciphertext, signal)).toEqual(data)
    expect(await generate(vault)).toEqual(identity)
    await vault.close()
    await expect(vault.unlock(key())).rejects.toEqual(code('locked'))
  })

  test('gives signers and decryptors while it is locked, which work once it is not', async () => {
    const vault = await new Disk().open()
    const identity = await generate(vault)
    const gone = { ...identity, name: (await generate(await new Disk().open())).name }
    const ciphertext = await encryptTo(identity, data)
    await vault.lock()
    const [signer, decryptor] = [await vault.backend.signer(identity, signal), await vault.backend.decryptor(identity, signal)]
    await expect((async () => vault.backend.signer(gone, signal))()).rejects.toEqual(code('not-found'))
    await expect((async () => signer.sign(data, signal))()).rejects.toEqual(code('locked'))
    await vault.unlock(key())
    expect(verifyCommitment(identity, data, await signer.sign(data, signal))).toBe(true)
    expect(await decryptor.decrypt(ciphertext, signal)).toEqual(data)
  })

  test('is locked from the call on, whatever was asked for before', async () => {
    const disk = new Disk()
    const vault = await disk.open()
    await vault.lock()
    const unlocking = vault.unlock(key())
    const generating = generate(vault)
    const locking = vault.lock()
    await expect(generating).rejects.toEqual(code('locked'))
    await Promise.all([unlocking, locking])
    expect(vault.isLocked).toBe(true)
    expect(await disk.rows('identity')).toEqual([])
    await vault.unlock(key())
    await generate(vault)
  })

  test('gives no keys to who asked for them before it was locked', async () => {
    const disk = new Disk()
    const vault = await disk.open()
    const identity = await generate(vault)
    const { store } = disk
    const get = store.get.bind(store)
    let opening: Promise<Signer> | undefined
    const read = new Promise<void>(resolve => {
      vi.spyOn(store, 'get').mockImplementationOnce(async name => {
        const value = await get(name)
        resolve()
        return value
      })
      opening = (async () => vault.backend.signer(identity, signal))()
    })
    await read
    await vault.lock()
    const signer = await opening
    await expect((async () => signer?.sign(data, signal))()).rejects.toEqual(code('locked'))
  })

  test('lets nothing out of a batch that was being signed when it was locked', async () => {
    const vault = await new Disk().open()
    const signer = await vault.backend.signer(await generate(vault), signal)
    const signing = signer.signBatch?.(Array.from({ length: 100 }, () => data), signal)
    await Promise.resolve()
    void vault.lock()
    await expect(signing).rejects.toEqual(code('locked'))
  })

  test('gives no signer to who asked before a delete and is answered after it', async () => {
    const vault = await new Disk().open()
    const identity = await generate(vault)
    const asked = vault.backend.signer(identity, signal)
    const deleting = vault.backend.delete(identity, signal)
    const late = (async () => vault.backend.signer(identity, signal))()
    await deleting
    await expect((async () => (await asked).sign(data, signal))()).rejects.toMatchObject({ code: expect.stringMatching(/^(?:backend-failed|not-found)$/) })
    await expect(late).rejects.toEqual(code('not-found'))
  })

  test('forgets deletes when their time is over, and frees their keys', async () => {
    const disk = new Disk()
    const vault = await disk.open({ undoPeriod: DAY })
    const identity = await generate(vault)
    expect(await vault.backend.delete(identity, signal)).toEqual({ undoUntil: disk.time + DAY })
    disk.time += DAY - 1
    await expect(generate(vault)).rejects.toEqual(code('backend-failed'))
    disk.time += 1
    await expect((async () => vault.backend.undelete?.(identity, signal))()).rejects.toEqual(code('not-found'))
    await expect((async () => vault.backend.delete(identity, signal))()).rejects.toEqual(code('not-found'))
    const next = await generate(vault)
    expect(next.name).not.toBe(identity.name)
    expect(await vault.purge()).toBe(1)
    expect(await vault.purge()).toBe(0)
    expect(await namesIn(vault)).toEqual([next.name])
    expect(await generate(vault)).toEqual(next)
  })

  test('purges whom it is told to before their time, and none that lives', async () => {
    const disk = new Disk()
    const vault = await disk.open()
    const [kept, gone, put] = await Promise.all(['kept', 'gone', 'put away'].map(name => generate(vault, name)))
    if (!kept || !gone || !put) return expect.fail()
    const signer = await vault.backend.signer(kept, signal)
    await vault.backend.delete(gone, signal)
    await vault.backend.delete(put, signal)
    await expect(vault.purge([kept])).rejects.toEqual(code('invalid-argument'))
    expect(await vault.purge()).toBe(0)
    const before = await disk.rows()
    const slots = await disk.keyslots.read()
    expect(await vault.purge([gone])).toBe(1)
    await expect(vault.purge([gone])).rejects.toEqual(code('not-found'))
    expect(signer.sign(data, signal)).toBeInstanceOf(Uint8Array)
    await vault.backend.undelete?.(put, signal)
    expect((await generate(vault, 'gone')).name).not.toBe(gone.name)
    await vault.close()
    expect((await disk.open()).damage).toEqual([])
    // Nothing that was sealed before opens with what the keyslots hold now; with those of before it would.
    const later = await disk.copy()
    await later.putBack(before)
    await expect(later.open()).rejects.toEqual(code('vault-damaged'))
    await later.keyslots.replace(slots ?? new Uint8Array())
    expect(await namesIn(await later.open())).toContain(gone.name)
  })

  test('seals everything anew when it rotates', async () => {
    const disk = new Disk()
    const vault = await disk.open()
    const identity = await generate(vault)
    const signer = await vault.backend.signer(identity, signal)
    const before = await disk.rows()
    await vault.rotate()
    await vault.rotate()
    const after = await disk.rows()
    expect(after.map(({ key: name }) => name)).toEqual(before.map(({ key: name }) => name))
    expect(after.filter(({ value }, i) => `${value}` === `${before[i]?.value}`)).toEqual([])
    expect(signer.sign(data, signal)).toBeInstanceOf(Uint8Array)
    await vault.lock()
    await vault.unlock(key())
    expect(await isUsable(vault, identity)).toBe(true)
    expect(await isUsable(await disk.open(), identity)).toBe(true)
  })

  test('stores what is asked for together in few batches', async () => {
    const disk = new Disk()
    const vault = await disk.open()
    const write = vi.spyOn(disk.store, 'write')
    await Promise.all(Array.from({ length: 100 }, (_, i) => generate(vault, `${i}`)))
    expect(write.mock.calls.length).toBeLessThanOrEqual(2)
    await Promise.all(Array.from({ length: 100 }, () => generate(vault, 'the same'))).then(all => expect(new Set(all.map(({ name }) => name)).size).toBe(1))
  })

  test('serves nothing of what the store failed to keep', async () => {
    const disk = new Disk()
    const vault = await disk.open()
    const kept = await generate(vault, 'kept')
    const signer = await vault.backend.signer(kept, signal)
    vi.spyOn(disk.store, 'write').mockRejectedValueOnce(new TypeError('no space'))
    await expect(generate(vault, 'lost')).rejects.toEqual(code('store-failed'))
    await expect(generate(vault, 'lost')).rejects.toEqual(code('store-failed'))
    await expect((async () => vault.backend.signer(kept, signal))()).rejects.toEqual(code('store-failed'))
    expect(signer.sign(data, signal)).toBeInstanceOf(Uint8Array)
    await vault.close()
    expect(await namesIn(await disk.open())).toEqual([kept.name])
  })

  test('tells nobody of a change that was not stored, nor by a refusal', async () => {
    const disk = new Disk()
    const vault = await disk.open()
    const identity = await generate(vault)
    vi.spyOn(disk.store, 'write').mockRejectedValueOnce(new TypeError('no space'))
    const deleting = vault.backend.delete(identity, signal)
    // Its key would be refused, if the delete were stored.
    await expect(generate(vault)).rejects.toEqual(code('store-failed'))
    await expect(deleting).rejects.toEqual(code('store-failed'))
  })

  test('is not unlocked over a store that was changed while it was locked', async () => {
    const disk = new Disk()
    const vault = await disk.open()
    const before = await disk.rows()
    const identity = await generate(vault)
    await vault.lock()
    const rows = await disk.rows()
    await disk.putBack(before)
    await expect(vault.unlock(key())).rejects.toEqual(code('vault-damaged'))
    expect(vault.isLocked).toBe(true)
    await disk.putBack(rows)
    await vault.unlock(key())
    expect(await isUsable(vault, identity)).toBe(true)
  })

  test('unseals keys for whoever uses them first, and erases them after the last, when it is locked, and when they are deleted', async () => {
    const erased = vi.spyOn(OpenKeys.prototype, 'erase')
    try {
      const vault = await new Disk().open()
      const identity = await generate(vault)
      expect(erased).toHaveBeenCalledTimes(0)
      const signer = await vault.backend.signer(identity, signal)
      const decryptor = await vault.backend.decryptor(identity, signal)
      await signer.close()
      await signer.close()
      expect(erased).toHaveBeenCalledTimes(0)
      await decryptor.close()
      expect(erased).toHaveBeenCalledTimes(1)
      await vault.backend.signer(identity, signal)
      void vault.lock()
      expect(erased).toHaveBeenCalledTimes(2)
      await vault.unlock(key())
      await vault.backend.signer(identity, signal)
      await vault.backend.delete(identity, signal)
      expect(erased).toHaveBeenCalledTimes(3)
    } finally {
      erased.mockRestore()
    }
  })

  test('erases the keys that come when nobody wants them any more', async () => {
    const erased = vi.spyOn(OpenKeys.prototype, 'erase')
    try {
      const vault = await new Disk().open()
      const signer = await vault.backend.signer(await generate(vault), signal)
      await vault.lock()
      await vault.unlock(key())
      expect(erased).toHaveBeenCalledTimes(1)
      const signing = signer.sign(data, signal)
      await signer.close()
      await expect((async () => signing)()).rejects.toEqual(code('backend-failed'))
      expect(erased).toHaveBeenCalledTimes(2)
    } finally {
      erased.mockRestore()
    }
  })

  test('erases the keys that it made, once they are sealed', async () => {
    const seen: Uint8Array[] = []
    const random: RandomBytes = length => {
      const bytes = randomBytes(length)
      seen.push(bytes)
      return bytes
    }
    const vault = await new Disk().open({}, { random })
    seen.length = 0
    await generate(vault)
    // Signing key, encryption key, and then the nonces of what is sealed.
    expect(seen.slice(0, 2).map(bytes => bytes.every(byte => byte === 0))).toEqual([true, true])
  })
})

describe('no secret of a vault', () => {
  const SENTINEL = /90, ?90, ?90|5a5a5a|ZZZZ|WlpaWl|"0":90/i

  test('is in what it shows, stores or throws', async () => {
    const disk = new Disk()
    // Keys and claims are 0x5a (and so is the salt of a keyslot, whose file is not looked at here); nonces, of 24 bytes, and whatever else is not.
    const random: RandomBytes = length => length === 32 ? new Uint8Array(32).fill(0x5a) : randomBytes(length)
    const vault = await disk.open({ unlock: key(0x5a) }, { random })
    const identity = await generate(vault)
    const signer = await vault.backend.signer(identity, signal)
    const decryptor = await vault.backend.decryptor(identity, signal)
    const backup = await vault.exportBackup([identity], key(0x5a))
    const errors = await Promise.all([
      () => generate(vault, 'b'), () => vault.unlock(key(1)), () => vault.importBackup(backup, key(1)), () => vault.importBackup(backup.subarray(1), key(1)),
      () => vault.backend.adopt?.(identity, new Uint8Array(32), signal), () => vault.backend.delete({ ...identity, name: 'ZZ' }, signal), () => vault.removeSlot('x'),
    ].map(act => (async () => act())().then(() => expect.fail('it did not throw'), (error: unknown) => error)))
    for (const shown of [vault, vault.backend, signer, decryptor, ...errors]) {
      expect([inspect(shown, { showHidden: true, depth: Infinity, getters: true, showProxy: true }), JSON.stringify(shown), `${String(shown)}`].join('\n')).not.toMatch(SENTINEL)
    }
    const stored = [...(await disk.rows()).flatMap(({ key: name, value }) => [name, value]), backup]
    for (const [i, bytes] of stored.entries()) expect([...bytes].join(), `${i}`).not.toMatch(SENTINEL)
    expect(Reflect.ownKeys(vault).toSorted()).toEqual(['backend', 'damage'])
    expect(Reflect.ownKeys(vault.backend).toSorted()).toEqual(['capabilities', 'formats', 'name', 'params'])
  })
})

test.each(['store', 'keyslots', 'unlock'] as const)('a vault that is opened without its %s says so', async missing => {
  const options: VaultOptions = Object.assign({ store: memoryStore(), keyslots: memoryKeyslots(), unlock: key() }, { [missing]: undefined })
  await expect(openVault(options)).rejects.toMatchObject({ code: 'invalid-argument', message: expect.stringContaining(`{ ${missing} }`) })
})
