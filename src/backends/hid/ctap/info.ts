import { z } from 'zod'
import { coseAlgorithms } from '../../../crypto/cose.ts'
import { bytes, count, named, numbered, read } from './reading.ts'

/** The suites' `params` of what authenticators sign with: ES256 (COSE -7) and EdDSA (COSE -8). */
export type Algorithm = 'P256' | 'Ed25519'

/** What an authenticator says of itself (authenticatorGetInfo; CTAP 2.1, section 6.4). */
export interface AuthenticatorInfo {
  /** "FIDO_2_0", "FIDO_2_1_PRE", "FIDO_2_1", "U2F_V2" and others. */
  readonly versions: readonly string[]
  /** "hmac-secret", "credProtect" and others. */
  readonly extensions: readonly string[]
  /** Names the make, in 16 bytes. */
  readonly aaguid: Uint8Array
  /** An option that is not there is not supported; what is there and false can be configured (`clientPin`, `uv`), or is switched off. */
  readonly options: ReadonlyMap<string, boolean>
  /** Of a request, in bytes: 1,024 at least. */
  readonly maxMsgSize: number
  /** Of those that it has, in its order of preference. */
  readonly pinUvAuthProtocols: readonly number[]
  readonly maxCredentialCountInList: number | undefined
  /** In bytes. */
  readonly maxCredentialIdLength: number | undefined
  readonly transports: readonly string[]
  /** Of those that we know; absent where it does not say. */
  readonly algorithms: readonly Algorithm[] | undefined
  /** The person has to change the PIN before it gives out a token. */
  readonly forcePinChange: boolean
  /** In code points. */
  readonly minPinLength: number
  readonly firmwareVersion: number | undefined
  readonly remainingDiscoverableCredentials: number | undefined
}

/** In bytes: a request that every device takes (CTAP 2.1, section 8). */
export const LEAST_LARGEST = 1024

const texts = z.array(z.string())
const KNOWN: readonly Algorithm[] = ['P256', 'Ed25519']

const schema = numbered(z.object({
  0x01: texts,
  0x02: texts.default([]),
  0x03: bytes(16),
  0x04: z.map(z.string(), z.boolean()).default(() => new Map()),
  0x05: count.default(LEAST_LARGEST),
  0x06: z.array(count).default([]),
  0x07: count.optional(),
  0x08: count.optional(),
  0x09: texts.default([]),
  0x0a: z.array(named(z.object({ type: z.string(), alg: z.int() }))).optional(),
  0x0c: z.boolean().default(false),
  0x0d: count.default(4),
  0x0e: count.optional(),
  0x14: count.optional(),
}))

/** Throws `backend-failed`. */
export function readInfo(response: unknown): AuthenticatorInfo {
  const info = read(schema, response, 'a description of itself')
  return {
    versions: info[0x01], extensions: info[0x02], aaguid: info[0x03], options: info[0x04], maxMsgSize: Math.max(LEAST_LARGEST, info[0x05]), pinUvAuthProtocols: info[0x06],
    maxCredentialCountInList: info[0x07], maxCredentialIdLength: info[0x08], transports: info[0x09], algorithms: info[0x0a] && algorithmsOf(info[0x0a]),
    forcePinChange: info[0x0c], minPinLength: info[0x0d], firmwareVersion: info[0x0e], remainingDiscoverableCredentials: info[0x14],
  }
}

function algorithmsOf(listed: readonly { readonly type: string; readonly alg: number }[]): readonly Algorithm[] {
  return KNOWN.filter(algorithm => listed.some(({ type, alg }) => type === 'public-key' && alg === coseAlgorithms.get(algorithm)))
}
