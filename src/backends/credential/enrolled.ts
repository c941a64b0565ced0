import { base64urlnopad } from '@scure/base'
import { bytesToHex } from '@noble/hashes/utils.js'
import { Fault } from '../../core/errors.ts'
import { includes } from '../backend.ts'
import type { Credential, CredentialRecord } from './record.ts'

/** An authenticator of an identity, as a person is told of it. */
export interface EnrolledCredential {
  /** Base64url of the credential's id, which names it. */
  readonly id: string
  /** The authenticator as it called itself. */
  readonly label: string
  /** Its model, in hexadecimal. */
  readonly aaguid: string
  /** Whether the authenticator keeps it, and lists it. */
  readonly resident: boolean
  /** How browsers reach it: usb, internal … */
  readonly transports: readonly string[]
  /** Whether it signs in the identity's name: the one does that it was generated with. */
  readonly signs: boolean
  readonly decrypts: boolean
}

export function nameOf({ id }: Credential): string {
  return base64urlnopad.encode(id)
}

export function enrolledIn(record: CredentialRecord): readonly EnrolledCredential[] {
  return record.credentials.map(credential => ({
    id: nameOf(credential), label: credential.label, aaguid: bytesToHex(credential.aaguid), resident: credential.resident, transports: credential.transports,
    signs: isSigner(record, credential), decrypts: credential.wrapped !== undefined,
  }))
}

/** Those that open what is encrypted to the identity. */
export function decryptingIn({ credentials }: CredentialRecord): readonly Credential[] {
  return credentials.filter(({ wrapped }) => wrapped !== undefined)
}

/** The one of that name, which is to decrypt no more. Throws `not-found` when it doesn't, `not-available` for the last one that does. */
export function removable(record: CredentialRecord, name: string): Credential {
  const decrypting = decryptingIn(record)
  const found = decrypting.find(credential => nameOf(credential) === name)
  if (found === undefined) throw new Fault('not-found', 'No such credential decrypts for this identity')
  if (decrypting.length > 1) return found
  throw new Fault('not-available', 'Nothing else decrypts for this identity: enrol another authenticator first, or delete the identity')
}

/** What is kept once it decrypts no more: nothing of it, unless it signs. */
export function withoutDecrypting(record: CredentialRecord, removed: Credential): CredentialRecord {
  const { wrapped: _, ...signer } = removed
  return { ...record, credentials: record.credentials.flatMap(each => each !== removed ? [each] : isSigner(record, removed) ? [signer] : []) }
}

/** Whether the identity's name has its key. */
export function isSigner({ capabilities, credentials }: CredentialRecord, credential: Credential): boolean {
  return credential === credentials[0] && includes(capabilities, 'Commit')
}
