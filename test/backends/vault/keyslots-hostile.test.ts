import fc from 'fast-check'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { encodeData } from '../../../src/core/encoding.ts'
import { packRootKeys, rootKeys } from '../../../src/backends/vault/held-root-keys.ts'
import { macOf, sealVoucher } from '../../../src/backends/vault/keyslot-authenticity.ts'
import { decodeKeyslots, encodeKeyslots, KEYSLOT_FILE_LIMIT } from '../../../src/backends/vault/keyslot-format.ts'
import type { KeyslotContents, SealedSlot } from '../../../src/backends/vault/keyslot-format.ts'
import { makeSlot, sealKeys } from '../../../src/backends/vault/keyslot.ts'
import { passphrase } from '../../../src/backends/vault/passphrase.ts'
import type { RootKeys, Unlocker } from '../../../src/backends/vault/root-keys.ts'
import * as argon2 from '../../../src/crypto/argon2.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { flip, join, utf8 } from '../../crypto/sample-keys.ts'
import { fresh, key, opened, plain, withGeneration, withoutGeneration } from './keyslot-samples.ts'

const code = (name: string) => expect.objectContaining({ code: name })
const damaged = code('keyslots-damaged')

// Argon2id is asked often here. What stands in for it is refused by the same bounds, and also depends on all that it is given.
vi.mock('../../../src/crypto/argon2.ts', { spy: true })
const argon2id = vi.mocked(argon2.argon2id)
const actual = (await vi.importActual<typeof argon2>('../../../src/crypto/argon2.ts')).argon2id
const { deriveKey } = await import('../../../src/crypto/sealing.ts')
beforeEach(() => {
  argon2id.mockClear()
  argon2id.mockImplementation(async (password, salt, parameters) =>
    argon2.outOfBounds(parameters) === undefined ? deriveKey(new Uint8Array(32), 'stand-in', password, salt, encodeData(parameters)) : actual(password, salt, parameters))
})

/** The same file with something else in it. */
function altered(bytes: Uint8Array, change: (contents: KeyslotContents) => Partial<KeyslotContents>): Uint8Array {
  const contents = decodeKeyslots(bytes)
  return encodeKeyslots({ ...contents, ...change(contents) })
}

const withSlot = (bytes: Uint8Array, change: (slot: SealedSlot) => Partial<SealedSlot>, which = 0): Uint8Array =>
  altered(bytes, ({ slots }) => ({ slots: slots.map((slot, at) => at === which ? { ...slot, ...change(slot) } : slot) }))

/** What comes of opening these bytes with that: root keys, or a code. */
async function outcome(bytes: Uint8Array, unlocker: Unlocker): Promise<RootKeys | string> {
  try {
    return await (await opened(bytes)).keyslots.unlock(unlocker)
  } catch (error) {
    return (error as { code: string }).code ?? String(error)
  }
}

describe('a keyslot file that was changed', () => {
  test('puts nothing of what it says into the text of an error', async () => {
    const { bytes } = await fresh(key(1))
    const contents = decodeKeyslots(await bytes())
    const hostile = `\u001b[2J${'x'.repeat(100_000)}`
    for (const changed of [{ ...contents, version: 1, [hostile]: 1 }, { ...contents, version: 1, slots: [{ ...contents.slots[0], kind: hostile }] }]) {
      expect(() => decodeKeyslots(encodeData(changed))).toThrow(expect.objectContaining({ code: 'keyslots-damaged', message: expect.stringMatching(/^[ -~]{1,300}$/) }))
    }
  })

  test.each([['a key', key(1)], ['a passphrase', passphrase('right')]])('with any one bit flipped never opens with %s', async (_what, unlocker) => {
    const { bytes } = await fresh(unlocker)
    const file = await bytes()
    // Of the two long fields one bit of each byte, and not always the same, is enough.
    const { slots: [slot] } = decodeKeyslots(file)
    const long = [slot?.publicKey ?? utf8(''), slot?.sealedKeys ?? utf8('')].map(field => ({ from: Buffer.from(file).indexOf(field), length: field.length }))
    const isLong = (at: number) => long.some(({ from, length }) => at >= from && at < from + length)
    const codes = new Set<string>()
    for (let bit = 0; bit < file.length * 8; bit++) {
      const at = bit >> 3
      if (isLong(at) && bit % 8 !== at % 7) continue
      const result = await outcome(flip(file, bit), unlocker)
      if (typeof result !== 'string') expect.fail(`bit ${bit} opens`)
      codes.add(result)
    }
    expect([...codes].toSorted()).toEqual(['keyslots-damaged', 'store-newer', 'wrong-passphrase'])
    for (const [, , parameters] of argon2id.mock.calls) expect(argon2.outOfBounds(parameters)).toBeUndefined()
  }, 240_000)

  test('or cut, made longer or written over never opens, and any bytes are refused', async () => {
    const { bytes } = await fresh()
    const file = await bytes()
    const change = fc.oneof(
      fc.nat({ max: file.length - 1 }).map(length => file.subarray(0, length)),
      fc.uint8Array({ minLength: 1, maxLength: 10 }).map(more => join(file, more)),
      fc.tuple(fc.nat({ max: file.length - 1 }), fc.uint8Array({ minLength: 1, maxLength: 40 })).map(([at, over]) => {
        const copy = Uint8Array.from(file)
        copy.set(over.subarray(0, file.length - at), at)
        return copy
      }),
      fc.uint8Array({ maxLength: 300 }),
      fc.object().map(encodeData),
    )
    await fc.assert(fc.asyncProperty(change, async other => {
      fc.pre(Buffer.compare(other, file) !== 0)
      expect(['keyslots-damaged', 'store-newer', 'wrong-passphrase']).toContain(await outcome(other, key(1)))
    }), { numRuns: 300 })
  })

  test('of more than 1 MiB is refused before it is parsed', async () => {
    // Parsed, it would be of a later version.
    const huge = encodeData({ version: 2, more: new Uint8Array(KEYSLOT_FILE_LIMIT) })
    await expect(opened(huge)).rejects.toMatchObject({ code: 'keyslots-damaged', message: expect.stringContaining(`${KEYSLOT_FILE_LIMIT}`) })
  })

  test.each<readonly [string, (contents: Record<string, unknown>) => unknown, string]>([
    ['of a later version, whatever that has', () => ({ version: 2, whatever: 1 }), 'store-newer'],
    ['of version 0', contents => ({ ...contents, version: 0 }), 'keyslots-damaged'],
    ['of a version that is text', contents => ({ ...contents, version: '2' }), 'keyslots-damaged'],
    ['of version 1.5', contents => ({ ...contents, version: 1.5 }), 'keyslots-damaged'],
    ['without a version', ({ version: _version, ...rest }) => rest, 'keyslots-damaged'],
    ['with one field more', contents => ({ ...contents, more: 1 }), 'keyslots-damaged'],
    ['without slots', contents => ({ ...contents, slots: [] }), 'keyslots-damaged'],
    ['with a slot twice', contents => ({ ...contents, slots: [...contents['slots'] as [], ...contents['slots'] as []] }), 'keyslots-damaged'],
    ['with too many slots', contents => ({ ...contents, slots: Array.from({ length: 33 }, (_, at) => ({ ...(contents['slots'] as [object])[0], id: `${at}` })) }), 'keyslots-damaged'],
    ['with parameters for a key', contents => ({ ...contents, slots: [{ ...(contents['slots'] as [object])[0], argon2: { memory: 65_536, passes: 3, lanes: 1 } }] }), 'keyslots-damaged'],
    ['without parameters for a passphrase', contents => ({ ...contents, slots: [{ ...(contents['slots'] as [object])[0], kind: 'passphrase' }] }), 'keyslots-damaged'],
    ['with a kind that there is not', contents => ({ ...contents, slots: [{ ...(contents['slots'] as [object])[0], kind: 'none' }] }), 'keyslots-damaged'],
    ['that is a list', () => [1], 'keyslots-damaged'],
    ['that is null', () => null, 'keyslots-damaged'],
  ])('%s is refused when it is opened', async (_what, change, expected) => {
    const { bytes } = await fresh()
    const contents = { version: 1, ...decodeKeyslots(await bytes()) }
    await expect(opened(encodeData(change(contents)))).rejects.toEqual(code(expected))
  })

  test('in another order of fields is refused: there is one form', async () => {
    const { bytes } = await fresh()
    const file = await bytes()
    expect(file[0]).toBe(0xa5)
    // The first field, "mac", after the others.
    const mac = file.subarray(1, 1 + 4 + 34)
    expect(new TextDecoder().decode(mac.subarray(1, 4))).toBe('mac')
    await expect(opened(join(file.subarray(0, 1), file.subarray(1 + 38), mac))).rejects.toEqual(damaged)
  })
})

describe('who can write the file', () => {
  test.each([{ memory: 19_455 }, { memory: 2 ** 31 }, { passes: 1 }, { passes: 2 ** 20 }, { lanes: 0 }, { lanes: 64 }])('has no Argon2id computed out of bounds: %j', async parameters => {
    const { bytes } = await fresh(passphrase('right'))
    argon2id.mockClear()
    const file = withSlot(await bytes(), slot => ({ argon2: { memory: 65_536, passes: 3, lanes: 1, ...slot.argon2, ...parameters } }))
    await expect(opened(file)).rejects.toEqual(damaged)
    expect(argon2id).not.toHaveBeenCalled()
  })

  test('can downgrade parameters within bounds, and then it does not open', async () => {
    const { bytes } = await fresh(passphrase('right'), { argon2: { memory: 65_536, passes: 3, lanes: 1 } })
    const file = withSlot(await bytes(), () => ({ argon2: { memory: 19_456, passes: 2, lanes: 1 } }))
    expect(await outcome(file, passphrase('right'))).toBe('wrong-passphrase')
  })

  test.each([['key', key(1)], ['passphrase', passphrase('same')]])('can swap the slots of two vaults of the same %s, and then they do not open', async (_what, unlocker) => {
    const [one, other] = [await (await fresh(unlocker)).bytes(), await (await fresh(unlocker)).bytes()]
    const { slots, vault } = decodeKeyslots(other)
    expect(await outcome(altered(one, () => ({ slots })), unlocker)).toBe('wrong-passphrase')
    expect(await outcome(altered(one, () => ({ slots, vault })), unlocker)).toBe('keyslots-damaged')
    expect(await outcome(altered(one, () => ({ vault })), unlocker)).toBe('wrong-passphrase')
    for (const field of ['publicKey', 'sealedSecret', 'salt', 'sealedKeys'] as const) {
      expect(await outcome(withSlot(one, () => ({ [field]: slots[0]?.[field] })), unlocker)).toMatch(/^(?:keyslots-damaged|wrong-passphrase)$/)
    }
  })

  /** Keyslots of two, whose file someone put a public key of his own into; and root keys that he does not know. */
  async function planted() {
    const { keyslots, keys, bytes } = await fresh(key(1))
    await keyslots.addSlot(keys, key(2))
    const mine = await makeSlot({ vault: keys.vault, id: 'mine', kind: 'key-file', salt: new Uint8Array(32) }, new Uint8Array(32).fill(66), new Uint8Array(32), randomBytes)
    return { keys, file: withSlot(await bytes(), () => ({ publicKey: mine.publicKey }), 1) }
  }

  test('can plant a public key, and gets no root key sealed to it', async () => {
    const { keys, file } = await planted()
    const { keyslots, file: kept } = await opened(file)
    for (const byte of [1, 2]) await expect(keyslots.unlock(key(byte))).rejects.toEqual(damaged)
    await expect(keyslots.replaceKeys(keys, withGeneration(keys, 2))).rejects.toEqual(damaged)
    await expect(keyslots.addSlot(keys, key(3))).rejects.toEqual(damaged)
    await expect(keyslots.removeSlot(keys, keyslots.slots[0]?.id ?? '')).rejects.toEqual(damaged)
    expect(await kept.read()).toEqual(file)
  })

  test('can add a slot of his own, or remove one, and then it does not open', async () => {
    const { keyslots, keys, bytes } = await fresh(key(1))
    await keyslots.addSlot(keys, key(2))
    const file = await bytes()
    const his = (await fresh(key(66))).bytes
    const { slots: [stolen] } = decodeKeyslots(await his())
    expect(await outcome(altered(file, ({ slots }) => ({ slots: [...slots, stolen as SealedSlot] })), key(1))).toBe('keyslots-damaged')
    expect(await outcome(altered(file, ({ slots }) => ({ slots: [...slots, stolen as SealedSlot] })), key(66))).toBe('wrong-passphrase')
    expect(await outcome(altered(file, ({ slots }) => ({ slots: slots.slice(0, 1) })), key(1))).toBe('keyslots-damaged')
    expect(await outcome(altered(file, ({ slots }) => ({ slots: slots.toReversed() })), key(1))).toBe('keyslots-damaged')
  })

  test('can seal root keys of his own to all slots with a mac under them, and then it does not open: he has no voucher', async () => {
    const { bytes } = await fresh(key(1))
    const contents = decodeKeyslots(await bytes())
    const { vault } = contents
    const own = rootKeys({ vault, keys: new Map([[1, randomBytes(32)]]), isInitialised: false })
    const forge = async (voucher: Uint8Array) => {
      const slots = await Promise.all(contents.slots.map(async slot => ({ ...slot, sealedKeys: await sealKeys({ ...slot, vault }, packRootKeys(own)) })))
      const body = { vault, slots, sealedVoucher: sealVoucher(own, voucher, randomBytes) }
      return encodeKeyslots({ ...body, mac: macOf(body, own, voucher) })
    }
    expect(await outcome(await forge(randomBytes(32)), key(1))).toBe('keyslots-damaged')
    // The forgery lacks nothing else: with the voucher it opens.
    const { unseal } = await import('../../../src/crypto/sealing.ts')
    const [slot] = contents.slots
    const slotKey = deriveKey(new Uint8Array(32).fill(1), 'keyslot', slot?.salt ?? utf8(''))
    const secret = unseal(slotKey, slot?.sealedSecret ?? utf8(''), encodeData(['ipse/keyslot/1', 'secret', vault, slot?.id, 'key-file', slot?.salt, null]))
    expect(await outcome(await forge(secret?.subarray(32) ?? utf8('')), key(1))).toMatchObject({ isInitialised: false })
  })

  test('can put parts of an older file back, and then it does not open', async () => {
    const { keyslots, keys, bytes } = await fresh(key(1))
    const old = decodeKeyslots(await bytes())
    await keyslots.replaceKeys(keys, withoutGeneration(withGeneration(keys, 2), 1))
    const file = await bytes()
    expect(await outcome(withSlot(file, () => ({ sealedKeys: old.slots[0]?.sealedKeys ?? utf8('') })), key(1))).toBe('keyslots-damaged')
    expect(await outcome(altered(file, () => ({ slots: old.slots, mac: old.mac })), key(1))).toBe('keyslots-damaged')
    expect(await outcome(altered(file, () => ({ sealedVoucher: old.sealedVoucher })), key(1))).toBe('keyslots-damaged')
  })

  test('can put a whole older file back, which opens to the root keys of its time and none since, for the slots of its time', async () => {
    const { keyslots, keys, bytes } = await fresh(key(1))
    await keyslots.addSlot(keys, key(2))
    const old = await bytes()
    const next = withoutGeneration(withGeneration(keys, 2), 1)
    await keyslots.removeSlot(keys, keyslots.slots[1]?.id ?? '')
    await keyslots.replaceKeys(keys, next)
    const replayed = (await opened(old)).keyslots
    for (const byte of [1, 2]) expect(plain(await replayed.unlock(key(byte)))).toEqual(plain(keys))
    // Who has the newer root keys changes nothing in it.
    await expect(replayed.replaceKeys(next, withGeneration(next, 3))).rejects.toEqual(damaged)
    expect(await outcome(await bytes(), key(2))).toBe('wrong-passphrase')
  })
})
