import { z } from 'zod'
import { decodeData, encodeData } from '../../core/encoding.ts'
import { Fault } from '../../core/errors.ts'
import { outOfBounds } from '../../crypto/argon2.ts'
import type { Argon2Parameters } from '../../crypto/argon2.ts'
import { sameBytes } from '../../crypto/bytes.ts'
import { xWingFacts } from '../../crypto/encryption/x-wing/facts.ts'
import { SEALED_OVERHEAD } from '../../crypto/sealing.ts'
import type { Slot } from './root-keys.ts'

/** The most bytes of a keyslot file; of a longer one nothing is parsed. */
export const KEYSLOT_FILE_LIMIT = 1 << 20
export const SLOTS_LIMIT = 32
/** In bytes: of a root key, of what a key file or the environment holds, and of all keys here. */
export const KEY_LENGTH = 32
export const VAULT_LENGTH = 16
export const SALT_LENGTH = 32

const VERSION = 1
const MAC_LENGTH = 32
const SEALED_KEYS_LIMIT = 4096

/** A slot as its file has it. */
export interface SealedSlot extends Slot {
  /** Of X-Wing: the root keys are sealed to it. */
  readonly publicKey: Uint8Array
  /** Under the slot key: the seed of the public key, and the voucher. */
  readonly sealedSecret: Uint8Array
  readonly salt: Uint8Array
  /** Of a passphrase alone. */
  readonly argon2?: Argon2Parameters | undefined
  /** To the public key: enc ‖ ciphertext ‖ tag. */
  readonly sealedKeys: Uint8Array
}

/** All of a keyslot file but its mac. */
export interface KeyslotBody {
  readonly vault: Uint8Array
  readonly slots: readonly SealedSlot[]
  /** Under a key of the newest root key. */
  readonly sealedVoucher: Uint8Array
}

export interface KeyslotContents extends KeyslotBody {
  readonly mac: Uint8Array
}

const bytesOf = (least: number, most = least) =>
  z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length >= least && value.length <= most, `expected ${least} to ${most} bytes`)

const slotFields = {
  id: z.string().min(1).max(64),
  publicKey: bytesOf(xWingFacts.publicKeyLength),
  sealedSecret: bytesOf(2 * KEY_LENGTH + SEALED_OVERHEAD),
  salt: bytesOf(SALT_LENGTH),
  sealedKeys: bytesOf(xWingFacts.encLength + 1, SEALED_KEYS_LIMIT),
}
const argon2 = z.strictObject({ memory: z.number(), passes: z.number(), lanes: z.number() })
  .refine(parameters => outOfBounds(parameters) === undefined, 'expected parameters of Argon2id within bounds')
const slot = z.discriminatedUnion('kind', [
  z.strictObject({ ...slotFields, kind: z.literal('passphrase'), argon2 }),
  z.strictObject({ ...slotFields, kind: z.enum(['key-file', 'environment']) }),
])
const contents = z.strictObject({
  version: z.literal(VERSION),
  vault: bytesOf(VAULT_LENGTH),
  slots: z.array(slot).min(1).max(SLOTS_LIMIT).refine(slots => new Set(slots.map(({ id }) => id)).size === slots.length, 'expected distinct ids'),
  sealedVoucher: bytesOf(KEY_LENGTH + SEALED_OVERHEAD),
  mac: bytesOf(MAC_LENGTH),
})
const versioned = z.object({ version: z.int().min(1) })

/** What the mac is of. */
export function encodeBody({ vault, slots, sealedVoucher }: KeyslotBody): Uint8Array {
  return encodeData({ version: VERSION, vault, slots, sealedVoucher })
}

export function encodeKeyslots({ vault, slots, sealedVoucher, mac }: KeyslotContents): Uint8Array {
  return encodeData({ version: VERSION, vault, slots, sealedVoucher, mac })
}

/** Reads what {@link encodeKeyslots} wrote, of whomever it comes. Throws `store-newer` for a later version, and `keyslots-damaged` for whatever else is none. */
export function decodeKeyslots(bytes: Uint8Array): KeyslotContents {
  if (bytes.length > KEYSLOT_FILE_LIMIT) throw damaged(`it has more than ${KEYSLOT_FILE_LIMIT} bytes`)
  const item = decoded(bytes)
  const version = versioned.safeParse(item).data?.version ?? VERSION
  if (version > VERSION) throw new Fault('store-newer', `The keyslot file is of version ${version}, and this library reads ${VERSION}: use a newer one`)
  const { success, data, error } = contents.safeParse(item)
  if (!success) throw damaged(problemOf(error))
  // There is one form of each content: the order of fields and the lengths of numbers have it too.
  if (!sameBytes(encodeKeyslots(data), bytes)) throw damaged('it is not in its one form')
  return data
}

/** Without the names of fields that there should not be: they are of any length, and whoever wrote them may mean them for a terminal. */
function problemOf({ issues: [issue] }: z.ZodError): string {
  const where = issue?.path.join('.') ?? ''
  return `${where}: ${issue?.code === 'unrecognized_keys' ? 'it has other fields' : issue?.message ?? ''}`
}

/** What is wrong with the file, which has no secrets. */
export function damaged(what: string): Fault {
  return new Fault('keyslots-damaged', `The keyslot file is damaged, or none (${what}): put a copy of the right one back`)
}

function decoded(bytes: Uint8Array): unknown {
  try {
    return decodeData(bytes, 1)[0]
  } catch {
    throw damaged('it is no deterministic CBOR')
  }
}
