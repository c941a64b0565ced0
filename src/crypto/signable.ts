import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes } from '@noble/hashes/utils.js'
import { Fault } from '../core/errors.ts'
import { requireBytes, utf8 } from './bytes.ts'

/** What a signature can be for. Commitments are for `data`; nothing here signs for the others, whose names are kept for them. */
export const purposes = [
  'data',
  'identity',
  'evidence.signs-for',
  'evidence.reads-for',
  'name',
  'connect-grant',
  'workspace-request',
  'member',
] as const

/** What a signature is for. It is part of what is signed, so that no signature serves two. */
export type Purpose = (typeof purposes)[number]

/** Whether these bytes begin as every signable does. */
export function beginsAsSignable(bytes: Uint8Array): boolean {
  return bytes.length >= PREFIX.length && PREFIX.every((byte, i) => byte === bytes[i])
}

/** "ipse/sig/1", then a zero byte. */
const PREFIX = Uint8Array.of(...new TextEncoder().encode('ipse/sig/1'), 0)

/**
 * The bytes that an identity's key signs: `"ipse/sig/1" 00 ‖ u8 length ‖ purpose ‖ SHA-256(name) ‖ data` (docs/formats.md).
 * Nothing signed for one purpose or one name can be taken for another, since all parts but the last have their length fixed
 * or stated. `name` is the signer's own. Throws `invalid-argument` for another purpose, an empty name or data that is no
 * Uint8Array.
 */
export function signable(purpose: Purpose, name: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  requireBytes(data, 'The data')
  return concatBytes(signableHead(purpose, name), data)
}

/** All of a {@link signable} but the data: for who signs many times under one name. Throws `invalid-argument`. */
export function signableHead(purpose: Purpose, name: string): Uint8Array<ArrayBuffer> {
  if (!purposes.includes(purpose)) {
    throw new Fault('invalid-argument', `Unknown purpose ${JSON.stringify(purpose)}: use one of ${purposes.join(', ')}`)
  }
  const nameBytes = utf8(name, "The identity's name")
  if (nameBytes.length === 0) throw new Fault('invalid-argument', "The identity's name is empty")
  const purposeBytes = utf8(purpose, 'The purpose')
  return concatBytes(PREFIX, Uint8Array.of(purposeBytes.length), purposeBytes, sha256(nameBytes))
}
