import { sha256 } from '@noble/hashes/sha2.js'
import { Fault } from '../../../core/errors.ts'
import type { AuthenticatorData } from '../../../crypto/authenticator-data.ts'
import { isBytesOf, sameBytes, utf8 } from '../../../crypto/bytes.ts'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import type { AuthenticatorInfo } from './info.ts'
import type { PinUvToken } from './pin-token.ts'

/** What is asked of a device's statement, be it on a new credential or an assertion. */
interface Asked {
  readonly relyingParty: string
  readonly token?: PinUvToken
  readonly userVerification?: 'built-in'
  readonly userPresence?: boolean
}

/** In bytes. */
export const LONGEST_ID = 1023
const HASH_LENGTH = 32

/** Throws `invalid-argument`. */
export function requireHash(clientDataHash: Uint8Array): void {
  if (!isBytesOf(clientDataHash, HASH_LENGTH)) throw new Fault('invalid-argument', `The hash of the client's data has ${HASH_LENGTH} bytes`)
}

/** The fields by which a request asks for user verification. */
export function verification({ options }: AuthenticatorInfo, { token, userVerification }: Omit<Asked, 'relyingParty'>, clientDataHash: Uint8Array): {
  readonly uv?: true
  readonly authentication?: Uint8Array
  readonly protocol?: number
} {
  if (token !== undefined) return { authentication: token.authenticate(clientDataHash), protocol: token.protocol }
  if (userVerification === undefined) return {}
  if (options.get('uv') !== true) throw new Fault('not-available', 'The device does not verify the user by itself: give its PIN')
  return { uv: true }
}

/** Names credentials to a device, but for those whose ids are longer than any of its own. Throws `not-available` for more than it takes. */
export function descriptors({ maxCredentialCountInList: most = Infinity, maxCredentialIdLength: longest = LONGEST_ID }: AuthenticatorInfo, ids: readonly Uint8Array[]): readonly unknown[] {
  const fitting = ids.filter(({ length }) => length <= longest)
  if (fitting.length > most) throw new Fault('not-available', `The device takes ${most} credentials at once, and these are ${fitting.length}`)
  return fitting.map(descriptorOf)
}

/** Names a credential to a device. */
export function descriptorOf(id: Uint8Array): ReadonlyMap<string, unknown> {
  return new Map<string, unknown>([['id', id], ['type', 'public-key']])
}

/** Throws `backend-failed` unless a device's statement is of the relying party, and says as much of the user as was asked for. */
export function requireSaid(said: AuthenticatorData, authenticatorData: Uint8Array, { relyingParty, token, userVerification, userPresence = true }: Asked): void {
  const problem = !isCanonical(said, authenticatorData) ? 'is no canonical CBOR'
    : !sameBytes(said.relyingPartyHash, sha256(utf8(relyingParty, 'A relying party'))) ? 'is for another relying party'
    : userPresence && !said.userPresent ? 'does not say that somebody touched it'
    : (token !== undefined || userVerification !== undefined) && !said.userVerified ? 'does not say that it verified the user'
    : undefined
  if (problem !== undefined) throw new Fault('backend-failed', `The device sent a statement that ${problem}`)
}

/** Both of its items are: the key in the middle, and the extensions at the end. */
function isCanonical({ credential, extensions }: AuthenticatorData, authenticatorData: Uint8Array): boolean {
  try {
    if (credential !== undefined) decodeCanonical(credential.publicKey)
    if (extensions === undefined) return true
    const end = encodeCanonical(extensions)
    decodeCanonical(end)
    return sameBytes(authenticatorData.subarray(-end.length), end)
  } catch {
    return false
  }
}
