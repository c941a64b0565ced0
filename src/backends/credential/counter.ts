import { Fault } from '../../core/errors.ts'
import { sameBytes } from '../../crypto/bytes.ts'
import { isAbove } from '../../crypto/commitment.ts'
import type { Credential } from './record.ts'
import type { CredentialRecords } from './records.ts'

/**
 * The credential with its signature counter as it was seen now, which must be above the last one: else the key may have been copied (WebAuthn level 3, section 6.1.1). Authenticators
 * that count nothing say 0. Throws `counter-behind`.
 */
export function counted(credential: Credential, counter: number): Credential {
  if (isAbove(counter, credential.counter)) return { ...credential, counter }
  throw new Fault('counter-behind', `The authenticator's signature counter says ${counter}, and was at ${credential.counter} before: its key may have been copied. Find out before you trust this identity again`)
}

/**
 * Remembers the counter of a credential that was used in the identity's name. Rejects with `counter-behind`; with `wrong-device` where the credential was removed meanwhile, or decrypts
 * no more and was to; with `not-found` where the identity was deleted.
 */
export async function count(records: CredentialRecords, name: string, id: Uint8Array, counter: number, use: 'sign' | 'decrypt'): Promise<void> {
  const isIt = (credential: Credential) => sameBytes(credential.id, id)
  const { credentials } = await records.change(name, record => ({ ...record, credentials: record.credentials.map(each => isIt(each) ? counted(each, counter) : each) }))
  const kept = credentials.find(isIt)
  if (kept === undefined || (use === 'decrypt' && kept.wrapped === undefined)) throw new Fault('wrong-device', 'This authenticator was removed from the identity meanwhile')
}
