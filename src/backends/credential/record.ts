import { z } from 'zod'
import { BUNDLE_LIMIT, externalIdentityOf } from '../../core/engine-id.ts'
import type { ExternalIdentity } from '../../core/engine-id.ts'
import { decodeData, encodeData } from '../../core/encoding.ts'
import { Fault } from '../../core/errors.ts'
import { sameBytes } from '../../crypto/bytes.ts'

const bytes = (least: number, most: number) => z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length >= least && value.length <= most)

/** Of a credential's label, in characters. */
export const LONGEST_LABEL = 256
/** How many ways to reach an authenticator are kept. */
export const MOST_TRANSPORTS = 16
/** How many credentials an identity may have. */
export const MOST_CREDENTIALS = 16

const credential = z.strictObject({
  /** By which its authenticator knows it. */
  id: bytes(1, 1023),
  relyingParty: z.string(),
  /** The user id that it was made with. */
  user: bytes(1, 64),
  /** Whether the authenticator keeps it, and lists it. */
  resident: z.boolean(),
  /** The signature counter as it was last seen; 0 where there is none. */
  counter: z.number().int().nonnegative(),
  /** The authenticator's model: 16 bytes. */
  aaguid: bytes(16, 16),
  /** For people: the authenticator as it called itself. */
  label: z.string().max(LONGEST_LABEL),
  /** How browsers reach it: usb, internal … */
  transports: z.array(z.string()).max(MOST_TRANSPORTS),
  /** Its own public key, a COSE key as it was sent, where its assertions are looked at that are no commitments. */
  publicKey: bytes(1, 1024).optional(),
  /** The identity's decryption key, sealed under what this authenticator gives. */
  wrapped: z.strictObject({ salt: bytes(32, 32), sealed: bytes(1, 1024), userVerified: z.literal(true) }).optional(),
})

/** A credential on an authenticator. Nothing of it is secret, and nothing of use without the authenticator. */
export type Credential = z.output<typeof credential>

const record = z.strictObject({
  name: z.string(),
  bundle: bytes(1, BUNDLE_LIMIT).optional(),
  params: z.enum(['P256', 'Ed25519']),
  capabilities: z.enum(['Commit', 'Decrypt', 'CommitAndDecrypt']),
  /** The hash of the key that it was generated under. */
  attempt: z.string(),
  /** The first one is the one it was generated with: if the identity commits, it is the one that signs. All can decrypt, if the identity can. */
  credentials: z.array(credential).min(1).max(MOST_CREDENTIALS),
})

/** What is kept of an identity whose keys authenticators have. */
export type CredentialRecord = z.output<typeof record>

/** Throws `invalid-argument` for what could not be read again. */
export function packRecord(known: CredentialRecord): Uint8Array {
  const { error: cause } = record.safeParse(known)
  if (cause !== undefined) throw new Fault('invalid-argument', 'What an authenticator says of itself is longer than what is stored of one', { cause })
  return encodeData(known)
}

/** Throws `store-damaged`, or `store-newer` for what is whole and says other things. */
export function unpackRecord(packed: Uint8Array): CredentialRecord {
  let value: unknown
  try {
    value = decodeData(packed, 1)[0]
  } catch (cause) {
    throw unreadable(cause)
  }
  if (typeof value !== 'object' || value === null) throw unreadable(value)
  const { success, data, error: cause } = record.safeParse(value)
  if (!success) throw new Fault('store-newer', 'An identity on a device was stored by a newer version of this library: use that', { cause })
  return data
}

export function withoutCredential(known: CredentialRecord, id: Uint8Array): CredentialRecord {
  return { ...known, credentials: known.credentials.filter(credential => !sameBytes(credential.id, id)) }
}

function unreadable(cause: unknown): Fault {
  return new Fault('store-damaged', 'What is stored of an identity on a device can\'t be read: restore the store from a copy', { cause })
}

export function identityOf({ name, bundle }: Pick<CredentialRecord, 'name' | 'bundle'>): ExternalIdentity {
  return externalIdentityOf(name, bundle)
}
