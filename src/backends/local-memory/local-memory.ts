import { externalIdentityOf } from '../../core/engine-id.ts';
import type { ExternalIdentity } from '../../core/engine-id.ts';
import { Fault } from '../../core/errors.ts'
import { CiphertextOpener } from '../../crypto/ciphertext.ts';
import { Committer } from '../../crypto/commitment.ts'
import type { EncryptionScheme, Opener } from '../../crypto/encryption.ts'
import { encryptionByName } from '../../crypto/encryptions.ts'
import { nameIdentity } from '../../crypto/identity-name.ts'
import type { RandomBytes, SignatureSuite } from '../../crypto/suite.ts'
import { schemes, suiteByParams } from '../../crypto/suites.ts'
import { includes } from '../backend.ts';
import type { Backend, Capabilities, CiphertextRefusal, Decryptor, Format, GenerateOptions, Signer } from '../backend.ts';

/** What is held for one identity. Signers and decryptors see it, and find it erased once the identity is deleted. */
interface Held {
  readonly identity: ExternalIdentity
  readonly options: GenerateOptions
  readonly committer: Committer | undefined
  readonly decryption: DecryptionSecret | undefined
  erased: boolean
}

const CAPABILITIES: readonly Capabilities[] = Object.freeze(['Commit', 'Decrypt', 'CommitAndDecrypt'])
const FORMATS: readonly Format[] = Object.freeze(['framed', 'raw'])

/**
 * Identities in the memory of this process, until they are deleted or the process ends. Secret keys are erased on delete;
 * which copies the engine of JavaScript and the platform keep until garbage collection is said in SECURITY.md.
 *
 * Everything secret is in private fields, which no inspection, serialisation or enumeration shows.
 */
export class LocalMemory implements Backend {
  readonly name = Object.freeze({ type: 'LocalMemory' } as const)
  readonly params: readonly string[] = Object.freeze(schemes.map(({ params }) => params))
  readonly capabilities = CAPABILITIES
  readonly formats = FORMATS
  readonly #random: RandomBytes
  readonly #byName = new Map<string, Held>()
  readonly #byKey = new Map<string, Held>()

  constructor({ random }: { readonly random: RandomBytes }) {
    this.#random = random
  }

  generate(options: GenerateOptions): ExternalIdentity {
    const { key, params, capabilities, format = 'framed' } = options
    const suite = suiteByParams(params)
    if (suite === undefined) {
      throw new Fault('not-available', `Local memory has no params ${JSON.stringify(params)}: use ${this.params.join(', ')}`)
    }
    if (!CAPABILITIES.includes(capabilities)) {
      throw new Fault('not-available', `Local memory has no capabilities ${JSON.stringify(capabilities)}: use ${CAPABILITIES.join(', ')}`)
    }
    if (!FORMATS.includes(format)) throw new Fault('not-available', `Local memory has no format ${JSON.stringify(format)}: use ${FORMATS.join(' or ')}`)
    const before = this.#byKey.get(key)
    if (before !== undefined) return again(before, options)
    const held = make({ key, params, capabilities, format }, suite, this.#random)
    if (this.#byName.has(held.identity.name)) {
      erase(held)
      throw new Fault('backend-failed', 'The random source gave a key that exists already: nothing was generated')
    }
    this.#byName.set(held.identity.name, held)
    this.#byKey.set(key, held)
    return held.identity
  }

  delete(identity: ExternalIdentity): void {
    const held = this.#held(identity)
    this.#byName.delete(identity.name)
    this.#byKey.delete(held.options.key)
    erase(held)
  }

  signer(identity: ExternalIdentity): Signer {
    const held = this.#held(identity)
    if (held.committer === undefined) throw new Fault('not-available', 'This identity was generated without the capability to commit')
    return new MemorySigner(held)
  }

  decryptor(identity: ExternalIdentity): Decryptor | Promise<Decryptor> {
    const held = this.#held(identity)
    if (held.decryption === undefined) {
      throw new Fault('not-available', 'This identity was generated without the capability to decrypt')
    }
    const opener = held.decryption.opener()
    return opener instanceof Promise ? opener.then(opened => decryptorOf(held, opened)) : decryptorOf(held, opener)
  }

  #held({ name }: ExternalIdentity): Held {
    const held = this.#byName.get(name)
    if (held === undefined) throw notHeld()
    return held
  }
}

function decryptorOf(held: Held, opener: CiphertextOpener): Decryptor {
  if (held.erased) throw notHeld()
  return new MemoryDecryptor(held, opener)
}

function notHeld(): Fault {
  return new Fault('not-found', 'Local memory does not hold this identity: it was deleted, or generated elsewhere')
}

/** The same key names the same attempt; it cannot name another one while the first one's identity lives. */
function again({ identity, options }: Held, { params, capabilities, format = 'framed' }: GenerateOptions): ExternalIdentity {
  if (options.params === params && options.capabilities === capabilities && options.format === format) return identity
  throw new Fault('backend-failed', 'This key already generated an identity with other params, capabilities or format: use a new key')
}

/** An encryption key, which is made ready when it is first needed: that may take a promise, or fail. */
class DecryptionSecret {
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

/** Makes exactly the keys that the capabilities need; when anything fails, those made before are erased. */
function make(options: Required<GenerateOptions>, suite: SignatureSuite, random: RandomBytes): Held {
  const scheme = encryptionByName(suite.encryption)
  if (scheme === undefined) throw new Fault('not-available', `There is no ${suite.encryption} to encrypt to this identity with`)
  let secretKey: Uint8Array | undefined
  let encryptSecret: Uint8Array | undefined
  try {
    if (includes(options.capabilities, 'Commit')) secretKey = suite.generate(random)
    if (includes(options.capabilities, 'Decrypt')) encryptSecret = scheme.generate(random)
    const { name, bundle } = nameIdentity({
      format: options.format,
      ...secretKey && { sign: { suite, publicKey: suite.publicKey(secretKey) } },
      ...encryptSecret && { encrypt: { scheme, publicKey: scheme.publicKey(encryptSecret) } },
    })
    return {
      identity: externalIdentityOf(name, bundle),
      options,
      committer: secretKey && new Committer(suite.signer(secretKey), name, options.format),
      decryption: encryptSecret && new DecryptionSecret(scheme, encryptSecret, name),
      erased: false,
    }
  } catch (cause) {
    encryptSecret?.fill(0)
    throw new Fault('backend-failed', 'Generating the keys failed, and nothing was kept: see the cause', { cause })
  } finally {
    // The committer has its own copy.
    secretKey?.fill(0)
  }
}

function erase(held: Held): void {
  held.erased = true
  held.committer?.erase()
  held.decryption?.erase()
}

/** Throws `backend-failed` for what was closed or whose identity was deleted. */
function living(held: Held | undefined): Held {
  if (held === undefined) throw new Fault('backend-failed', 'It was closed: ask the backend for another one')
  if (held.erased) throw new Fault('backend-failed', 'Its identity was deleted, and the keys are erased')
  return held
}

class MemorySigner implements Signer {
  #held: Held | undefined

  constructor(held: Held) {
    this.#held = held
  }

  sign(data: Uint8Array): Uint8Array {
    return this.#committer().commit(data)
  }

  async signBatch(data: readonly Uint8Array[], signal: AbortSignal): Promise<readonly (Uint8Array | Error)[]> {
    try {
      return await this.#committer().commitBatch(data, signal)
    } finally {
      // The identity may have been deleted, or this closed, meanwhile: then nothing gets out.
      living(this.#held)
    }
  }

  signDigest(digest: Uint8Array): Uint8Array {
    return this.#committer().commitDigest(digest)
  }

  /** Lets go of the keys, which other signers of the identity still use. */
  close(): void {
    this.#held = undefined
  }

  #committer(): Committer {
    const { committer } = living(this.#held)
    if (committer === undefined) throw new Fault('backend-failed', 'This identity has no signing key')
    return committer
  }
}

class MemoryDecryptor implements Decryptor {
  #held: Held | undefined
  readonly #opener: CiphertextOpener

  constructor(held: Held, opener: CiphertextOpener) {
    this.#held = held
    this.#opener = opener
  }

  decrypt(ciphertext: Uint8Array): Uint8Array | CiphertextRefusal | Promise<Uint8Array | CiphertextRefusal> {
    living(this.#held)
    const result = this.#opener.open(ciphertext)
    return result instanceof Promise ? result.then(opened => this.#release(opened)) : result
  }

  /** The identity may have been deleted, or this closed, meanwhile: then nothing that its key opened gets out. */
  #release(result: Uint8Array | CiphertextRefusal): Uint8Array | CiphertextRefusal {
    if (this.#held?.erased !== false && result instanceof Uint8Array) result.fill(0)
    living(this.#held)
    return result
  }

  /** Lets go of the keys, which other decryptors of the identity still use. */
  close(): void {
    this.#held = undefined
  }
}
