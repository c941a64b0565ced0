import { afterEach, expect, test, vi } from 'vitest'
import { Authenticator } from '../../../src/backends/hid/ctap/authenticator.ts'
import { world } from './hids.ts'

const { signal } = new AbortController()
const options = { params: 'P256', capabilities: 'CommitAndDecrypt' } as const

afterEach(() => vi.restoreAllMocks())

test('what the PIN was exchanged for is erased when the request is over, done or not', async () => {
  const spy = vi.spyOn(Authenticator.prototype, 'token')
  await using made = await world()
  const { backend } = made.hid
  const identity = await backend.generate({ key: 'one', ...options }, signal)
  vi.spyOn(Authenticator.prototype, 'getAssertions').mockRejectedValue(new Error('a device that fails'))
  await expect((await backend.signer(identity, signal)).sign(new Uint8Array(1), signal)).rejects.toThrow()
  const tokens = await Promise.all(spy.mock.results.flatMap(({ value }) => value === undefined ? [] : [value]))
  expect(tokens.length).toBeGreaterThanOrEqual(2)
  for (const token of tokens) expect(() => token.authenticate(new Uint8Array(32))).toThrow(expect.objectContaining({ code: 'invalid-argument' }))
})

test('a credential that wraps a key is protected from who neither knows its id nor was verified, where the device can', async () => {
  const spy = vi.spyOn(Authenticator.prototype, 'makeCredential')
  await using made = await world()
  await made.hid.backend.generate({ key: 'one', ...options }, signal)
  // As the device says it itself.
  expect(await spy.mock.results[0]?.value).toMatchObject({ credProtect: 2, hmacSecret: true, userVerified: true })
})
