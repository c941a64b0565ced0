import { inspect } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import * as declared from '../../src/backends/local-memory/index.ts'
import * as native from '../../src/backends/local-memory/local-memory.ts'
import { encryptTo } from '../../src/crypto/ciphertext.ts'
import { randomBytes } from '../../src/crypto/random.ts'
import type { RandomBytes } from '../../src/crypto/suite.ts'
import { backendCompliance } from './compliance.ts'

/** The same modules again, in a process that was told to compute with portable code. */
vi.stubEnv('IPSE_CRYPTO', 'portable')
vi.resetModules()
const portable = await import('../../src/backends/local-memory/local-memory.ts')
vi.unstubAllEnvs()

backendCompliance('local memory', declared.localMemory, declared.localMemory())
backendCompliance('local memory with portable code', () => new portable.LocalMemory({ random: randomBytes }), declared.localMemory())

const { signal } = new AbortController()
const data = new Uint8Array([1, 2, 3])
const both = { key: 'a', params: 'Ed25519', capabilities: 'CommitAndDecrypt' } as const

/** A source that remembers what it gave: for Ed25519 and X25519 those arrays are the secret keys themselves. */
function recorded(fails = Infinity): { random: RandomBytes; given: Uint8Array[] } {
  const given: Uint8Array[] = []
  const random: RandomBytes = length => {
    if (given.length >= fails) throw new TypeError('the source ran dry')
    const bytes = randomBytes(length)
    given.push(bytes)
    return bytes
  }
  return { random, given }
}

function failureOf(act: () => unknown): Error {
  try {
    act()
  } catch (error) {
    if (error instanceof Error) return error
  }
  return expect.fail('it did not throw')
}

const isErased = (bytes: Uint8Array): boolean => bytes.every(byte => byte === 0)

describe.each([['native', native], ['portable', portable]])('local memory with %s code erases', (_path, { LocalMemory }) => {
  test('its copy of a signing secret once the signer has it, and an unused decryption secret when the identity is deleted', () => {
    const { random, given } = recorded()
    const backend = new LocalMemory({ random })
    const identity = backend.generate(both)
    backend.generate({ ...both, key: 'b' })
    expect(given.map(isErased)).toEqual([true, false, true, false])
    backend.delete(identity)
    expect(given.map(isErased)).toEqual([true, true, true, false])
  })

  test('nothing that others still use when a signer or a decryptor is closed', async () => {
    const backend = new LocalMemory({ random: randomBytes })
    const identity = backend.generate(both)
    void backend.signer(identity).close()
    void (await backend.decryptor(identity)).close()
    expect(backend.signer(identity).sign(data, signal)).toBeInstanceOf(Uint8Array)
    const decryptor = await backend.decryptor(identity)
    expect(await decryptor.decrypt(await encryptTo(identity, data), new AbortController().signal)).toEqual(data)
  })

  test('its copy of the decryption secret once the platform has it', async () => {
    const { random, given } = recorded()
    const backend = new LocalMemory({ random })
    const identity = backend.generate(both)
    expect(given.map(isErased)).toEqual([true, false])
    await backend.decryptor(identity)
    expect(given.map(isErased)).toEqual([true, true])
  })

  test('what it made when randomness fails half-way, and keeps nothing', () => {
    const { random, given } = recorded(1)
    const backend = new LocalMemory({ random })
    const attempt = (): unknown => backend.generate(both)
    expect(attempt).toThrow(expect.objectContaining({ code: 'backend-failed' }))
    expect(given.map(isErased)).toEqual([true])
    // The key names no identity, so that the next attempt is a new one.
    expect(attempt).toThrow(expect.objectContaining({ code: 'backend-failed' }))
  })

  test('the second of two equal keys, when randomness repeats itself', () => {
    const given: Uint8Array[] = []
    const random: RandomBytes = length => {
      const bytes = new Uint8Array(length).fill(9)
      given.push(bytes)
      return bytes
    }
    const backend = new LocalMemory({ random })
    const identity = backend.generate(both)
    expect(() => backend.generate({ ...both, key: 'b' })).toThrow(expect.objectContaining({ code: 'backend-failed' }))
    expect(given.map(isErased)).toEqual([true, false, true, true])
    expect(backend.signer(identity).sign(data, signal)).toBeInstanceOf(Uint8Array)
  })
})

describe.each([['native', native], ['portable', portable]])('local memory with %s code', (path, { LocalMemory }) => {
  test('signs at once, without a promise', () => {
    const backend = new LocalMemory({ random: randomBytes })
    for (const params of backend.params) {
      const signer = backend.signer(backend.generate({ key: params, params, capabilities: 'Commit' }))
      expect(signer.sign(data, signal)).toBeInstanceOf(Uint8Array)
    }
  })

  test('lets nothing out that was being signed in a batch while the identity was deleted', async () => {
    const backend = new LocalMemory({ random: randomBytes })
    const identity = backend.generate(both)
    const signing = backend.signer(identity).signBatch?.([data, data, data], signal)
    backend.delete(identity)
    await expect(signing).rejects.toMatchObject({ code: 'backend-failed' })
  })

  test('signs no more of a batch that nobody waits for', async () => {
    const backend = new LocalMemory({ random: randomBytes })
    const many = Array.from({ length: 200 }, () => data)
    for (const params of backend.params) {
      const waiting = new AbortController()
      const signing = backend.signer(backend.generate({ key: params, params, capabilities: 'Commit' })).signBatch?.(many, waiting.signal)
      waiting.abort()
      await expect(signing).rejects.toMatchObject({ code: 'backend-failed' })
    }
  })

  if (path === 'native') test('decrypts at once, without a promise', async () => {
    const backend = new LocalMemory({ random: randomBytes })
    const identity = backend.generate(both)
    const decryptor = backend.decryptor(identity)
    expect(decryptor).not.toBeInstanceOf(Promise)
    expect((await decryptor).decrypt(await encryptTo(identity, data), signal)).toEqual(data)
  })

  if (path === 'portable') test('lets nothing out that was being decrypted while the identity was deleted', async () => {
    const backend = new LocalMemory({ random: randomBytes })
    const identity = backend.generate(both)
    const decryptor = await backend.decryptor(identity)
    const decrypting = decryptor.decrypt(await encryptTo(identity, data), signal)
    backend.delete(identity)
    await expect(decrypting).rejects.toMatchObject({ code: 'backend-failed' })
  })

  if (path === 'portable') test('gives no decryptor when the identity was deleted meanwhile', async () => {
    const backend = new LocalMemory({ random: randomBytes })
    const identity = backend.generate(both)
    const opening = backend.decryptor(identity)
    backend.delete(identity)
    await expect(opening).rejects.toMatchObject({ code: 'not-found' })
  })

  test('shows no secret, however it is looked at', async () => {
    const random: RandomBytes = length => new Uint8Array(length).fill(0x5a)
    const backend = new LocalMemory({ random })
    const identity = backend.generate(both)
    const signer = backend.signer(identity)
    const decryptor = await backend.decryptor(identity)
    const errors = [() => backend.generate({ ...both, key: 'b' }), () => backend.generate({ ...both, params: 'RSA' })].map(failureOf)
    for (const object of [backend, signer, decryptor, ...errors]) {
      const shown = [
        inspect(object, { showHidden: true, depth: Infinity, getters: true, showProxy: true }),
        JSON.stringify(object),
        `${object}`,
        Reflect.ownKeys(object).map(String).join(),
      ].join('\n')
      // 0x5a is 90, "Z" in ASCII and "WlpaWlpa…" in base64.
      expect(shown).not.toMatch(/90, ?90|5a5a5a|ZZZZ|WlpaWl|"0":90/i)
    }
  })

  test('is not reachable through what it gives', async () => {
    const backend = new LocalMemory({ random: randomBytes })
    const identity = backend.generate(both)
    expect(Reflect.ownKeys(backend.signer(identity))).toEqual([])
    expect(Reflect.ownKeys(await backend.decryptor(identity))).toEqual([])
    expect(Reflect.ownKeys(backend).toSorted()).toEqual(['capabilities', 'formats', 'name', 'params'])
  })
})
