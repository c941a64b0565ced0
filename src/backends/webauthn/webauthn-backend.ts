import type { EngineID, ExternalIdentity } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import { sameBytes } from '../../crypto/bytes.ts'
import { DECRYPTION_FAILED, malformedRefusal } from '../../crypto/ciphertext.ts'
import { x25519Facts } from '../../crypto/encryption/x25519/facts.ts'
import { encryptionByName } from '../../crypto/encryptions.ts'
import { nameIdentity } from '../../crypto/identity-name.ts'
import { includes } from '../backend.ts'
import type { Backend, Capabilities, Decryptor, GenerateOptions, Signer } from '../backend.ts'
import { Attempts } from '../credential/attempts.ts'
import { enrolledIn, nameOf, removable, withoutDecrypting } from '../credential/enrolled.ts'
import type { EnrolledCredential } from '../credential/enrolled.ts'
import { Lives, Use } from '../credential/lives.ts'
import * as offer from '../credential/offer.ts'
import { identityOf, MOST_CREDENTIALS } from '../credential/record.ts'
import type { CredentialRecord } from '../credential/record.ts'
import { attemptOf, notHeld } from '../credential/records.ts'
import type { CredentialRecords } from '../credential/records.ts'
import { Ceremonies } from './ceremonies.ts'
import type { CeremonySources, Generated, Site } from './ceremonies.ts'

type Params = CredentialRecord['params']

/** Identities whose keys authenticators have that a browser reaches. Nothing secret is here. */
export class WebAuthnBackend implements Backend {
  readonly name = Object.freeze({ type: 'LocalConnection', subtype: 'webauthn' } as const)
  readonly params = offer.params
  readonly capabilities = offer.capabilities
  readonly #site: Site
  readonly #records: CredentialRecords
  readonly #ceremonies: Ceremonies
  readonly #lives = new Lives()
  readonly #attempts: Attempts

  constructor(site: Site, records: CredentialRecords, sources: Omit<CeremonySources, 'records'>) {
    this.#site = site
    this.#records = records
    this.#attempts = new Attempts(records)
    this.#ceremonies = new Ceremonies(site, { ...sources, records })
  }

  async generate(options: GenerateOptions, signal: AbortSignal, asker?: EngineID): Promise<ExternalIdentity> {
    const asked = offer.requireOffered(options)
    const { key, params, capabilities } = asked
    return this.#attempts.run(asked, signal, () =>
      this.#ceremonies.register(params, capabilities, made => this.#keep(made, params, capabilities, attemptOf(key)), { signal, asker }))
  }

  /** A credential that the authenticator keeps stays there, and is of no use here: who has the authenticator removes it. */
  async delete(identity: ExternalIdentity): Promise<void> {
    await this.#records.held(identity)
    this.#lives.end(identity.name)
    const wasThere = await this.#records.remove(identity.name)
    // Whoever came meanwhile found it still there.
    this.#lives.end(identity.name)
    if (!wasThere) throw notHeld()
  }

  async signer(identity: ExternalIdentity): Promise<Signer> {
    const { capabilities } = await this.#records.held(identity)
    if (!includes(capabilities, 'Commit')) throw new Fault('not-available', 'This identity was generated without the capability to commit')
    const use = new Use(this.#lives.of(identity.name))
    return {
      sign: async (data, signal, asker) => {
        const until = use.until(signal)
        const own = new Uint8Array(data)
        return this.#ceremonies.commit(await this.#records.living(identity), own, { signal: until, asker })
      },
      close: () => use.close(),
    }
  }

  async decryptor(identity: ExternalIdentity): Promise<Decryptor> {
    const { capabilities } = await this.#records.held(identity)
    if (!includes(capabilities, 'Decrypt')) throw new Fault('not-available', 'This identity was generated without the capability to decrypt')
    const use = new Use(this.#lives.of(identity.name))
    return {
      decrypt: async (ciphertext, signal, asker) => {
        const until = use.until(signal)
        // Nobody is asked for what is no ciphertext.
        const malformed = malformedRefusal(ciphertext, x25519Facts)
        if (malformed !== undefined) return malformed
        const own = new Uint8Array(ciphertext)
        return await this.#ceremonies.decrypt(await this.#records.living(identity), own, { signal: until, asker }) ?? DECRYPTION_FAILED
      },
      close: () => use.close(),
    }
  }

  /** Has another authenticator decrypt too. Answers its credential. */
  async enrol(identity: ExternalIdentity, signal: AbortSignal): Promise<string> {
    const record = await this.#records.held(identity)
    if (!includes(record.capabilities, 'Decrypt')) throw new Fault('not-available', 'This identity decrypts nothing: a second authenticator would have nothing to do')
    if (record.credentials.length >= MOST_CREDENTIALS) throw new Fault('not-available', `This identity has ${MOST_CREDENTIALS} authenticators: remove one before`)
    return this.#ceremonies.enrol(record, async credential => {
      await this.#records.change(record.name, now => {
        if (now.credentials.some(({ id }) => sameBytes(id, credential.id))) throw new Fault('not-available', 'This authenticator is enrolled already: use another one')
        return { ...now, credentials: [...now.credentials, credential] }
      })
      return nameOf(credential)
    }, { signal: new Use(this.#lives.of(identity.name)).until(signal), asker: undefined })
  }

  /** Takes from a credential that it decrypts. Throws `not-found`; `not-available` for the last one that does. */
  async remove(identity: ExternalIdentity, credential: string): Promise<void> {
    const { name } = await this.#records.held(identity)
    await this.#records.change(name, record => withoutDecrypting(record, removable(record, credential)))
  }

  async credentials(identity: ExternalIdentity): Promise<readonly EnrolledCredential[]> {
    return enrolledIn(await this.#records.held(identity))
  }

  async #keep({ key, credential, encryption }: Generated, params: Params, capabilities: Capabilities, attempt: string): Promise<ExternalIdentity> {
    const { relyingParty, origins, userVerification } = this.#site
    const named = nameIdentity({
      ...includes(capabilities, 'Commit') && { sign: key, assertion: { relyingParty: relyingParty.id, userVerification, origins } },
      ...encryption && { encrypt: { scheme: requireScheme(), publicKey: encryption } },
    })
    const record: CredentialRecord = { ...named, params, capabilities, attempt, credentials: [credential] }
    await this.#records.add(record)
    return identityOf(record)
  }
}

function requireScheme() {
  const scheme = encryptionByName(x25519Facts.name)
  if (scheme === undefined) throw new Fault('not-available', 'There is no X25519 to encrypt to this identity with')
  return scheme
}
