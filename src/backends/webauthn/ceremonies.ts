import type { EngineID, ExternalIdentity } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import { assertionCommitment, challengeOf } from '../../crypto/assertion.ts'
import { sameBytes } from '../../crypto/bytes.ts'
import { verifyCommitment } from '../../crypto/commitment.ts'
import { compactSignature } from '../../crypto/cose.ts'
import { portableX25519 } from '../../crypto/encryption/x25519/portable.ts'
import { parseIdentityName } from '../../crypto/identity-name.ts'
import type { SigningKey } from '../../crypto/identity-name.ts'
import { draw } from '../../crypto/random.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import { includes } from '../backend.ts'
import type { Capabilities } from '../backend.ts'
import { count, counted } from '../credential/counter.ts'
import { identityOf } from '../credential/record.ts'
import type { CredentialRecords } from '../credential/records.ts'
import type { Credential, CredentialRecord } from '../credential/record.ts'
import { newSalt } from '../credential/wrapping.ts'
import { challengeFor } from './challenge.ts'
import { DATA_LIMIT, LONGEST_TEXT, MOST_TRANSPORTS, SECRET_LENGTH } from './messages.ts'
import type { AnswerOf, Attestation, CeremonyOf, KeyAt, PageAssertion, Registration } from './messages.ts'
import type { CeremonyQueue } from './queue.ts'
import { verifyAssertion, verifyRegistration } from './verification.ts'

/** Whose keys these are, and where they are used. */
export interface Site {
  readonly relyingParty: { readonly id: string; readonly name: string }
  /** In ascending order, as names have them. */
  readonly origins: readonly string[]
  /** Whether registrations and commitments need the user to be verified. What decrypts always does. */
  readonly userVerification: boolean
  readonly resident: boolean
}

export interface CeremonySources {
  readonly queue: CeremonyQueue
  readonly random: RandomBytes
  /** Where counters are kept before anything gets out that was made with them. */
  readonly records: CredentialRecords
}

/** For whom something is asked, and until when. */
export interface Asking {
  readonly signal: AbortSignal
  readonly asker: EngineID | undefined
}

/** What a registration made. */
export interface Generated {
  readonly key: SigningKey
  readonly credential: Credential
  /** The X25519 public key to encrypt to. */
  readonly encryption: Uint8Array | undefined
}

type Params = CredentialRecord['params']
type NewWrapping = NonNullable<CeremonyOf<'register'>['encryption']>

/**
 * The four ceremonies: what a page is asked for, and all that its answer must be. They reject as {@link CeremonyQueue.ask} does, and with why an answer is refused.
 */
export class Ceremonies {
  readonly #site: Site
  readonly #sources: CeremonySources

  constructor(site: Site, sources: CeremonySources) {
    this.#site = site
    this.#sources = sources
  }

  /** A new credential, and if it is to decrypt, a key that is wrapped to it. */
  async register<T>(params: Params, capabilities: Capabilities, take: (made: Generated) => Promise<T>, { signal, asker }: Asking): Promise<T> {
    const decrypts = includes(capabilities, 'Decrypt')
    const ceremony: CeremonyOf<'register'> = {
      kind: 'register', capabilities, ...this.#common(asker), ...this.#registration(params, asker, decrypts),
      ...decrypts && { encryption: this.#newWrapping() },
    }
    return this.#sources.queue.ask(ceremony, 'registered', async ({ attestation, encryption }) => {
      const made = await this.#generated(ceremony, attestation, encryption, params)
      // What is kept from here on is whole, and told.
      signal.throwIfAborted()
      return take(made)
    }, signal)
  }

  /** A commitment that `verify` accepts. */
  async commit(record: CredentialRecord, data: Uint8Array, { signal, asker }: Asking): Promise<Uint8Array> {
    const identity = identityOf(record)
    const { assertion: policy } = parseIdentityName(identity)
    const [credential] = record.credentials
    if (policy === undefined || credential === undefined) throw new Fault('not-available', 'This identity was generated without the capability to commit')
    if (data.length > DATA_LIMIT) throw new Fault('not-available', `Nobody is asked to sign ${data.length} bytes: the limit is ${DATA_LIMIT}, so sign a digest`)
    const { relyingParty, userVerification, origins = [] } = policy
    // Nobody touches an authenticator for what can't be accepted.
    if (!this.#site.origins.some(origin => origins.includes(origin))) {
      throw new Fault('wrong-origin', `This identity commits from pages of ${origins.join(', ')}, and the page here is of ${this.#site.origins.join(', ')}: open it with the same port, or origins`)
    }
    const ceremony: CeremonyOf<'commit'> = {
      kind: 'commit', ...this.#common(asker, relyingParty), identity: named(identity), data, credential: described(credential), userVerification,
    }
    return this.#sources.queue.ask(ceremony, 'committed', async ({ assertion }) => {
      const { authenticatorData, clientDataJSON } = assertion
      const { counter } = await verifyAssertion(assertion, { challenge: challengeOf(identity.name, data), relyingParty, origins, userVerification }, [credential])
      const signature = record.params === 'P256' ? compactSignature(assertion.signature) : assertion.signature
      const commitment = signature && assertionCommitment({ authenticatorData, clientDataJSON, signature })
      if (commitment === undefined || !verifyCommitment(identity, data, commitment)) throw new Fault('backend-failed', 'The authenticator signed something that is no commitment')
      await count(this.#sources.records, record.name, credential.id, counter, 'sign')
      signal.throwIfAborted()
      return commitment
    }, signal)
  }

  /** The plaintext, or `null` for what does not open. */
  async decrypt(record: CredentialRecord, ciphertext: Uint8Array, { signal, asker }: Asking): Promise<Uint8Array | null> {
    const ceremony: CeremonyOf<'decrypt'> = { kind: 'decrypt', ...this.#common(asker, relyingPartyOf(record)), identity: named(identityOf(record)), ciphertext, keys: keysOf(record), nonce: this.#draw() }
    return this.#sources.queue.ask(ceremony, 'decrypted', async ({ assertion, plaintext }) => {
      try {
        await this.#unwrapped(record, ceremony, assertion)
        signal.throwIfAborted()
        return plaintext
      } catch (error) {
        plaintext?.fill(0)
        throw error
      }
    }, signal)
  }

  /** Has one of the identity's authenticators share its decryption key with a new credential, which `take` is given. */
  async enrol<T>(record: CredentialRecord, take: (credential: Credential) => Promise<T>, { signal, asker }: Asking): Promise<T> {
    const encryption = this.#newWrapping()
    const ceremony: CeremonyOf<'enrol'> = {
      kind: 'enrol', ...this.#common(asker, relyingPartyOf(record)), ...this.#registration(record.params, asker, true), identity: named(identityOf(record)), keys: keysOf(record),
      nonce: this.#draw(), encryption,
    }
    return this.#sources.queue.ask(ceremony, 'enrolled', async answer => {
      await this.#unwrapped(record, ceremony, answer.assertion)
      const { encrypt } = parseIdentityName(identityOf(record))
      if (encrypt === undefined || !sameBytes(encrypt.publicKey, answer.encryption.publicKey)) throw new Fault('backend-failed', 'The page wrapped another key than this identity\'s')
      const { credential } = await this.#registered(ceremony, answer.attestation, record.params)
      const added = await this.#wrapped(credential, encryption, answer.encryption)
      signal.throwIfAborted()
      return take(added)
    }, signal)
  }

  async #generated(ceremony: CeremonyOf<'register'>, attestation: Attestation, encryption: AnswerOf<'registered'>['encryption'], params: Params): Promise<Generated> {
    const { key, credential } = await this.#registered(ceremony, attestation, params)
    if (ceremony.encryption === undefined && encryption === undefined) return { key, credential, encryption: undefined }
    if (ceremony.encryption === undefined || encryption === undefined || !portableX25519.isPublicKey(encryption.publicKey)) {
      throw new Fault('backend-failed', 'The page made other keys than it was asked for')
    }
    return { key, credential: await this.#wrapped(credential, ceremony.encryption, encryption), encryption: encryption.publicKey }
  }

  async #registered(ceremony: Registration, attestation: Attestation, params: Params): Promise<{ readonly key: SigningKey; readonly credential: Credential }> {
    const { relyingParty, challenge, userVerification, user, isResident } = ceremony
    const { key, credential } = await verifyRegistration(attestation, { challenge, relyingParty: relyingParty.id, origins: this.#site.origins, userVerification }, params)
    return { key, credential: { ...credential, relyingParty: relyingParty.id, user: user.id, resident: isResident, label: '' } }
  }

  /** The credential with what is wrapped under it; its PRF may have taken an assertion. */
  async #wrapped(credential: Credential, { salt, nonce }: NewWrapping, { sealed, assertion }: AnswerOf<'enrolled'>['encryption']): Promise<Credential> {
    const wrapped = { ...credential, wrapped: { salt, sealed, userVerified: true as const } }
    if (assertion === undefined) return wrapped
    const expected = { challenge: challengeFor(nonce), relyingParty: credential.relyingParty, origins: this.#site.origins, userVerification: true }
    return counted(wrapped, (await verifyAssertion(assertion, expected, [credential])).counter)
  }

  /** The user was verified by one of the authenticators that can decrypt. */
  async #unwrapped(record: CredentialRecord, { nonce, relyingParty }: CeremonyOf<'decrypt' | 'enrol'>, assertion: PageAssertion): Promise<void> {
    const expected = { challenge: challengeFor(nonce), relyingParty: relyingParty.id, origins: this.#site.origins, userVerification: true }
    const { credential, counter } = await verifyAssertion(assertion, expected, record.credentials.filter(({ wrapped }) => wrapped !== undefined))
    await count(this.#sources.records, record.name, credential.id, counter, 'decrypt')
  }

  #common(asker: EngineID | undefined, relyingParty = this.#site.relyingParty.id): Pick<CeremonyOf<'commit'>, 'relyingParty' | 'asker'> {
    const { name } = this.#site.relyingParty
    return { relyingParty: { id: relyingParty, name: name.slice(0, LONGEST_TEXT) }, ...asker && { asker: { node: asker.node?.slice(0, LONGEST_TEXT) ?? null, name: asker.name.slice(0, LONGEST_TEXT) } } }
  }

  #registration(params: Params, asker: EngineID | undefined, decrypts: boolean): Omit<Registration, 'relyingParty'> {
    const { userVerification, resident } = this.#site
    return {
      params, algorithm: params === 'P256' ? -7 : -8, challenge: this.#draw(), user: { id: this.#draw(), name: asker === undefined ? 'ipse' : `ipse (${asker.name.slice(0, LONGEST_USER)})` },
      isResident: resident, userVerification: userVerification || decrypts,
    }
  }

  #newWrapping(): NewWrapping {
    return { salt: newSalt(this.#sources.random), nonce: this.#draw() }
  }

  #draw(): Uint8Array {
    return draw(this.#sources.random, SECRET_LENGTH)
  }
}

/** Of a name that authenticators show: they cut off what is longer than 64 bytes. */
const LONGEST_USER = 48

function named({ name, bundle }: ExternalIdentity): CeremonyOf<'commit'>['identity'] {
  return { name, ...bundle && { bundle } }
}

function described({ id, transports }: Credential): CeremonyOf<'commit'>['credential'] {
  return { id, transports: transports.slice(0, MOST_TRANSPORTS) }
}

/** Where the decryption key is wrapped. */
function keysOf({ credentials }: CredentialRecord): KeyAt[] {
  return credentials.flatMap(credential => {
    const { wrapped } = credential
    return wrapped === undefined ? [] : [{ credential: described(credential), salt: wrapped.salt, sealed: wrapped.sealed }]
  })
}

function relyingPartyOf({ credentials }: CredentialRecord): string | undefined {
  return credentials[0]?.relyingParty
}
