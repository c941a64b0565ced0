import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../core/errors.ts'
import { requireBytes } from './bytes.ts'
import { parseIdentityName } from './identity-name.ts'
import { signable } from './signable.ts'
import type { SignatureSuite } from './suite.ts'

/** Version 1, kind 1: a signature under the key that the name holds. */
const HEADER = Uint8Array.of(1, 1)

/**
 * Commits to `data` in the name of the identity `name`, whose signing key this is: `u8 version 1 ‖ u8 kind 1 ‖ signature` of
 * `signable('data', name, data)` (docs/formats.md). Throws `invalid-argument`.
 */
export function commit(suite: SignatureSuite, secretKey: Uint8Array, name: string, data: Uint8Array): Uint8Array {
  return commitmentOf(suite.sign(secretKey, signable('data', name, data)))
}

/** Frames a signature that was made elsewhere, by a device or another process, over `signable('data', name, data)`. */
export function commitmentOf(signature: Uint8Array): Uint8Array {
  return concatBytes(HEADER, signature)
}

/**
 * Whether `commitment` is the identity's commitment to `data`. False for every other bytes: wrong, truncated, of an unknown
 * version or kind, or with bytes after it. Throws `invalid-identity` for a name that is none, `not-available` for the name
 * of an identity without a signing key, `invalid-argument` for arguments that are not Uint8Arrays.
 */
export function verifyCommitment(name: string, data: Uint8Array, commitment: Uint8Array): boolean {
  requireBytes(data, 'The data')
  requireBytes(commitment, 'The commitment')
  const { sign } = parseIdentityName(name)
  if (sign === undefined) {
    throw new Fault('not-available', 'This identity cannot commit: its name holds no signing key, so it has no commitments')
  }
  if (commitment[0] !== HEADER[0] || commitment[1] !== HEADER[1]) return false
  return sign.suite.verify(sign.publicKey, signable('data', name, data), commitment.subarray(HEADER.length))
}
