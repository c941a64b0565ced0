import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromNode, fromPage, readFrame, writeFrame } from '../../../src/backends/webauthn/messages.ts'
import type { FromNode, FromPage } from '../../../src/backends/webauthn/messages.ts'
import { verifyAssertion, verifyRegistration } from '../../../src/backends/webauthn/verification.ts'
import type { Credential } from '../../../src/backends/credential/record.ts'
import { Fault } from '../../../src/core/errors.ts'
import { SoftwareAuthenticator } from './software-authenticator.ts'

/** How often each is tried: IPSE_FUZZ=1000000 npx vitest run test/backends/webauthn/fuzz.test.ts */
const RUNS = Number(process.env['IPSE_FUZZ'] ?? 5000)

const origin = 'http://localhost:8437'
const challenge = new Uint8Array(32).fill(7)
const expected = { challenge, relyingParty: 'localhost', origins: [origin], userVerification: true }
const said = { challenge, relyingParty: 'localhost', origin }

/** Bytes with some of them changed, cut out or put in. */
function mutated(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({ at: fc.nat(bytes.length), cut: fc.nat(4), put: fc.uint8Array({ maxLength: 4 }) })
  return fc.array(edit, { minLength: 1, maxLength: 4 }).map(edits => edits.reduce(
    (result, { at, cut, put }) => Uint8Array.of(...result.subarray(0, at), ...put, ...result.subarray(at + cut)), bytes))
}

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const assertionOf = fc.record({
  id: fc.uint8Array({ minLength: 1, maxLength: 40 }), clientDataJSON: fc.uint8Array({ minLength: 1 }), authenticatorData: fc.uint8Array({ minLength: 1 }), signature: fc.uint8Array({ minLength: 1 }),
})
const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes).toString('base64url'))
const pageFrames: fc.Arbitrary<FromPage> = fc.oneof(
  fc.record({ type: fc.constant('hello' as const), version: fc.constant(1 as const), secret: bytes32 }),
  fc.record({ type: fc.constant('answer' as const), id, answer: fc.oneof(
    fc.record({ kind: fc.constant('committed' as const), assertion: assertionOf }),
    fc.record({ kind: fc.constant('decrypted' as const), assertion: assertionOf, plaintext: fc.option(fc.uint8Array()) }),
    fc.record({ kind: fc.constant('refused' as const), code: fc.constantFrom('denied' as const, 'wrong-device' as const), text: fc.string() }),
  ) }),
)
const nodeFrames: fc.Arbitrary<FromNode> = fc.oneof(
  fc.record({ type: fc.constant('withdrawn' as const), id, code: fc.constantFrom('aborted' as const, 'unanswered' as const) }),
  fc.record({ type: fc.constant('ask' as const), id, patience: fc.nat(), waiting: fc.nat(), ceremony: fc.record({
    kind: fc.constant('commit' as const), relyingParty: fc.constant({ id: 'localhost', name: 'ipse' }), identity: fc.constant({ name: 'z6Mk' }), data: fc.uint8Array(),
    credential: fc.record({ id: fc.uint8Array({ minLength: 1 }), transports: fc.constant<string[]>(['usb']) }), userVerification: fc.boolean(),
  }) }),
)

describe('a message', () => {
  test('is read as it was written', () => {
    fc.assert(fc.property(pageFrames, frame => { expect(readFrame(fromPage, writeFrame(fromPage, frame))).toEqual(frame) }))
    fc.assert(fc.property(nodeFrames, frame => { expect(readFrame(fromNode, writeFrame(fromNode, frame))).toEqual(frame) }))
  })

  test('that was changed is none, or another one, in the one form that it has', () => {
    const changed = pageFrames.chain(frame => mutated(new TextEncoder().encode(writeFrame(fromPage, frame)))).map(bytes => new TextDecoder().decode(bytes))
    fc.assert(fc.property(changed, text => {
      const frame = readFrame(fromPage, text)
      if (frame !== undefined) expect(readFrame(fromPage, writeFrame(fromPage, frame))).toEqual(frame)
    }), { numRuns: RUNS })
  })

  test('is nothing that is no message', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), text => { expect(readFrame(fromPage, text)).toBeUndefined() }), { numRuns: RUNS })
  })
})

/** Whatever it is, it is refused with a code, and soon. */
async function refuses(checking: Promise<unknown>): Promise<void> {
  await expect(checking).rejects.toBeInstanceOf(Fault)
}

describe.each(['P256', 'Ed25519'])('%s: a response that was changed', params => {
  const authenticator = new SoftwareAuthenticator()
  const attestation = authenticator.create(params, said)

  test('registers nothing', async () => {
    const parts = ['clientDataJSON', 'attestationObject'] as const
    const change = fc.constantFrom(...parts).chain(part => mutated(attestation[part]).map(bytes => ({ ...attestation, [part]: bytes })))
    const same = (made: typeof attestation) => parts.every(part => Buffer.compare(made[part], attestation[part]) === 0)
    await verifyRegistration(attestation, expected, params)
    await fc.assert(fc.asyncProperty(change, async made => {
      fc.pre(!same(made))
      // Nobody signs an attestation of format none: what is left of it after a change may be a registration of another key or counter, and no less whole.
      try {
        const { credential } = await verifyRegistration(made, expected, params)
        expect(credential.id).toEqual(attestation.id)
      } catch (error) {
        expect(error).toBeInstanceOf(Fault)
      }
    }), { numRuns: RUNS })
  }, 60_000 * RUNS / 5000)

  test('asserts nothing', async () => {
    const { credential: made } = await verifyRegistration(attestation, expected, params)
    const credential: Credential = { ...made, relyingParty: 'localhost', user: challenge, resident: false, label: '' }
    const assertion = authenticator.get(attestation.id, said)
    expect((await verifyAssertion(assertion, expected, [credential])).credential).toBe(credential)
    const change = fc.constantFrom('clientDataJSON' as const, 'authenticatorData' as const, 'signature' as const)
      .chain(part => mutated(assertion[part]).filter(bytes => Buffer.compare(bytes, assertion[part]) !== 0).map(bytes => ({ ...assertion, [part]: bytes })))
    await fc.assert(fc.asyncProperty(change, changed => refuses(verifyAssertion(changed, expected, [credential]))), { numRuns: RUNS })
  }, 60_000 * RUNS / 5000)
})

test('a statement on who made the authenticator is not looked at, whatever it says', async () => {
  const { attestationObject, ...rest } = new SoftwareAuthenticator().create('P256', said)
  const fields = decode(attestationObject)
  for (const [fmt, attStmt] of [['packed', { alg: -7, sig: new Uint8Array(70), x5c: [new Uint8Array(500)] }], ['android-key', {}], ['tpm', { ver: '2.0' }], ['unheard of', { x: 1 }]] as const) {
    const { credential } = await verifyRegistration({ ...rest, attestationObject: encode({ ...fields, fmt, attStmt }, rfc8949EncodeOptions) }, expected, 'P256')
    expect(credential.id).toEqual(rest.id)
  }
})
