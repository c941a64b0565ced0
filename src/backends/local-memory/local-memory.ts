import { externalIdentityOf } from '../../core/engine-id.ts';
import type { ExternalIdentity } from '../../core/engine-id.ts';
import { Fault } from '../../core/errors.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import type { Backend, Decryptor, GenerateOptions, Signer } from '../backend.ts';
import { deleted, HeldDecryptor, HeldSigner, requireCommitter, requireOpener, whenReady } from './holder.ts'
import type { Holder } from './holder.ts'
import * as offer from './offer.ts'
import type { Asked } from './offer.ts'
import { OpenKeys } from './open-keys.ts'
import { eraseSecrets, makeSecrets } from './secrets.ts'

/**
 * Identities in the memory of this process, until they are deleted or the process ends. Secret keys are erased on delete;
 * which copies the engine of JavaScript and the platform keep until garbage collection is said in SECURITY.md.
 *
 * Everything secret is in private fields, which no inspection, serialisation or enumeration shows.
 */
export class LocalMemory implements Backend {
  readonly name = offer.name
  readonly params = offer.params
  readonly capabilities = offer.capabilities
  readonly formats = offer.formats
  readonly #random: RandomBytes
  readonly #byName = new Map<string, Held>()
  readonly #byKey = new Map<string, Held>()

  constructor({ random }: { readonly random: RandomBytes }) {
    this.#random = random
  }

  generate(options: GenerateOptions): ExternalIdentity {
    const asked = offer.requireOffered(options)
    const before = this.#byKey.get(asked.key)
    if (before !== undefined) {
      offer.requireSameAttempt(before.asked, asked)
      return before.identity
    }
    const { name: { name, bundle }, secrets } = makeSecrets(asked, this.#random)
    if (this.#byName.has(name)) {
      eraseSecrets(secrets)
      throw offer.repeated()
    }
    const held = new Held(externalIdentityOf(name, bundle), asked, new OpenKeys(asked.system, secrets, name, asked.format))
    this.#byName.set(name, held)
    this.#byKey.set(asked.key, held)
    return held.identity
  }

  delete(identity: ExternalIdentity): void {
    const held = this.#held(identity)
    this.#byName.delete(identity.name)
    this.#byKey.delete(held.asked.key)
    held.keys().erase()
  }

  signer(identity: ExternalIdentity): Signer {
    const held = this.#held(identity)
    requireCommitter(held.keys())
    return new HeldSigner(held)
  }

  decryptor(identity: ExternalIdentity): Decryptor | Promise<Decryptor> {
    const held = this.#held(identity)
    return whenReady(requireOpener(held.keys()), () => {
      if (this.#byName.get(identity.name) !== held) throw notHeld()
      return new HeldDecryptor(held)
    })
  }

  #held({ name }: ExternalIdentity): Held {
    const held = this.#byName.get(name)
    if (held === undefined) throw notHeld()
    return held
  }
}

function notHeld(): Fault {
  return new Fault('not-found', 'Local memory does not hold this identity: it was deleted, or generated elsewhere')
}

/** What is held for one identity. Signers and decryptors see it, and find its keys erased once the identity is deleted. */
class Held implements Holder {
  readonly identity: ExternalIdentity
  readonly asked: Asked
  readonly #keys: OpenKeys

  constructor(identity: ExternalIdentity, asked: Asked, keys: OpenKeys) {
    this.identity = identity
    this.asked = asked
    this.#keys = keys
  }

  keys(): OpenKeys {
    if (this.#keys.erased) throw deleted()
    return this.#keys
  }

  erased(): Fault {
    return deleted()
  }

  /** They stay for as long as the identity lives. */
  release(): void {}
}
