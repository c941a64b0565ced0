import { equalBytes } from '@noble/ciphers/utils.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { deriveKey, seal, unseal } from '../../crypto/sealing.ts'
import type { RandomBytes } from '../../crypto/suite.ts'
import { newestKey, packRootKeys } from './held-root-keys.ts'
import { encodeBody } from './keyslot-format.ts'
import type { KeyslotBody, KeyslotContents } from './keyslot-format.ts'
import type { RootKeys } from './root-keys.ts'

/**
 * Who can write the file must get nothing by it. Two things would give him much:
 *
 * A public key of his own in a slot: the next root key would be sealed to it. So the whole file has a mac under a key of the newest root key, and it is
 * verified before anything is sealed to what it holds.
 *
 * Root keys of his own: public keys are public, so he can seal any to all slots, and the mac under them is right. Beside an empty store, every passphrase
 * would then open a vault to which he has the key. So the key of the mac is also of the voucher, 32 random bytes made with the vault that only its slots and
 * root keys open. Who once had one of these knows it for good, and could make such a file, as he could put a copy back from his time; of the
 * root keys that came since he learns nothing.
 */
export function macOf(body: KeyslotBody, keys: RootKeys, voucher: Uint8Array): Uint8Array {
  const packed = packRootKeys(keys)
  // All of the root keys, so that the mac also tells whether some are exactly those that the file holds.
  const key = deriveKey(newestKey(keys), 'keyslots mac', keys.vault, voucher, packed)
  try {
    return hmac(sha256, key, encodeBody(body))
  } finally {
    key.fill(0)
    packed.fill(0)
  }
}

/** Whether the file is by whom knows the voucher, and holds these root keys. */
export function isAuthentic(contents: KeyslotContents, keys: RootKeys, voucher: Uint8Array): boolean {
  return equalBytes(macOf(contents, keys, voucher), contents.mac)
}

/** So that who has the root keys, and no slot's secret, can change slots. */
export function sealVoucher(keys: RootKeys, voucher: Uint8Array, random: RandomBytes): Uint8Array {
  return withVoucherKey(keys, key => seal(key, voucher, keys.vault, random))
}

export function unsealVoucher(keys: RootKeys, sealed: Uint8Array): Uint8Array | undefined {
  return withVoucherKey(keys, key => unseal(key, sealed, keys.vault))
}

function withVoucherKey<T>(keys: RootKeys, work: (key: Uint8Array) => T): T {
  const key = deriveKey(newestKey(keys), 'keyslots voucher', keys.vault)
  try {
    return work(key)
  } finally {
    key.fill(0)
  }
}
