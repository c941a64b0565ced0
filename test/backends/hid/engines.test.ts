import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { encrypt, identities, identityManagement, memoryStore, verify } from '../../../src/index.ts'
import type { BackendName, Client, EngineRef, IdentityManagementProtocol, Store } from '../../../src/index.ts'
import { openHid, securityKeyProtocol } from '../../../src/hid.ts'
import type { HidOptions } from '../../../src/hid.ts'
import type { AuthenticatorOptions } from '../../authenticator/authenticator.ts'
import { everythingOf, found } from '../../looking.ts'
import { PIN, Person, world } from './hids.ts'
import type { World } from './hids.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const data = utf8('what the identity signs')
const backend: BackendName = { type: 'LocalConnection', subtype: 'hid' }

interface Managed extends World {
  readonly alice: Client
  readonly im: EngineRef<IdentityManagementProtocol>
}

/** Identity Management over a device: as a program has it. */
async function managed(plugged?: readonly AuthenticatorOptions[], options?: HidOptions & { readonly person?: Person }): Promise<Managed> {
  const made = await world(plugged, options)
  const im = await made.node.spawn(identityManagement, { name: 'identity-management', services: { backends: [made.hid.backend] } })
  return { ...made, alice: made.node.client('alice'), im }
}

describe('Identity Management over devices', () => {
  test.each(['P256', 'Ed25519'] as const)('generates, commits, decrypts and deletes: %s', async params => {
    await using made = await managed()
    const me = await identities(made.alice, made.im).generate({ params, backend })
    expect(await verify(me.externalIdentity, data, await me.commit(data))).toBe(true)
    expect(await me.decrypt(await encrypt(me.externalIdentity, data))).toEqual(data)
    await me.delete()
    await expect(me.commit(data)).rejects.toEqual(expect.objectContaining({ code: expect.stringMatching(/stopped|not-acquainted|unreachable/) }))
  })

  test('tells the person who asks, for what, and for which identity', async () => {
    await using made = await managed([{ pin: PIN, touch: () => new Promise(resolve => void setImmediate(resolve, true)) }])
    const me = await identities(made.alice, made.im).generate({ params: 'P256', capabilities: 'Commit', backend })
    made.person.asked.length = 0
    await me.commit(data)
    const { name } = me.externalIdentity
    expect(made.person.asked.map(({ of, asked }) => [of, asked])).toEqual(['pin', 'touch'].map(of => [of, expect.objectContaining({
      purpose: 'sign', identity: name, asker: made.alice.id, data: expect.objectContaining({ length: data.length, text: 'what the identity signs' }), device: expect.objectContaining({ product: 'Software authenticator' }),
    })]))
  })

  const refusals: readonly (readonly [title: string, device: readonly AuthenticatorOptions[], code: string, options: HidOptions & { readonly person?: Person }])[] = [
    ['a touch that is denied', [{ pin: PIN, touch: () => false }], 'denied', {}],
    ['a PIN that is refused', [{ pin: PIN }], 'denied', { person: new Person(() => undefined) }],
    ['wrong PINs', [{ pin: PIN }], 'pin-locked', { person: new Person(() => 'wrong PIN') }],
    ['no PIN on the device', [{}], 'pin-missing', {}],
    ['no hmac-secret', [{ pin: PIN, hmacSecret: false }], 'not-available', {}],
    ['no device', [], 'device-absent', { patience: 50 }],
    ['nobody there', [{ pin: PIN, touch: () => new Promise(() => {}) }], 'unanswered', { patience: 200 }],
  ]
  test.each(refusals)('passes on the code: %s', async (_, device, code, options) => {
    await using made = await managed(device, options)
    expect(await made.alice.askRaw(made.im, { type: 'GenerateIdentityRequest', backend, params: 'P256', capabilities: 'CommitAndDecrypt' })).toEqual({ code, err: expect.any(String) })
    expect(await made.hid.identities()).toEqual([])
  })

  test('outlasts the process, with a store', async () => {
    const store = memoryStore()
    // A store outlives the node that closes over it.
    const lent: Store = { ...store, capabilities: store.capabilities, get: key => store.get(key), range: keys => store.range(keys), write: changes => store.write(changes), close: async () => {} }
    await using made = await managed([{ pin: PIN }], { store: lent })
    const me = await identities(made.alice, made.im).generate({ params: 'P256', backend })
    const again = await openHid(made.node, { devices: made.devices, prompt: made.person, store: lent, name: 'again' })
    const { signal } = new AbortController()
    const signer = await again.backend.signer(me.externalIdentity, signal)
    expect(await verify(me.externalIdentity, data, await signer.sign(data, signal))).toBe(true)
    await again.close()
  })

  test('tells the state of the devices to who was let in, and to nobody else', async () => {
    await using made = await managed()
    await expect(made.alice.ask(made.hid.engine, { type: 'StateRequest' })).rejects.toEqual(expect.objectContaining({ code: 'not-acquainted' }))
    made.node.grant(made.hid.engine, made.alice)
    await expect.poll(() => made.alice.ask(made.hid.engine, { type: 'StateRequest' })).toEqual({ state: 'ready', waiting: 0, devices: 1 })
    // Names of ceremonies are worth nothing without the ceremony.
    await expect(made.alice.ask(made.hid.engine, { type: 'PerformRequest', ceremony: '999' })).rejects.toEqual(expect.objectContaining({ code: 'backend-failed' }))
    expect(securityKeyProtocol.codes).toContain('pin-wrong')
  })

  test('ends in order: what is under way when it is closed fails, and nothing hangs', async () => {
    const made = await managed([{ pin: PIN, touch: () => new Promise(() => {}) }])
    const asked = made.alice.askRaw(made.im, { type: 'GenerateIdentityRequest', backend, params: 'P256', capabilities: 'Commit' })
    await expect.poll(() => made.states().at(-1)).toBe('touch')
    await made.hid.close()
    expect(await asked).toEqual(expect.objectContaining({ code: 'backend-failed' }))
    await made.node.stop()
  })
})

// S42: a PIN, a key and what a device computes are in nothing that can be looked at.
test('the PIN and the plaintext are nowhere to be seen: not in messages, steps, dead letters, errors, emissions or rows', async () => {
  const store = memoryStore()
  const errors: unknown[] = []
  const pins = ['wrong sentinel 55', 'wrong sentinel 66', PIN]
  const person = new Person(({ retries }) => pins[8 - retries] ?? PIN)
  await using made = await managed([{ pin: PIN }], { store, person })
  const plaintext = utf8('the plaintext, which is secret: 8f2b1c')
  const me = await identities(made.alice, made.im).generate({ params: 'P256', backend })
  await me.decrypt(await encrypt(me.externalIdentity, plaintext))
  await me.commit(data)
  const wrongs = ['wrong sentinel 77', 'wrong sentinel 88', 'wrong sentinel 99']
  person.asked.length = 0
  const failing = new Person(() => wrongs[person.asked.length] ?? 'wrong sentinel 77')
  await using second = await managed([{ pin: PIN }], { person: failing })
  await identities(second.alice, second.im).generate({ params: 'P256', backend }).catch((error: unknown) => errors.push(error))
  expect(errors).toHaveLength(1)
  const rows: unknown[] = []
  for await (const row of store.range({ from: Uint8Array.of(0), to: Uint8Array.of(255) })) rows.push(row)
  expect(rows.length).toBeGreaterThan(0)
  const secrets = [...pins, ...wrongs, new TextDecoder().decode(plaintext)].map(text => ({ name: text, bytes: utf8(text) }))
  for (const seen of [made.seen, second.seen, errors, rows, made.hid, second.hid, made.hid.backend, made.node, inspect(made.hid, { depth: 20, showHidden: true })]) {
    expect(found(everythingOf(seen), secrets)).toEqual([])
  }
  expect(found(everythingOf([PIN]), secrets)).toEqual([PIN])
})
