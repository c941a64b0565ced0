import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { z } from 'zod'
import { decodeData, encodeData } from '../../core/encoding.ts'
import { Fault } from '../../core/errors.ts'
import { ARGON2_DEFAULT, argon2id, outOfBounds } from '../../crypto/argon2.ts'
import type { Argon2Parameters } from '../../crypto/argon2.ts'
import { sameBytes } from '../../crypto/bytes.ts'
import { deriveKey, seal, unseal } from '../../crypto/sealing.ts'
import { draw } from '../../crypto/random.ts'
import { secretCopy } from '../../crypto/secret-bytes.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import { turn } from '../../crypto/turns.ts'
import { cryptosystemOf } from '../local-memory/offer.ts'
import { eraseSecrets, nameOf } from '../local-memory/secrets.ts'
import { secretOf } from './keyslot.ts'
import { packRecord, unpackRecord } from './record.ts'
import type { IdentityRecord } from './record.ts'
import type { Unlocker } from './root-keys.ts'

const VERSION = 1
const SALT_LENGTH = 16
const CHECKSUM_LENGTH = 32
const RECORDS_PER_TURN = 4

const number = z.number()
const schema = z.strictObject({
  version: z.literal(VERSION),
  kind: z.enum(['passphrase', 'key-file', 'environment']),
  salt: z.instanceof(Uint8Array).refine(({ length }) => length === SALT_LENGTH),
  argon2: z.strictObject({ memory: number, passes: number, lanes: number }).optional(),
  sealed: z.instanceof(Uint8Array),
}).refine(({ kind, argon2 }) => (kind === 'passphrase') === (argon2 !== undefined))

/** What tells how a backup is opened. */
type Head = Omit<z.output<typeof schema>, 'sealed' | 'version'>

/** A backup of these identities, sealed under what the unlocker gives (docs/formats.md, "Backup"). Rejects with `invalid-argument`, and as the unlocker does. */
export async function writeBackup(
  records: readonly IdentityRecord[], unlocker: Unlocker, { random, argon2 = ARGON2_DEFAULT }: { readonly random: RandomBytes; readonly argon2?: Argon2Parameters | undefined },
): Promise<Uint8Array> {
  const { kind } = unlocker
  const problem = kind === 'passphrase' ? outOfBounds(argon2) : undefined
  if (problem !== undefined) throw new Fault('invalid-argument', `Argon2id takes ${problem}`)
  const { memory, passes, lanes } = argon2
  const head: Head = { kind, salt: Uint8Array.from(draw(random, SALT_LENGTH)), ...kind === 'passphrase' && { argon2: { memory, passes, lanes } } }
  const packed = records.map(packRecord)
  const plaintext = secretCopy(...packed.flatMap(one => [u32(one.length), one]))
  for (const one of packed) one.fill(0)
  try {
    const key = await keyOf(head, unlocker)
    const body = encodeData({ version: VERSION, ...head, sealed: seal(key, plaintext, associatedOf(head), random) })
    key.fill(0)
    return concatBytes(body, sha256(body))
  } finally {
    plaintext.fill(0)
  }
}

/**
 * The identities in a backup, each with the keys that its name binds. The secrets are the caller's to erase. Rejects with `backup-damaged` for what is none or was
 * changed; with `wrong-passphrase` for one that is whole and does not open with this; and as the unlocker does.
 */
export async function readBackup(backup: Uint8Array, unlocker: Unlocker): Promise<readonly IdentityRecord[]> {
  const { sealed, version: _, ...head } = parse(backup)
  if (head.kind !== unlocker.kind) throw new Fault('wrong-passphrase', `The backup opens with a ${head.kind}, and not with a ${unlocker.kind}`)
  const key = await keyOf(head, unlocker)
  const plaintext = unseal(key, sealed, associatedOf(head))
  key.fill(0)
  if (plaintext === undefined) throw new Fault('wrong-passphrase', `The backup does not open with this ${unlocker.kind}`)
  const records: IdentityRecord[] = []
  try {
    for (const packed of partsOf(plaintext)) {
      // Computing a public key takes up to milliseconds.
      // oxlint-disable-next-line no-await-in-loop -- a turn after some
      if (records.length % RECORDS_PER_TURN === RECORDS_PER_TURN - 1) await turn()
      records.push(checked(packed))
    }
    if (new Set(records.map(({ facts: { name } }) => name)).size < records.length) throw damaged('an identity is in it twice')
    return records
  } catch (cause) {
    for (const { secrets } of records) eraseSecrets(secrets)
    throw damaged('what is sealed in it is no list of identities', cause)
  } finally {
    plaintext.fill(0)
  }
}

/** The checksum tells damage from a wrong passphrase, and before a passphrase is hashed. It is no defence: whoever changes a backup can make another one. */
function parse(backup: Uint8Array): z.output<typeof schema> {
  if (!(backup instanceof Uint8Array) || backup.length <= CHECKSUM_LENGTH) throw damaged('it is too short')
  const body = backup.subarray(0, -CHECKSUM_LENGTH)
  if (!sameBytes(sha256(body), backup.subarray(-CHECKSUM_LENGTH))) throw damaged('its checksum is wrong')
  try {
    const found = schema.parse(decodeData(body, 1)[0])
    const problem = found.argon2 && outOfBounds(found.argon2)
    if (problem !== undefined) throw damaged(`Argon2id takes ${problem}`)
    if (sameBytes(encodeData(found), body)) return found
    throw damaged('it is not in its one form')
  } catch (cause) {
    throw cause instanceof Fault && cause.code === 'backup-damaged' ? cause : damaged('it is none of this version', cause)
  }
}

/** A name that other keys are under would have whoever trusts it sign with those. */
function checked(packed: Uint8Array): IdentityRecord {
  const record = unpackRecord(packed)
  const { facts: { params, format, name, bundle, attempt, deleted }, secrets } = record
  try {
    // Whoever made it up would answer for an attempt here, or have it deleted for ever.
    if (attempt !== undefined || deleted !== undefined) throw damaged('an identity in it says what only a vault says')
    const bound = nameOf(cryptosystemOf(params), secrets, format)
    if (bound.name === name && (bound.bundle && bundle ? sameBytes(bound.bundle, bundle) : bound.bundle === bundle)) return record
    throw damaged('an identity has other keys than its name says')
  } catch (error) {
    eraseSecrets(secrets)
    throw error
  }
}

function* partsOf(list: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(list.buffer, list.byteOffset, list.length)
  for (let at = 0; at < list.length;) {
    const end = at + 4 + view.getUint32(at)
    if (end > list.length) throw new RangeError('An identity is cut short')
    yield secretCopy(list.subarray(at + 4, end))
    at = end
  }
}

async function keyOf({ salt, argon2 }: Head, unlocker: Unlocker): Promise<Uint8Array> {
  const secret = await secretOf(unlocker)
  try {
    return argon2 === undefined ? deriveKey(secret, 'vault/backup', salt) : await argon2id(secret, salt, argon2)
  } finally {
    secret.fill(0)
  }
}

function associatedOf({ kind, salt, argon2 }: Head): Uint8Array {
  return encodeData(['ipse/backup/1', kind, salt, argon2 ?? null])
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}

function damaged(why: string, cause?: unknown): Fault {
  return new Fault('backup-damaged', `This is no backup, or it was changed: ${why}. Take another copy`, { cause })
}
