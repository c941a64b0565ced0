import { z } from 'zod'
import { Fault } from '../../../core/errors.ts'
import { parseAuthenticatorData } from '../../../crypto/authenticator-data.ts'
import type { AttestedCredential, AuthenticatorData } from '../../../crypto/authenticator-data.ts'
import { coseAlgorithms, readCoseKey } from '../../../crypto/cose.ts'
import { encodeCanonical, mapOf } from './cbor.ts'
import { COMMAND } from './commands.ts'
import type { Send } from './commands.ts'
import type { Algorithm, AuthenticatorInfo } from './info.ts'
import type { PinUvToken } from './pin-token.ts'
import { bytes, numbered, read } from './reading.ts'
import { descriptors, requireHash, requireSaid, verification } from './statement.ts'

/** Whom a credential is for. */
export interface RelyingParty {
  readonly id: string
  readonly name?: string
}

/** What a resident credential is kept under: one for each relying party and user id. */
export interface User {
  /** 1 to 64 bytes. */
  readonly id: Uint8Array
  readonly name: string
  readonly displayName?: string
}

export interface CreationOptions {
  readonly relyingParty: RelyingParty
  readonly user: User
  /** In order of preference. */
  readonly algorithms: readonly Algorithm[]
  /** 32 bytes. */
  readonly clientDataHash: Uint8Array
  /** Whether the device keeps it, and tells of it unasked. */
  readonly resident: boolean
  /** The device refuses when it holds one of these. */
  readonly exclude?: readonly Uint8Array[]
  /** Whether it is to give secrets later (CTAP 2.1, section 12.5). */
  readonly hmacSecret?: boolean
  /** 1: user verification is optional; 2: optional where its id is given; 3: required (CTAP 2.1, section 12.1). */
  readonly credProtect?: 1 | 2 | 3
  /** With the permission `makeCredential`. It makes the device verify the user. */
  readonly token?: PinUvToken
  /** The device verifies the user itself, without a token, as those of CTAP 2.0 do. */
  readonly userVerification?: 'built-in'
}

export interface CreatedCredential {
  readonly credentialId: Uint8Array
  readonly algorithm: Algorithm
  /** The suite's form: a compressed point of P-256, or 32 bytes of Ed25519. */
  readonly publicKey: Uint8Array
  /** As the device signed it, if it did. */
  readonly authenticatorData: Uint8Array
  /** Not checked here. `statement` is canonical CBOR. */
  readonly attestation: { readonly format: string; readonly statement: Uint8Array }
  readonly aaguid: Uint8Array
  readonly userVerified: boolean
  readonly backupEligible: boolean
  readonly backedUp: boolean
  readonly counter: number
  /** Whether it gives secrets. */
  readonly hmacSecret: boolean
  /** The protection that it has, where the device says. */
  readonly credProtect: number | undefined
}

/** Fields of the request (CTAP 2.1, section 6.1). */
const [HASH, RELYING_PARTY, USER, ALGORITHMS, EXCLUDE, EXTENSIONS, OPTIONS, AUTHENTICATION, PROTOCOL] = [1, 2, 3, 4, 5, 6, 7, 8, 9]

const LONGEST_USER_ID = 64

const responseSchema = numbered(z.object({ 1: z.string(), 2: bytes(37, Infinity), 3: z.map(z.unknown(), z.unknown()) }))

/** Makes a credential (authenticatorMakeCredential; CTAP 2.1, section 6.1). */
export async function createCredential(send: Send, info: AuthenticatorInfo, options: CreationOptions): Promise<CreatedCredential> {
  requireAble(info, options)
  const { relyingParty, clientDataHash, algorithms, exclude = [], resident } = options
  const excluded = descriptors(info, exclude)
  const { uv, protocol, authentication } = verification(info, options, clientDataHash)
  const response = await send(COMMAND.makeCredential, [
    [HASH, clientDataHash],
    [RELYING_PARTY, mapOf({ id: relyingParty.id, name: relyingParty.name })],
    [USER, userMap(options.user)],
    [ALGORITHMS, algorithms.map(algorithm => mapOf({ alg: coseAlgorithms.get(algorithm), type: 'public-key' }))],
    [EXCLUDE, excluded.length === 0 ? undefined : excluded],
    [EXTENSIONS, mapOf({ credProtect: options.credProtect, 'hmac-secret': options.hmacSecret === true ? true : undefined })],
    [OPTIONS, mapOf({ rk: resident ? true : undefined, uv })],
    [AUTHENTICATION, authentication],
    [PROTOCOL, protocol],
  ])
  return readCreated(response, options)
}

function requireAble({ extensions, options: able, algorithms: known }: AuthenticatorInfo, options: CreationOptions): void {
  const { algorithms, user, resident, hmacSecret, credProtect } = options
  requireHash(options.clientDataHash)
  if (user.id.length === 0 || user.id.length > LONGEST_USER_ID) throw new Fault('invalid-argument', `The id of a user has 1 to ${LONGEST_USER_ID} bytes, and this one ${user.id.length}`)
  if (known?.some(algorithm => algorithms.includes(algorithm)) === false) throw new Fault('not-available', `The device does not sign by ${algorithms.join(' or ')}`)
  if (resident && able.get('rk') !== true) throw new Fault('not-available', 'The device keeps no credentials itself')
  if (hmacSecret === true && !extensions.includes('hmac-secret')) throw new Fault('not-available', 'The device gives no secrets, which decryption needs (hmac-secret)')
  if (credProtect !== undefined && !extensions.includes('credProtect')) throw new Fault('not-available', 'The device does not protect credentials by user verification (credProtect)')
}

function readCreated(response: ReadonlyMap<unknown, unknown>, options: CreationOptions): CreatedCredential {
  const { 1: format, 2: authenticatorData, 3: statement } = read(responseSchema, response, 'a credential')
  const said = parseAuthenticatorData(authenticatorData)
  if (said?.credential === undefined) throw new Fault('backend-failed', 'The device sent a credential that is none')
  requireSaid(said, authenticatorData, { ...options, relyingParty: options.relyingParty.id })
  return {
    ...keyOf(said.credential, options.algorithms),
    ...extensionsOf(said),
    authenticatorData,
    attestation: { format, statement: encodeCanonical(statement) },
    userVerified: said.userVerified, backupEligible: said.backupEligible, backedUp: said.backedUp, counter: said.counter,
  }
}

function keyOf({ id, aaguid, publicKey }: AttestedCredential, asked: readonly Algorithm[]): Pick<CreatedCredential, 'credentialId' | 'aaguid' | 'algorithm' | 'publicKey'> {
  const key = readCoseKey(publicKey)
  const algorithm = asked.find(one => one === key?.suite.params)
  if (id.length === 0 || key === undefined || algorithm === undefined) throw new Fault('backend-failed', 'The device made a credential with another key than was asked for')
  return { credentialId: id.slice(), aaguid: aaguid.slice(), algorithm, publicKey: key.publicKey }
}

function extensionsOf({ extensions }: AuthenticatorData): Pick<CreatedCredential, 'hmacSecret' | 'credProtect'> {
  const credProtect = extensions?.get('credProtect')
  return { hmacSecret: extensions?.get('hmac-secret') === true, credProtect: typeof credProtect === 'number' ? credProtect : undefined }
}

/** What a device is told of a user. */
export function userMap({ id, name, displayName }: User): ReadonlyMap<string, unknown> | undefined {
  return mapOf({ id, name, displayName })
}
