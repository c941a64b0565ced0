import { inspect } from 'node:util'
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { eraseRootKeys, rootKeys } from '../../../src/backends/vault/held-root-keys.ts'
import { createKeyslots, openKeyslots } from '../../../src/backends/vault/keyslots.ts'
import { memoryKeyslots } from '../../../src/backends/vault/memory-keyslot-file.ts'
import { passphrase, Secret } from '../../../src/backends/vault/passphrase.ts'
import type { RootKeys, Unlocker } from '../../../src/backends/vault/root-keys.ts'
import * as argon2 from '../../../src/crypto/argon2.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { hex, toHex } from '../../crypto/sample-keys.ts'
import golden from '../../golden/keyslots.json' with { type: 'json' }
import { cheapest, fresh, key, opened, options, plain, withGeneration, withoutGeneration } from './keyslot-samples.ts'

const code = (name: string) => expect.objectContaining({ code: name })

// Counts what is asked of Argon2id, and how much of it at a time.
vi.mock('../../../src/crypto/argon2.ts', { spy: true })
const argon2id = vi.mocked(argon2.argon2id)
afterEach(() => argon2id.mockClear())

describe('keyslots', () => {
  test('open with what they were made for, anew too, to root keys of generation 1', async () => {
    for (const unlocker of [passphrase('correct horse'), key(1), key(2, 'environment')]) {
      const { keyslots, keys, bytes } = await fresh(unlocker)
      expect(plain(keys)).toMatchObject({ vault: expect.stringMatching(/^[0-9a-f]{32}$/), keys: [[1, expect.stringMatching(/^[0-9a-f]{64}$/)]], isInitialised: false })
      expect(plain(await keyslots.unlock(unlocker))).toEqual(plain(keys))
      const again = (await opened(await bytes())).keyslots
      expect(plain(await again.unlock(unlocker))).toEqual(plain(keys))
      expect(again.slots).toEqual([{ id: expect.stringMatching(/^[0-9a-f]{16}$/), kind: unlocker.kind }])
    }
    expect(plain((await fresh()).keys)).not.toEqual(plain((await fresh()).keys))
  })

  test('have the form that they had before: golden', async () => {
    const { file, passphrase: text, keyFile, rootKeys: expected } = golden
    const { keyslots } = await opened(new Uint8Array(Buffer.from(file, 'base64')))
    expect(keyslots.slots).toEqual([{ id: '06d5e9a9f7b3f1d4', kind: 'passphrase' }, { id: '2b1c0d3e4f506172', kind: 'key-file' }])
    for (const unlocker of [passphrase(text), new Secret('key-file', hex(keyFile))]) expect(plain(await keyslots.unlock(unlocker))).toEqual(expected)
  })

  test('are none where there is no file, and are not made twice', async () => {
    const file = memoryKeyslots()
    expect(await openKeyslots(file, options)).toBeUndefined()
    await createKeyslots(file, key(1), options)
    const before = await file.read()
    await expect(createKeyslots(file, key(2), options)).rejects.toEqual(code('invalid-argument'))
    expect(await file.read()).toEqual(before)
  })

  test('do not open with anything else, and do not say which was nearest', async () => {
    const { keyslots } = await fresh(passphrase('correct horse'), { now: ticking() })
    await keyslots.addSlot(await keyslots.unlock(passphrase('correct horse')), key(1))
    for (const unlocker of [passphrase('correct horsf'), passphrase('Correct horse'), key(2), key(1, 'environment')]) {
      await expect(keyslots.unlock(unlocker)).rejects.toMatchObject({ code: 'wrong-passphrase', message: expect.stringContaining(`No keyslot opens with this ${unlocker.kind}: `) })
    }
  })

  test('of several passphrases each opens', async () => {
    const { keyslots, keys } = await fresh(passphrase('one'))
    await keyslots.addSlot(keys, passphrase('two'))
    await keyslots.addSlot(keys, passphrase('three'), keyslots.slots[0]?.id)
    for (const text of ['two', 'three']) expect(plain(await keyslots.unlock(passphrase(text)))).toEqual(plain(keys))
    await expect(keyslots.unlock(passphrase('one'))).rejects.toEqual(code('wrong-passphrase'))
  })

  test('keep what was changed, in whatever order, each change in one write', async () => {
    const change = fc.oneof(
      fc.record({ do: fc.constant('add' as const), byte: fc.integer({ min: 2, max: 200 }) }),
      fc.record({ do: fc.constantFrom('remove' as const, 'replace' as const), at: fc.nat(), byte: fc.integer({ min: 2, max: 200 }) }),
      fc.record({ do: fc.constantFrom('rotate' as const, 'drop' as const, 'initialise' as const) }),
    )
    await fc.assert(fc.asyncProperty(fc.array(change, { maxLength: 12 }), async changes => {
      const { keyslots, keys, writes, bytes } = await fresh(key(1))
      let [current, expectedWrites, newest] = [keys, 1, 1]
      const owners = [{ id: keyslots.slots[0]?.id ?? '', byte: 1 }]
      for (const one of changes) {
        if (one.do === 'add') {
          owners.push({ id: await keyslots.addSlot(current, key(one.byte)), byte: one.byte })
        } else if (one.do === 'remove' || one.do === 'replace') {
          const at = one.at % owners.length
          const [old] = owners.slice(at)
          if (old === undefined || (one.do === 'remove' && owners.length === 1)) continue
          if (one.do === 'remove') {
            await keyslots.removeSlot(current, old.id)
            owners.splice(at, 1)
          } else {
            owners[at] = { id: await keyslots.addSlot(current, key(one.byte), old.id), byte: one.byte }
          }
        } else {
          if (one.do === 'drop' && current.keys.size === 1) continue
          const next = one.do === 'rotate' ? withGeneration(current, ++newest)
            : one.do === 'drop' ? withoutGeneration(current, Math.min(...current.keys.keys()))
            : rootKeys({ vault: current.vault, keys: current.keys, isInitialised: true })
          if (next.keys.size > 16) continue
          await keyslots.replaceKeys(current, next)
          current = next
        }
        expectedWrites++
      }
      expect(writes()).toBe(expectedWrites)
      for (const one of [keyslots, (await opened(await bytes())).keyslots]) {
        expect(one.slots.map(({ id }) => id)).toEqual(owners.map(({ id }) => id))
        for (const { byte } of owners) expect(plain(await one.unlock(key(byte)))).toEqual(plain(current))
      }
    }), { numRuns: 25 })
  })

  test('a rotation asks for nobody\'s secret, and the old root keys open nothing of it', async () => {
    const asked = vi.fn(() => key(3).secret())
    const { keyslots, keys } = await fresh(key(1))
    await keyslots.addSlot(keys, { kind: 'key-file', secret: asked })
    asked.mockClear()
    const both = withGeneration(keys, 2)
    const next = withoutGeneration(both, 1)
    await keyslots.replaceKeys(keys, both)
    await keyslots.replaceKeys(both, next)
    expect(asked).not.toHaveBeenCalled()
    for (const unlocker of [key(1), key(3)]) expect(plain(await keyslots.unlock(unlocker))).toEqual(plain(next))
    for (const old of [keys, both]) {
      await expect(keyslots.addSlot(old, key(9))).rejects.toEqual(code('keyslots-damaged'))
      await expect(keyslots.replaceKeys(old, withGeneration(old, 3))).rejects.toEqual(code('keyslots-damaged'))
    }
  })

  test('are changed only by who has exactly the root keys that they hold', async () => {
    const { keyslots, keys, writes } = await fresh(key(1))
    await keyslots.replaceKeys(keys, withGeneration(keys, 2))
    const current = await keyslots.unlock(key(1))
    const [one = key(0)] = [...current.keys.values()]
    const others: readonly RootKeys[] = [
      keys, withGeneration(keys, 2), withoutGeneration(current, 1), withoutGeneration(current, 2), withGeneration(current, 3),
      { ...current, vault: current.vault, keys: current.keys, isInitialised: true }, { vault: randomBytes(16), keys: current.keys, isInitialised: false },
      { vault: current.vault, keys: new Map([...current.keys].map(([generation]) => [generation, one as Uint8Array])), isInitialised: false },
    ]
    for (const other of others) {
      await expect(keyslots.replaceKeys(other, rootKeys({ vault: other.vault, keys: other.keys, isInitialised: true }))).rejects.toEqual(code('keyslots-damaged'))
      await expect(keyslots.addSlot(other, key(2))).rejects.toEqual(code('keyslots-damaged'))
      await expect(keyslots.removeSlot(other, keyslots.slots[0]?.id ?? '')).rejects.toEqual(code('keyslots-damaged'))
    }
    const foreign = rootKeys({ vault: randomBytes(16), keys: current.keys, isInitialised: false })
    await expect(keyslots.replaceKeys(current, foreign)).rejects.toEqual(code('invalid-argument'))
    expect(writes()).toBe(2)
  })

  test('what are no root keys is refused', async () => {
    const { keyslots, keys } = await fresh()
    const many = new Map(Array.from({ length: 17 }, (_, at) => [at + 1, randomBytes(32)]))
    for (const bad of [new Map(), many, new Map([[0, randomBytes(32)]]), new Map([[1.5, randomBytes(32)]]), new Map([[2 ** 32, randomBytes(32)]]), new Map([[1, randomBytes(31)]])]) {
      await expect(keyslots.replaceKeys(keys, { vault: keys.vault, keys: bad, isInitialised: false })).rejects.toEqual(code('invalid-argument'))
    }
  })

  test('the last one stays, and those that are not there are not found', async () => {
    const { keyslots, keys, writes } = await fresh()
    await expect(keyslots.removeSlot(keys, keyslots.slots[0]?.id ?? '')).rejects.toEqual(code('invalid-argument'))
    await expect(keyslots.removeSlot(keys, 'absent')).rejects.toEqual(code('not-found'))
    await expect(keyslots.addSlot(keys, key(2), 'absent')).rejects.toEqual(code('not-found'))
    expect(writes()).toBe(1)
  })

  test('are 32 at most', async () => {
    const { keyslots, keys } = await fresh()
    for (let byte = 2; byte <= 32; byte++) await keyslots.addSlot(keys, key(byte))
    await expect(keyslots.addSlot(keys, key(40))).rejects.toEqual(code('invalid-argument'))
    await keyslots.addSlot(keys, key(40), keyslots.slots[0]?.id)
    expect(keyslots.slots.length).toBe(32)
  })

  test('what fails changes nothing: a file that is not written, an unlocker, parameters out of bounds, randomness that repeats', async () => {
    const { keyslots, keys, file, bytes } = await fresh()
    const before = await bytes()
    const replace = vi.spyOn(file, 'replace').mockRejectedValueOnce(new Error('full'))
    await expect(keyslots.addSlot(keys, key(2))).rejects.toThrow('full')
    replace.mockRestore()
    await expect(keyslots.addSlot(keys, { kind: 'key-file', secret: () => Promise.reject(new Error('no file')) })).rejects.toThrow('no file')
    for (const [kind, length] of [['key-file', 31], ['environment', 33], ['passphrase', 0], ['passphrase', 1025]] as const) {
      await expect(keyslots.addSlot(keys, { kind, secret: async () => new Uint8Array(length) })).rejects.toEqual(code('invalid-argument'))
      await expect(keyslots.unlock({ kind, secret: async () => new Uint8Array(length) })).rejects.toEqual(code('invalid-argument'))
    }
    await expect(fresh(passphrase('one'), { argon2: { ...cheapest, passes: 1 } })).rejects.toEqual(code('invalid-argument'))
    const constant = await fresh(key(1), { random: length => new Uint8Array(length) })
    await expect(constant.keyslots.addSlot(constant.keys, key(2))).rejects.toEqual(code('invalid-argument'))
    expect(await bytes()).toEqual(before)
    expect(keyslots.slots.length).toBe(1)
    expect(plain(await keyslots.unlock(key(1)))).toEqual(plain(keys))
    await expect(keyslots.unlock(key(2))).rejects.toEqual(code('wrong-passphrase'))
  })

  test('changes at once lose none, and use the root keys as they were at the call', async () => {
    const { keyslots, keys, bytes } = await fresh()
    const expected = plain(keys)
    const next = rootKeys({ vault: keys.vault, keys: new Map([...keys.keys].map(([generation, one]) => [generation, Uint8Array.from(one)])), isInitialised: false })
    const added = Promise.all([2, 3, 4].map(byte => keyslots.addSlot(keys, key(byte))))
    const replaced = keyslots.replaceKeys(keys, next)
    eraseRootKeys(keys)
    eraseRootKeys(next)
    await added
    await replaced
    const again = (await opened(await bytes())).keyslots
    for (const byte of [1, 2, 3, 4]) expect(plain(await again.unlock(key(byte)))).toEqual(expected)
  })

  test('what secrets were given are erased', async () => {
    const { keyslots, keys } = await fresh()
    const given: Uint8Array[] = []
    const unlocker = (byte: number): Unlocker => ({
      kind: 'key-file',
      async secret() {
        const secret = new Uint8Array(32).fill(byte)
        given.push(secret)
        return secret
      },
    })
    await keyslots.unlock(unlocker(1))
    await keyslots.addSlot(keys, unlocker(2))
    await expect(keyslots.unlock(unlocker(3))).rejects.toEqual(code('wrong-passphrase'))
    expect(given.map(toHex)).toEqual(Array.from({ length: 3 }, () => '00'.repeat(32)))
  })

  test('nothing that inspects them shows a key', async () => {
    const { keyslots, keys } = await fresh()
    const [secret = new Uint8Array(0)] = keys.keys.values()
    const shown = [keys, keyslots, key(0x41)].map(one => inspect(one, { depth: 20, showHidden: true, maxArrayLength: null }) + JSON.stringify(one) + JSON.stringify(Object.entries(one)))
    expect(shown.join()).not.toContain([...secret].slice(0, 4).join(', '))
    expect(shown.join()).not.toContain([...secret].slice(0, 4).join(','))
    expect(shown.join().replaceAll(/\s/g, '')).not.toContain('65,65,65')
    expect(shown.join()).not.toContain('Map(')
  })
})

/** A clock that goes on by a minute each time it is read. */
function ticking(): () => number {
  let now = 0
  return () => now += 60_000
}

describe('the meter', () => {
  /** Keyslots of one passphrase, and a clock. */
  async function metered() {
    const clock = { now: 1_000_000 }
    const { keyslots } = await fresh(passphrase('right'), { now: () => clock.now })
    argon2id.mockClear()
    return {
      clock,
      wrong: () => expect(keyslots.unlock(passphrase('wrong'))).rejects.toEqual(code('wrong-passphrase')),
      delayed: (seconds: number) => expect(keyslots.unlock(passphrase('right'))).rejects.toMatchObject({ code: 'unlock-delayed', message: expect.stringContaining(`wait ${seconds} s`) }),
      right: () => keyslots.unlock(passphrase('right')),
      keyslots,
    }
  }

  test('after three wrong ones each further one starts a wait, twice as long each time, up to a minute', async () => {
    const { clock, wrong, delayed } = await metered()
    for (let i = 0; i < 3; i++) await wrong()
    for (const seconds of [1, 2, 4, 8, 16, 32, 60, 60]) {
      await wrong()
      const asked = argon2id.mock.calls.length
      await delayed(seconds)
      clock.now += seconds * 1000 - 1
      await delayed(1)
      clock.now += 1
      // While it waited nothing was computed, even for the right one.
      expect(argon2id.mock.calls.length).toBe(asked)
    }
  })

  test('a right one ends it', async () => {
    const { clock, wrong, delayed, right } = await metered()
    for (let i = 0; i < 4; i++) await wrong()
    await delayed(1)
    clock.now += 1000
    await right()
    for (let i = 0; i < 4; i++) await wrong()
    await delayed(1)
  })

  test('a clock that is set back makes the wait no longer than it was', async () => {
    const { clock, wrong, delayed, right } = await metered()
    for (let i = 0; i < 4; i++) await wrong()
    clock.now = 5
    await delayed(1)
    clock.now += 1000
    await right()
  })

  test('many at once are one after the other, and do not escape it', async () => {
    const { keyslots } = await metered()
    let [running, most] = [0, 0]
    const actual = (await vi.importActual<typeof argon2>('../../../src/crypto/argon2.ts')).argon2id
    argon2id.mockImplementation(async (...args) => {
      most = Math.max(most, ++running)
      try {
        return await actual(...args)
      } finally {
        running--
      }
    })
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => keyslots.unlock(passphrase('wrong'))))
    argon2id.mockImplementation(actual)
    const codes = results.map(result => result.status === 'rejected' ? result.reason.code : 'opened')
    expect(codes).toEqual([...Array.from({ length: 4 }, () => 'wrong-passphrase'), ...Array.from({ length: 16 }, () => 'unlock-delayed')])
    expect([argon2id.mock.calls.length, most]).toEqual([4, 1])
  })

  test('while it lasts nobody is asked for a secret', async () => {
    const { wrong, keyslots } = await metered()
    for (let i = 0; i < 4; i++) await wrong()
    const secret = vi.fn(() => key(1).secret())
    await expect(keyslots.unlock({ kind: 'key-file', secret })).rejects.toEqual(code('unlock-delayed'))
    expect(secret).not.toHaveBeenCalled()
  })
})
