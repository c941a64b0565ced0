import { concatBytes } from '@noble/hashes/utils.js'
import { encodeData } from '../../core/encoding.ts'
import { Fault } from '../../core/errors.ts'
import { argon2id } from '../../crypto/argon2.ts'
import type { EncryptionScheme } from '../../crypto/encryption.ts'
import { encryptionByName } from '../../crypto/encryptions.ts'
import { deriveKey, seal, unseal } from '../../crypto/sealing.ts'
import { secretCopy } from '../../crypto/secret-bytes.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import { KEY_LENGTH } from './keyslot-format.ts'
import type { SealedSlot } from './keyslot-format.ts'
import { PASSPHRASE_LIMIT } from './passphrase.ts'
import type { Unlocker } from './root-keys.ts'

/** What tells one slot of one vault from any other. */
export type SlotIdentity = Pick<SealedSlot, 'id' | 'kind' | 'salt' | 'argon2'> & { readonly vault: Uint8Array }

/** What whoever opens a slot holds. */
export interface SlotSecret {
  readonly seed: Uint8Array
  /** Known to all slots of a vault, for its life: see `keyslot-authenticity.ts`. */
  readonly voucher: Uint8Array
}

/**
 * Opens one slot of a file. The root keys lie sealed to its public key, and the seed of that under what its owner knows: so that they are replaced without
 * the passphrase of anyone, and an old root key opens nothing of the new one, as it would if it had sealed it. X-Wing, because X25519 alone would be weaker
 * than a passphrase against a quantum computer.
 */
export async function openSlot(slot: SlotIdentity & Pick<SealedSlot, 'sealedSecret'>, secret: Uint8Array): Promise<SlotSecret | undefined> {
  const slotKey = await slotKeyOf(slot, secret)
  try {
    const opened = unseal(slotKey, slot.sealedSecret, associatedOf(slot, 'secret'))
    if (opened === undefined) return undefined
    return { seed: opened.subarray(0, KEY_LENGTH), voucher: opened.subarray(KEY_LENGTH) }
  } finally {
    slotKey.fill(0)
  }
}

/** A key pair for a slot, sealed under the slot key. */
export async function makeSlot(
  identity: SlotIdentity, secret: Uint8Array, voucher: Uint8Array, random: RandomBytes,
): Promise<Pick<SealedSlot, 'publicKey' | 'sealedSecret'>> {
  const slotKey = await slotKeyOf(identity, secret)
  const seed = scheme().generate(random)
  const both = secretCopy(seed, voucher)
  try {
    return { publicKey: scheme().publicKey(seed), sealedSecret: seal(slotKey, both, associatedOf(identity, 'secret'), random) }
  } finally {
    slotKey.fill(0)
    seed.fill(0)
    both.fill(0)
  }
}

/** Seals root keys to a slot. Its public key must have been authenticated. */
export async function sealKeys(slot: SlotIdentity & Pick<SealedSlot, 'publicKey'>, packed: Uint8Array): Promise<Uint8Array> {
  const { enc, ciphertext } = await scheme().seal(slot.publicKey, associatedOf(slot, 'keys'), packed)
  return concatBytes(enc, ciphertext)
}

/** The packed root keys, which the caller erases, or `undefined`. They may be anyone's: public keys are public. */
export async function openKeys(slot: SlotIdentity & Pick<SealedSlot, 'sealedKeys'>, seed: Uint8Array): Promise<Uint8Array | undefined> {
  const { encLength } = scheme()
  const opener = await scheme().opener(seed)
  try {
    return await opener.open(associatedOf(slot, 'keys'), slot.sealedKeys.subarray(0, encLength), slot.sealedKeys.subarray(encLength))
  } finally {
    opener.erase()
  }
}

/** The secret of an unlocker, which the caller erases. Rejects with `invalid-argument` for one of the wrong length. */
export async function secretOf(unlocker: Unlocker): Promise<Uint8Array> {
  const secret = await unlocker.secret()
  const [least, most] = unlocker.kind === 'passphrase' ? [1, PASSPHRASE_LIMIT] : [KEY_LENGTH, KEY_LENGTH]
  if (secret.length >= least && secret.length <= most) return secret
  secret.fill(0)
  throw new Fault('invalid-argument', `The secret of a ${unlocker.kind} has ${least === most ? least : `${least} to ${most}`} bytes`)
}

/** Argon2id makes guesses at a passphrase dear; at 32 random bytes there is nothing to guess. */
function slotKeyOf({ argon2, salt }: SlotIdentity, secret: Uint8Array): Promise<Uint8Array> {
  return argon2 === undefined ? Promise.resolve(deriveKey(secret, 'keyslot', salt)) : argon2id(secret, salt, argon2)
}

/** So that nothing sealed for one slot opens in another one, in another vault, or with other parameters. */
function associatedOf({ vault, id, kind, salt, argon2 }: SlotIdentity, what: 'secret' | 'keys'): Uint8Array {
  return encodeData(['ipse/keyslot/1', what, vault, id, kind, salt, argon2 ?? null])
}

function scheme(): EncryptionScheme {
  const xWing = encryptionByName('X-Wing')
  if (xWing === undefined) throw new Fault('not-available', 'There is no X-Wing to seal keyslots with')
  return xWing
}
