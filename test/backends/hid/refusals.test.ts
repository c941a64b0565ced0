import { describe, expect, test } from 'vitest'
import { verifyCommitment } from '../../../src/crypto/commitment.ts'
import { encryptTo } from '../../../src/crypto/ciphertext.ts'
import { parseIdentityName } from '../../../src/crypto/identity-name.ts'
import type { Backend, Capabilities } from '../../../src/backends/backend.ts'
import { CredentialRecords } from '../../../src/backends/credential/records.ts'
import { memoryStore } from '../../../src/index.ts'
import type { ExternalIdentity } from '../../../src/index.ts'
import type { Prompt } from '../../../src/hid.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import type { AuthenticatorOptions } from '../../authenticator/authenticator.ts'
import { PIN, Person, world } from './hids.ts'

const data = new TextEncoder().encode('what the identity sees')
const { signal } = new AbortController()
const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const generate = (backend: Backend, capabilities: Capabilities = 'CommitAndDecrypt', params = 'P256', key = `${Math.random()}`) =>
  Promise.resolve(backend.generate({ key, params, capabilities }, signal))

describe('what a device can\'t do is refused:', () => {
  const cases: readonly (readonly [title: string, device: AuthenticatorOptions, capabilities: Capabilities, params: string, expected: string, resident: boolean])[] = [
    ['Ed25519, by one without EdDSA', { pin: PIN, algorithms: ['ES256'] }, 'Commit', 'Ed25519', 'not-available', false],
    ['decryption, by one without hmac-secret', { pin: PIN, hmacSecret: false }, 'Decrypt', 'P256', 'not-available', false],
    ['decryption, by one without PIN or another way to verify its user', {}, 'Decrypt', 'P256', 'pin-missing', false],
    ['commitments of a verified user, by one without', {}, 'Commit', 'P256', 'pin-missing', false],
    ['credentials that it keeps, by one that keeps none', { pin: PIN, residentKeys: false }, 'Commit', 'P256', 'not-available', true],
    ['one more credential, by one that is full', { pin: PIN, residentKeys: 0 }, 'Commit', 'P256', 'not-available', true],
    ['another user, by one that verifies its user itself', { builtInUv: true, verify: () => false }, 'Commit', 'P256', 'denied', false],
  ]
  test.each(cases)('%s', async (_, device, capabilities, params, expected, resident) => {
    await using made = await world([device], { resident })
    await expect(generate(made.hid.backend, capabilities, params)).rejects.toEqual(code(expected))
    expect(await made.hid.identities()).toEqual([])
  })

  test('and commitments of an unverified user, where they do, need no PIN and say so in the name', async () => {
    await using made = await world([{}], { userVerification: false })
    const { backend } = made.hid
    const identity = await generate(backend, 'Commit')
    expect(parseIdentityName(identity).assertion).toEqual({ relyingParty: 'ipse:identities', userVerification: false })
    expect(verifyCommitment(identity, data, await (await backend.signer(identity, signal)).sign(data, signal))).toBe(true)
    expect(made.person.asked.filter(({ of }) => of === 'pin')).toEqual([])
    await expect(generate(backend, 'Decrypt')).rejects.toEqual(code('pin-missing'))
  })
})

describe('a device that keeps a credential', () => {
  const resident: AuthenticatorOptions = { pin: PIN }
  const kept = (device: SoftwareAuthenticator, made: Awaited<ReturnType<typeof world>>) => ({ path: made.devices.plug(device), made })

  test('must be there when the identity is deleted, and keeps nothing of it then', async () => {
    await using made = await world([], { resident: true, patience: 300 })
    const device = new SoftwareAuthenticator(resident)
    const { path } = kept(device, made)
    const { backend } = made.hid
    const identity = await generate(backend)
    made.devices.unplug(path)
    await expect(backend.delete(identity, signal)).rejects.toEqual(code('device-absent'))
    expect(await made.hid.identities()).toEqual([identity])
    made.devices.plug(new SoftwareAuthenticator(resident))
    await expect(backend.delete(identity, signal)).rejects.toEqual(code('wrong-device'))
    const again = made.devices.plug(device)
    await backend.delete(identity, signal)
    expect(await made.hid.identities()).toEqual([])
    made.devices.unplug(again)
    // Room for as many as there was.
    await using small = await world([], { resident: true })
    const one = new SoftwareAuthenticator({ ...resident, residentKeys: 1 })
    small.devices.plug(one)
    await small.hid.backend.delete(await generate(small.hid.backend), signal)
    await generate(small.hid.backend)
  })

  test('and is lost can be forgotten', async () => {
    await using made = await world([resident], { resident: true })
    const identity = await generate(made.hid.backend)
    await made.hid.forget(identity)
    await expect(made.hid.backend.signer(identity, signal)).rejects.toEqual(code('not-found'))
    await expect(made.hid.forget(identity)).rejects.toEqual(code('not-found'))
  })

  test('keeps none of an identity that could not be made: what was begun is taken back', async () => {
    // It gives its first touch to the credential, and denies the second, to the key that is wrapped under it.
    let touches = 0
    await using made = await world([{ pin: PIN, residentKeys: 1, touch: () => ++touches !== 2 }], { resident: true })
    await expect(generate(made.hid.backend)).rejects.toEqual(code('denied'))
    await generate(made.hid.backend)
  })
})

test('a signature counter that does not advance is refused, and nothing is handed out', async () => {
  const store = memoryStore()
  await using made = await world([{ pin: PIN }], { store })
  const { backend } = made.hid
  const identity = await generate(backend)
  const signer = await backend.signer(identity, signal)
  await signer.sign(data, signal)
  const records = new CredentialRecords(store, 'hid')
  await records.change(identity.name, record => ({ ...record, credentials: record.credentials.map(credential => ({ ...credential, counter: 1_000 })) }))
  await expect(signer.sign(data, signal)).rejects.toEqual(code('counter-behind'))
  const decryptor = await backend.decryptor(identity, signal)
  await expect(decryptor.decrypt(await encryptTo(identity, data), signal)).rejects.toEqual(code('counter-behind'))
})

test('a device without a counter does well', async () => {
  await using made = await world([{ pin: PIN, counter: false }])
  const { backend } = made.hid
  const identity = await generate(backend)
  const signer = await backend.signer(identity, signal)
  for (let i = 0; i < 2; i++) expect(verifyCommitment(identity, data, await signer.sign(data, signal))).toBe(true)
})

test('who is not wanted is not asked: a ciphertext that is none needs no touch', async () => {
  await using made = await world()
  const identity = await generate(made.hid.backend)
  const asked = made.person.asked.length
  expect(await (await made.hid.backend.decryptor(identity, signal)).decrypt(data, signal)).toEqual(code('malformed-ciphertext'))
  expect(made.person.asked).toHaveLength(asked)
})

test('several generates of one key at once are one', async () => {
  await using made = await world()
  const [one, ...others] = await Promise.all(Array.from({ length: 4 }, () => generate(made.hid.backend, 'Commit', 'P256', 'same')))
  expect(others).toEqual([one, one, one])
  expect(await made.hid.identities()).toEqual([one])
})

test('what is stored is damaged: said so, with no plaintext and no signature', async () => {
  const store = memoryStore()
  await using made = await world([{ pin: PIN }], { store })
  const { backend } = made.hid
  const identity = await generate(backend)
  const ciphertext = await encryptTo(identity, data)
  const flip = (bytes: Uint8Array, at: number) => Uint8Array.from(bytes, (byte, i) => i === at ? byte ^ 1 : byte)
  const records = new CredentialRecords(store, 'hid')
  await records.change(identity.name, record => ({
    ...record, credentials: record.credentials.map(({ wrapped, ...credential }) => ({ ...credential, ...wrapped && { wrapped: { ...wrapped, sealed: flip(wrapped.sealed, wrapped.sealed.length - 1) } } })),
  }))
  await expect((await backend.decryptor(identity, signal)).decrypt(ciphertext, signal)).rejects.toEqual(code('backend-failed'))
  await records.change(identity.name, record => ({ ...record, credentials: record.credentials.map(credential => ({ ...credential, id: flip(credential.id, 0) })) }))
  await expect((await backend.signer(identity, signal)).sign(data, signal)).rejects.toEqual(code('wrong-device'))
})

describe('devices that decrypt for one identity', () => {
  async function two(): Promise<{ readonly made: Awaited<ReturnType<typeof world>>; readonly identity: ExternalIdentity; readonly first: SoftwareAuthenticator; readonly second: SoftwareAuthenticator; readonly path: string }> {
    const made = await world([])
    const [first, second] = [new SoftwareAuthenticator({ pin: PIN }), new SoftwareAuthenticator({ builtInUv: true })]
    const path = made.devices.plug(first)
    return { made, first, second, path, identity: await generate(made.hid.backend) }
  }

  test('may be two: each does it alone, from when the second is plugged in until it is removed', async () => {
    const { made, identity, second, path } = await two()
    await using _ = made
    const { hid, devices } = made
    const ciphertext = await encryptTo(identity, data)
    const decryptor = await hid.backend.decryptor(identity, signal)
    const enrolling = hid.enrol(identity)
    await expect.poll(() => made.person.asked.some(({ of }) => of === 'insert')).toBe(true)
    devices.plug(second)
    const credential = await enrolling
    expect(await hid.credentials(identity)).toEqual([
      expect.objectContaining({ signs: true, decrypts: true }), expect.objectContaining({ id: credential, signs: false, decrypts: true }),
    ])
    expect(await decryptor.decrypt(ciphertext, signal)).toEqual(data)
    devices.unplug(path)
    expect(await decryptor.decrypt(ciphertext, signal)).toEqual(data)
    await expect((await hid.backend.signer(identity, signal)).sign(data, signal)).rejects.toEqual(code('wrong-device'))
    await hid.remove(identity, credential)
    await expect(decryptor.decrypt(ciphertext, signal)).rejects.toEqual(code('wrong-device'))
    await expect(hid.remove(identity, credential)).rejects.toEqual(code('not-found'))
  })

  test('may be the second alone: the one that signs goes on signing, and decrypts no more', async () => {
    const { made, identity, second } = await two()
    await using _ = made
    const { hid, devices } = made
    devices.plug(second)
    await hid.enrol(identity)
    const [first] = await hid.credentials(identity)
    await hid.remove(identity, first?.id ?? '')
    expect(await hid.credentials(identity)).toEqual([expect.objectContaining({ id: first?.id, signs: true, decrypts: false }), expect.objectContaining({ signs: false, decrypts: true })])
    await expect(hid.remove(identity, first?.id ?? '')).rejects.toEqual(code('not-found'))
    expect(verifyCommitment(identity, data, await (await hid.backend.signer(identity, signal)).sign(data, signal))).toBe(true)
    expect(await (await hid.backend.decryptor(identity, signal)).decrypt(await encryptTo(identity, data), signal)).toEqual(data)
  })

  test('that keep their credentials erase them when they are removed, unless they are lost', async () => {
    await using made = await world([{ pin: PIN }], { resident: true, patience: 500 })
    const { hid, devices } = made
    const identity = await generate(hid.backend)
    for (const lost of [false, true]) {
      const second = new SoftwareAuthenticator({ pin: PIN })
      const path = devices.plug(second)
      const credential = await hid.enrol(identity)
      devices.unplug(path)
      await expect(hid.remove(identity, credential)).rejects.toEqual(code('wrong-device'))
      const again = lost ? '' : devices.plug(second)
      await hid.remove(identity, credential, { lost })
      devices.unplug(again)
      expect(await hid.credentials(identity)).toHaveLength(1)
    }
  })

  test('are never none: the last one is not removed', async () => {
    const { made, identity } = await two()
    await using _ = made
    const [first] = await made.hid.credentials(identity)
    await expect(made.hid.remove(identity, first?.id ?? '')).rejects.toEqual(code('not-available'))
    const decrypts = await generate(made.hid.backend, 'Decrypt')
    const [only] = await made.hid.credentials(decrypts)
    await expect(made.hid.remove(decrypts, only?.id ?? '')).rejects.toEqual(code('not-available'))
    await expect(made.hid.enrol(await generate(made.hid.backend, 'Commit'))).rejects.toEqual(code('not-available'))
  })
})

test('a prompt that fails ends the request, and says nothing of what it threw', async () => {
  class Broken extends Person {
    override pin(): never {
      throw new Error('sentinel of the prompt')
    }
  }
  const broken: Prompt = new Broken()
  await using made = await world([{ pin: PIN }], { prompt: broken })
  await expect(generate(made.hid.backend)).rejects.toEqual(expect.objectContaining({ code: 'backend-failed', message: expect.not.stringContaining('sentinel') }))
})
