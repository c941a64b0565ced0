import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import { describe, expect, test } from 'vitest'
import { CredentialRecords } from '../../../src/backends/credential/records.ts'
import { encryptTo } from '../../../src/crypto/ciphertext.ts'
import { verifyCommitment } from '../../../src/crypto/commitment.ts'
import { memoryStore } from '../../../src/index.ts'
import type { ExternalIdentity } from '../../../src/index.ts'
import type { Capabilities } from '../../../src/backends/backend.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import type { AuthenticatorOptions } from '../../authenticator/authenticator.ts'
import type { Exchange } from '../../authenticator/exchange.ts'
import { PIN, world } from './hids.ts'
import type { World } from './hids.ts'

const data = new TextEncoder().encode('what is signed')
const { signal } = new AbortController()
const code = (expected: string): unknown => expect.objectContaining({ code: expected })
const generate = ({ hid }: Pick<World, 'hid'>, capabilities: Capabilities = 'CommitAndDecrypt', key = `${Math.random()}`) =>
  Promise.resolve(hid.backend.generate({ key, params: 'P256', capabilities }, signal))
const pinsIn = ({ person }: Pick<World, 'person'>) => person.asked.filter(({ of }) => of === 'pin').length

const [MAKE_CREDENTIAL, GET_ASSERTION, GET_INFO, GET_NEXT_ASSERTION] = [0x01, 0x02, 0x04, 0x08]
type Fields = Map<number, unknown>

/** A device that says something else of itself, and may hear something else than it was told. */
class Odd extends SoftwareAuthenticator {
  readonly #says: (info: Fields) => void
  readonly #hears: (command: number, fields: Fields) => void

  constructor(options: AuthenticatorOptions, says: (info: Fields) => void, hears: (command: number, fields: Fields) => void = () => {}) {
    super(options)
    this.#says = says
    this.#hears = hears
  }

  override async handle(request: Uint8Array, exchange: Exchange): Promise<Uint8Array> {
    const [command = 0] = request
    const heard = request.length === 1 ? request : changed(request, fields => this.#hears(command, fields))
    const answer = await super.handle(heard, exchange)
    return command === GET_INFO ? changed(answer, this.#says) : answer
  }
}

function changed(bytes: Uint8Array, change: (fields: Fields) => void): Uint8Array {
  const fields: Fields = decode(bytes.subarray(1), { useMaps: true })
  change(fields)
  return Uint8Array.of(bytes[0] ?? 0, ...encode(fields, rfc8949EncodeOptions))
}

async function withDevice(device: SoftwareAuthenticator, options?: Parameters<typeof world>[1]): Promise<World> {
  const made = await world([], options)
  made.devices.plug(device)
  return made
}

async function works({ hid }: World, identity: ExternalIdentity): Promise<void> {
  expect(verifyCommitment(identity, data, await (await hid.backend.signer(identity, signal)).sign(data, signal))).toBe(true)
  expect(await (await hid.backend.decryptor(identity, signal)).decrypt(await encryptTo(identity, data), signal)).toEqual(data)
}

test('a device with a PIN that makes credentials without it is asked for one without', async () => {
  await using made = await world([{ pin: PIN, makeCredUvNotRequired: true }], { userVerification: false })
  await generate(made, 'Commit')
  expect(pinsIn(made)).toBe(0)
  await using other = await world([{ pin: PIN, makeCredUvNotRequired: false }], { userVerification: false })
  await generate(other, 'Commit')
  expect(pinsIn(other)).toBe(1)
})

describe('a device that protects its credentials more than it was asked to', () => {
  const PROTECTION = 3
  const protect = (command: number, fields: Fields, always: boolean) => {
    if (command !== MAKE_CREDENTIAL) return
    const extensions = new Map<unknown, unknown>(fields.get(6) instanceof Map ? fields.get(6) as Map<unknown, unknown> : [])
    if (always || !extensions.has('credProtect')) extensions.set('credProtect', PROTECTION)
    fields.set(6, extensions)
  }

  test('unless it was asked for something is asked', async () => {
    await using made = await withDevice(new Odd({ pin: PIN }, () => {}, (command, fields) => protect(command, fields, false)))
    const identity = await generate(made, 'Commit')
    expect(verifyCommitment(identity, data, await (await made.hid.backend.signer(identity, signal)).sign(data, signal))).toBe(true)
  })

  test('in any case makes no identity, which it could never be found by', async () => {
    await using made = await withDevice(new Odd({ pin: PIN }, () => {}, (command, fields) => protect(command, fields, true)), { resident: true })
    await expect(generate(made)).rejects.toEqual(code('not-available'))
    expect(await made.hid.residents()).toEqual([])
  })
})

describe('a device that takes little at once', () => {
  const little = new Map<number, unknown>([[5, 1024], [7, 8], [8, 128]])
  test('finds its credential among many, and is enrolled beside them', async () => {
    const store = memoryStore()
    const device = (options: AuthenticatorOptions) => new Odd({ maxMsgSize: 1024, ...options }, info => little.forEach((value, field) => info.set(field, value)))
    await using made = await withDevice(device({ pin: PIN }), { store })
    const identity = await generate(made)
    // Those of other devices: as long as this one's, and longer.
    await new CredentialRecords(store, 'hid').change(identity.name, ({ credentials: [first], ...record }) => ({
      ...record, credentials: first === undefined ? [] : [...Array.from({ length: 14 }, (_, i) => ({ ...first, id: new Uint8Array(i < 12 ? 128 : 1023).fill(i) })), first],
    }))
    const decryptor = await made.hid.backend.decryptor(identity, signal)
    expect(await decryptor.decrypt(await encryptTo(identity, data), signal)).toEqual(data)
    made.devices.plug(device({ builtInUv: true }))
    await made.hid.enrol(identity)
    expect(await made.hid.credentials(identity)).toHaveLength(16)
  })
})

test('a device of CTAP 2.0 that verifies its user itself still deletes what it keeps, by its PIN', async () => {
  await using made = await world([{ pin: PIN, builtInUv: true, versions: ['FIDO_2_0'] }], { resident: true })
  const identity = await generate(made)
  await works(made, identity)
  expect(pinsIn(made)).toBe(0)
  await made.hid.backend.delete(identity, signal)
  expect(pinsIn(made)).toBe(1)
  expect(await made.hid.residents()).toEqual([])
})

test('a device with more assertions than it was asked for is not asked for the others, nor believed', async () => {
  class Generous extends SoftwareAuthenticator {
    override async handle(request: Uint8Array, exchange: Exchange): Promise<Uint8Array> {
      const answer = await super.handle(request, exchange)
      if (request[0] === GET_NEXT_ASSERTION) asked++
      return request[0] === GET_ASSERTION && answer.length > 1 ? changed(answer, fields => fields.set(5, 2)) : answer
    }
  }
  let asked = 0
  await using made = await withDevice(new Generous({ pin: PIN }))
  await expect(generate(made, 'Decrypt')).rejects.toEqual(code('backend-failed'))
  expect(asked).toBe(0)
})

test('what a device calls itself is kept as it can be shown', async () => {
  await using made = await world([])
  made.devices.plug(new SoftwareAuthenticator({ pin: PIN }), { product: `\u001b[2J\n\u202e${'\u{1f511}'.repeat(10_000)}` })
  const [credential] = await made.hid.credentials(await generate(made))
  expect(credential?.label).toBe(`?[2J??${'\u{1f511}'.repeat(122)}`)
})

describe('credentials that two devices keep', () => {
  /** An identity of two devices that keep its credentials, both plugged in. */
  async function two(capabilities: Capabilities, more: AuthenticatorOptions = {}) {
    const made = await world([], { resident: true, patience: 300 })
    const devices = [new SoftwareAuthenticator({ pin: PIN, ...more }), new SoftwareAuthenticator({ pin: PIN, ...more })] as const
    const first = made.devices.plug(devices[0])
    const identity = await generate(made, capabilities)
    const second = made.devices.plug(devices[1])
    const credential = await made.hid.enrol(identity)
    return { made, devices, first, second, identity, credential }
  }

  test('are deleted one after the other: what is gone is not looked for again', async () => {
    const { made, devices, first, identity } = await two('CommitAndDecrypt')
    await using _ = made
    made.devices.unplug(first)
    await expect(made.hid.backend.delete(identity, signal)).rejects.toEqual(code('wrong-device'))
    made.devices.plug(devices[0])
    await made.hid.backend.delete(identity, signal)
    expect(await made.hid.identities()).toEqual([])
  })

  test('are not both removed by two who do so at once', async () => {
    const { made, identity } = await two('Decrypt')
    await using _ = made
    const both = await made.hid.credentials(identity)
    const ends = await Promise.allSettled(both.map(({ id }) => made.hid.remove(identity, id)))
    expect(ends.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    const decryptor = await made.hid.backend.decryptor(identity, signal)
    expect(await decryptor.decrypt(await encryptTo(identity, data), signal)).toEqual(data)
  })

  test('stay known where the device does not delete them', async () => {
    const { made, identity, credential, second, devices } = await two('CommitAndDecrypt')
    await using _ = made
    made.devices.unplug(second)
    made.devices.plug(new Odd({}, () => {}))
    await expect(made.hid.remove(identity, credential)).rejects.toEqual(code('wrong-device'))
    made.devices.plug(devices[1])
    await made.hid.remove(identity, credential)
    expect(await made.hid.credentials(identity)).toHaveLength(1)
  })
})

test('a device whose counter went back enrols no other', async () => {
  const store = memoryStore()
  await using made = await world([{ pin: PIN }], { store })
  const identity = await generate(made)
  await new CredentialRecords(store, 'hid').change(identity.name, record => ({ ...record, credentials: record.credentials.map(credential => ({ ...credential, counter: 1_000 })) }))
  await expect(made.hid.enrol(identity)).rejects.toEqual(code('counter-behind'))
})
