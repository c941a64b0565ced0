import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { writeBackup } from '../../src/backends/vault/backup.ts'
import { passphrase } from '../../src/backends/vault/passphrase.ts'
import type { Vault } from '../../src/backends/vault/vault.ts'
import { decodeData, encodeData } from '../../src/core/encoding.ts'
import type { ExternalIdentity } from '../../src/core/engine-id.ts'
import { verifyCommitment } from '../../src/crypto/commitment.ts'
import { encryptTo } from '../../src/crypto/ciphertext.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import { Disk, key, signal } from './vaults.ts'

const data = new Uint8Array([1, 2, 3])
const code = (expected: string): unknown => expect.objectContaining({ code: expected })
/** As cheap as is allowed. */
const argon2 = { memory: 19_456, passes: 2, lanes: 1 }

describe('a backup', () => {
  let vault: Vault
  const identities: ExternalIdentity[] = []
  let backup = new Uint8Array()

  beforeAll(async () => {
    vault = await new Disk().open({ argon2 })
    for (const params of vault.backend.params) {
      for (const [format, capabilities] of [['framed', 'CommitAndDecrypt'], ['raw', 'Commit'], ['framed', 'Decrypt']] as const) {
        identities.push(await vault.backend.generate({ key: `${params} ${format} ${capabilities}`, params, capabilities, format }, signal))
      }
    }
    backup = Uint8Array.from(await vault.exportBackup(identities, key(9)))
  })

  test('has identities of every kind, and gives them to another vault whole', async () => {
    const disk = new Disk()
    const other = await disk.open()
    const imported = await other.importBackup(backup, key(9))
    expect(imported.map(({ externalIdentity, outcome }) => [externalIdentity, outcome])).toEqual(identities.map(identity => [identity, 'imported']))
    const again = await other.importBackup(backup, key(9))
    expect(again.map(({ outcome }) => outcome)).toEqual(identities.map(() => 'present'))
    await other.close()
    const reopened = await disk.open()
    for await (const { externalIdentity: identity, capabilities } of reopened.identities()) {
      if (capabilities !== 'Decrypt') expect(verifyCommitment(identity, data, await (await reopened.backend.signer(identity, signal)).sign(data, signal))).toBe(true)
      if (capabilities !== 'Commit') expect(await (await reopened.backend.decryptor(identity, signal)).decrypt(await encryptTo(identity, data), signal)).toEqual(data)
    }
    // The keys that they were generated under are those of another place.
    expect((await reopened.backend.generate({ key: 'Ed25519 raw Commit', params: 'Ed25519', capabilities: 'Commit', format: 'raw' }, signal)).name).not.toBe(identities[1]?.name)
  })

  test('gives claims that are good for one identity, until the next import or a delete', async () => {
    const other = await new Disk().open()
    const [first, second] = await other.importBackup(backup, key(9))
    const adopt = async (identity: ExternalIdentity | undefined, claim: Uint8Array | undefined) => other.backend.adopt?.(identity ?? expect.fail(), claim ?? expect.fail(), signal)
    expect(first?.claim).toHaveLength(32)
    expect(await adopt(first?.externalIdentity, first?.claim)).toEqual({ params: 'Ed25519', capabilities: 'CommitAndDecrypt', format: 'framed' })
    expect(await adopt(second?.externalIdentity, second?.claim)).toEqual({ params: 'Ed25519', capabilities: 'Commit', format: 'raw' })
    for (const claim of [second?.claim, first?.claim?.slice(1), new Uint8Array(), new Uint8Array(32)]) await expect(adopt(first?.externalIdentity, claim)).rejects.toEqual(code('not-found'))
    const [again] = await other.importBackup(backup, key(9))
    await expect(adopt(first?.externalIdentity, first?.claim)).rejects.toEqual(code('not-found'))
    await adopt(first?.externalIdentity, again?.claim)
    again?.claim?.fill(0)
    await expect(adopt(first?.externalIdentity, new Uint8Array(32))).rejects.toEqual(code('not-found'))
    const [last] = await other.importBackup(backup, key(9))
    await other.backend.delete(last?.externalIdentity ?? expect.fail(), signal)
    await expect(adopt(last?.externalIdentity, last?.claim)).rejects.toEqual(code('not-found'))
    const [deleted] = await other.importBackup(backup, key(9))
    expect(deleted).toEqual({ externalIdentity: last?.externalIdentity, outcome: 'deleted' })
  })

  test('brings back what was purged only when that is said', async () => {
    const other = await new Disk().open()
    await other.importBackup(backup, key(9))
    const [identity] = identities
    if (!identity) return expect.fail()
    await other.backend.delete(identity, signal)
    await other.purge([identity])
    expect((await other.importBackup(backup, key(9)))[0]).toEqual({ externalIdentity: identity, outcome: 'purged' })
    await expect((async () => other.backend.signer(identity, signal))()).rejects.toEqual(code('not-found'))
    expect((await other.importBackup(backup, key(9), { purged: 'import' }))[0]).toMatchObject({ outcome: 'imported' })
    expect(await other.backend.signer(identity, signal)).toBeDefined()
  })

  test('opens with its own passphrase alone', async () => {
    const sealed = await vault.exportBackup(identities.slice(0, 1), passphrase('correct horse'))
    const other = await new Disk().open()
    await expect(other.importBackup(sealed, passphrase('battery staple'))).rejects.toEqual(code('wrong-passphrase'))
    await expect(other.importBackup(sealed, key(9))).rejects.toEqual(code('wrong-passphrase'))
    await expect(other.importBackup(backup, key(8))).rejects.toEqual(code('wrong-passphrase'))
    expect(await other.importBackup(sealed, passphrase('correct horse'))).toHaveLength(1)
  })

  test('that is damaged changes nothing, wherever it is', async () => {
    const disk = new Disk()
    const other = await disk.open()
    const before = await disk.rows()
    await fc.assert(fc.asyncProperty(fc.nat({ max: backup.length - 1 }), fc.integer({ min: 1, max: 255 }), async (at, mask) => {
      const changed = backup.slice()
      changed[at] = (changed[at] ?? 0) ^ mask
      await expect(other.importBackup(changed, key(9))).rejects.toEqual(code('backup-damaged'))
      await expect(other.importBackup(backup.subarray(0, at), key(9))).rejects.toEqual(code('backup-damaged'))
    }), { numRuns: 200 })
    await expect(other.importBackup(concatBytes(backup, data), key(9))).rejects.toEqual(code('backup-damaged'))
    expect(await disk.rows()).toEqual(before)
  })

  /** What someone makes of it who knows how its checksum is made. */
  const forged = (change: (fields: object) => object): Uint8Array => {
    const [fields] = decodeData(backup.subarray(0, -32), 1)
    const body = encodeData(change(typeof fields === 'object' && fields ? fields : {}))
    return concatBytes(body, sha256(body))
  }

  test.each<[string, (fields: object) => object, string]>([
    ['nothing in it', () => ({}), 'backup-damaged'],
    ['another version', fields => ({ ...fields, version: 2 }), 'backup-damaged'],
    ['more fields', fields => ({ ...fields, more: 1 }), 'backup-damaged'],
    ['no salt', fields => ({ ...fields, salt: new Uint8Array() }), 'backup-damaged'],
    ['another salt', fields => ({ ...fields, salt: new Uint8Array(16) }), 'wrong-passphrase'],
    ['parameters that it needs not', fields => ({ ...fields, argon2 }), 'backup-damaged'],
    ['parameters that take all memory', fields => ({ ...fields, kind: 'passphrase', argon2: { memory: 2 ** 32 - 1, passes: 1000, lanes: 1 } }), 'backup-damaged'],
    ['nothing sealed', fields => ({ ...fields, sealed: new Uint8Array() }), 'wrong-passphrase'],
    ['another kind', fields => ({ ...fields, kind: 'environment' }), 'wrong-passphrase'],
  ])('with %s is refused', async (_what, change, expected) => {
    const other = await new Disk().open()
    await expect(other.importBackup(forged(change), key(9))).rejects.toEqual(code(expected))
  })

  test('whose keys are not those of the name is refused, though it is sealed', async () => {
    const facts = { name: identities[0]?.name ?? '', params: 'Ed25519', capabilities: 'CommitAndDecrypt', format: 'framed' } as const
    const foreign = await writeBackup([{ facts, secrets: { signing: randomBytes(32), encryption: randomBytes(32) } }], key(9), { random: randomBytes })
    const short = await writeBackup([{ facts, secrets: { signing: randomBytes(31), encryption: randomBytes(32) } }], key(9), { random: randomBytes })
    const newer = await writeBackup([{ facts: { ...facts, params: 'Ed448' }, secrets: { signing: randomBytes(57), encryption: undefined } }], key(9), { random: randomBytes })
    const other = await new Disk().open()
    await expect(other.importBackup(newer, key(9))).rejects.toMatchObject({ code: 'backup-damaged', cause: { code: 'store-newer' } })
    for (const bytes of [foreign, short]) await expect(other.importBackup(bytes, key(9))).rejects.toEqual(code('backup-damaged'))
    expect(await other.importBackup(await writeBackup([], key(9), { random: randomBytes }), key(9))).toEqual([])
  })

  test('can be made of what lives alone', async () => {
    const [identity, other] = identities
    if (!identity || !other) return expect.fail()
    const disk = new Disk()
    const mine = await disk.open({ argon2 })
    await mine.importBackup(backup, key(9))
    await mine.backend.delete(identity, signal)
    await expect(mine.exportBackup([other, identity], key(9))).rejects.toEqual(code('not-found'))
    await expect(mine.exportBackup([other], passphrase(''.padEnd(3, 'x'))).then(bytes => mine.importBackup(bytes.subarray(1), passphrase('xxx')))).rejects.toEqual(code('backup-damaged'))
    const weak = await disk.open({ argon2: { memory: 1, passes: 1, lanes: 1 } })
    await expect(weak.exportBackup([other], passphrase('x'))).rejects.toEqual(code('invalid-argument'))
  })
})
