import type { ExternalIdentity } from '../../core/engine-id.ts'
import { requireSameAttempt } from './offer.ts'
import type { Asked } from './offer.ts'
import { identityOf } from './record.ts'
import type { CredentialRecords } from './records.ts'

/** Generates one identity for each key. */
export class Attempts {
  readonly #records: CredentialRecords
  readonly #underWay = new Map<string, Promise<unknown>>()

  constructor(records: CredentialRecords) {
    this.#records = records
  }

  /** The identity that was generated under this key and lives; else what `make` makes. Rejects as that does, and with `backend-failed` for a key that named something else. */
  run(asked: Asked, signal: AbortSignal, make: () => Promise<ExternalIdentity>): Promise<ExternalIdentity> {
    const { key } = asked
    const before = this.#underWay.get(key)
    const generating = (async () => {
      // What becomes of the same attempt, which may be under way for somebody else, counts for this one too.
      await unlessAborted(before, signal)
      const known = await this.#records.findAttempt(key)
      if (known === undefined) return make()
      requireSameAttempt(known, asked)
      return identityOf(known)
    })()
    const both = Promise.allSettled([before, generating])
    this.#underWay.set(key, both)
    void both.then(() => this.#underWay.get(key) === both && this.#underWay.delete(key))
    return generating
  }
}

/** Waits for work that is somebody else's, and no longer than `signal` lets it: rejects with its reason. */
async function unlessAborted(work: Promise<unknown> | undefined, signal: AbortSignal): Promise<void> {
  if (work === undefined) return
  signal.throwIfAborted()
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  signal.addEventListener('abort', abort)
  await Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', abort))
}
