import { externalIdentityOf } from '../../core/engine-id.ts';
import type { ExternalIdentity } from '../../core/engine-id.ts';
import { Fault } from '../../core/errors.ts'
import { importDecryptionKey, openCiphertext } from '../../crypto/ciphertext.ts';
import type { DecryptionKey } from '../../crypto/ciphertext.ts';
import { commit } from '../../crypto/commitment.ts'
import { formatIdentityName } from '../../crypto/identity-name.ts'
import type { RandomBytes, SignatureSuite } from '../../crypto/suite.ts'
import { suiteByParams, suites } from '../../crypto/suites.ts'
import { encryptionPublicKey, generateEncryptionSecret } from '../../crypto/x25519.ts'
import { includes } from '../backend.ts';
import type { Backend, Capabilities, CiphertextRefusal, Decryptor, GenerateOptions, Signer } from '../backend.ts';

/** What is held for one identity. Signers and decryptors see it, and find it erased once the identity is deleted. */
interface Held {
  readonly identity: ExternalIdentity
  readonly options: GenerateOptions
  readonly sign: { readonly suite: SignatureSuite; readonly secretKey: Uint8Array } | undefined
  readonly encryptSecret: Uint8Array | undefined
  /** The platform's copy, made for the first decryptor and shared by all. */
  decryptionKey: Promise<DecryptionKey> | undefined
  erased: boolean
}

const CAPABILITIES: readonly Capabilities[] = Object.freeze(['Commit', 'Decrypt', 'CommitAndDecrypt'])

/**
 * Identities in the memory of this process, until they are deleted or the process ends. Secret keys are erased on delete;
 * which copies the engine of JavaScript and the platform keep until garbage collection is said in SECURITY.md.
 *
 * Everything secret is in private fields, which no inspection, serialisation or enumeration shows.
 */
export class LocalMemory implements Backend {
  readonly name = Object.freeze({ type: 'LocalMemory' } as const)
  readonly params: readonly string[] = Object.freeze(suites.map(suite => suite.params))
  readonly capabilities = CAPABILITIES
  readonly #random: RandomBytes
  readonly #byName = new Map<string, Held>()
  readonly #byKey = new Map<string, Held>()

  constructor({ random }: { readonly random: RandomBytes }) {
    this.#random = random
  }

  generate(options: GenerateOptions): ExternalIdentity {
    const { key, params, capabilities } = options
    const suite = suiteByParams(params)
    if (suite === undefined) {
      throw new Fault('not-available', `Local memory has no params ${JSON.stringify(params)}: use ${this.params.join(', ')}`)
    }
    if (!CAPABILITIES.includes(capabilities)) {
      throw new Fault('not-available', `Local memory has no capabilities ${JSON.stringify(capabilities)}: use ${CAPABILITIES.join(', ')}`)
    }
    const before = this.#byKey.get(key)
    if (before !== undefined) return again(before, options)
    const held = make({ key, params, capabilities }, suite, this.#random)
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
    if (held.sign === undefined) throw new Fault('not-available', 'This identity was generated without the capability to commit')
    return new MemorySigner(held)
  }

  async decryptor(identity: ExternalIdentity): Promise<Decryptor> {
    const held = this.#held(identity)
    if (held.encryptSecret === undefined) {
      throw new Fault('not-available', 'This identity was generated without the capability to decrypt')
    }
    held.decryptionKey ??= handOver(held, held.encryptSecret)
    await held.decryptionKey
    if (held.erased) throw notHeld()
    return new MemoryDecryptor(held)
  }

  #held({ name }: ExternalIdentity): Held {
    const held = this.#byName.get(name)
    if (held === undefined) throw notHeld()
    return held
  }
}

/** Gives the secret to the platform, from which it does not come back, and erases ours. */
async function handOver(held: Held, secret: Uint8Array): Promise<DecryptionKey> {
  try {
    const key = await importDecryptionKey(secret)
    secret.fill(0)
    return key
  } catch (error) {
    // So that a later attempt is one.
    held.decryptionKey = undefined
    throw error
  }
}

function notHeld(): Fault {
  return new Fault('not-found', 'Local memory does not hold this identity: it was deleted, or generated elsewhere')
}

/** The same key names the same attempt; it cannot name another one while the first one's identity lives. */
function again({ identity, options }: Held, { params, capabilities }: GenerateOptions): ExternalIdentity {
  if (options.params === params && options.capabilities === capabilities) return identity
  throw new Fault('backend-failed', 'This key already generated an identity with other params or capabilities: use a new key')
}

/** Makes exactly the keys that the capabilities need; when anything fails, those made before are erased. */
function make(options: GenerateOptions, suite: SignatureSuite, random: RandomBytes): Held {
  let secretKey: Uint8Array | undefined
  let encryptSecret: Uint8Array | undefined
  try {
    if (includes(options.capabilities, 'Commit')) secretKey = suite.generate(random)
    if (includes(options.capabilities, 'Decrypt')) encryptSecret = generateEncryptionSecret(random)
    const name = formatIdentityName({
      ...(secretKey && { sign: { suite, publicKey: suite.publicKey(secretKey) } }),
      ...(encryptSecret && { encrypt: encryptionPublicKey(encryptSecret) }),
    })
    return {
      identity: externalIdentityOf(name),
      options,
      sign: secretKey && { suite, secretKey },
      encryptSecret,
      decryptionKey: undefined,
      erased: false,
    }
  } catch (cause) {
    secretKey?.fill(0)
    encryptSecret?.fill(0)
    throw new Fault('backend-failed', 'Generating the keys failed, and nothing was kept: see the cause', { cause })
  }
}

function erase(held: Held): void {
  held.erased = true
  held.sign?.secretKey.fill(0)
  held.encryptSecret?.fill(0)
  held.decryptionKey = undefined
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
    const { sign, identity } = living(this.#held)
    if (sign === undefined) throw new Fault('backend-failed', 'This identity has no signing key')
    return commit(sign.suite, sign.secretKey, identity.name, data)
  }

  /** Lets go of the keys, which other signers of the identity still use. */
  close(): void {
    this.#held = undefined
  }
}

class MemoryDecryptor implements Decryptor {
  #held: Held | undefined

  constructor(held: Held) {
    this.#held = held
  }

  async decrypt(ciphertext: Uint8Array): Promise<Uint8Array | CiphertextRefusal> {
    const { decryptionKey, identity } = living(this.#held)
    if (decryptionKey === undefined) throw new Fault('backend-failed', 'This identity has no decryption key')
    const result = await openCiphertext(identity.name, await decryptionKey, ciphertext)
    // The identity may have been deleted, or this closed, meanwhile: then nothing that its key opened gets out.
    if (this.#held?.erased !== false && result instanceof Uint8Array) result.fill(0)
    living(this.#held)
    return result
  }

  /** Lets go of the keys, which other decryptors of the identity still use. */
  close(): void {
    this.#held = undefined
  }
}
