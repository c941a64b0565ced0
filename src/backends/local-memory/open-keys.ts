import { CiphertextOpener } from '../../crypto/ciphertext.ts'
import { Committer } from '../../crypto/commitment.ts'
import type { EncryptionScheme, Opener } from '../../crypto/encryption.ts'
import type { Format } from '../../crypto/identity-name.ts'
import type { Cryptosystem } from './offer.ts'
import { eraseSecrets } from './secrets.ts'
import type { Secrets } from './secrets.ts'

/** The keys of one identity, ready for use, until they are erased. */
export class OpenKeys {
  readonly committer: Committer | undefined
  readonly decryption: DecryptionSecret | undefined
  #erased = false

  /** Takes the secrets over: they are erased as soon as nothing here needs them. Throws `invalid-argument` for secrets that are none. */
  constructor({ suite, scheme }: Cryptosystem, secrets: Secrets, name: string, format: Format) {
    try {
      this.committer = secrets.signing && new Committer(suite.signer(secrets.signing), name, format)
      this.decryption = secrets.encryption && new DecryptionSecret(scheme, secrets.encryption, name)
    } catch (error) {
      eraseSecrets(secrets)
      throw error
    }
    // The committer has its own copy.
    secrets.signing?.fill(0)
  }

  get erased(): boolean {
    return this.#erased
  }

  erase(): void {
    this.#erased = true
    this.committer?.erase()
    this.decryption?.erase()
  }
}

/** An encryption key, which is made ready when it is first needed: that may take a promise, or fail. */
export class DecryptionSecret {
  readonly #scheme: EncryptionScheme
  readonly #secretKey: Uint8Array
  readonly #name: string
  #opener: CiphertextOpener | Promise<CiphertextOpener> | undefined

  constructor(scheme: EncryptionScheme, secretKey: Uint8Array, name: string) {
    this.#scheme = scheme
    this.#secretKey = secretKey
    this.#name = name
  }

  /** One for all decryptors of the identity. Once it is there, the secret key is erased, of which it has its own copy. */
  opener(): CiphertextOpener | Promise<CiphertextOpener> {
    if (this.#opener !== undefined) return this.#opener
    const opener = this.#scheme.opener(this.#secretKey)
    this.#opener = opener instanceof Promise ? opener.then(ready => this.#ready(ready), (error: unknown) => this.#failed(error)) : this.#ready(opener)
    return this.#opener
  }

  erase(): void {
    this.#secretKey.fill(0)
    const opener = this.#opener
    if (opener instanceof Promise) void opener.then(ready => ready.erase(), () => {})
    else opener?.erase()
  }

  #ready(opener: Opener): CiphertextOpener {
    this.#secretKey.fill(0)
    return this.#opener = new CiphertextOpener(opener, this.#scheme, this.#name)
  }

  #failed(error: unknown): never {
    // So that a later attempt is one.
    this.#opener = undefined
    throw error
  }
}
