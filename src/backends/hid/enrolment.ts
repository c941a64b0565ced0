import type { ExternalIdentity } from '../../core/engine-id.ts'
import { Fault } from '../../core/errors.ts'
import { decryptingIn, enrolledIn, isSigner, nameOf, removable, withoutDecrypting } from '../credential/enrolled.ts'
import type { EnrolledCredential } from '../credential/enrolled.ts'
import { identityOf, MOST_CREDENTIALS } from '../credential/record.ts'
import type { HidParts } from './parts.ts'
import { deleteResident, register, wrapUnder } from './registration.ts'
import { encryptionKeyOf } from './scheme.ts'
import { unwrapHere } from './unlocking.ts'

/** The devices that decrypt for an identity: any of them does, each alone. Which one signs, its name says for good. */
export class Enrolment {
  readonly #parts: HidParts

  constructor(parts: HidParts) {
    this.#parts = parts
  }

  /** See `Hid.enrol`. Between the two devices, the secret key is in memory; then it is erased. */
  async enrol(identity: ExternalIdentity, signal: AbortSignal): Promise<string> {
    const { requests, records, random } = this.#parts
    const record = await records.held(identity)
    const { name, params, credentials } = record
    const decrypting = decryptingIn(record)
    const { publicKey, scheme } = encryptionKeyOf(identity)
    const [{ relyingParty } = this.#parts] = credentials
    if (credentials.length >= MOST_CREDENTIALS) throw new Fault('not-available', `An identity has ${MOST_CREDENTIALS} credentials at most: remove one first`)
    const ids = credentials.map(({ id }) => id)
    const asked = { purpose: 'enrol', identity: name } as const
    const secretKey = await requests.perform({
      asked, credentials: { relyingParty, ids: decrypting.map(({ id }) => id), device: 'holds' },
      perform: session => unwrapHere(session, records, record, { publicKey, scheme }, random),
    }, signal)
    try {
      return await requests.perform({
        asked, credentials: { relyingParty, ids, device: 'lacks' },
        perform: session => register(session, { relyingParty, params, resident: this.#parts.resident, userVerification: true, wraps: true }, random, async ({ credential }) => {
          const wrapped = await wrapUnder(session, credential, secretKey, scheme, random)
          session.signal.throwIfAborted()
          await records.change(name, record => ({ ...record, credentials: [...record.credentials, { ...credential, wrapped }] }))
          return nameOf(credential)
        }),
      }, signal)
    } finally {
      secretKey.fill(0)
    }
  }

  /** See `Hid.remove`. */
  async remove(identity: ExternalIdentity, credential: string, { lost, signal }: { readonly lost: boolean; readonly signal: AbortSignal }): Promise<void> {
    const { requests, records } = this.#parts
    const record = await records.held(identity)
    const { name } = record
    const gone = removable(record, credential)
    const { id, relyingParty, resident } = gone
    const strike = () => records.change(name, now => withoutDecrypting(now, removable(now, credential)))
    if (!resident || lost || isSigner(record, gone)) return void await strike()
    await requests.perform({
      asked: { purpose: 'remove', identity: name }, credentials: { relyingParty, ids: [id], device: 'holds' },
      perform: async session => {
        // First, so that of two that are removed at once neither takes the other for the one that is left.
        await strike()
        try {
          await deleteResident(session, relyingParty, id)
        } catch (error) {
          await records.change(name, now => ({ ...now, credentials: [...now.credentials, gone] })).catch(() => {})
          throw error
        }
      },
    }, signal)
  }

  async credentials(identity: ExternalIdentity): Promise<readonly EnrolledCredential[]> {
    return enrolledIn(await this.#parts.records.held(identity))
  }

  async identities(): Promise<readonly ExternalIdentity[]> {
    const found: ExternalIdentity[] = []
    for await (const record of this.#parts.records.all()) found.push(identityOf(record))
    return found
  }

  async forget(identity: ExternalIdentity): Promise<void> {
    const { name } = await this.#parts.records.held(identity)
    await this.#parts.records.remove(name)
  }
}
