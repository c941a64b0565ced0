import { encode } from 'cborg'
import { p256 } from '@noble/curves/nist.js'
import { sha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assertionCommitment, assertionOf, challengeOf } from '../../src/crypto/assertion.ts'
import type { AssertionPolicy } from '../../src/crypto/assertion.ts'
import { commit, isAbove, verifyCommitment, verifyCommitments } from '../../src/crypto/commitment.ts'
import { formatIdentityName, nameIdentity } from '../../src/crypto/identity-name.ts'
import { signable } from '../../src/crypto/signable.ts'
import { suiteByParams } from '../../src/crypto/suites.ts'
import { Asserter, authenticatorData, CTAP_POLICY, FLAGS, WEBAUTHN_POLICY } from './assertions.ts'
import type { Change } from './assertions.ts'
import { flip, join, secretOf, toHex, utf8, x25519Key } from './sample-keys.ts'

const { UP, UV, BE, BS, AT, ED } = FLAGS
const data = utf8('what is committed to')
const relaxed = (policy: AssertionPolicy): AssertionPolicy => ({ ...policy, userVerification: false })
const withFlags = (flags: number, rest?: Uint8Array): Change => ({ authenticatorData: authenticatorData({ flags, ...rest && { rest } }) })

const suiteOf = (params: string) => suiteByParams(params) ?? expect.fail(`there is no ${params}`)

for (const params of ['P256', 'Ed25519']) {
  describe(params, () => {
    const suite = suiteOf(params)

    describe.each([['CTAP', 2, CTAP_POLICY], ['WebAuthn', 3, WEBAUTHN_POLICY]] as const)('S87: an assertion of %s', (_, kind, policy) => {
      const me = new Asserter(suite, policy)
      const isVerified = (change?: Change, of = me) => verifyCommitment(of.identity, data, of.commit(data, change))

      test('is version, kind, what was said by the authenticator, and the signature', () => {
        const commitment = me.commit(data)
        expect(toHex(commitment.subarray(0, 4))).toBe(`010${kind}0025`)
        expect(commitment.subarray(4, 41)).toEqual(authenticatorData())
        if (kind === 3) {
          const clientData = me.clientData(data)
          expect(commitment.subarray(41, -64)).toEqual(join(Uint8Array.of(0, clientData.length), clientData))
        }
        expect(assertionOf(commitment)).toMatchObject({ userPresent: true, userVerified: true, counter: 7, authenticatorData: authenticatorData(), signature: commitment.subarray(-64) })
      })

      test('is a commitment to its data, in its name', () => {
        expect(isVerified()).toBe(true)
        const commitment = me.commit(data)
        expect(verifyCommitment(me.identity, utf8('other data'), commitment)).toBe(false)
        // The same key, by another name.
        const longer = nameIdentity({ ...me.keys, ...suite.encryption === 'X25519' && { encrypt: x25519Key(0x41) } })
        expect(longer.name).not.toBe(me.identity.name)
        expect(verifyCommitment(longer, data, commitment)).toBe(false)
      })

      test('is refused of another key', () => {
        expect(verifyCommitment(me.identity, data, new Asserter(suite, policy, 0x62).commit(data))).toBe(false)
        const other = new Asserter(suite, policy, 0x62)
        expect(isVerified({ signature: () => other.sign(join(authenticatorData(), policy.origins ? sha256(me.clientData(data)) : challengeOf(me.identity.name, data))) })).toBe(false)
      })

      test('is refused in the form of the other kind', () => {
        expect(isVerified({ otherKind: true })).toBe(false)
        const commitment = me.commit(data)
        expect(verifyCommitment(me.identity, data, commitment.with(1, 5 - kind))).toBe(false)
        // Signed as this kind is, and said in the other.
        const { authenticatorData: said, signature } = assertionOf(commitment) ?? expect.fail('it is an assertion')
        const other = kind === 3 ? { authenticatorData: said, signature } : { authenticatorData: said, clientDataJSON: me.clientData(data, { origin: 'https://example.org' }), signature }
        expect(verifyCommitment(me.identity, data, assertionCommitment(other))).toBe(false)
      })

      test('is refused of another relying party', () => {
        expect(isVerified({ authenticatorData: authenticatorData({ relyingParty: 'example.com' }) })).toBe(false)
        expect(isVerified({ authenticatorData: authenticatorData({ relyingParty: 'www.example.org' }) })).toBe(false)
      })

      test('is refused where the user was not present, and where nobody was verified who must be', () => {
        expect(isVerified(withFlags(UV))).toBe(false)
        expect(isVerified(withFlags(UP))).toBe(false)
        const easy = new Asserter(suite, relaxed(policy))
        expect(isVerified(withFlags(UP), easy)).toBe(true)
        expect(isVerified(withFlags(UP | UV), easy)).toBe(true)
        expect(isVerified(withFlags(UV), easy)).toBe(false)
      })

      test('may be of a credential that can be copied, or was, and not of one that was and cannot', () => {
        expect(isVerified(withFlags(UP | UV | BE))).toBe(true)
        expect(isVerified(withFlags(UP | UV | BE | BS))).toBe(true)
        expect(isVerified(withFlags(UP | UV | BS))).toBe(false)
      })

      test('may have extensions, as its flags say, and no credential', () => {
        const extensions = encode({ 'example.extension': true })
        const credential = join(new Uint8Array(16), Uint8Array.of(0, 1, 9), encode(new Map([[1, 1]])))
        expect(isVerified(withFlags(UP | UV | ED, extensions))).toBe(true)
        expect(isVerified(withFlags(UP | UV, extensions))).toBe(false)
        expect(isVerified(withFlags(UP | UV | ED))).toBe(false)
        expect(isVerified(withFlags(UP | UV | ED, join(extensions, Uint8Array.of(0))))).toBe(false)
        expect(isVerified(withFlags(UP | UV | AT, credential))).toBe(false)
        expect(isVerified(withFlags(UP | UV | AT | ED, join(credential, extensions)))).toBe(false)
      })

      test('may have flags that mean nothing yet', () => {
        expect(isVerified(withFlags(UP | UV | 0x02 | 0x20))).toBe(true)
      })

      test('is refused with bytes after it, and cut off anywhere', () => {
        const commitment = me.commit(data)
        expect(verifyCommitment(me.identity, data, join(commitment, Uint8Array.of(0)))).toBe(false)
        expect(assertionOf(commitment.subarray(0, -64))?.signature.length).toBe(0)
        for (let length = 0; length < commitment.length - 64; length++) expect(assertionOf(commitment.subarray(0, length)), `${length} bytes`).toBeUndefined()
        for (let length = 0; length < commitment.length; length++) expect(verifyCommitment(me.identity, data, commitment.subarray(0, length)), `${length} bytes`).toBe(false)
      })

      test('is refused with any bit flipped', () => {
        const commitment = me.commit(data)
        for (let bit = 0; bit < commitment.length * 8; bit++) expect(verifyCommitment(me.identity, data, flip(commitment, bit)), `bit ${bit}`).toBe(false)
      })

      test('is refused at or below the counter that was seen, unless both are 0', () => {
        const of = (counter: number) => me.commit(data, { authenticatorData: authenticatorData({ counter }) })
        const above = (counter: number, counterAbove?: number) => verifyCommitment(me.identity, data, of(counter), counterAbove === undefined ? {} : { counterAbove })
        expect([above(7, 6), above(7, 7), above(7, 8), above(1, 0), above(0xffff_ffff, 0xffff_fffe)]).toEqual([true, false, false, true, true])
        expect([above(0), above(0, 0), above(0, 1), above(7)]).toEqual([true, true, false, true])
        expect(above(7, Number.NaN)).toBe(false)
      })

      test('is what an asserting identity commits by, and no other', () => {
        const plain = formatIdentityName({ sign: me.keys.sign })
        expect(verifyCommitment(me.identity, data, join(Uint8Array.of(1, 1), me.sign(signable('data', me.identity.name, data))))).toBe(false)
        expect(verifyCommitment(me.identity, data, me.sign(signable('data', me.identity.name, data)))).toBe(false)
        const asPlain = commit(suite, secretOf(0x61), plain, data)
        expect(verifyCommitment(plain, data, asPlain)).toBe(true)
        for (const other of [2, 3]) expect(verifyCommitment(plain, data, asPlain.with(1, other))).toBe(false)
        // Said and signed in the plain name, as if it asserted.
        const message = join(authenticatorData(), challengeOf(plain, data))
        expect(verifyCommitment(plain, data, assertionCommitment({ authenticatorData: authenticatorData(), signature: me.sign(message) }))).toBe(false)
        expect(verifyCommitment(plain, data, me.commit(data))).toBe(false)
      })

      test('is no digest, whatever is asked', () => {
        expect(verifyCommitment(me.identity, sha256(data), me.commit(sha256(data)), { prehashed: true })).toBe(false)
      })

      test('is verified in a batch as it is alone, whatever was changed', async () => {
        const commitment = me.commit(data)
        const mutant = fc.oneof(
          fc.constant(commitment),
          fc.nat({ max: commitment.length * 8 - 1 }).map(bit => flip(commitment, bit)),
          fc.nat({ max: commitment.length }).map(length => commitment.subarray(0, length)),
          fc.tuple(fc.nat({ max: commitment.length }), fc.uint8Array({ minLength: 1, maxLength: 4 })).map(([at, more]) => join(commitment.subarray(0, at), more, commitment.subarray(at))),
          fc.record({ flags: fc.nat({ max: 255 }), counter: fc.nat() }).map(said => me.commit(data, { authenticatorData: authenticatorData(said) })),
        )
        await fc.assert(fc.asyncProperty(fc.array(mutant, { minLength: 1, maxLength: 12 }), async mutants => {
          const claims = mutants.map(one => ({ identity: me.identity, data, commitment: one }))
          expect(await verifyCommitments(claims)).toEqual(mutants.map(one => verifyCommitment(me.identity, data, one)))
        }), { numRuns: 30 })
      })
    })

    test('client data says what the policy says, and nothing of another page', () => {
      const me = new Asserter(suite, WEBAUTHN_POLICY)
      const isVerified = (fields: object) => verifyCommitment(me.identity, data, me.commit(data, { fields }))
      const wrong: readonly object[] = [
        { type: 'webauthn.create' }, { type: 'payment.get' }, { type: undefined }, { type: ['webauthn.get'] },
        { challenge: 'AAAA' }, { challenge: undefined }, { challenge: Buffer.from(challengeOf(me.identity.name, data)).toString('base64') + '=' },
        { challenge: Buffer.from(challengeOf(me.identity.name, utf8('other'))).toString('base64url') },
        { challenge: [Buffer.from(challengeOf(me.identity.name, data)).toString('base64url')] },
        { origin: 'https://example.com' }, { origin: 'http://example.org' }, { origin: 'https://example.org:8443' }, { origin: 'https://EXAMPLE.org' }, { origin: 'https://example.org/' },
        { origin: undefined }, { origin: null }, { origin: ['https://example.org'] },
        { crossOrigin: true }, { crossOrigin: null }, { crossOrigin: 'false' }, { crossOrigin: 0 },
        { topOrigin: 'https://example.org' }, { topOrigin: 'https://example.com' }, { topOrigin: null }, { topOrigin: '', crossOrigin: false },
      ]
      expect(wrong.filter(isVerified)).toEqual([])
      const right: readonly object[] = [{}, { crossOrigin: undefined }, { origin: 'https://www.example.org' }, { more: 'of the future' }, { tokenBinding: { status: 'supported' } }]
      expect(right.filter(isVerified)).toEqual(right)
    })

    test('client data is one JSON object in UTF-8, in whatever form', () => {
      const me = new Asserter(suite, WEBAUTHN_POLICY)
      const isVerified = (clientDataJSON: Uint8Array) => verifyCommitment(me.identity, data, me.commit(data, { clientDataJSON }))
      const text = new TextDecoder().decode(me.clientData(data))
      expect(isVerified(utf8(`  ${text.replaceAll(',', ' ,\n')} `))).toBe(true)
      for (const wrong of ['', 'null', '[]', '"webauthn.get"', '1', `[${text}]`, `${text}${text}`, text.slice(0, -1), `${text},`, '['.repeat(60_000), `{"a":${'['.repeat(60_000)}`]) {
        expect(isVerified(utf8(wrong)), wrong.slice(0, 80)).toBe(false)
      }
      const bytes = utf8(text.replace('{', '{"x":"?",'))
      expect(isVerified(bytes)).toBe(true)
      expect(isVerified(bytes.with(bytes.indexOf(0x3f), 0xff))).toBe(false)
    })
  })
}

describe('P256', () => {
  const me = new Asserter(suiteOf('P256'), CTAP_POLICY)
  const isVerified = (signature: (compact: Uint8Array) => Uint8Array) => verifyCommitment(me.identity, data, me.commit(data, { signature }))

  test('an assertion has its signature as r ‖ s, and in DER is refused', () => {
    expect(isVerified(compact => p256.Signature.fromBytes(compact, 'compact').toBytes('der'))).toBe(false)
  })

  test('an assertion may have the high s, as authenticators sign', () => {
    const withS = (of: (s: bigint) => bigint) => (compact: Uint8Array) => {
      const { r, s } = p256.Signature.fromBytes(compact, 'compact')
      return new p256.Signature(r, of(s)).toBytes('compact')
    }
    const { ORDER } = p256.Point.Fn
    expect(isVerified(withS(s => s > ORDER / 2n ? s : ORDER - s))).toBe(true)
    expect(isVerified(withS(s => s > ORDER / 2n ? ORDER - s : s))).toBe(true)
  })
})

describe('Ed25519', () => {
  test('an assertion is verified by the strict rule', () => {
    const me = new Asserter(suiteOf('Ed25519'), CTAP_POLICY)
    const isVerified = (signature: (given: Uint8Array) => Uint8Array) => verifyCommitment(me.identity, data, me.commit(data, { signature }))
    // S + L, which loose verifiers take for S.
    const order = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n
    const number = (bytes: Uint8Array) => BigInt(`0x${toHex(bytes.toReversed())}`)
    const plusOrder = (signature: Uint8Array) => join(signature.subarray(0, 32), Uint8Array.from(Buffer.from((number(signature.subarray(32)) + order).toString(16).padStart(64, '0'), 'hex')).toReversed())
    expect(isVerified(given => given)).toBe(true)
    expect(isVerified(plusOrder)).toBe(false)
    // R of small order.
    expect(isVerified(given => join(Uint8Array.of(1), new Uint8Array(31), given.subarray(32)))).toBe(false)
  })
})

describe('an assertion', () => {
  const parts = { authenticatorData: authenticatorData(), signature: new Uint8Array(64) }

  test('of parts that are no bytes, or too long, can\'t be made', () => {
    const refused = expect.objectContaining({ code: 'invalid-argument' })
    // @ts-expect-error text
    expect(() => assertionCommitment({ ...parts, signature: 'signature' })).toThrow(refused)
    // @ts-expect-error text
    expect(() => assertionCommitment({ ...parts, clientDataJSON: '{}' })).toThrow(refused)
    // @ts-expect-error nothing
    expect(() => assertionCommitment({ signature: parts.signature })).toThrow(refused)
    expect(() => assertionCommitment({ ...parts, clientDataJSON: new Uint8Array(65_536) })).toThrow(refused)
    expect(assertionCommitment({ ...parts, clientDataJSON: new Uint8Array(65_535) }).length).toBe(2 + 2 + 37 + 2 + 65_535 + 64)
    // @ts-expect-error text
    expect(() => assertionOf('text')).toThrow(refused)
  })

  test('of any bytes is read or is none, and what is read is written again', () => {
    const near = fc.tuple(fc.constantFrom(2, 3), fc.uint8Array({ maxLength: 200 }), fc.boolean()).map(([kind, bytes, isLong]) =>
      join(Uint8Array.of(1, kind), isLong ? join(Uint8Array.of(0, 37), authenticatorData(), Uint8Array.of(0, bytes.length), bytes) : bytes))
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), near), bytes => {
      const read = assertionOf(bytes)
      if (read !== undefined) expect(assertionCommitment(read)).toEqual(bytes)
    }), { numRuns: 500 })
  })

  test('of one that says nothing of a counter is above no other one\'s', () => {
    fc.assert(fc.property(fc.nat(), fc.nat(), (counter, last) => isAbove(counter, last) === (counter > last || counter + last === 0)))
    expect(isAbove(0, undefined)).toBe(true)
  })
})

