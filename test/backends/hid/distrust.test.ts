import { describe, expect, test } from 'vitest'
import { Lockouts } from '../../../src/backends/hid/lockouts.ts'
import type { HidListener } from '../../../src/backends/hid/hid.ts'
import { signWith } from '../../../src/backends/hid/signing.ts'
import { assertWithSecret } from '../../../src/backends/hid/unlocking.ts'
import { openDevice } from '../../../src/backends/hid/open-device.ts'
import type { Session } from '../../../src/backends/hid/ceremony.ts'
import type { Assertion } from '../../../src/backends/hid/ctap/assertion.ts'
import type { CredentialRecord } from '../../../src/backends/credential/record.ts'
import { CredentialRecords } from '../../../src/backends/credential/records.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { encryptTo } from '../../../src/crypto/ciphertext.ts'
import { parseIdentityName } from '../../../src/crypto/identity-name.ts'
import { memoryStore } from '../../../src/index.ts'
import { simulate } from '../../../src/simulation.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import { PIN, Person, simulatedWorld, timeOf } from './hids.ts'

const { signal } = new AbortController()
const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const data = new TextEncoder().encode('what is signed')

/** A session whose device answers what a test makes of what it answered. */
function lying(session: Session, lie: (assertion: Assertion) => Assertion): Session {
  const { authenticator } = session
  const getAssertions = async (...args: Parameters<typeof authenticator.getAssertions>) => (await authenticator.getAssertions(...args)).map(lie)
  return { ...session, authenticator: { info: authenticator.info, getAssertions } as never }
}

/** What is kept of an identity on a software authenticator, and a session with that. */
async function withSession(play: (session: Session, record: CredentialRecord) => Promise<void>): Promise<void> {
  const sim = simulate({ seed: 3 })
  await sim.run(async () => {
    const store = memoryStore()
    const { hid, devices, timers, node } = await simulatedWorld(sim, new Person(), { store })
    devices.plug(new SoftwareAuthenticator({ pin: PIN, timers }))
    const identity = await hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'CommitAndDecrypt' }, signal)
    const record = await new CredentialRecords(store, 'hid').find(identity)
    if (record === undefined) return expect.fail('it is kept')
    const [device] = await devices.list()
    if (device === undefined) return expect.fail('it is there')
    const open = await openDevice(device, { devices, random: randomBytes, clock: timeOf(sim).clock }, signal)
    const verifyUser: Session['verifyUser'] = async permissions => ({ token: await open.authenticator.token({ pin: PIN }, permissions, 'ipse:identities', { signal }) })
    const session: Session = { device, authenticator: open.authenticator, signal, use: act => act({ signal }), verifyUser, undo: work => work(session) }
    await play(session, record)
    await open.close()
    await hid.close()
    await node.stop()
  })
}

describe('a device is not believed:', () => {
  const flip = (bytes: Uint8Array, at: number, bit = 1) => Uint8Array.from(bytes, (byte, i) => i === at ? byte ^ bit : byte)
  const lies: readonly (readonly [string, (assertion: Assertion) => Assertion])[] = [
    ['a signature of something else', assertion => ({ ...assertion, signature: flip(assertion.signature, assertion.signature.length - 1) })],
    ['a signature that is no DER', assertion => ({ ...assertion, signature: new Uint8Array(64) })],
    ['authenticator data that were not signed', assertion => ({ ...assertion, authenticatorData: flip(assertion.authenticatorData, 36) })],
    ['of another relying party', assertion => ({ ...assertion, authenticatorData: flip(assertion.authenticatorData, 0) })],
    ['that the user was not verified', assertion => ({ ...assertion, authenticatorData: flip(assertion.authenticatorData, 32, 0x04) })],
  ]
  test.each(lies)('%s is no commitment', async (_, lie) => {
    await withSession(async (session, record) => {
      const [credential] = record.credentials
      if (credential === undefined) return expect.fail('it has one')
      await expect(signWith(session, record, credential, data)).resolves.toEqual({ commitment: expect.any(Uint8Array), counter: expect.any(Number) })
      await expect(signWith(lying(session, lie), record, credential, data)).rejects.toEqual(code('backend-failed'))
    })
  })

  test('a secret without a verified user is none, and is erased', async () => {
    await withSession(async (session, record) => {
      const [credential] = record.credentials
      if (credential?.wrapped === undefined) return expect.fail('it has one')
      const secrets: Uint8Array[] = []
      const unverified = lying(session, assertion => {
        secrets.push(...assertion.hmacSecret ?? [])
        return { ...assertion, userVerified: false }
      })
      await expect(assertWithSecret(unverified, { ...credential, salt: credential.wrapped.salt }, randomBytes)).rejects.toEqual(code('backend-failed'))
      expect(secrets).toEqual([new Uint8Array(32)])
      await expect(assertWithSecret(lying(session, ({ hmacSecret: _, ...assertion }) => ({ ...assertion, hmacSecret: undefined })), { ...credential, salt: credential.wrapped.salt }, randomBytes)).rejects.toEqual(code('backend-failed'))
    })
  })
})

test('the decryption key is erased once it is wrapped, and once it has decrypted', async () => {
  const sim = simulate({ seed: 5 })
  await sim.run(async () => {
    const drawn: { readonly bytes: Uint8Array; readonly was: Uint8Array }[] = []
    const random = (length: number) => {
      const bytes = randomBytes(length)
      drawn.push({ bytes, was: Uint8Array.from(bytes) })
      return bytes
    }
    const { hid, devices, timers, node } = await simulatedWorld(sim, new Person(), { random })
    devices.plug(new SoftwareAuthenticator({ pin: PIN, timers }))
    const identity = await hid.backend.generate({ key: 'k', params: 'P256', capabilities: 'CommitAndDecrypt' }, signal)
    const { encrypt } = parseIdentityName(identity)
    const key = drawn.find(({ was }) => was.length === 32 && Buffer.from(encrypt?.scheme.publicKey(was) ?? []).equals(encrypt?.publicKey ?? new Uint8Array(1)))
    expect(key?.bytes).toEqual(new Uint8Array(32))
    const decryptor = await hid.backend.decryptor(identity, signal)
    expect(await decryptor.decrypt(await encryptTo(identity, data), signal)).toEqual(data)
    await hid.close()
    await node.stop()
  })
})

test('a device that is locked out is so until it is gone, also when the next has its path', async () => {
  let listener: HidListener | undefined
  let closed = 0
  const locked = new Lockouts({
    list: async () => [],
    open: async () => ({ write: async () => {}, listen: heard => { listener = heard }, close: async () => { closed++ } }),
  })
  const device = { path: '/dev/hidraw0', vendorId: 1, productId: 1 }
  await locked.add(device)
  await locked.add(device)
  locked.keep([device])
  expect(locked.has(device)).toBe(true)
  listener?.gone(new Error('unplugged'))
  expect([locked.has(device), closed]).toEqual([false, 1])
  await locked.add(device)
  locked.keep([])
  expect([locked.has(device), closed]).toEqual([false, 2])
})
