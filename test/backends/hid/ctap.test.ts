import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Authenticator } from '../../../src/backends/hid/ctap/authenticator.ts'
import type { Algorithm, PinUvToken } from '../../../src/backends/hid/ctap/authenticator.ts'
import type { Assertion } from '../../../src/backends/hid/ctap/assertion.ts'
import type { CreatedCredential } from '../../../src/backends/hid/ctap/creation.ts'
import { CtapError } from '../../../src/backends/hid/ctap/status.ts'
import { CtapHid } from '../../../src/backends/hid/ctaphid/ctaphid.ts'
import type { Exchange } from '../../../src/backends/hid/ctaphid/ctaphid.ts'
import { Fault } from '../../../src/core/errors.ts'
import { compactSignature } from '../../../src/crypto/cose.ts'
import { randomBytes } from '../../../src/crypto/random.ts'
import { suiteByParams } from '../../../src/crypto/suites.ts'
import { SoftwareAuthenticator } from '../../authenticator/authenticator.ts'
import type { AuthenticatorOptions } from '../../authenticator/authenticator.ts'
import { PluggedIn } from '../../authenticator/plugged-in.ts'
import type { Timers } from '../../authenticator/timers.ts'
import { ManualClock, turn } from './manual-clock.ts'

const PIN = '1234'
const RELYING_PARTY = 'ipse:identities'
const HASH = createHash('sha256').update('what is signed').digest()
const patient: Exchange = { signal: new AbortController().signal }
const user = (id: number) => ({ id: Uint8Array.of(id), name: `user ${id}` })
const sha256 = (text: string) => createHash('sha256').update(text).digest()

class Timed extends ManualClock implements Timers {
  after(milliseconds: number, work: () => void): () => void {
    const wake = this.wake(this.now() + milliseconds, work)
    return () => wake.cancel()
  }
}

/** It has a PIN unless that is `undefined`. */
async function plugged(given: Omit<AuthenticatorOptions, 'pin'> & { readonly pin?: string | undefined } = {}) {
  const { pin, ...options } = { pin: PIN, ...given }
  const clock = new Timed()
  const devices = new PluggedIn(clock)
  const software = new SoftwareAuthenticator({ timers: clock, ...options, ...pin !== undefined && { pin } })
  const path = devices.plug(software)
  const open = async () => {
    const hid = await CtapHid.open(await devices.open({ path, vendorId: 0, productId: 0 }), { random: randomBytes, clock }, patient.signal)
    return { hid, authenticator: await Authenticator.open(hid, { random: randomBytes }, patient) }
  }
  return { clock, devices, software, path, open, ...await open() }
}

/** What is asked of every kind of device. */
interface Kind {
  readonly options: AuthenticatorOptions
  readonly by: { readonly pin: string } | 'built-in' | 'itself'
}

const kinds: Readonly<Record<string, Kind>> = {
  'protocols two and one': { options: {}, by: { pin: PIN } },
  'protocol one alone': { options: { pinProtocols: [1] }, by: { pin: PIN } },
  'protocol two alone': { options: { pinProtocols: [2] }, by: { pin: PIN } },
  'user verification of its own': { options: { builtInUv: true }, by: 'built-in' },
  'CTAP 2.0': { options: { versions: ['FIDO_2_0'], pinProtocols: [1] }, by: { pin: PIN } },
  'CTAP 2.0 and user verification of its own': { options: { versions: ['FIDO_2_0'], pinProtocols: [1], builtInUv: true }, by: 'itself' },
  'small messages': { options: { maxMsgSize: 1024 }, by: { pin: PIN } },
}

async function verifying(authenticator: Authenticator, by: Kind['by'], permission: 'makeCredential' | 'getAssertion'): Promise<{ token: PinUvToken } | { userVerification: 'built-in' }> {
  if (by === 'itself') return { userVerification: 'built-in' }
  return { token: await authenticator.token(by, [permission], RELYING_PARTY, patient) }
}

async function made(authenticator: Authenticator, by: Kind['by'] | undefined, id: number, more: { algorithm?: Algorithm; resident?: boolean; exclude?: readonly Uint8Array[]; credProtect?: 1 | 2 | 3 } = {}): Promise<CreatedCredential> {
  const { algorithm = 'P256', resident = false, ...rest } = more
  return authenticator.makeCredential({
    relyingParty: { id: RELYING_PARTY, name: 'ipse' }, user: user(id), algorithms: [algorithm], clientDataHash: HASH, resident, hmacSecret: true, ...rest,
    ...by && await verifying(authenticator, by, 'makeCredential'),
  }, patient)
}

function isSigned({ authenticatorData, signature }: Assertion, { algorithm, publicKey }: CreatedCredential): boolean {
  const compact = algorithm === 'P256' ? compactSignature(signature) : signature
  return compact !== undefined && suiteByParams(algorithm)?.verify(publicKey, Buffer.concat([authenticatorData, HASH]), compact) === true
}

describe.each(Object.entries(kinds))('a device with %s', (_, { options, by }) => {
  test.each(['P256', 'Ed25519'] as const)('makes credentials for %s, resident or not, and signs', async algorithm => {
    const { authenticator } = await plugged(options)
    for (const resident of [false, true]) {
      const credential = await made(authenticator, by, 1, { algorithm, resident })
      expect(credential).toMatchObject({ algorithm, userVerified: true, hmacSecret: true })
      const assertions = await authenticator.getAssertions({
        relyingParty: RELYING_PARTY, clientDataHash: HASH, ...!resident && { allow: [credential.credentialId] }, ...await verifying(authenticator, by, 'getAssertion'),
      }, patient)
      expect(assertions.map(assertion => [Buffer.compare(assertion.credentialId, credential.credentialId), assertion.userVerified, isSigned(assertion, credential)])).toEqual([[0, true, true]])
    }
  })

  test('tells of all credentials, the latest first, with one touch', async () => {
    const { authenticator } = await plugged(options)
    const credentials = []
    for (const id of [1, 2, 3]) credentials.push(await made(authenticator, by, id, { resident: true, algorithm: id === 2 ? 'Ed25519' : 'P256' }))
    const salts = [Buffer.alloc(32, 1)] as const
    const assertions = await authenticator.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH, hmacSecret: { salts }, ...await verifying(authenticator, by, 'getAssertion') }, patient)
    expect(assertions.map(assertion => assertion.user?.id)).toEqual([3, 2, 1].map(id => Uint8Array.of(id)))
    for (const [i, credential] of credentials.toReversed().entries()) expect(assertions.map((assertion, j) => isSigned(assertion, credential) === (i === j))).not.toContain(false)
    expect(new Set(assertions.map(({ hmacSecret }) => String(hmacSecret?.[0]))).size).toBe(3)
  })

  test('gives secrets: the same for the same salt, others without user verification', async () => {
    const { authenticator } = await plugged(options)
    const { credentialId } = await made(authenticator, by, 1)
    const secrets = async (salts: readonly [Uint8Array] | readonly [Uint8Array, Uint8Array], isVerified = true) => {
      const [assertion] = await authenticator.getAssertions({
        relyingParty: RELYING_PARTY, clientDataHash: HASH, allow: [credentialId], hmacSecret: { salts }, ...isVerified && await verifying(authenticator, by, 'getAssertion'),
      }, patient)
      return assertion?.hmacSecret?.map(secret => Buffer.from(secret).toString('hex')) ?? []
    }
    const [one, two] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
    const [first] = await secrets([one])
    const [second] = await secrets([two])
    expect(first).toHaveLength(64)
    expect(second).not.toBe(first)
    expect(await secrets([one, two])).toEqual([first, second])
    expect(await secrets([two, one])).toEqual([second, first])
    expect(await secrets([one], false)).not.toEqual([first])
  })
})

describe('a PIN', () => {
  const kindsOfPin: Readonly<Record<string, AuthenticatorOptions>> = { one: { pinProtocols: [1] }, two: { pinProtocols: [2] }, 'one, of CTAP 2.0': { pinProtocols: [1], versions: ['FIDO_2_0'] } }

  test.each(Object.entries(kindsOfPin))('is set, changed, and exchanged for a token, by protocol %s', async (_, options) => {
    const { authenticator } = await plugged({ ...options, pin: undefined })
    await expect(authenticator.token({ pin: PIN }, ['makeCredential'], RELYING_PARTY, patient)).rejects.toMatchObject({ code: 'pin-missing' })
    await authenticator.setPin('pässwörd', patient)
    expect(authenticator.info.options.get('clientPin')).toBe(true)
    await expect(authenticator.setPin('another', patient)).rejects.toMatchObject({ code: 'not-available' })
    // Its other normal form.
    await authenticator.token({ pin: 'pässwörd'.normalize('NFD') }, ['makeCredential'], RELYING_PARTY, patient)
    await authenticator.changePin('pässwörd', '0000', patient)
    await expect(authenticator.token({ pin: 'pässwörd' }, ['makeCredential'], RELYING_PARTY, patient)).rejects.toMatchObject({ code: 'pin-wrong' })
    await expect(authenticator.changePin('pässwörd', PIN, patient)).rejects.toMatchObject({ code: 'pin-wrong' })
    await authenticator.token({ pin: '0000' }, ['makeCredential'], RELYING_PARTY, patient)
    await authenticator.changePin('0000', '🔑'.repeat(15), patient)
    await authenticator.token({ pin: '🔑'.repeat(15) }, ['getAssertion'], RELYING_PARTY, patient)
  })

  test('that is wrong is counted; three in a row need a power cycle, and eight a reset', async () => {
    const { authenticator, software, clock } = await plugged()
    const guess = async () => {
      try {
        await authenticator.token({ pin: '9999' }, ['makeCredential'], RELYING_PARTY, patient)
        return 'taken'
      } catch (error) {
        return [(error as { code: string }).code, ((error as Error).cause as CtapError).statusName]
      }
    }
    const [wrong, blocked, locked] = [['pin-wrong', 'CTAP2_ERR_PIN_INVALID'], ['pin-locked', 'CTAP2_ERR_PIN_AUTH_BLOCKED'], ['pin-locked', 'CTAP2_ERR_PIN_BLOCKED']]
    expect(await authenticator.pinRetries(patient)).toEqual({ retries: 8, powerCycle: false })
    expect([await guess(), await guess()]).toEqual([wrong, wrong])
    expect(await authenticator.pinRetries(patient)).toEqual({ retries: 6, powerCycle: false })
    expect([await guess(), await guess()]).toEqual([blocked, blocked])
    expect(await authenticator.pinRetries(patient)).toEqual({ retries: 5, powerCycle: true })
    software.powerCycle()
    expect([await guess(), await guess(), await guess()]).toEqual([wrong, wrong, blocked])
    software.powerCycle()
    expect([await guess(), await guess()]).toEqual([wrong, locked])
    expect((await authenticator.pinRetries(patient)).retries).toBe(0)
    await clock.through(authenticator.reset(patient))
    expect(authenticator.info.options.get('clientPin')).toBe(false)
    await expect(authenticator.pinRetries(patient)).rejects.toMatchObject({ code: 'pin-missing' })
  })

  test('that can be none is not shown to the device', async () => {
    const { authenticator } = await plugged()
    for (const pin of ['', '123', 'x'.repeat(64), '🔑'.repeat(16), '12\u00003456', '1234\uD800']) {
      await expect(authenticator.token({ pin }, ['makeCredential'], RELYING_PARTY, patient)).rejects.toMatchObject({ code: 'pin-wrong' })
      await expect(authenticator.changePin(PIN, pin, patient)).rejects.toMatchObject({ code: 'invalid-argument' })
    }
    expect((await authenticator.pinRetries(patient)).retries).toBe(8)
    await authenticator.token({ pin: PIN }, ['makeCredential'], RELYING_PARTY, patient)
  })

  test('is in no error', async () => {
    const { authenticator } = await plugged({ pin: 'correct horse' })
    for (const pin of ['battery staple', 'sta', 'battery staple'.repeat(5)]) {
      for (const attempt of [authenticator.token({ pin }, ['makeCredential'], RELYING_PARTY, patient), authenticator.changePin(pin, 'battery', patient), authenticator.setPin(pin, patient)]) {
        const error: unknown = await attempt.catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(Fault)
        expect(inspect(error, { depth: Infinity, showHidden: true })).not.toMatch(/horse|sta\b|staple|battery/)
      }
    }
  })

  test('a token that was erased authenticates nothing more', async () => {
    const { authenticator } = await plugged()
    const token = await authenticator.token({ pin: PIN }, ['makeCredential'], RELYING_PARTY, patient)
    token.erase()
    await expect(authenticator.makeCredential({ relyingParty: { id: RELYING_PARTY }, user: user(1), algorithms: ['P256'], clientDataHash: HASH, resident: false, token }, patient)).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  test('is not asked for where the device verifies by itself; that may fail, and is counted', async () => {
    const { authenticator } = await plugged({ builtInUv: true, verify: () => false })
    const retries = await authenticator.uvRetries(patient)
    await expect(authenticator.token('built-in', ['makeCredential'], RELYING_PARTY, patient)).rejects.toMatchObject({ code: 'denied' })
    expect(await authenticator.uvRetries(patient)).toBe(retries - 1)
    for (let i = 1; i < retries; i++) await authenticator.token('built-in', ['makeCredential'], RELYING_PARTY, patient).catch(() => {})
    await expect(authenticator.token('built-in', ['makeCredential'], RELYING_PARTY, patient)).rejects.toMatchObject({ code: 'pin-locked' })
  })

  test('what a device does not have is not available', async () => {
    const { authenticator } = await plugged()
    await expect(authenticator.token('built-in', ['makeCredential'], RELYING_PARTY, patient)).rejects.toMatchObject({ code: 'not-available' })
    await expect(authenticator.uvRetries(patient)).rejects.toMatchObject({ code: 'not-available' })
    const { authenticator: bare } = await plugged({ pin: undefined, pinProtocols: [], residentKeys: false, hmacSecret: false, algorithms: ['ES256'], credProtect: false })
    await expect(bare.setPin(PIN, patient)).rejects.toMatchObject({ code: 'not-available' })
    await expect(bare.pinRetries(patient)).rejects.toMatchObject({ code: 'not-available' })
    await expect(made(bare, undefined, 1)).rejects.toMatchObject({ code: 'not-available' })
    const plain = { relyingParty: { id: RELYING_PARTY }, user: user(1), algorithms: ['P256'], clientDataHash: HASH, resident: false } as const
    const { credentialId, hmacSecret } = await bare.makeCredential(plain, patient)
    expect(hmacSecret).toBe(false)
    for (const more of [{ algorithms: ['Ed25519'] }, { resident: true }, { credProtect: 3 }, { userVerification: 'built-in' }] as const) {
      await expect(bare.makeCredential({ ...plain, ...more }, patient)).rejects.toMatchObject({ code: 'not-available' })
    }
    await expect(bare.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH, allow: [credentialId], hmacSecret: { salts: [HASH] } }, patient)).rejects.toMatchObject({ code: 'not-available' })
  })
})

describe('a request', () => {
  test('for a credential that the device does not hold is for another device', async () => {
    const { authenticator } = await plugged()
    const { authenticator: other } = await plugged()
    const { credentialId } = await made(other, { pin: PIN }, 1)
    for (const allow of [[credentialId], [Buffer.alloc(2000)], undefined]) {
      await expect(authenticator.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH, ...allow && { allow } }, patient)).rejects.toMatchObject({ code: 'wrong-device' })
    }
    await expect(authenticator.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH, allow: [] }, patient)).rejects.toMatchObject({ code: 'invalid-argument' })
  })

  test('finds the one that it holds among others', async () => {
    const { authenticator } = await plugged()
    const { authenticator: other } = await plugged()
    const foreign = await made(other, { pin: PIN }, 1)
    const own = await made(authenticator, { pin: PIN }, 1)
    const [assertion] = await authenticator.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH, allow: [foreign.credentialId, own.credentialId] }, patient)
    expect(assertion && isSigned(assertion, own)).toBe(true)
  })

  test('for a credential that is excluded is refused', async () => {
    const { authenticator } = await plugged()
    const { credentialId } = await made(authenticator, { pin: PIN }, 1)
    await expect(made(authenticator, { pin: PIN }, 2, { exclude: [credentialId] })).rejects.toMatchObject({ code: 'not-available', cause: expect.any(CtapError) })
    await made(authenticator, { pin: PIN }, 2, { exclude: [Buffer.alloc(2000)] })
  })

  test('for more than the device takes is refused', async () => {
    const { authenticator } = await plugged({ maxMsgSize: 1024 })
    const { maxCredentialCountInList: most = 0, maxCredentialIdLength: longest = 0 } = authenticator.info
    for (const allow of [Array.from({ length: most + 1 }, () => Buffer.alloc(1)), Array.from({ length: most }, () => Buffer.alloc(longest))]) {
      await expect(authenticator.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH, allow }, patient)).rejects.toMatchObject({ code: 'not-available' })
    }
  })

  test('for a resident credential where there is no room is refused', async () => {
    const { authenticator } = await plugged({ residentKeys: 1 })
    await made(authenticator, { pin: PIN }, 1, { resident: true })
    await expect(made(authenticator, { pin: PIN }, 2, { resident: true })).rejects.toMatchObject({ code: 'not-available' })
  })

  test('without user verification of what needs it is refused', async () => {
    const { authenticator } = await plugged()
    const { credProtect, credentialId } = await made(authenticator, { pin: PIN }, 1, { credProtect: 3 })
    expect(credProtect).toBe(3)
    const options = { relyingParty: RELYING_PARTY, clientDataHash: HASH, allow: [credentialId] }
    await expect(authenticator.getAssertions(options, patient)).rejects.toMatchObject({ code: 'wrong-device' })
    await authenticator.getAssertions({ ...options, ...await verifying(authenticator, { pin: PIN }, 'getAssertion') }, patient)
    await expect(made(authenticator, undefined, 2, { resident: true })).rejects.toMatchObject({ code: 'backend-failed', cause: { statusName: 'CTAP2_ERR_PUAT_REQUIRED' } })
  })

  test('can do without a touch', async () => {
    let touches = 0
    const { authenticator } = await plugged({ touch: () => ++touches > 0 })
    const { credentialId } = await made(authenticator, { pin: PIN }, 1)
    await authenticator.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH, allow: [credentialId], userPresence: false }, patient)
    expect(touches).toBe(1)
  })

  test('of a wrong form is refused before it is sent', async () => {
    const { authenticator } = await plugged()
    const creation = { relyingParty: { id: RELYING_PARTY }, user: user(1), algorithms: ['P256'], clientDataHash: HASH, resident: false } as const
    for (const more of [{ clientDataHash: new Uint8Array(31) }, { user: { id: new Uint8Array(), name: '' } }, { user: { id: new Uint8Array(65), name: '' } }]) {
      await expect(authenticator.makeCredential({ ...creation, ...more }, patient)).rejects.toMatchObject({ code: 'invalid-argument' })
    }
    for (const more of [{ clientDataHash: new Uint8Array(33) }, { hmacSecret: { salts: [new Uint8Array(31)] as const } }]) {
      await expect(authenticator.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH, ...more }, patient)).rejects.toMatchObject({ code: 'invalid-argument' })
    }
  })
})

describe('a touch', () => {
  test.each(['FIDO_2_0', 'FIDO_2_1'])('selects a device of %s', async version => {
    for (const pin of [PIN, undefined]) {
      const { authenticator } = await plugged({ versions: [version], pin })
      await authenticator.selection(patient)
    }
    const { authenticator } = await plugged({ versions: [version], touch: () => false })
    await expect(authenticator.selection(patient)).rejects.toMatchObject({ code: 'denied' })
  })

  test('that is waited for is told of, and can be called off; the device can be used at once', async () => {
    let isPatient = false
    const { authenticator, clock } = await plugged({ touch: () => isPatient || new Promise<boolean>(() => {}) })
    const controller = new AbortController()
    const heard: string[] = []
    const waiting = authenticator.selection({ signal: controller.signal, onKeepAlive: status => heard.push(status) })
    const next = authenticator.selection(patient)
    await turn()
    expect(heard).toEqual(['touch'])
    isPatient = true
    const before = clock.now()
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    await next
    expect(clock.now()).toBe(before)
  })

  test('that does not come ends by the device\'s own clock', async () => {
    const { authenticator, clock } = await plugged({ touch: () => new Promise<boolean>(() => {}) })
    await expect(clock.through(authenticator.selection(patient))).rejects.toMatchObject({ code: 'unanswered' })
  })

  test('while the device is pulled out', async () => {
    const { authenticator, devices, path } = await plugged({ touch: () => new Promise<boolean>(() => {}) })
    const waiting = [authenticator.selection(patient), authenticator.refresh(patient)]
    await turn()
    devices.unplug(path)
    for (const one of waiting) await expect(one).rejects.toMatchObject({ code: 'device-gone' })
  })

  test('that another program waits for keeps the device busy', async () => {
    const { clock, authenticator, open } = await plugged({ touch: () => new Promise<boolean>(() => {}) })
    const { authenticator: other } = await open()
    const waiting = authenticator.selection(patient)
    waiting.catch(() => {})
    await turn()
    await expect(clock.through(other.refresh(patient))).rejects.toMatchObject({ code: 'device-busy' })
  })
})

describe('resident credentials', () => {
  const managers: Readonly<Record<string, AuthenticatorOptions>> = { 'CTAP 2.1': {}, 'the preview': { versions: ['FIDO_2_0', 'FIDO_2_1_PRE'] } }

  test.each(Object.entries(managers))('are listed, changed and deleted by %s', async (name, options) => {
    const { authenticator } = await plugged(options)
    const manage = async () => authenticator.credentials(await authenticator.token({ pin: PIN }, ['credentialManagement'], undefined, patient))
    const empty = await manage()
    expect(await empty.metadata(patient)).toEqual({ existing: 0, remaining: 25 })
    expect(await empty.relyingParties(patient)).toEqual([])
    expect(await empty.of(sha256(RELYING_PARTY), patient)).toEqual([])
    const [one, two] = [await made(authenticator, { pin: PIN }, 1, { resident: true, credProtect: 2 }), await made(authenticator, { pin: PIN }, 2, { resident: true, algorithm: 'Ed25519' })]
    await authenticator.makeCredential({
      relyingParty: { id: 'another.example' }, user: user(3), algorithms: ['P256'], clientDataHash: HASH, resident: true,
      token: await authenticator.token({ pin: PIN }, ['makeCredential'], 'another.example', patient),
    }, patient)
    const management = await manage()
    expect(await management.metadata(patient)).toEqual({ existing: 3, remaining: 22 })
    const parties = await management.relyingParties(patient)
    expect(parties.map(({ id, idHash }) => [id, Buffer.compare(idHash, sha256(id))]).toSorted()).toEqual([['another.example', 0], [RELYING_PARTY, 0]])
    const listed = await management.of(sha256(RELYING_PARTY), patient)
    expect(listed.map(({ user: { id }, credProtect }) => [id[0], credProtect]).toSorted()).toEqual([[1, 2], [2, 1]])
    if (name === 'CTAP 2.1') {
      await management.updateUser(two.credentialId, { id: Uint8Array.of(2), name: 'renamed', displayName: 'Renamed' }, patient)
      expect((await management.of(sha256(RELYING_PARTY), patient)).find(({ user: { id } }) => id[0] === 2)?.user).toEqual({ id: Uint8Array.of(2), name: 'renamed', displayName: 'Renamed' })
      await expect(management.updateUser(Uint8Array.of(1), user(2), patient)).rejects.toMatchObject({ code: 'wrong-device' })
    } else {
      await expect(management.updateUser(two.credentialId, user(2), patient)).rejects.toMatchObject({ code: 'not-available' })
    }
    await management.delete(one.credentialId, patient)
    await expect(management.delete(one.credentialId, patient)).rejects.toMatchObject({ code: 'wrong-device' })
    expect((await management.of(sha256(RELYING_PARTY), patient)).map(({ credentialId }) => Buffer.compare(credentialId, two.credentialId))).toEqual([0])
  })

  test('are not told of by a device without that, or by a token for something else', async () => {
    const { authenticator } = await plugged({ credentialManagement: false })
    const token = await authenticator.token({ pin: PIN }, ['makeCredential'], RELYING_PARTY, patient)
    expect(() => authenticator.credentials(token)).toThrow(expect.objectContaining({ code: 'not-available' }))
    const { authenticator: able } = await plugged()
    const wrong = able.credentials(await able.token({ pin: PIN }, ['makeCredential'], RELYING_PARTY, patient))
    await expect(wrong.metadata(patient)).rejects.toMatchObject({ code: 'backend-failed', cause: { statusName: 'CTAP2_ERR_PIN_AUTH_INVALID' } })
  })

  test('are listed as a whole, whoever else asks', async () => {
    const { authenticator } = await plugged()
    for (const id of [1, 2, 3]) await made(authenticator, { pin: PIN }, id, { resident: true })
    const management = authenticator.credentials(await authenticator.token({ pin: PIN }, ['credentialManagement'], undefined, patient))
    const lists = await Promise.all([management.of(sha256(RELYING_PARTY), patient), authenticator.refresh(patient), management.of(sha256(RELYING_PARTY), patient), management.relyingParties(patient)])
    expect(lists.map(list => list?.length)).toEqual([3, undefined, 3, 1])
  })
})

describe('a reset', () => {
  test('erases everything, soon after the device was plugged in', async () => {
    const { authenticator, clock } = await plugged()
    const { credentialId } = await made(authenticator, { pin: PIN }, 1)
    clock.wake(clock.now() + 20_000, () => {})
    clock.next()
    await expect(authenticator.reset(patient)).rejects.toMatchObject({ code: 'backend-failed', cause: { statusName: 'CTAP2_ERR_NOT_ALLOWED' } })
    const fresh = await plugged({ touch: why => why === 'reset' })
    await fresh.authenticator.reset(patient)
    await expect(fresh.authenticator.getAssertions({ relyingParty: RELYING_PARTY, clientDataHash: HASH, allow: [credentialId] }, patient)).rejects.toMatchObject({ code: 'wrong-device' })
  })
})
