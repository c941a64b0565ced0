import { createHash, generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Authenticator } from '../../../src/backends/hid/ctap/authenticator.ts'
import type { AssertionOptions } from '../../../src/backends/hid/ctap/assertion.ts'
import { decodeCanonical, encodeCanonical } from '../../../src/backends/hid/ctap/cbor.ts'
import { CtapHid } from '../../../src/backends/hid/ctaphid/ctaphid.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { ManualClock } from './manual-clock.ts'
import { CBOR, ScriptedDevice } from './scripted-device.ts'

const patient = { signal: new AbortController().signal }
const RELYING_PARTY = 'ipse:identities'
const HASH = new Uint8Array(32).fill(7)
const ID = new Uint8Array(16).fill(1)
const [UP, UV, BS, AT, ED] = [0x01, 0x04, 0x10, 0x40, 0x80]

type Fields = readonly (readonly [unknown, unknown])[]

const map = (...fields: Fields) => new Map(fields)
const ok = (...fields: Fields) => Buffer.concat([Uint8Array.of(0), encodeCanonical(new Map(fields))])
const INFO: Fields = [[1, ['FIDO_2_0', 'FIDO_2_1']], [2, ['credProtect', 'hmac-secret']], [3, new Uint8Array(16)], [4, map(['rk', true], ['clientPin', true], ['uv', true], ['credMgmt', true], ['pinUvAuthToken', true])], [6, [2, 1]]]

/** A device that says what a test has it say, by command. */
async function saying(answers: Readonly<Record<number, Uint8Array | readonly Uint8Array[]>>) {
  const clock = new ManualClock()
  const device = new ScriptedDevice()
  const asked: Buffer[] = []
  device.onMessage = ({ channel, data }) => {
    const [command = 0] = data
    const answer = answers[command] ?? (command === 4 ? ok(...INFO) : Uint8Array.of(1))
    const before = asked.filter(([one]) => one === command).length
    asked.push(data)
    device.send(channel, CBOR, answer instanceof Uint8Array ? answer : answer[before] ?? Uint8Array.of(0x30))
  }
  const hid = await clock.through(CtapHid.open(device, { random: randomBytes, clock }, patient.signal))
  return { authenticator: await clock.through(Authenticator.open(hid, { random: randomBytes }, patient)), asked }
}

function statement({ flags = UP | UV, party = RELYING_PARTY, rest = [] as readonly Uint8Array[] } = {}): Uint8Array {
  return Uint8Array.from(Buffer.concat([createHash('sha256').update(party).digest(), Uint8Array.of(flags, 0, 0, 0, 5), ...rest]))
}

const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
const X = Uint8Array.from(Buffer.from(jwk.x ?? '', 'base64url'))
const Y = Uint8Array.from(Buffer.from(jwk.y ?? '', 'base64url'))
const KEY: Fields = [[1, 2], [3, -7], [-1, 1], [-2, X], [-3, Y]]
const credential = (key: Uint8Array = encodeCanonical(new Map(KEY)), id: Uint8Array = ID) => [new Uint8Array(16), Uint8Array.of(id.length >> 8, id.length & 255), id, key]
const extension = (...fields: Fields) => encodeCanonical(new Map(fields))
const descriptor = (id: Uint8Array = ID, type = 'public-key') => map(['id', id], ['type', type])

describe('a new credential', () => {
  const make = async (authData: Uint8Array, more: Fields = []) => {
    const { authenticator } = await saying({ 1: ok(...new Map<unknown, unknown>([[1, 'none'], [2, authData], [3, map()], ...more])) })
    return authenticator.makeCredential({ relyingParty: { id: RELYING_PARTY }, user: { id: ID, name: '' }, algorithms: ['P256'], clientDataHash: HASH, resident: true, hmacSecret: true, userVerification: 'built-in' }, patient)
  }
  const flags = UP | UV | AT

  test('is taken when all is as it should be', async () => {
    const made = await make(statement({ flags: flags | ED, rest: [...credential(), extension(['hmac-secret', true])] }), [[9, 'of a later version'], ['text', 1]])
    expect(made).toMatchObject({ credentialId: ID, algorithm: 'P256', counter: 5, userVerified: true, hmacSecret: true, attestation: { format: 'none', statement: Uint8Array.of(0xa0) } })
    expect(made.publicKey).toEqual(Uint8Array.from([2 + ((Y[31] ?? 0) & 1), ...X]))
    expect(await make(statement({ flags, rest: credential() }))).toMatchObject({ hmacSecret: false })
  })

  const bad: Readonly<Record<string, readonly [Uint8Array, Fields?]>> = {
    'for another relying party': [statement({ flags, party: 'another', rest: credential() })],
    'without a touch': [statement({ flags: UV | AT, rest: credential() })],
    'without user verification': [statement({ flags: UP | AT, rest: credential() })],
    'backed up, and not eligible for that': [statement({ flags: flags | BS, rest: credential() })],
    'without a credential': [statement()],
    'with an empty id': [statement({ flags, rest: credential(undefined, new Uint8Array()) })],
    'with a long id': [statement({ flags, rest: credential(undefined, new Uint8Array(1024)) })],
    'with bytes after it': [statement({ flags, rest: [...credential(), Uint8Array.of(0)] })],
    'cut off': [statement({ flags, rest: credential() }).subarray(0, -1)],
    'with a key of another algorithm': [statement({ flags, rest: credential(encodeCanonical(new Map<unknown, unknown>([[1, 1], [3, -8], [-1, 6], [-2, X]]))) })],
    'with a key that is no point': [statement({ flags, rest: credential(encodeCanonical(new Map([...KEY, [-3, X]]))) })],
    'with a key out of order': [statement({ flags, rest: credential(Uint8Array.from([0xa5, 3, 0x26, 1, 2, 0x20, 1, 0x21, 0x58, 32, ...X, 0x22, 0x58, 32, ...Y])) })],
    'with extensions announced that are not there': [statement({ flags: flags | ED, rest: credential() })],
    'with extensions that were not announced': [statement({ flags, rest: [...credential(), extension(['hmac-secret', true])] })],
    'with extensions out of order': [statement({ flags: flags | ED, rest: [...credential(), Uint8Array.of(0xa2, ...encodeCanonical('hmac-secret'), 0xf5, ...encodeCanonical('credProtect'), 1)] })],
    'with an attestation that is none': [statement({ flags, rest: credential() }), [[3, 'none']]],
    'with a format that is none': [statement({ flags, rest: credential() }), [[1, 1]]],
  }
  test.each(Object.entries(bad))('%s is refused', async (_, [authData, more]) => {
    await expect(make(authData, more)).rejects.toMatchObject({ code: 'backend-failed' })
  })
})

describe('an assertion', () => {
  const SIGNATURE = new Uint8Array(70).fill(3)
  const good: Fields = [[1, descriptor()], [2, statement()], [3, SIGNATURE]]
  const get = async (answer: Fields, options: Partial<AssertionOptions> = {}, next: readonly Fields[] = []) => {
    const { authenticator, asked } = await saying({ 2: ok(...new Map(answer)), 8: next.map(one => ok(...one)) })
    const assertions = await authenticator.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH, allow: [ID], userVerification: 'built-in', ...options }, patient)
    return { assertions, asked }
  }

  test('is taken when all is as it should be', async () => {
    const { assertions } = await get(good)
    expect(assertions).toEqual([{ credentialId: ID, authenticatorData: statement(), signature: SIGNATURE, userVerified: true, counter: 5, user: undefined, hmacSecret: undefined }])
  })

  test('need not say which credential it is by where there is no choice', async () => {
    expect((await get(good.slice(1))).assertions).toMatchObject([{ credentialId: ID }])
    await expect(get(good.slice(1), { allow: [ID, HASH] })).rejects.toMatchObject({ code: 'backend-failed' })
  })

  test('without a touch is taken where none was asked for', async () => {
    await get([...good, [2, statement({ flags: UV })]], { userPresence: false })
  })

  test('is one of several, all of which are checked', async () => {
    const three = { allow: [ID, HASH, X] }
    const { assertions, asked } = await get([...good, [5, 3]], three, [good, good])
    expect(assertions).toHaveLength(3)
    expect(asked.map(([command]) => command)).toEqual([4, 2, 8, 8])
    await expect(get([...good, [5, 3]], three, [good, [...good, [2, statement({ party: 'another' })]]])).rejects.toMatchObject({ code: 'backend-failed' })
    await expect(get([...good, [5, 3]], three, [good])).rejects.toMatchObject({ code: 'backend-failed', cause: { statusName: 'CTAP2_ERR_NOT_ALLOWED' } })
  })

  const bad: Readonly<Record<string, Fields>> = {
    'by a credential that was not asked for': [[1, descriptor(HASH)]],
    'by something else than a credential': [[1, descriptor(ID, 'password')]],
    'for another relying party': [[2, statement({ party: 'another' })]],
    'without a touch': [[2, statement({ flags: UV })]],
    'without user verification': [[2, statement({ flags: UP })]],
    'with a credential in it': [[2, statement({ flags: UP | UV | AT, rest: credential() })]],
    'with bytes after it': [[2, statement({ rest: [Uint8Array.of(0)] })]],
    'without a signature': [[3, new Uint8Array()]],
    'with a signature that is none': [[3, 'signature']],
    'of no credentials': [[5, 0]],
    'of more credentials than were asked for': [[5, 2]],
    'of millions of credentials': [[5, 2 ** 40]],
    'of half a credential': [[5, true]],
    'for a user without an id': [[4, map(['name', 'somebody'])]],
  }
  test.each(Object.entries(bad))('%s is refused', async (_, more) => {
    await expect(get([...good, ...more])).rejects.toMatchObject({ code: 'backend-failed' })
  })
})

describe('an answer', () => {
  const bad: Readonly<Record<string, string>> = {
    'nothing at all': '',
    'no map': '0001',
    'a number too long': '00a1011805',
    'keys out of order': '00a202010101',
    'a key twice': '00a201010101',
    'no end': '00bf0101ff',
    'bytes after it': '00a1010100',
    'a tag': '00a101c001',
    'a float': '00a101f93e00',
    'an integer as a float': '00a101f93c00',
    'undefined': '00a101f7',
    'five levels': '00a101a101a101a10180',
    'a thousand levels': `00${'81'.repeat(1000)}01`,
    'bytes as a key': '00a1410101',
    'text that is no UTF-8': '00a10161ff',
    'a length beyond its end': '00a1015affffffff',
    'an array beyond its end': '00a1019affffffff',
  }
  test.each(Object.entries(bad))('with %s is refused', async (_, hex) => {
    // A command whose response is not looked at any further.
    const { authenticator } = await saying({ 0x0b: Buffer.from(hex, 'hex') })
    await expect(authenticator.selection(patient)).rejects.toMatchObject({ code: 'backend-failed' })
  })

  test('of four levels is read', () => {
    expect(decodeCanonical(Buffer.from('a101a101a10180', 'hex'))).toEqual(new Map([[1, new Map([[1, new Map([[1, []]])]])]]))
  })

  const codes: Readonly<Record<string, readonly number[]>> = {
    'denied': [0x27, 0x3f], 'unanswered': [0x2d, 0x2f, 0x3a], 'wrong-device': [0x22, 0x2e], 'pin-wrong': [0x31], 'pin-locked': [0x32, 0x34, 0x3c], 'pin-missing': [0x35], 'device-busy': [0x06],
    'not-available': [0x01, 0x15, 0x19, 0x26, 0x28, 0x2b, 0x39, 0x3e, 0x40], 'backend-failed': [0x02, 0x11, 0x12, 0x14, 0x30, 0x33, 0x36, 0x7f, 0xdf, 0xe0, 0xff],
  }
  test.each(Object.entries(codes))('that refuses is %s, and its status the cause', async (code, statuses) => {
    for (const status of statuses) {
      const { authenticator } = await saying({ 0x0b: Uint8Array.of(status) })
      await expect(authenticator.selection(patient)).rejects.toMatchObject({ code, cause: { name: 'CtapError', status } })
    }
  })

  test('that user verification is needed, from a device that can not yet, says that a PIN is missing', async () => {
    const { authenticator } = await saying({ 4: ok(...new Map([...INFO, [4, map(['clientPin', false])]])), 0x0b: Uint8Array.of(0x36) })
    await expect(authenticator.selection(patient)).rejects.toMatchObject({ code: 'pin-missing', cause: { statusName: 'CTAP2_ERR_PUAT_REQUIRED' } })
  })

  test('that the PIN must be changed first is given before the PIN is', async () => {
    const { authenticator, asked } = await saying({ 4: ok(...new Map([...INFO, [0x0c, true]])) })
    await expect(authenticator.token({ pin: '1234' }, ['getAssertion'], RELYING_PARTY, patient)).rejects.toMatchObject({ code: 'pin-missing' })
    expect(asked).toHaveLength(1)
  })

  test('about itself may be short, or say more than is known', async () => {
    const { authenticator } = await saying({ 4: ok([1, ['FIDO_2_0']], [3, new Uint8Array(16)], [5, 10], [0x3f, 'later']) })
    expect(authenticator.info).toMatchObject({ versions: ['FIDO_2_0'], extensions: [], options: new Map(), maxMsgSize: 1024, pinUvAuthProtocols: [], algorithms: undefined, minPinLength: 4, forcePinChange: false })
    for (const [key, value] of [[1, 'FIDO_2_0'], [3, new Uint8Array(15)], [4, map(['rk', 1])], [5, -1], [6, ['one']], [0x0a, [map(['alg', '-7'], ['type', 'public-key'])]]] as const) {
      await expect(saying({ 4: ok(...new Map([...INFO, [key, value]])) })).rejects.toMatchObject({ code: 'backend-failed' })
    }
  })
})
