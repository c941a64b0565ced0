import { z } from 'zod'
import { BUNDLE_LIMIT, externalIdentityOf } from '../../core/engine-id.ts'
import type { ExternalIdentity } from '../../core/engine-id.ts'
import { decodeData, encodeData } from '../../core/encoding.ts'
import { Fault } from '../../core/errors.ts'
import { secretCopy } from '../../crypto/secret-bytes.ts'
import { capabilities, cryptosystemOf, formats, params } from '../local-memory/offer.ts'
import { secretLengths } from '../local-memory/secrets.ts'
import type { Secrets } from '../local-memory/secrets.ts'
import type { Row } from '../../stores/store.ts'
import { identityKey } from './rows.ts'
import type { Session } from './session.ts'

const facts = z.strictObject({
  name: z.string(),
  bundle: z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length <= BUNDLE_LIMIT).optional(),
  params: z.enum(params),
  capabilities: z.enum(capabilities),
  format: z.enum(formats),
  /** The hash of the key it was generated under: see `attemptOf`. One that was imported has none. */
  attempt: z.string().optional(),
  /** When, and until when it can be taken back: milliseconds since the Unix epoch. */
  deleted: z.strictObject({ at: z.number(), until: z.number() }).optional(),
})

/** What is known of an identity, apart from its keys. */
export type Facts = z.output<typeof facts>

/** An identity as its row has it. */
export interface IdentityRecord {
  readonly facts: Facts
  readonly secrets: Secrets
}

/**
 * `u16 length ‖ facts ‖ signing key ‖ encryption key`, which the caller erases. The keys are no part of what is encoded, since the encoder keeps the last bytes
 * that it wrote.
 */
export function packRecord({ facts, secrets }: IdentityRecord): Uint8Array {
  const encoded = encodeData(facts)
  const length = new Uint8Array(2)
  new DataView(length.buffer).setUint16(0, encoded.length)
  return secretCopy(length, encoded, secrets.signing ?? NOTHING, secrets.encryption ?? NOTHING)
}

/** Reads what {@link packRecord} wrote, and erases it. Its secrets are the caller's to erase. Throws for anything else, and `store-newer`. */
export function unpackRecord(packed: Uint8Array): IdentityRecord {
  try {
    const { known, rest } = split(packed)
    const { signing, encryption } = secretLengths(cryptosystemOf(known.params), known.capabilities)
    if (rest.length !== signing + encryption) throw new RangeError('The keys of an identity are of another length')
    return {
      facts: known,
      secrets: { signing: signing > 0 ? secretCopy(rest.subarray(0, signing)) : undefined, encryption: encryption > 0 ? secretCopy(rest.subarray(signing)) : undefined },
    }
  } finally {
    packed.fill(0)
  }
}

const NOTHING = new Uint8Array(0)

function split(packed: Uint8Array): { readonly known: Facts; readonly rest: Uint8Array } {
  const end = 2 + new DataView(packed.buffer, packed.byteOffset, packed.length).getUint16(0)
  const { success, data: known, error: cause } = facts.safeParse(decodeData(packed.subarray(2, end), 1)[0])
  // It was sealed here, so it is not damaged.
  if (!success) throw new Fault('store-newer', 'An identity was stored by a newer version of this library: use that', { cause })
  return { known, rest: packed.subarray(end) }
}

export function sealRecord(session: Session, record: IdentityRecord): Row {
  const packed = packRecord(record)
  try {
    return session.seal(identityKey(record.facts.name), packed)
  } finally {
    packed.fill(0)
  }
}

/** `undefined` for what is damaged. The secrets are the caller's to erase. */
export function unsealRecord(session: Session, row: Row): IdentityRecord | undefined {
  const packed = session.unseal(row)
  return packed && unpackRecord(packed)
}

/** As {@link unsealRecord}, without the secrets. */
export function unsealFacts(session: Session, row: Row): Facts | undefined {
  const packed = session.unseal(row)
  try {
    return packed && split(packed).known
  } finally {
    packed?.fill(0)
  }
}

export function identityOf({ name, bundle }: Facts): ExternalIdentity {
  return externalIdentityOf(name, bundle)
}

/** Whether it was deleted, and can't be taken back any more. */
export function isOver({ deleted }: Facts, now: number): boolean {
  return deleted !== undefined && now >= deleted.until
}
