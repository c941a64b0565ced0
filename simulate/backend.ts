import { externalIdentityOf } from '../src/core/engine-id.ts'
import { Fault } from '../src/index.ts'
import type { Backend, BackendName, Capabilities, Decryptor, ExternalIdentity, GenerateOptions, Signer } from '../src/index.ts'
import type { IdentityModel } from './identity-model.ts'

/** What a backend of a simulation needs of it. */
export interface Fate {
  choose(count: number): number
  sleep(milliseconds: number): Promise<void>
}

/** How long Identity Management waits for a backend, in milliseconds. A slow one takes up to half as much again. */
export const BACKEND_DEADLINE = 20

/**
 * Keeps identities whose cryptography is fast, replayable and worth nothing. By the seed it answers at once, late, too late, with an
 * error, or never.
 */
export class SimulatedBackend implements Backend {
  readonly name: BackendName = { type: 'LocalMemory' }
  readonly params = ['Ed25519']
  readonly capabilities: readonly Capabilities[] = ['Commit', 'Decrypt', 'CommitAndDecrypt']
  /** How many signers and decryptors are open. */
  open = 0
  readonly #fate: Fate
  readonly #model: IdentityModel
  readonly #label: string
  readonly #held = new Map<string, string>()
  #made = 0

  constructor(label: string, fate: Fate, model: IdentityModel) {
    this.#label = label
    this.#fate = fate
    this.#model = model
  }

  /** The names of the identities it holds. */
  get content(): readonly string[] {
    return [...this.#held.keys()]
  }

  generate({ key }: GenerateOptions): ExternalIdentity | Promise<ExternalIdentity> {
    return this.#do(() => {
      for (const [name, other] of this.#held) if (other === key) return externalIdentityOf(name)
      const name = `${this.#label}-${++this.#made}`
      this.#held.set(name, key)
      return externalIdentityOf(name)
    })
  }

  delete({ name }: ExternalIdentity, signal: AbortSignal): void | Promise<void> {
    const erase = () => {
      // Whoever gave up waiting is not to be surprised: what comes too late is not done.
      if (signal.aborted) throw new Fault('backend-failed', 'Given up')
      if (!this.#held.delete(name)) throw new Fault('not-found', 'No such identity')
    }
    // One that was never handed out is being discarded, and that is the last chance.
    return this.#model.deleting(name) ? this.#do(erase) : erase()
  }

  signer({ name }: ExternalIdentity): Signer | Promise<Signer> {
    return this.#do(() => {
      this.#require(name)
      const close = this.#opened()
      return { close, sign: data => this.#do(() => commitmentOf(name, data), () => this.#model.using(name, 'Commit', data)) }
    })
  }

  decryptor({ name }: ExternalIdentity): Decryptor | Promise<Decryptor> {
    return this.#do(() => {
      this.#require(name)
      const close = this.#opened()
      return { close, decrypt: data => this.#do(() => masked(name, data), () => this.#model.using(name, 'Decrypt', masked(name, data))) }
    })
  }

  #require(name: string): void {
    if (!this.#held.has(name)) throw new Fault('not-found', 'No such identity')
  }

  #opened(): () => void {
    let isOpen = true
    this.open++
    return () => {
      if (isOpen) this.open--
      isOpen = false
    }
  }

  /** `begun` is called now, whenever `work` is done. */
  #do<T>(work: () => T, begun: () => void = () => {}): T | Promise<T> {
    begun()
    const late = () => this.#fate.sleep(this.#fate.choose(BACKEND_DEADLINE * 1.5))
    switch (this.#fate.choose(16)) {
      case 0: throw new Fault('backend-failed', 'On purpose')
      case 1: return late().then(() => { throw new Fault('backend-failed', 'On purpose') })
      case 2: return this.#fate.choose(4) === 0 ? new Promise(() => {}) : late().then(work)
      case 3: case 4: case 5: case 6: return late().then(work)
      default: return work()
    }
  }
}

export function commitmentOf(name: string, data: Uint8Array): Uint8Array {
  return stream(`sign ${name} ${data.join()}`, 16)
}

/** Encrypts, and decrypts again. */
export function masked(name: string, data: Uint8Array): Uint8Array {
  const mask = stream(`encrypt ${name}`, data.length)
  return data.map((byte, i) => byte ^ (mask[i] ?? 0))
}

/** Bytes that the text decides: FNV-1a, stirred on. Nobody is kept from anything by it. */
function stream(text: string, length: number): Uint8Array {
  let hash = 0x811c9dc5
  const stir = (byte: number) => { hash = Math.imul(hash ^ byte, 0x01000193) >>> 0 }
  for (let i = 0; i < text.length; i++) stir(text.charCodeAt(i))
  return Uint8Array.from({ length }, (_, i) => {
    stir(i & 0xff)
    return hash >>> 24
  })
}
