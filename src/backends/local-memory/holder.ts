import { Fault } from '../../core/errors.ts'
import type { CiphertextOpener } from '../../crypto/ciphertext.ts'
import type { Committer } from '../../crypto/commitment.ts'
import type { CiphertextRefusal, Decryptor, Signer } from '../backend.ts'
import type { OpenKeys } from './open-keys.ts'

/** Where the signers and decryptors of an identity find its keys, each time anew. */
export interface Holder {
  /** Throws, or rejects with, why there are none. */
  keys(): OpenKeys | Promise<OpenKeys>
  /** Why keys that it gave were erased. */
  erased(): Fault
  /** One of those who use the keys lets go of them. */
  release(): void
}

/** The identity's keys are gone, for all that was given for it. */
export function deleted(): Fault {
  return new Fault('backend-failed', 'Its identity was deleted, and the keys are erased')
}

/** Throws `not-available` for an identity without the key to sign with. */
export function requireCommitter({ committer }: OpenKeys): Committer {
  if (committer === undefined) throw new Fault('not-available', 'This identity was generated without the capability to commit')
  return committer
}

/** What opens ciphertexts to the identity. Throws `not-available` for one without the key for it. */
export function requireOpener({ decryption }: OpenKeys): CiphertextOpener | Promise<CiphertextOpener> {
  if (decryption === undefined) throw new Fault('not-available', 'This identity was generated without the capability to decrypt')
  return decryption.opener()
}

/** Does it at once where what it needs is there. */
export function whenReady<T, R>(ready: T | Promise<T>, act: (ready: T) => R | Promise<R>): R | Promise<R> {
  return ready instanceof Promise ? ready.then(act) : act(ready)
}

/** What a signer or decryptor has of its identity, until it is closed. */
class Use {
  #holder: Holder | undefined

  constructor(holder: Holder) {
    this.#holder = holder
  }

  keys(): OpenKeys | Promise<OpenKeys> {
    return this.#living().keys()
  }

  /** Throws once the keys were erased, or this was closed: then nothing that was made with them gets out. */
  check(keys: OpenKeys): void {
    const holder = this.#living()
    if (keys.erased) throw holder.erased()
  }

  /** Lets go of the keys, which others still use. */
  end(): void {
    const holder = this.#holder
    this.#holder = undefined
    holder?.release()
  }

  #living(): Holder {
    if (this.#holder === undefined) throw new Fault('backend-failed', 'It was closed: ask the backend for another one')
    return this.#holder
  }
}

export class HeldSigner implements Signer {
  readonly #use: Use

  constructor(holder: Holder) {
    this.#use = new Use(holder)
  }

  sign(data: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return whenReady(this.#use.keys(), keys => requireCommitter(keys).commit(data))
  }

  async signBatch(data: readonly Uint8Array[], signal: AbortSignal): Promise<readonly (Uint8Array | Error)[]> {
    const given = this.#use.keys()
    const keys = given instanceof Promise ? await given : given
    try {
      return await requireCommitter(keys).commitBatch(data, signal)
    } finally {
      this.#use.check(keys)
    }
  }

  signDigest(digest: Uint8Array): Uint8Array | Promise<Uint8Array> {
    return whenReady(this.#use.keys(), keys => requireCommitter(keys).commitDigest(digest))
  }

  close(): void {
    this.#use.end()
  }
}

export class HeldDecryptor implements Decryptor {
  readonly #use: Use

  constructor(holder: Holder) {
    this.#use = new Use(holder)
  }

  decrypt(ciphertext: Uint8Array): Uint8Array | CiphertextRefusal | Promise<Uint8Array | CiphertextRefusal> {
    return whenReady(this.#use.keys(), keys => whenReady(requireOpener(keys), opener => {
      // Making it ready may have taken a while.
      this.#use.check(keys)
      const result = opener.open(ciphertext)
      return result instanceof Promise ? result.then(opened => this.#release(keys, opened)) : result
    }))
  }

  close(): void {
    this.#use.end()
  }

  #release(keys: OpenKeys, result: Uint8Array | CiphertextRefusal): Uint8Array | CiphertextRefusal {
    try {
      this.#use.check(keys)
      return result
    } catch (error) {
      if (result instanceof Uint8Array) result.fill(0)
      throw error
    }
  }
}
