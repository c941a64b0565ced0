import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { describe, expect, test } from 'vitest'
import { cryptosystemOf } from '../../src/backends/local-memory/offer.ts'
import { nameOf } from '../../src/backends/local-memory/secrets.ts'
import { writeBackup } from '../../src/backends/vault/backup.ts'
import type { IdentityRecord } from '../../src/backends/vault/record.ts'
import { attemptOf } from '../../src/backends/vault/rows.ts'
import type { Vault } from '../../src/backends/vault/vault.ts'
import { decodeData, encodeData } from '../../src/core/encoding.ts'
import type { ExternalIdentity } from '../../src/core/engine-id.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { DAY, Disk, key, signal } from './vaults.ts'

const code = (expected: string): unknown => expect.objectContaining({ code: expected })

async function generate({ backend }: Vault, name: string): Promise<ExternalIdentity> {
  return backend.generate({ key: name, params: 'Ed25519', capabilities: 'Commit' }, signal)
}

describe('a hostile backup', () => {
  const signing = new Uint8Array(32).fill(3)
  const record = (more: Partial<IdentityRecord['facts']>): IdentityRecord => {
    const secrets = { signing: signing.slice(), encryption: undefined }
    return { facts: { name: nameOf(cryptosystemOf('Ed25519'), secrets, 'framed').name, params: 'Ed25519', capabilities: 'Commit', format: 'framed', ...more }, secrets }
  }

  test.each<[string, Partial<IdentityRecord['facts']>]>([
    ['says under which key an identity was generated', { attempt: attemptOf('mine') }],
    ['says when one was deleted', { deleted: { at: 0, until: 1e300 } }],
    ['has a bundle for a name that needs none', { bundle: new Uint8Array() }],
  ])('that %s is refused', async (_what, more) => {
    const disk = new Disk()
    const vault = await disk.open()
    const backup = await writeBackup([record(more)], key(9), { random: randomBytes })
    await expect(vault.importBackup(backup, key(9))).rejects.toEqual(code('backup-damaged'))
    await vault.rotate()
    expect((await generate(vault, 'mine')).name).not.toBe(record({}).facts.name)
  })

  test('that has one identity twice is refused', async () => {
    const vault = await new Disk().open()
    const backup = await writeBackup([record({}), record({})], key(9), { random: randomBytes })
    await expect(vault.importBackup(backup, key(9))).rejects.toEqual(code('backup-damaged'))
  })

  test('that has many identities is read in turns of the event loop', async () => {
    const vault = await new Disk().open()
    const made = await Promise.all(Array.from({ length: 40 }, (_, i) => generate(vault, `${i}`)))
    const backup = await vault.exportBackup(made, key(9))
    let isDone = false
    let turns = 0
    const count = () => {
      turns++
      if (!isDone) setImmediate(count)
    }
    setImmediate(count)
    await (await new Disk().open()).importBackup(backup, key(9))
    isDone = true
    expect(turns).toBeGreaterThan(8)
  })

  test('in another form is refused', async () => {
    const vault = await new Disk().open()
    const backup = await writeBackup([record({})], key(9), { random: randomBytes })
    const [fields] = decodeData(backup.subarray(0, -32), 1)
    if (typeof fields !== 'object' || fields === null) return expect.fail()
    // The same map, its fields in another order.
    const encoded = Object.entries(fields).toReversed().map(([name, value]) => concatBytes(encodeData(name), encodeData(value)))
    const body = concatBytes(Uint8Array.of(0xa0 + encoded.length), ...encoded)
    await expect(vault.importBackup(concatBytes(body, sha256(body)), key(9))).rejects.toEqual(code('backup-damaged'))
    expect(await vault.importBackup(backup, key(9))).toHaveLength(1)
  })
})

describe('the key of an attempt', () => {
  test('that is no text is refused, and names no attempt of another', async () => {
    const vault = await new Disk().open()
    await expect(generate(vault, 'a\ud800')).rejects.toEqual(code('invalid-argument'))
  })

  test('names the identity that it generated last, also when a clock that was set back brings an older one back', async () => {
    const disk = new Disk()
    const vault = await disk.open({ undoPeriod: DAY })
    const made: ExternalIdentity[] = []
    for (let i = 0; i < 6; i++) {
      made.push(await generate(vault, 'a'))
      if (i < 5) await vault.backend.delete(made.at(-1) ?? expect.fail(), signal)
      if (i < 5) disk.time += DAY
    }
    disk.time = 0
    for (const one of made.slice(0, 5)) await vault.backend.undelete?.(one, signal)
    const last = made.at(-1)
    expect(await generate(vault, 'a')).toEqual(last)
    await vault.rotate()
    expect(await generate(vault, 'a')).toEqual(last)
  })
})
