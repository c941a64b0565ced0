import { createHash } from 'node:crypto'
import { afterEach, describe, expect, test } from 'vitest'
import type { Backend, Capabilities } from '../../../src/backends/backend.ts'
import type { Answer, AnswerOf } from '../../../src/backends/webauthn/messages.ts'
import { pageRefusals } from '../../../src/backends/webauthn/messages.ts'
import type { WebAuthn } from '../../../src/backends/webauthn/webauthn.ts'
import type { ExternalIdentity } from '../../../src/core/engine-id.ts'
import { challengeFor } from '../../../src/backends/webauthn/challenge.ts'
import { challengeOf } from '../../../src/crypto/assertion.ts'
import { encryptTo } from '../../../src/crypto/ciphertext.ts'
import { verifyCommitment } from '../../../src/crypto/commitment.ts'
import { memoryStore } from '../../../src/stores/memory/index.ts'
import { SoftwareAuthenticator } from './software-authenticator.ts'
import type { Said } from './software-authenticator.ts'
import { SoftwarePage, SoftwarePerson } from './software-page.ts'
import { stage } from './stage.ts'

const { signal } = new AbortController()
const data = new TextEncoder().encode('data')
const code = (expected: string): unknown => expect.objectContaining({ code: expected })
type Change = NonNullable<Parameters<SoftwarePerson['once']>[0]>

const open: WebAuthn[] = []
afterEach(async () => {
  for (const webauthn of open.splice(0)) await webauthn.close()
})

/** An identity, and the person who has it. */
async function staged(params = 'P256', capabilities: Capabilities = 'CommitAndDecrypt') {
  const { webauthn } = await stage()
  open.push(webauthn)
  const authenticator = new SoftwareAuthenticator()
  const person = await SoftwarePerson.at(webauthn.url, authenticator)
  const { backend } = webauthn
  const generate = async (change?: Change, key = 'a') => (await both(backend.generate({ key, params, capabilities }, signal), person.once(change)))
  return { webauthn, backend, person, authenticator, generate }
}

/** Both happen; the first one's outcome counts. */
async function both<T>(work: T | Promise<T>, other: Promise<unknown>): Promise<T> {
  const outcome = (async () => work)()
  await Promise.allSettled([outcome, other])
  return outcome
}

const commit = async (backend: Backend, identity: ExternalIdentity, person: SoftwarePerson, change?: Change) =>
  both((await backend.signer(identity, signal)).sign(data, signal), person.once(change))
const decrypt = async (backend: Backend, identity: ExternalIdentity, person: SoftwarePerson, change?: Change) =>
  both((await backend.decryptor(identity, signal)).decrypt(await encryptTo(identity, data), signal), person.once(change))

function isOf<K extends Answer['kind']>(answer: Answer, kind: K): answer is AnswerOf<K> {
  return answer.kind === kind
}

/** Changes an answer of that kind. */
const changed = <K extends Answer['kind']>(kind: K, change: (answer: AnswerOf<K>) => Answer): Change => answer => isOf(answer, kind) ? change(answer) : expect.fail(`It answered ${answer.kind}`)

const LIES: readonly (readonly [what: string, lies: Partial<Said>, expected: string])[] = [
  ['a page of another origin', { origin: 'http://localhost' }, 'wrong-origin'],
  ['a page that hides its origin', { origin: 'null' }, 'wrong-origin'],
  ['a page in a frame of another site', { more: { crossOrigin: true } }, 'wrong-origin'],
  ['a page whose top is another site', { more: { topOrigin: 'http://example.com' } }, 'wrong-origin'],
  ['another challenge', { challenge: new Uint8Array(32) }, 'stale-response'],
  ['nobody there', { flags: 0x44 }, 'backend-failed'],
  ['a user who was not verified', { flags: 0x41 }, 'backend-failed'],
  ['a backup that was not possible', { flags: 0x55 }, 'backend-failed'],
]

describe.each(['P256', 'Ed25519'])('%s', params => {
  describe.each(LIES)('an authenticator or browser that tells of %s', (_what, lies, expected) => {
    const assertionLies = { ...lies, ...lies.flags !== undefined && { flags: lies.flags & ~0x40 } }

    test('registers nothing', async () => {
      const { person, generate } = await staged(params)
      person.lies = lies
      await expect(generate()).rejects.toEqual(code(expected))
      person.lies = {}
      expect(await generate()).toBeDefined()
    })

    test('commits to nothing, and decrypts nothing', async () => {
      const { person, generate, backend } = await staged(params)
      const identity = await generate()
      person.lies = assertionLies
      await expect(commit(backend, identity, person)).rejects.toEqual(code(expected))
      await expect(decrypt(backend, identity, person)).rejects.toEqual(code(expected))
      person.lies = {}
      expect(verifyCommitment(identity, data, await commit(backend, identity, person))).toBe(true)
      expect(await decrypt(backend, identity, person)).toEqual(data)
    })
  })

  test('another relying party is refused', async () => {
    const { person, generate, backend } = await staged(params)
    const identity = await generate()
    person.lies = { relyingParty: 'example.com' }
    await expect(commit(backend, identity, person)).rejects.toEqual(code('wrong-origin'))
    await expect(generate(undefined, 'b')).rejects.toEqual(code('backend-failed'))
  })

  test('an assertion is no registration, nor the other way round', async () => {
    const { person, generate, backend } = await staged(params)
    const identity = await generate()
    person.lies = { type: 'webauthn.create' }
    await expect(commit(backend, identity, person)).rejects.toEqual(code('backend-failed'))
    person.lies = { type: 'webauthn.get' }
    await expect(generate(undefined, 'b')).rejects.toEqual(code('backend-failed'))
  })

  test('a counter that does not go up is refused, and one that does not count is not looked at', async () => {
    const { person, generate, backend, authenticator } = await staged(params)
    const identity = await generate()
    await commit(backend, identity, person)
    for (const counter of [0, 1, authenticator.counter]) {
      person.lies = { counter }
      await expect(commit(backend, identity, person)).rejects.toEqual(code('counter-behind'))
      await expect(decrypt(backend, identity, person)).rejects.toEqual(code('counter-behind'))
    }
    person.lies = { counter: 0xffffffff }
    expect(await commit(backend, identity, person)).toBeDefined()
    person.lies = { counter: 0 }
    const uncounted = await generate(undefined, 'b')
    for (let i = 0; i < 2; i++) expect(verifyCommitment(uncounted, data, await commit(backend, uncounted, person))).toBe(true)
  })

  test('another credential, or another one\'s signature, is refused', async () => {
    const { person, generate, backend, authenticator } = await staged(params)
    const identity = await generate()
    const other = await generate(undefined, 'other')
    const [first, second] = authenticator.held
    expect(other.name).not.toBe(identity.name)
    await expect(commit(backend, identity, person, changed('committed', answer => ({ ...answer, assertion: { ...answer.assertion, id: second?.id ?? expect.fail('it holds two') } })))).rejects.toEqual(code('wrong-device'))
    await expect(commit(backend, identity, person, changed('committed', answer => ({ ...answer, assertion: { ...answer.assertion, id: new Uint8Array(32) } })))).rejects.toEqual(code('wrong-device'))
    const swapped: Change = async (answer, ask) => {
      if (answer.kind !== 'committed' || ask.ceremony.kind !== 'commit') return expect.fail('It was asked to commit')
      const said = JSON.parse(new TextDecoder().decode(answer.assertion.clientDataJSON))
      const challenge = new Uint8Array(Buffer.from(said.challenge, 'base64url'))
      const lying = authenticator.get(second?.id ?? expect.fail('it holds two'), { origin: said.origin, relyingParty: 'localhost', challenge })
      return { ...answer, assertion: { ...lying, id: first?.id ?? expect.fail('it holds two') } }
    }
    await expect(commit(backend, identity, person, swapped)).rejects.toEqual(code('backend-failed'))
  })

  test('what decrypts is signed by the authenticator too', async () => {
    const { person, generate, backend } = await staged(params)
    const identity = await generate()
    const other = new SoftwareAuthenticator()
    const forged: Change = (answer, { ceremony }) => {
      if (answer.kind !== 'decrypted' || ceremony.kind !== 'decrypt') return expect.fail('It was asked to decrypt')
      const { id } = other.create(params, { origin: '', relyingParty: '', challenge: data })
      const assertion = other.get(id, { origin: person.page.origin, relyingParty: 'localhost', challenge: challengeFor(ceremony.nonce), counter: 1000 })
      return { ...answer, assertion: { ...assertion, id: answer.assertion.id } }
    }
    await expect(decrypt(backend, identity, person, forged)).rejects.toEqual(code('backend-failed'))
  })

  test('an identity outlasts the backend with its store, at the same port alone', async () => {
    const store = memoryStore()
    const authenticator = new SoftwareAuthenticator()
    const at = async (port: number) => {
      const { webauthn } = await stage({ store, port })
      open.push(webauthn)
      return { webauthn, port: Number(new URL(webauthn.url).port), person: await SoftwarePerson.at(webauthn.url, authenticator) }
    }
    const first = await at(0)
    const identity = await both(first.webauthn.backend.generate({ key: 'a', params, capabilities: 'CommitAndDecrypt' }, signal), first.person.once())
    const elsewhere = await at(0)
    await expect((await elsewhere.webauthn.backend.signer(identity, signal)).sign(data, signal)).rejects.toEqual(code('wrong-origin'))
    expect(await decrypt(elsewhere.webauthn.backend, identity, elsewhere.person)).toEqual(data)
    await first.webauthn.close()
    const again = await at(first.port)
    expect((await again.webauthn.backend.generate({ key: 'a', params, capabilities: 'CommitAndDecrypt' }, signal)).name).toBe(identity.name)
    expect(verifyCommitment(identity, data, await commit(again.webauthn.backend, identity, again.person))).toBe(true)
  })

  test('any byte that is changed is noticed', async () => {
    const { person, generate, backend } = await staged(params)
    const identity = await generate()
    const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => i === at % bytes.length ? byte ^ 1 : byte)
    for (const part of ['authenticatorData', 'clientDataJSON', 'signature'] as const) {
      for (const at of [0, 7, 33, 36, 50, 69]) {
        const change = changed('committed', answer => ({ ...answer, assertion: { ...answer.assertion, [part]: flipped(answer.assertion[part], at) } }))
        await expect(commit(backend, identity, person, change)).rejects.toMatchObject({ code: expect.stringMatching(/^(?:backend-failed|wrong-origin|stale-response)$/) })
      }
      const cut = changed('committed', answer => ({ ...answer, assertion: { ...answer.assertion, [part]: answer.assertion[part].subarray(0, -1) } }))
      await expect(commit(backend, identity, person, cut)).rejects.toMatchObject({ code: 'backend-failed' })
    }
  })
})

describe('a page', () => {
  test.each(pageRefusals)('that refuses with %s is heard', async refusal => {
    const { generate } = await staged()
    await expect(generate(() => ({ kind: 'refused', code: refusal, text: 'SENTINEL' }))).rejects.toEqual(code(refusal))
    await expect(generate(() => ({ kind: 'refused', code: refusal, text: 'SENTINEL' }))).rejects.not.toThrow('SENTINEL')
  })

  test('that answers something else than it was asked for is refused', async () => {
    const { generate, person, backend } = await staged()
    const identity = await generate()
    const [registered = expect.fail('it answered')] = person.answers
    await expect(commit(backend, identity, person, () => registered)).rejects.toEqual(code('backend-failed'))
  })

  test('that makes a key of another algorithm is refused', async () => {
    const { generate, person } = await staged('P256', 'Commit')
    const other: Change = async (_answer, { ceremony }) => ceremony.kind === 'register' ? person.perform({ ...ceremony, params: 'Ed25519' }) : expect.fail('It was asked to register')
    await expect(generate(other)).rejects.toEqual(code('backend-failed'))
  })

  test('that makes no key to decrypt with, or one that nobody asked for, is refused', async () => {
    const both = await staged()
    await expect(both.generate(changed('registered', ({ kind, attestation }) => ({ kind, attestation })))).rejects.toEqual(code('backend-failed'))
    const committing = await staged('P256', 'Commit')
    const encryption = { publicKey: new Uint8Array(32).fill(9), sealed: new Uint8Array(100) }
    await expect(committing.generate(changed('registered', answer => ({ ...answer, encryption })))).rejects.toEqual(code('backend-failed'))
  })

  test('that makes a key to which all agree on the same secret is refused', async () => {
    const { generate } = await staged()
    const zero = changed('registered', answer => ({ ...answer, encryption: { publicKey: new Uint8Array(32), sealed: new Uint8Array(100) } }))
    await expect(generate(zero)).rejects.toEqual(code('backend-failed'))
  })

  test('that gives another credential than was attested is refused', async () => {
    const { generate } = await staged()
    await expect(generate(changed('registered', answer => ({ ...answer, attestation: { ...answer.attestation, id: new Uint8Array(32) } })))).rejects.toEqual(code('backend-failed'))
  })

  test('that cannot open a ciphertext says nothing about why', async () => {
    const { generate, backend, person } = await staged()
    const identity = await generate()
    const elsewhere = await generate(undefined, 'b')
    const decryptor = await backend.decryptor(identity, signal)
    expect(await both(decryptor.decrypt(await encryptTo(elsewhere, data), signal), person.once())).toEqual({ err: 'Decryption failed', code: 'decryption-failed' })
  })

  test('is not asked for what is no ciphertext', async () => {
    const { generate, backend, person } = await staged()
    const identity = await generate()
    expect(await (await backend.decryptor(identity, signal)).decrypt(data, signal)).toEqual(code('malformed-ciphertext'))
    expect(person.page.heard.some(({ type }) => type === 'ask')).toBe(false)
  })
})

describe('a PRF that answers only when it signs', () => {
  const second: (authenticator: SoftwareAuthenticator, said?: Partial<Said>) => Change = (authenticator, said) => (answer, { ceremony }) => {
    if (answer.kind !== 'registered' || answer.encryption === undefined || ceremony.kind !== 'register' || ceremony.encryption === undefined) return expect.fail('It was asked to register')
    const assertion = authenticator.get(answer.attestation.id, { origin: 'http://localhost', relyingParty: 'localhost', challenge: challengeFor(ceremony.encryption.nonce), ...said })
    return { ...answer, encryption: { ...answer.encryption, assertion } }
  }

  test('is looked at, and its counter kept', async () => {
    const { generate, authenticator, person, backend } = await staged()
    const { origin } = person.page
    const identity = await generate(second(authenticator, { origin }))
    person.lies = { counter: authenticator.counter }
    await expect(commit(backend, identity, person)).rejects.toEqual(code('counter-behind'))
    for (const [lies, expected] of [[{ counter: 0 }, 'counter-behind'], [{ flags: 1 }, 'backend-failed'], [{ challenge: data }, 'stale-response'], [{ origin: 'null' }, 'wrong-origin'], [{ challenge: challengeOf(identity.name, data) }, 'stale-response']] as const) {
      person.lies = {}
      await expect(generate(second(authenticator, { origin, ...lies }), 'b')).rejects.toEqual(code(expected))
    }
  })
})

test('a challenge that is no commitment\'s begins as no signable does', () => {
  const nonce = new Uint8Array(32).fill(5)
  expect(challengeFor(nonce)).toEqual(new Uint8Array(createHash('sha256').update('ipse/webauthn/1\0').update(nonce).digest()))
})

describe('what is asked', () => {
  test('has bounds, and nobody is asked beyond them', async () => {
    const { generate, backend, person } = await staged()
    const identity = await generate()
    const signer = await backend.signer(identity, signal)
    await expect((async () => signer.sign(new Uint8Array((1 << 20) + 1), signal))()).rejects.toEqual(code('not-available'))
    const most = new Uint8Array(1 << 20).fill(3)
    expect(verifyCommitment(identity, most, await both(signer.sign(most, signal, { node: null, name: 'x'.repeat(5000) }), person.once()))).toBe(true)
    const decryptor = await backend.decryptor(identity, signal)
    expect(await both(decryptor.decrypt(await encryptTo(identity, most), signal), person.once())).toEqual(most)
  })

  test('is what was given, whatever becomes of the array', async () => {
    const { generate, backend, person } = await staged()
    const identity = await generate()
    const given = Uint8Array.of(1, 2, 3)
    const signing = (await backend.signer(identity, signal)).sign(given, signal)
    given.fill(0)
    expect(verifyCommitment(identity, Uint8Array.of(1, 2, 3), await both(signing, person.once()))).toBe(true)
  })
})

describe('a second authenticator', () => {
  test('is enrolled, decrypts alone, and the first one is removed', async () => {
    const { webauthn, generate, backend, person, authenticator } = await staged()
    const identity = await generate()
    const added = await both(webauthn.enrol(identity), person.once())
    const [first, second] = await webauthn.credentials(identity)
    expect([first, second]).toMatchObject([{ signs: true, decrypts: true }, { id: added, signs: false, decrypts: true }])
    await webauthn.remove(identity, first?.id ?? '')
    expect(await webauthn.credentials(identity)).toMatchObject([{ signs: true, decrypts: false }, { id: added, signs: false, decrypts: true }])
    const alone = new SoftwarePerson(await SoftwarePage.enter(webauthn.url), person.authenticators[1] ?? expect.fail('there is a second'))
    expect(await decrypt(backend, identity, alone)).toEqual(data)
    const signing = new SoftwarePerson(await SoftwarePage.enter(webauthn.url), authenticator)
    expect(verifyCommitment(identity, data, await commit(backend, identity, signing))).toBe(true)
    await expect(webauthn.remove(identity, added)).rejects.toEqual(code('not-available'))
    await expect(webauthn.remove(identity, first?.id ?? '')).rejects.toEqual(code('not-found'))
  })

  test('of an identity that only decrypts takes the place of the first', async () => {
    const { webauthn, generate, person } = await staged('Ed25519', 'Decrypt')
    const identity = await generate()
    const added = await both(webauthn.enrol(identity), person.once())
    const [first] = await webauthn.credentials(identity)
    await webauthn.remove(identity, first?.id ?? '')
    expect(await webauthn.credentials(identity)).toMatchObject([{ id: added, signs: false, decrypts: true }])
  })

  test('must wrap the same key', async () => {
    const { webauthn, generate, person } = await staged()
    const identity = await generate()
    const other = changed('enrolled', answer => ({ ...answer, encryption: { ...answer.encryption, publicKey: new Uint8Array(32).fill(9) } }))
    await expect(both(webauthn.enrol(identity), person.once(other))).rejects.toEqual(code('backend-failed'))
    expect(await webauthn.credentials(identity)).toHaveLength(1)
  })

  test('takes one that decrypts already', async () => {
    const { webauthn, generate, person } = await staged()
    const identity = await generate()
    const stranger = new SoftwareAuthenticator()
    const forged = changed('enrolled', answer => {
      stranger.create('P256', { origin: '', relyingParty: '', challenge: data })
      return { ...answer, assertion: { ...answer.assertion, id: stranger.held[0]?.id ?? expect.fail('it made one') } }
    })
    await expect(both(webauthn.enrol(identity), person.once(forged))).rejects.toEqual(code('wrong-device'))
    expect(await webauthn.credentials(identity)).toHaveLength(1)
  })

  test.each(['CommitAndDecrypt', 'Decrypt'] as const)('that is removed while it is asked decrypts nothing: %s', async capabilities => {
    const { webauthn, generate, backend, person } = await staged('P256', capabilities)
    const identity = await generate()
    await both(webauthn.enrol(identity), person.once())
    const [first] = await webauthn.credentials(identity)
    const removing: Change = async answer => {
      await webauthn.remove(identity, first?.id ?? '')
      return answer
    }
    await expect(decrypt(backend, identity, person, removing)).rejects.toEqual(code('wrong-device'))
  })

  test('is for identities that decrypt', async () => {
    const { webauthn, generate } = await staged('P256', 'Commit')
    await expect(webauthn.enrol(await generate())).rejects.toEqual(code('not-available'))
  })
})
