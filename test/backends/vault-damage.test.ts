import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Vault } from '../../src/backends/vault/vault.ts'
import { externalIdentityOf } from '../../src/core/engine-id.ts'
import type { ExternalIdentity } from '../../src/core/engine-id.ts'
import type { Row } from '../../src/stores/store.ts'
import { keyOf } from '../../src/stores/key.ts'
import { DAY, Disk, key, MemoryAnchor, signal } from './vaults.ts'

const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const data = new Uint8Array([1, 2, 3])

async function generate({ backend }: Vault, name: string): Promise<ExternalIdentity> {
  return backend.generate({ key: name, params: 'Ed25519', capabilities: 'CommitAndDecrypt' }, signal)
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

describe('a vault whose records are not what was stored', () => {
  const disk = new Disk()
  let identities: readonly ExternalIdentity[] = []
  /** As they were before the last identity was deleted, and as they are. */
  let before: readonly Row[] = []
  let rows: readonly Row[] = []

  beforeAll(async () => {
    const vault = await disk.open()
    identities = await Promise.all(['a', 'b', 'c', 'd'].map(name => generate(vault, name)))
    const [, , gone, last] = identities
    if (!gone || !last) return expect.fail()
    await vault.backend.delete(gone, signal)
    await vault.purge([gone])
    before = await disk.rows()
    await vault.backend.delete(last, signal)
    await vault.close()
    rows = await disk.rows()
    expect(rows).toHaveLength(3 + 3 + 1 + 1)
  })

  /** Nothing is changed, by opening or not; and with acceptDamage it opens, and everybody who is not named lives. */
  const refuses = async (changed: readonly Row[], named: RegExp): Promise<Vault> => {
    const copy = await disk.copy()
    await copy.putBack(changed)
    await expect(copy.open()).rejects.toMatchObject({ code: 'vault-damaged', message: expect.stringMatching(named) })
    const after = await copy.rows()
    expect(after).toHaveLength(changed.length)
    expect(after).toEqual(expect.arrayContaining([...changed]))
    const vault = await copy.open({ acceptDamage: true })
    expect(vault.damage.map(({ record, problem }) => `${record}: ${problem}`).join('\n')).toMatch(named)
    expect(await copy.rows()).toEqual(after)
    return vault
  }

  const kind = (one: string): Row => rows.find(({ key: name }) => textOf(name).includes(one)) ?? expect.fail(`no ${one}`)
  const rowOf = ({ name }: ExternalIdentity): Row => kind(name)
  const without = (row: Row): readonly Row[] => rows.filter(one => one !== row)
  const [first, second] = [() => identities[0] ?? expect.fail(), () => identities[1] ?? expect.fail()]

  test('is found where any bit of any row is another', async () => {
    await fc.assert(fc.asyncProperty(fc.nat({ max: 7 }), fc.nat(), fc.nat({ max: 7 }), async (which, at, bit) => {
      const row = rows[which] ?? expect.fail()
      const value = row.value.slice()
      value[at % value.length] = (value[at % value.length] ?? 0) ^ 1 << bit
      const name = textOf(row.key).split('\0')[1]?.slice(1) ?? ''
      const vault = await refuses(rows.map(one => one === row ? { key: row.key, value } : one), new RegExp(name))
      if (row === rowOf(first())) await expect((async () => vault.backend.signer(first(), signal))()).rejects.toEqual(code('backend-failed'))
      else expect(await vault.backend.signer(first(), signal)).toBeDefined()
    }), { numRuns: 60 })
  })

  test('is found where a row says that it is of another version or generation', async () => {
    for (const row of rows) {
      for (const at of [0, 1, 4]) {
        const value = row.value.slice()
        value[at] = (value[at] ?? 0) ^ 1
        const vault = await refuses(rows.map(one => one === row ? { key: row.key, value } : one), /manifest|identity|attempt|purged/)
        await generate(vault, 'new')
        await vault.lock()
        await vault.unlock(key())
        await generate(vault, 'newer')
      }
    }
  })

  test('is found where bytes were cut off or added, or a row is empty', async () => {
    for (const row of rows) {
      for (const value of [row.value.slice(0, -1), new Uint8Array([...row.value, 0]), new Uint8Array(), new Uint8Array(3)]) {
        await refuses(rows.map(one => one === row ? { key: row.key, value } : one), /manifest|identity|attempt|purged/)
      }
    }
  })

  test('is found where two identities were swapped, and both are named', async () => {
    const [a, b] = [rowOf(first()), rowOf(second())]
    const vault = await refuses(rows.map(one => one === a ? { ...a, value: b.value } : one === b ? { ...b, value: a.value } : one), new RegExp(`${first().name}[^]*${second().name}|${second().name}[^]*${first().name}`))
    await expect((async () => vault.backend.signer(first(), signal))()).rejects.toEqual(code('backend-failed'))
    await expect(generate(vault, 'a')).rejects.toEqual(code('backend-failed'))
  })

  test('is found where a row is missing, and named where another tells of it', async () => {
    const vault = await refuses(without(rowOf(first())), new RegExp(`identity ${first().name}: it is missing`))
    await expect((async () => vault.backend.signer(first(), signal))()).rejects.toMatchObject({ code: 'not-found', message: expect.stringMatching(/vault\.damage/) })
    await refuses(without(kind('attempt')), /attempt [0-9a-f]{64}: it is missing/)
    await refuses(without(kind('purged')), /the whole: there are 6 records, each whole, where there should be 7/)
  })

  test('is found where a row was added', async () => {
    await refuses([...rows, { key: keyOf('vault', 'identity', 'zz'), value: rowOf(first()).value }], /identity zz/)
    await refuses([...rows, { key: keyOf('vault', 'other'), value: data }], /other: no vault writes such a row/)
    await refuses([...rows, { key: keyOf('vault', 'purged', '00'), value: kind('purged').value }], /purged 00/)
  })

  test('is found where one is of an earlier time: a delete is not undone so', async () => {
    const last = identities[3] ?? expect.fail()
    const earlier = before.find(({ key: name }) => textOf(name).includes(last.name)) ?? expect.fail()
    await refuses(rows.map(one => one === rowOf(last) ? earlier : one), /the whole: each record is whole, but some are of an earlier time/)
    // Nor with the manifest of that time: the rest is not.
    const manifest = before.find(({ key: name }) => textOf(name).includes('manifest')) ?? expect.fail()
    await refuses(rows.map(one => one === kind('manifest') ? manifest : one), /earlier time/)
  })

  test('is found without a manifest', async () => {
    const vault = await refuses(without(kind('manifest')), /manifest: it is missing or was changed/)
    expect(await vault.backend.signer(first(), signal)).toBeDefined()
    await generate(vault, 'new')
    await vault.lock()
    await vault.unlock(key())
    await generate(vault, 'newer')
  })

  test('is mended by a backup, and by nothing else', async () => {
    const healthy = await (await disk.copy()).open()
    const backup = await healthy.exportBackup([first()], key(9))
    const copy = await disk.copy()
    const damaged = rows.map(one => one === rowOf(first()) ? { ...one, value: rowOf(second()).value } : one)
    await copy.putBack(damaged)
    const vault = await copy.open({ acceptDamage: true })
    await generate(vault, 'new')
    await expect(vault.rotate()).rejects.toMatchObject({ code: 'vault-damaged', message: expect.stringContaining(first().name) })
    // Other changes don't make it pass for whole.
    await expect(copy.open()).rejects.toMatchObject({ code: 'vault-damaged', message: expect.stringContaining(first().name) })
    expect(await vault.importBackup(backup, key(9))).toMatchObject([{ outcome: 'imported' }])
    expect((await (await vault.backend.signer(first(), signal)).sign(data, signal)).length).toBe(66)
    expect((await copy.open()).damage).toEqual([])
    await vault.rotate()
    expect((await copy.open()).damage).toEqual([])
  })

  test('has attempts again that were lost, once it is sealed anew', async () => {
    const isAttempt = ({ key: name }: Row) => textOf(name).includes('attempt')
    for (const changed of [rows.filter(one => !isAttempt(one)), rows.map(one => isAttempt(one) ? { ...one, value: data } : one)]) {
      const copy = await disk.copy()
      await copy.putBack(changed)
      await (await copy.open({ acceptDamage: true })).rotate()
      const vault = await copy.open()
      expect(await Promise.all([generate(vault, 'a'), generate(vault, 'b')])).toEqual([first(), second()])
    }
  })

  test('is rid of what is damaged by a purge that names it', async () => {
    const copy = await disk.copy()
    await copy.putBack(rows.map(one => one === rowOf(first()) ? { ...one, value: data } : one))
    const vault = await copy.open({ acceptDamage: true })
    expect(await vault.purge([first()])).toBe(1)
    const mended = await copy.open()
    await expect((async () => mended.backend.signer(first(), signal))()).rejects.toEqual(code('not-found'))
    expect((await generate(mended, 'a')).name).not.toBe(first().name)
    expect(await generate(mended, 'b')).toEqual(second())
  })

  test('is found where only part of it is there: no keyslots, no store, keyslots of another vault', async () => {
    const copy = await disk.copy()
    const bare = new Disk()
    await bare.putBack(rows)
    await expect(bare.open()).rejects.toEqual(code('keyslots-damaged'))
    expect(await bare.keyslots.read()).toBeUndefined()
    await copy.putBack([])
    await expect(copy.open()).rejects.toEqual(code('vault-damaged'))
    const other = new Disk()
    await (await other.open()).close()
    await other.putBack(rows)
    await expect(other.open()).rejects.toEqual(code('vault-damaged'))
    const rotated = await disk.copy()
    await (await rotated.open()).rotate()
    await rotated.putBack(rows)
    await expect(rotated.open()).rejects.toMatchObject({ code: 'vault-damaged', message: expect.stringMatching(/generation 2.*another time/) })
  })

  test('tells of no identity that it is not', async () => {
    const vault = await (await disk.copy()).open()
    await expect((async () => vault.backend.signer(externalIdentityOf('z'), signal))()).rejects.toMatchObject({ message: expect.not.stringMatching(/vault\.damage/) })
  })
})

describe('an older copy of a whole vault', () => {
  test('passes for the newer one without an anchor, and not with one', async () => {
    const disk = new Disk()
    const anchor = new MemoryAnchor()
    const vault = await disk.open({ anchor })
    const identity = await generate(vault, 'a')
    const older = await disk.copy()
    await vault.backend.delete(identity, signal)
    await vault.rotate()
    await vault.close()
    await (await disk.open({ anchor })).close()
    await expect(older.open({ anchor })).rejects.toEqual(code('vault-rolled-back'))
    expect(await (await (await older.copy()).open()).backend.signer(identity, signal)).toBeDefined()
    const empty = new Disk()
    await expect(empty.open({ anchor })).rejects.toEqual(code('vault-rolled-back'))
    expect(await empty.keyslots.read()).toBeUndefined()
    // Whoever accepts it has the anchor say so: then the newer one is the wrong one.
    const accepted = await older.open({ anchor, acceptRollback: true })
    await generate(accepted, 'b')
    await generate(accepted, 'c')
    await accepted.close()
    await expect(disk.open({ anchor })).rejects.toEqual(code('vault-rolled-back'))
    await (await older.open({ anchor })).close()
  })

  test('is what its anchor is one behind of, after a crash between the two', async () => {
    const disk = new Disk()
    const anchor = new MemoryAnchor()
    const vault = await disk.open({ anchor })
    const said = anchor.state
    anchor.isFailing = true
    await expect(generate(vault, 'a')).rejects.toEqual(code('backend-failed'))
    // Stored, and not acknowledged: nothing more is stored before the anchor says it.
    const rows = await disk.rows()
    await expect(generate(vault, 'b')).rejects.toEqual(code('backend-failed'))
    await expect(vault.rotate()).rejects.toEqual(code('backend-failed'))
    expect(await disk.rows()).toEqual(rows)
    expect(anchor.state).toEqual(said)
    const crashed = await disk.copy()
    anchor.isFailing = false
    const opened = await crashed.open({ anchor })
    const identity = await generate(opened, 'a')
    expect(anchor.state).not.toEqual(said)
    // The vault that did not crash goes on too, from where its own disk is.
    anchor.state = said
    expect(await generate(vault, 'a')).toEqual(identity)
    await vault.rotate()
    await vault.close()
    await (await disk.open({ anchor })).close()
  })

  test('is anchored when it is first opened with one, however it was used before', async () => {
    const disk = new Disk()
    const vault = await disk.open()
    await generate(vault, 'a')
    await vault.close()
    const anchor = new MemoryAnchor()
    await (await disk.open({ anchor })).close()
    expect(anchor.state).toHaveLength(32)
    disk.time += DAY
    const again = await disk.open()
    await generate(again, 'b')
    await generate(again, 'c')
    await again.close()
    await expect(disk.open({ anchor })).rejects.toEqual(code('vault-rolled-back'))
  })
})
