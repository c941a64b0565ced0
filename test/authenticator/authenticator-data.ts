import { toCbor } from './cbor.ts'
import type { Credential } from './credential.ts'
import type { Verified } from './verified.ts'

/** All zeros: a model that is not told. */
export const AAGUID = new Uint8Array(16)

const [PRESENT, VERIFIED, ATTESTED, EXTENDED] = [0x01, 0x04, 0x40, 0x80]

/** The bytes that are signed before the client data's hash (WebAuthn 2, section 6.1). */
export function authenticatorData({ relyingPartyHash, verified, counter, attested, extensions }: {
  readonly relyingPartyHash: Uint8Array
  readonly verified: Verified
  readonly counter: number
  readonly attested?: Credential
  readonly extensions: ReadonlyMap<string, unknown>
}): Uint8Array {
  const flags = (verified.userPresent ? PRESENT : 0) | (verified.userVerified ? VERIFIED : 0) | (attested ? ATTESTED : 0) | (extensions.size > 0 ? EXTENDED : 0)
  const head = Buffer.alloc(5)
  head.writeUInt8(flags)
  head.writeUInt32BE(counter, 1)
  return Buffer.concat([relyingPartyHash, head, ...attested ? attestedBytes(attested) : [], ...extensions.size > 0 ? [toCbor(extensions)] : []])
}

function attestedBytes(credential: Credential): readonly Uint8Array[] {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(credential.id.length)
  return [AAGUID, length, credential.id, toCbor(credential.publicKey())]
}
