import { sha256 } from '@noble/hashes/sha2.js'
import { assertionCommitment, challengeOf } from '../../src/crypto/assertion.ts'
import type { AssertionPolicy } from '../../src/crypto/assertion.ts'
import { nameIdentity } from '../../src/crypto/identity-name.ts'
import type { IdentityKeys, IdentityName } from '../../src/crypto/identity-name.ts'
import type { SignatureSuite } from '../../src/crypto/suite.ts'
import { join, sampleOf, utf8 } from './sample-keys.ts'

export const FLAGS = { UP: 0x01, UV: 0x04, BE: 0x08, BS: 0x10, AT: 0x40, ED: 0x80 }
export const CTAP_POLICY: AssertionPolicy = { relyingParty: 'example.org', userVerification: true }
export const WEBAUTHN_POLICY: AssertionPolicy = { ...CTAP_POLICY, origins: ['https://example.org', 'https://www.example.org'] }

/** What would be accepted, but for what is given. */
export interface Said {
  readonly relyingParty?: string
  readonly flags?: number
  readonly counter?: number
  readonly rest?: Uint8Array
}

export function authenticatorData({ relyingParty = 'example.org', flags = FLAGS.UP | FLAGS.UV, counter = 7, rest = new Uint8Array(0) }: Said = {}): Uint8Array {
  const head = new Uint8Array(5)
  head[0] = flags
  new DataView(head.buffer).setUint32(1, counter)
  return join(sha256(utf8(relyingParty)), head, rest)
}

/** What a test may change of an assertion that would be accepted. */
export interface Change {
  readonly authenticatorData?: Uint8Array
  /** Of client data, whole or by its fields. */
  readonly clientDataJSON?: Uint8Array
  readonly fields?: object
  /** In the place of the signature of what is said; given that. */
  readonly signature?: (signature: Uint8Array) => Uint8Array
  /** CTAP's form for an identity whose policy has origins, and the other way round. */
  readonly otherKind?: boolean
}

/** An identity whose key is in hand, that asserts as its policy says. */
export class Asserter {
  readonly identity: IdentityName
  readonly keys: IdentityKeys & { readonly sign: { readonly suite: SignatureSuite; readonly publicKey: Uint8Array }; readonly assertion: AssertionPolicy }
  readonly #secretKey: Uint8Array

  constructor(suite: SignatureSuite, policy: AssertionPolicy, byte = 0x61) {
    const { secretKey, publicKey } = sampleOf(suite, byte)
    this.#secretKey = secretKey
    this.keys = { sign: { suite, publicKey }, assertion: policy }
    this.identity = nameIdentity(this.keys)
  }

  clientData(data: Uint8Array, fields: object = {}): Uint8Array {
    const challenge = Buffer.from(challengeOf(this.identity.name, data)).toString('base64url')
    return utf8(JSON.stringify({ type: 'webauthn.get', challenge, origin: 'https://example.org', crossOrigin: false, ...fields }))
  }

  /** What is changed is signed as it was changed, so that nothing else is wrong with it. */
  commit(data: Uint8Array, change: Change = {}): Uint8Array {
    const said = change.authenticatorData ?? authenticatorData()
    const isWebAuthn = (this.keys.assertion.origins !== undefined) !== (change.otherKind === true)
    const clientDataJSON = isWebAuthn ? change.clientDataJSON ?? this.clientData(data, change.fields) : undefined
    const hash = clientDataJSON === undefined ? challengeOf(this.identity.name, data) : sha256(clientDataJSON)
    const signature = this.sign(join(said, hash))
    return assertionCommitment({ authenticatorData: said, ...clientDataJSON && { clientDataJSON }, signature: change.signature?.(signature) ?? signature })
  }

  sign(message: Uint8Array): Uint8Array {
    return this.keys.sign.suite.sign(this.#secretKey, message)
  }
}
